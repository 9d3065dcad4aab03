"""Methods that measure, in comparisons on a small table."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import coterie as ct
from coterie.affinities import Lookahead
from coterie.errors import CoterieError
from coterie.estimators import ESTIMATORS, GradTagScores, SurrogateScores
from coterie.methods import Case, method_named
from coterie.methods import select as selecting
from coterie.results import Cost
from tests.affinities.moments import table
from tests.grouping.test_difficulty import hard_and_easy

SMALL = {"epochs": 3, "batch_size": 32, "model_options": {"hidden": (16,)}, "strategy": "loop"}
PLAIN = {**SMALL, "rivals": "none"}
MEASURING = ["data_map", "cosine", "lookahead", "gradtag", "dmtg"]


@pytest.fixture(scope="module")
def compared(data):
    return ct.compare("mlp", data, MEASURING, n_groups=2, seeds=2, repeats=1, draws=1, **PLAIN)


def test_each_method_is_an_arm_and_the_choice_comes_first(compared):
    names = [
        "chosen",
        "data_map K=2 m=1.07",
        "cosine K=2",
        "lookahead K=2",
        "gradtag K=2",
        "dmtg K=2",
    ]
    assert list(compared.groupings) == names
    assert compared.findings[0].sentence.startswith("chosen: ")
    arms = set(compared.costs_table.column("arm").to_pylist())
    assert {
        *names,
        *(f"random ({name})" for name in names),
        "joint",
        "single",
        "ensemble (K=2)",
    } == arms
    assert all(len(found) == 2 for found in compared.groupings.values())


def test_the_choice_is_one_of_them_on_every_seed(compared):
    scores = compared.scores
    for unit, found in enumerate(compared.found["chosen"]):
        best = found.chosen
        np.testing.assert_array_equal(
            found.grouping.membership, compared.groupings[best][unit].membership
        )
        mine = scores[scores.seed == unit].set_index(["arm", "draw", "task", "metric"]).value
        for arm, other in (("chosen", best), ("random (chosen)", f"random ({best})")):
            assert mine.loc[arm].equals(mine.loc[other])


def test_costs_count_the_measurement(compared):
    steps = {row["arm"]: row["model_steps"] for row in compared.costs_table.to_pylist()}
    joint = steps["joint"]
    assert steps["data_map K=2 m=1.07"] == pytest.approx(3 * joint)
    # Four shared gradients each time: a forward and four backward passes, three measurements of 8
    # steps an epoch, 3 epochs.
    assert steps["cosine K=2"] > 3 * joint
    assert steps["lookahead K=2"] > steps["cosine K=2"]
    assert steps["dmtg K=2"] == pytest.approx(5 * joint)
    # What two methods share is trained once: at least joint by all, at most what all took.
    tried = sum(steps[name] for name in compared.groupings if name != "chosen")
    searched = sum(
        found[0].cost.model_steps for name, found in compared.found.items() if name != "chosen"
    )
    assert searched < steps["chosen"] <= tried - (len(MEASURING) - 1) * joint + 1e-6


def test_a_search_that_was_stopped_is_continued(data, tmp_path):
    settings = dict(seeds=1, repeats=1, draws=1, baselines=(), n_groups=2, **{**PLAIN, "epochs": 4})
    whole = ct.compare("mlp", data, ["dmtg"], run=tmp_path / "whole", **settings)
    steps_of_the_search, per_epoch = [], 8

    def stop_in_the_third_epoch(done, total, text):
        if list(tmp_path.glob("stopped/checkpoints/split-0-seed-0/seed-0/dmtg-K=2-*")):
            # The second of three parts.
            steps_of_the_search.append(done - total // 3)
            if steps_of_the_search[-1] == 2 * per_epoch + 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ct.compare(
            "mlp",
            data,
            ["dmtg"],
            run=tmp_path / "stopped",
            progress=stop_in_the_third_epoch,
            **settings,
        )
    seen = []
    continued = ct.compare(
        "mlp",
        data,
        ["dmtg"],
        run=tmp_path / "stopped",
        progress=lambda *said: seen.append(said),
        **settings,
    )
    trained = [done - total // 3 for done, total, text in seen if "epoch" in text]
    assert trained[0] == 2 * per_epoch + 1
    assert steps_of_the_search[-1] == 2 * per_epoch + 3
    one, other = (each.found["grouped"][0].evidence.probabilities for each in (whole, continued))
    np.testing.assert_array_equal(one, other)


def test_agreement_is_symmetric(compared):
    assert (
        compared.agreement["cosine K=2"]["lookahead K=2"]
        == compared.agreement["lookahead K=2"]["cosine K=2"]
    )
    assert set(compared.agreement) == set(compared.groupings) - {"chosen"}


def test_saved_comparison_is_the_same(compared, tmp_path):
    compared.save(tmp_path)
    again = ct.Comparison.load(tmp_path)
    assert again.to_dict() == compared.to_dict()


@pytest.mark.parametrize("name", ["train", "early", "pairs", "surrogate", "mtgnet"])
def test_estimators_train_what_they_ask_for(data, name):
    joint = ct.fit("mlp", data, record=True, **SMALL)
    method = method_named(name, 2)
    case = Case(model="mlp", data=data, joint=joint, settings=SMALL)
    found = method(case, seed=0)
    grouping = found.grouping
    assert grouping.method == name
    assert grouping.n_groups <= 2
    assert (grouping.weights().sum(0) > 0).all()
    assert found.cost.model_steps > 0
    assert (grouping.membership.sum(1) == 1).all()


def kinds_with_gaps():
    return table(200, ("binary", "multiclass", "regression", "binary"), missing=0.3)


def examples_of_their_own():
    found = table(320, ("binary", "regression", "binary", "regression"))
    found.targets[torch.arange(320)[:, None] % 4 != torch.arange(4)] = torch.nan
    return found


@pytest.mark.parametrize("make", [kinds_with_gaps, examples_of_their_own])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_take_all_kinds_gaps_and_tasks_with_examples_of_their_own(make, name):
    data, settings = make(), {**SMALL, "epochs": 2, "model_options": {"hidden": (8,)}}
    case = Case(model="mlp", data=data, joint=ct.fit("mlp", data, **settings), settings=settings)
    rows = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 1, 0], [0, 1, 1, 1]])
    for measure in ("loss", "score"):
        found = ct.Select(name, measure=measure).estimate(case, seed=0).predict(rows)
        np.testing.assert_array_equal(np.isfinite(found), rows > 0)
        if measure == "loss":
            # The rows of a task are told apart.
            assert len(np.unique(found[:, 1][rows[:, 1] > 0])) > 1


@pytest.mark.parametrize(("name", "grows"), [("train", False), ("pairs", True)])
def test_rows_are_grown_by_cheap_predictions_only(data, monkeypatch, name, grows):
    seen = []

    def some(tasks, predict):
        seen.append(predict)
        return np.tri(4, dtype=bool), "four rows"

    monkeypatch.setattr(selecting, "candidates", some)
    case = Case(model="mlp", data=data, joint=None, settings=SMALL)
    assert method_named(name, 2)(case, seed=0).evidence.details["candidates"] == "four rows"
    assert (seen[0] is not None) == grows


@pytest.mark.parametrize(
    ("names", "n_groups", "message"),
    [
        ("gradtag", "auto", "`n_groups` must be a number of at least 1 for 'gradtag'"),
        ("dmtg", "auto", "`n_groups` must be a number of at least 1 for 'dmtg'"),
        (
            ct.Cluster("cosine", every=100),
            2,
            "`every` = 100 leaves nothing to measure for 'cosine'",
        ),
        (
            [
                ct.Cluster("cosine", every=100),
                ct.Cluster("cosine", by="spectral"),
            ],
            2,
            "`every` = 100 leaves nothing to measure for 'cosine'",
        ),
        ("gradient", 2, "unknown method 'gradient'; there are data_map, cosine"),
        ("lookahead", 9, "9 groups of 4 tasks: fewer tasks than groups"),
        ("pairs", 9, "9 groups of 4 tasks: fewer tasks than groups"),
    ],
)
def test_mistakes_are_refused_before_training(data, names, n_groups, message):
    with pytest.raises(CoterieError, match=message):
        ct.compare("mlp", data, names, n_groups=n_groups, **PLAIN)


def as_one(found):
    told = found.to_dict()
    del told["cost"]
    told["evidence"].get("selection", {"details": {}})["details"].pop("seconds", None)
    return told


def by_sum(values, n_groups, seed):
    return values.sum(axis=0).argsort().argsort() * n_groups // len(values)


@pytest.fixture(scope="module")
def by_object(data):
    """Objects with the settings that their names stand for, and with others."""
    methods = {
        "named": ct.Cluster("lookahead", n_groups=2),
        "usual": ct.Cluster(Lookahead(), n_groups=2),
        "few": ct.Cluster(Lookahead(batch_size=8), n_groups=2),
        "often": ct.Cluster(Lookahead(every=5), n_groups=2),
        "own": ct.Cluster(Lookahead(batch_size=8), n_groups=2, by=by_sum),
        "named gradtag": ct.Select("gradtag"),
        "usual gradtag": ct.Select(GradTagScores()),
        "small gradtag": ct.Select(GradTagScores(n_features=4)),
        "named search": ct.Learn(),
        "usual search": ct.Learn(ct.DifferentiableGrouping(2)),
        "held out": ct.Learn(ct.DifferentiableGrouping(2, held_out=0.25, prune=0.0)),
    }
    return ct.compare("mlp", data, methods, seeds=[3], repeats=1, draws=1, baselines=(), **PLAIN)


@pytest.mark.parametrize(
    ("named", "usual"),
    [("named", "usual"), ("named gradtag", "usual gradtag"), ("named search", "usual search")],
)
def test_an_object_with_the_usual_settings_is_what_its_name_is(by_object, named, usual):
    one, other = (as_one(by_object.found[name][0]) for name in (named, usual))
    assert one == other


def test_settings_of_objects_are_those_that_measure(data, by_object):
    found = {name: several[0] for name, several in by_object.found.items()}
    matrices = {name: found[name].evidence.matrix for name in ("few", "often", "own", "usual")}
    for name, settings in {"few": {"batch_size": 8}, "often": {"every": 5}, "usual": {}}.items():
        alone = ct.affinity(Lookahead(**settings), "mlp", data, seed=3, **SMALL)
        np.testing.assert_array_equal(matrices[name], alone.matrix)
    assert not np.array_equal(matrices["usual"], matrices["few"])
    assert not np.array_equal(matrices["few"], matrices["often"])
    # One measurement, clustered twice.
    np.testing.assert_array_equal(matrices["own"], matrices["few"])
    own = found["own"].grouping
    assert own.method == "by_sum"
    np.testing.assert_array_equal(
        own.membership, ct.group(found["few"].evidence, 2, method=by_sum).membership
    )
    steps = {row["arm"]: row["model_steps"] for row in by_object.costs_table.to_pylist()}
    assert steps["held out"] < steps["named search"]  # a quarter of the examples trains no branch
    one, other = (found[name].evidence.probabilities for name in ("named search", "held out"))
    assert not np.array_equal(one, other)


def test_settings_of_objects_are_in_the_configuration_and_in_labels(by_object):
    told = by_object.config["groupings"]
    assert "batch_size=8" in told["few"]
    assert "by_sum" in told["own"]
    assert "n_features=4" in told["small gradtag"]
    assert "held_out=0.25" in told["held out"]
    assert told["named"].startswith("Cluster(source='lookahead', n_groups=2, by='sdp'")
    labels = {
        ct.Cluster(
            Lookahead(every=5, memory=2**20), n_groups=2
        ).label: "lookahead every=5 memory=1048576 K=2",
        ct.Cluster("cosine", by=by_sum).label: "cosine by_sum K=auto",
        ct.Cluster(n_groups=2, by=by_sum).label: "by_sum K=2",
        ct.Select(
            SurrogateScores(40, ridge=0.5), n_groups=3
        ).label: "surrogate n_subsets=40 ridge=0.5 K=3",
        ct.Learn(
            ct.DifferentiableGrouping(3, "expected", learning_rate=2.0)
        ).label: "dmtg expected learning_rate=2 K=3",
    }
    assert list(labels) == list(labels.values())


def test_estimators_with_settings_train_what_they_say(data):
    case = Case(model="mlp", data=data, joint=None, settings=SMALL)
    given = SurrogateScores(n_subsets=4)
    found = ct.Select(given)(case, seed=0)
    assert found.grouping.method == "surrogate"
    assert found.cost.model_steps == (4 + 4) * 24
    with pytest.raises(CoterieError, match="knows nothing yet"):  # a copy was fitted
        given.predict(np.eye(4))


class FromJoint:
    """An estimator of the user's that reads the joint model.

    A task scores best with its neighbour in W.
    """

    on_joint_model, tasks, measure, cost = True, (), "score", {"seconds": 1.0}

    def __init__(self, strength=1.0):
        self.strength = strength

    def fit(self, joint, data):
        self.tasks, self.fitted = data.tasks.names, (joint, self.seed)
        return self

    def predict(self, weights):
        rows = np.asarray(weights) > 0
        mates = np.array([1, 0, 3, 2])
        return np.where(
            rows, self.strength * rows[:, mates] - 0.1 * rows.sum(1, keepdims=True), np.nan
        )


def test_an_estimator_of_ones_own(data):
    result = ct.compare(
        "mlp",
        data,
        ct.Select(FromJoint(2.0)),
        seeds=1,
        repeats=1,
        draws=1,
        baselines=(),
        **PLAIN,
    )
    (found,) = result.found["grouped"]
    assert found.grouping.labels.tolist() == [0, 0, 1, 1]
    assert (found.grouping.method, found.cost) == ("FromJoint", Cost(seconds=1.0))
    assert "strength=2.0" in result.config["groupings"]["grouped"]


def test_searches_that_differ_in_a_setting_have_checkpoints_of_their_own(data, tmp_path):
    methods = {str(h): ct.Learn(ct.DifferentiableGrouping(2, held_out=h)) for h in (0.1, 0.3)}
    settings = dict(seeds=1, repeats=1, draws=1, baselines=(), **PLAIN)
    in_a_run = ct.compare("mlp", data, methods, run=tmp_path / "run", **settings)
    alone = ct.compare("mlp", data, methods, **settings)
    for name in methods:
        assert as_one(in_a_run.found[name][0]) == as_one(alone.found[name][0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: ct.Cluster("lookahed"),
            r"`source` must be one of cosine, .*or a probe such as Lookahead\(batch",
        ),
        (lambda: ct.Cluster(Lookahead), r"`source` must be .*found <class"),
        (
            lambda: ct.Cluster("cosine", by="kmeans"),
            "`by` must be one of sdp, .*which groups data maps",
        ),
        (lambda: ct.Cluster(every=0), "`every` must be a whole number of at least 1"),
        (
            lambda: ct.Select("gradtags"),
            r"`estimator` must be one of train, .*such as SurrogateScores",
        ),
        (lambda: ct.Select(GradTagScores), "`estimator` must be .*found <class"),
        (lambda: ct.Select(3), "`estimator` must be .*found 3"),
        (
            lambda: ct.Select(GradTagScores(), n_groups="auto"),
            "`n_groups` must be a number .* for 'gradtag'",
        ),
        (lambda: ct.Learn("annealed"), "`provider` must be a WeightsProvider; found 'annealed'"),
    ],
)
def test_objects_that_are_none_are_refused(make, message):
    with pytest.raises(CoterieError, match=message):
        make()


@pytest.mark.parametrize(("within", "n_groups"), [(0.0, 1), (0.85, 3)])
def test_an_affinity_of_maps_has_as_many_groups_as_its_map(within, n_groups):
    data_map = hard_and_easy(9, 1, groups=3, within=within, means=(0.72, 0.78))
    case = SimpleNamespace(data_map=data_map, maps={})
    found = ct.Cluster("data_map", by="spectral", n_groups="auto")(case, seed=0)
    assert found.grouping.n_groups == n_groups


def test_adaptive_weights_are_a_model_for_each_task(data):
    provider = ct.AdaptiveWeights(data.tasks.names, every=4, least=2)
    found = ct.compare("mlp", data, provider, seeds=1, repeats=1, draws=1, **PLAIN).found
    [(name, [one])] = found.items()
    searched = ct.fit("mlp", data, provider, seed=0, **SMALL)
    np.testing.assert_array_equal(one.grouping.membership, np.eye(4))
    np.testing.assert_allclose(one.grouping.weights(), searched.weights, atol=1e-7)
    assert one.cost.model_steps == searched.cost["model_steps"]
    assert name == "grouped"
