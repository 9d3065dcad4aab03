"""A comparison ends with an answer: a recommendation, the model that it leaves, what was spared."""

import json

import numpy as np
import pytest

import coterie as ct
from coterie.errors import CoterieError
from coterie.families import load_model
from coterie.metrics import scores
from coterie.results import Headroom
from tests.evaluation.rivals.units import SMALL, halves, table

RIVALS = ["forest", "tuned"]
FEW = {**SMALL, "seeds": 2, "repeats": 1, "draws": 1}


@pytest.fixture(scope="module")
def data():
    return table()


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    return tmp_path_factory.mktemp("answer") / "run"


def limit(data, bound):
    """As if it had been measured."""
    t = len(data.tasks)
    subsets = np.eye(t) > 0
    return Headroom(
        tasks=data.tasks.names,
        n_groups=2,
        margin=0.5,
        low=0.0,
        estimate=0.0,
        bound=bound,
        overlapping_bound=bound,
        joint=np.full(t, 80.0),
        single=np.full(t, 80.0),
        subset_variance=np.zeros(t),
        seed_variance=np.ones(t),
        pairs_met=1.0,
        subsets=subsets,
        scores=np.where(subsets, 0.8, np.nan)[None].repeat(2, axis=0),
    )


@pytest.fixture(scope="module")
def result(data, run):
    methods = {"halves": halves(data), "thirds": halves(data, 3)}
    return ct.compare("mlp", data, methods, rivals=RIVALS, run=run, **FEW)


def again(data, run, **changed):
    methods = {"halves": halves(data), "thirds": halves(data, 3)}
    return ct.compare("mlp", data, methods, rivals=RIVALS, run=run, **FEW, **changed)


def auroc(result, arm, seed=0):
    rows = result.scores
    own = (rows["arm"] == arm) & (rows["metric"] == "AUROC") & (rows["seed"] == seed)
    return rows[own]["value"].to_numpy()


def of_model(run, data):
    model = load_model(run / "model.safetensors")
    test = data.split.test
    outputs = (
        model(data.inputs[test])
        if isinstance(model, ct.GroupedModel)
        else model.outputs(data, test)
    )
    return scores(outputs, data.targets[test], data.tasks).numpy()


def test_the_recommended_arm_is_what_a_run_leaves(result, run, data):
    arm = result.recommendation.arm
    assert ct.Run.existing(run).about("model")["arm"] == arm
    np.testing.assert_allclose(of_model(run, data), auroc(result, arm), atol=1e-6)
    told = result.to_dict()["recommendation"]
    assert json.loads(json.dumps(told, allow_nan=False))["outcome"] == result.recommendation.outcome
    assert result.verdict[:2] == result.recommendation.sentences


def test_every_arm_that_one_might_use_has_a_standing_and_a_model(result, run, data):
    names = {each.arm for each in result.standings}
    used = {name for name, part in result.arms.items() if part.role != "random"}
    assert names == used
    assert {"joint", "single", "halves", "chosen", *RIVALS} <= names
    assert len(list((run / "models").iterdir())) == len(used)
    prices = [(each.models, each.parameters) for each in result.standings]
    assert prices == sorted(prices)


@pytest.mark.parametrize("arm", ["joint", "single", "thirds", "ensemble (K=3)", "forest", "tuned"])
def test_the_models_of_any_arm_can_be_left_instead(result, run, data, arm):
    again(data, run, save=arm)
    assert ct.Run.existing(run).about("model")["arm"] == arm
    np.testing.assert_allclose(of_model(run, data), auroc(result, arm), atol=1e-6)


def test_what_has_no_model_cannot_be_left(result, run, data):
    with pytest.raises(CoterieError, match=r"`save` must be an arm: .*joint.*found 'boosting'"):
        again(data, run, save="boosting")
    with pytest.raises(CoterieError, match="found 'random"):
        again(data, run, save="random (halves)")


def test_what_is_left_stays_until_another_is_asked_for(result, run, data):
    again(data, run, save="joint")
    file = run / "model.safetensors"
    before = file.stat().st_mtime_ns
    again(data, run, save="joint")
    assert file.stat().st_mtime_ns == before


@pytest.mark.parametrize("sizes", [(2, 2), (2, 3)])
def test_the_choice_meets_every_control(data, sizes):
    """Also where the groupings were asked for different numbers of groups."""
    methods = {str(i): ct.Cluster(n_groups=k) for i, k in enumerate(sizes)}
    found = ct.compare("mlp", data, methods, rivals="none", **{**FEW, "seeds": 1})
    against = {
        row["reference_role"] for row in found.gains_table.to_pylist() if row["arm"] == "chosen"
    }
    assert against == {"joint", "single", "random", "ensemble"} - (
        {"single"} if "single" not in found.arms else set()
    )


def test_one_seed_gives_no_verdict(data):
    found = ct.compare("mlp", data, halves(data), rivals="none", **{**FEW, "seeds": 1})
    assert {row["outcome"] for row in found.gains_table.to_pylist()} == {None}
    assert found.recommendation.outcome == "undecided"
    assert {f.outcome for f in found.findings if f.about == "mean"} == {"unknown"}


def test_where_no_grouping_can_pay_groups_are_found_and_not_trained(data, tmp_path):
    run, least = tmp_path / "run", limit(data, 0.2)
    settings = {"rivals": ["forest", "blend_single"], "headroom": least, "run": run, **FEW}
    found = ct.compare("mlp", data, {"map": ct.Cluster(n_groups=2)}, **settings)
    assert set(found.arms) == {"joint", "single", "ensemble (K=2)", "forest", "blend_single"}
    assert [len(each) for each in found.groupings.values()] == [2]
    assert found.headroom.bound == 0.2
    (finding,) = [each for each in found.findings if each.about == "headroom"]
    assert finding.outcome == "below the margin"
    assert finding.why.endswith("Groups were found, but not trained.")
    assert finding.sentence in found.verdict
    assert found.recommendation.arm in found.arms
    np.testing.assert_allclose(
        of_model(run, data), auroc(found, found.recommendation.arm), atol=1e-6
    )
    page = found.report(tmp_path / "report.html").read_text()
    assert "not trained" in page
    found.save(tmp_path / "saved")
    assert ct.Comparison.load(tmp_path / "saved").verdict == found.verdict
    with pytest.raises(CoterieError, match="trains_groups"):
        ct.compare("mlp", data, {"map": ct.Cluster(n_groups=2)}, anyway=True, **settings)


@pytest.mark.parametrize(("bound", "anyway"), [(0.2, True), (0.9, False)])
def test_groups_are_trained_where_they_may_pay_or_anyway(data, bound, anyway):
    few = {**FEW, "seeds": 1, "baselines": (), "rivals": "none"}
    found = ct.compare("mlp", data, halves(data), headroom=limit(data, bound), anyway=anyway, **few)
    assert set(found.arms) == {"joint", "grouped"}
    (finding,) = [each for each in found.findings if each.about == "headroom"]
    assert "not trained" not in finding.why


def test_only_joint_is_left_where_nothing_else_is_wanted(data):
    few = {**FEW, "baselines": (), "rivals": "none", "headroom": limit(data, 0.2)}
    found = ct.compare("mlp", data, halves(data), **few)
    assert list(found.arms) == ["joint"]
    assert found.recommendation.arm == "joint"


def test_groups_that_are_not_trained_cannot_be_left(data, tmp_path, untrained):
    given = {"rivals": "none", "run": tmp_path / "run", "headroom": limit(data, 0.2), **FEW}
    with pytest.raises(CoterieError, match=r"must be an arm: joint, single, ensemble .*'grouped'"):
        ct.compare("mlp", data, halves(data), save="grouped", **given)
    assert not (tmp_path / "run").exists()


def test_headroom_of_other_tasks_is_refused(data):
    other = limit(table(n_tasks=3), 0.2)
    with pytest.raises(CoterieError, match="`headroom` must be of the tasks of `data`"):
        ct.compare("mlp", data, halves(data), headroom=other)
