"""The driver end to end on small real trainings.

What it trains, resume, repeated splits, gaps and mixed kinds.
"""

import dataclasses
import functools
import json
import os
import signal
import subprocess
import sys
import time
import types

import numpy as np
import pyarrow as pa
import pytest
import torch

import coterie as ct
from coterie.errors import CoterieError
from coterie.evaluation import _assembly, _compare, _jobs, _repetitions, _unit
from coterie.evaluation.units import Unit
from coterie.methods import Given
from coterie.metrics import scores as deciding_scores
from coterie.runs import Run

SETTINGS = {
    "epochs": 2,
    "batch_size": 64,
    "lr": 0.01,
    "model_options": {"hidden": (8,)},
    "strategy": "loop",
    "device": "cpu",
}


@pytest.fixture(scope="module")
def result(data, halves):
    methods = {"halves": halves, "map": ct.Cluster(n_groups=2, fuzziness=2.0)}
    return ct.compare("mlp", data, methods, seeds=2, repeats=1, draws=2, rivals="none", **SETTINGS)


def values(result, arm, metric="AUROC", **where):
    rows = [r for r in result.scores_table.to_pylist() if r["arm"] == arm and r["metric"] == metric]
    return [r["value"] for r in rows if all(r[k] == v for k, v in where.items())]


def without_seconds(result):
    tables = {name: getattr(result, f"{name}_table").to_pydict() for name in ("scores", "gains")}
    return {**tables, "costs": result.costs_table.drop_columns("seconds").to_pydict()}


def test_every_arm_is_scored_on_every_seed(result, data):
    arms = {(r["arm"], r["seed"], r["draw"]) for r in result.scores_table.to_pylist()}
    plain = ["joint", "halves", "map", "single", "ensemble (K=2)", "chosen"]
    drawn = ["random (halves)", "random (map)", "random (chosen)"]
    assert arms == {(a, s, 0) for a in plain for s in (0, 1)} | {
        (a, s, d) for a in drawn for s in (0, 1) for d in (0, 1)
    }
    assert len(values(result, "joint", seed=0)) == len(data.tasks)
    assert set(result.scores_table["metric"].to_pylist()) == {
        "AUROC",
        "average precision",
        "accuracy",
        "balanced accuracy",
        "F1",
        "log-loss skill",
        "log loss",
        "Brier score",
    }
    assert set(result.history) == {*plain, *drawn}
    assert result.history["single"].train_loss.shape == (2, len(data.tasks), len(data.tasks))
    assert result.history["ensemble (K=2)"].best_epoch.shape == (2,)


def test_arms_are_what_separate_fits_would_give(result, data, halves):
    seed, t, test = 1, len(data.tasks), data.split.test
    expected = {}
    joint = ct.predict(
        ct.fit("mlp", data, np.ones((2, t)), init=[0, 1], seed=seed, **SETTINGS).stack, data, test
    )
    expected["joint"], expected["ensemble (K=2)"] = joint[0], joint.mean(0)
    single = ct.predict(
        ct.fit("mlp", data, np.eye(t), init=[0] * t, seed=seed, **SETTINGS).stack, data, test
    )
    expected["single"] = torch.stack([single[i, :, i] for i in range(t)], dim=1)
    groups = ct.predict(
        ct.fit("mlp", data, halves.weights(), init=[0, 1], seed=seed, **SETTINGS).stack, data, test
    )
    expected["halves"] = torch.stack([groups[halves.labels[i], :, i] for i in range(t)], dim=1)
    for arm, outputs in expected.items():
        scores = deciding_scores(outputs, data.targets[test], data.tasks)
        np.testing.assert_allclose(values(result, arm, seed=seed), scores, atol=1e-9, err_msg=arm)


def test_gains_follow_from_scores(result):
    lost = {
        name for each in result.findings if each.about == "nothing learnt" for name, _ in each.tasks
    }
    learnt = [name for name in result.tasks if name not in lost]
    assert "random" in lost
    assert len(learnt) > 8
    one, other = (
        [values(result, arm, task=name) for name in learnt] for arm in ("halves", "joint")
    )
    difference = np.mean(one) - np.mean(other)
    assert result.gain("halves", "joint")["gain"] == pytest.approx(100 * difference)
    row = result.gain("map", "random (map)", "even")
    by_draw = np.mean(values(result, "map", task="even")) - np.mean(
        values(result, "random (map)", task="even")
    )
    assert row["gain"] == pytest.approx(100 * by_draw)
    with pytest.raises(CoterieError, match="No gain of 'joint' against 'single'"):
        result.gain("joint", "single")


def test_costs_count_models_and_the_recording(result, data):
    costs = {row["arm"]: row for row in result.costs_table.to_pylist()}
    steps, size = costs["joint"]["model_steps"], costs["joint"]["parameters"]
    # The choice pays for both groupings that were tried.
    assert {
        arm: (c["models"], c["parameters"] / size, c["model_steps"] / steps)
        for arm, c in costs.items()
    } == {
        "joint": (1, 1, 1),
        "halves": (2, 2, 2),
        "map": (2, 2, 3),
        "single": (14, 14, 14),
        "random (halves)": (2, 2, 2),
        "random (map)": (2, 2, 2),
        "ensemble (K=2)": (2, 2, 2),
        "chosen": (2, 2, 5),
        "random (chosen)": (2, 2, 2),
    }


def test_groupings_stability_and_config_are_kept(result, halves):
    assert result.groupings["halves"] == [halves, halves]
    assert [g.n_groups for g in result.groupings["map"]] == [2, 2]
    assert set(result.stability["map"]) == {
        "adjusted Rand between repetitions",
        "adjusted Rand over resampled examples",
    }
    assert result.stability["halves"] == {}
    assert result.config["seeds"] == [0, 1]
    assert result.config["versions"]["torch"]
    assert result.data_map.confidence.shape[1] == len(result.tasks)
    assert any("halves" in sentence for sentence in result.verdict)


def test_a_clustering_that_was_given_is_tried_on_resampled_examples(result):
    stability = lambda given, data_map=result.data_map: _assembly._stability(  # noqa: E731
        {"x": [ct.Found(grouping=given)] * 2}, {"x": Given(given)}, data_map
    )["x"]
    given = result.groupings["map"][0]
    facts = stability(given)
    assert (
        facts["adjusted Rand over resampled examples"]
        == result.stability["map"]["adjusted Rand over resampled examples"]
    )
    assert facts["adjusted Rand with the groups of this comparison's data map"] == [1.0]
    assert (
        stability(dataclasses.replace(given, method="kmeans", fuzziness=None)).keys()
        == facts.keys()
    )
    assert stability(dataclasses.replace(given, method="mine")) == {}
    unseen = dataclasses.replace(
        result.data_map, confidence=np.full_like(result.data_map.confidence, np.nan)
    )
    assert set(stability(given, unseen)) == {"not resampled"}


def test_save_load_and_json(result, tmp_path):
    files = result.save(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(files)
    loaded = ct.Comparison.load(tmp_path)
    for name in (
        "tasks",
        "kinds",
        "metric_names",
        "scores_table",
        "gains_table",
        "costs_table",
        "about",
        "verdict",
        "findings",
        "reliability",
        "roles",
        "config",
        "stability",
    ):
        assert getattr(loaded, name) == getattr(result, name), name
    np.testing.assert_array_equal(
        loaded.groupings["map"][1].membership, result.groupings["map"][1].membership
    )
    np.testing.assert_array_equal(
        loaded.history["map"].train_loss, result.history["map"].train_loss
    )
    np.testing.assert_array_equal(loaded.data_map.confidence, result.data_map.confidence)
    assert (
        json.loads(json.dumps(loaded.to_dict(), allow_nan=False))["gains"]
        == result.gains_table.to_pylist()
    )


def test_damaged_or_absent_comparison_is_named(result, tmp_path):
    with pytest.raises(CoterieError, match="holds no comparison"):
        ct.Comparison.load(tmp_path)
    result.save(tmp_path)
    (tmp_path / "gains.parquet").write_bytes(b"PAR1")
    with pytest.raises(CoterieError, match=r"gains\.parquet is no readable parquet file"):
        ct.Comparison.load(tmp_path)


def test_one_group_is_joint_training(data):
    together = ct.Grouping(
        tasks=data.tasks.names, membership=np.ones((len(data.tasks), 1)), method="one"
    )
    result = ct.compare(
        "mlp",
        data,
        together,
        seeds=2,
        repeats=1,
        baselines=("random", "ensemble"),
        rivals="none",
        **SETTINGS,
    )
    assert (
        result.costs_table["model_steps"].to_pylist()
        == [result.costs_table["model_steps"][0].as_py()] * 4
    )
    row = result.gain("grouped", "joint")
    assert (row["gain"], row["low"], row["high"], row["p"]) == (0, 0, 0, 1)
    assert "grouped: one group, which is joint training." in result.verdict


def test_small_tables_are_split_repeatedly(data, halves, monkeypatch):
    seen = []

    def noted(plan, data, repetitions, folder):
        seen.extend((data, each) for each in repetitions)
        return [_unit.Finished(unit=None) for _ in repetitions]

    monkeypatch.setattr(_jobs, "run_units", noted)
    monkeypatch.setattr(_compare, "assemble", lambda *parts, **more: None)
    ct.compare("mlp", data, halves, rivals="none", **SETTINGS)
    assert [(about.split, about.seed) for _, about in seen] == [
        (s, r) for s in range(5) for r in range(3)
    ]
    assert len({tuple(own.split.test.tolist()) for own, _ in seen}) == 5
    assert len({about.train_seed for _, about in seen}) == 3 + 4 * 3
    assert seen[0][0] is data
    assert [about.is_first for _, about in seen] == [True] + [False] * 14


def test_repeated_splits_are_units_of_their_own(data, halves):
    result = ct.compare(
        "mlp", data, halves, seeds=[7], repeats=2, baselines=(), rivals="none", **SETTINGS
    )
    assert {(r["split"], r["seed"]) for r in result.scores_table.to_pylist()} == {(0, 7), (1, 7)}
    assert result.gain("grouped", "joint")["low"] is not None
    assert any("2 splits x 1 seed" in sentence for sentence in result.verdict)


def table_with_a_rare_task():
    rng = np.random.default_rng(0)
    rare = np.zeros(200)
    rare[:25] = 1
    return ct.load(
        {"inputs": rng.normal(size=(200, 3)), "targets": np.stack([rare, np.arange(200) % 2], 1)}
    )


def test_unusable_splits_are_drawn_again():
    data = table_with_a_rare_task()
    drawn = []

    def rebuild(seed):
        drawn.append(seed)
        return data.rebuild(seed)

    splits = _repetitions.repeated_splits(dataclasses.replace(data, rebuild=rebuild), 5)
    assert len(splits) == 5 < len(drawn)
    assert len(drawn) == len(set(drawn))
    assert all(
        (s.targets[getattr(s.split, part)].sum(0) >= 5).all()
        for s in splits
        for part in ("train", "validation", "test")
    )
    again = _repetitions.repeated_splits(data, 5)
    assert [s.fingerprint() for s in again] == [s.fingerprint() for s in splits]


def test_the_first_usable_split_is_that_of_its_number(data):
    assert (
        _repetitions.repeated_splits(data, 2)[1].fingerprint()
        == data.resplit(_repetitions.derived_seed(0, 1)).fingerprint()
    )


@pytest.mark.parametrize("dropping", [False, True])
def test_a_split_that_cannot_be_drawn_is_named(data, halves, monkeypatch, dropping):
    def rebuild(seed):
        if not dropping:
            raise CoterieError("Too rare for this split: 'orange'.")
        return ct.load("digits", targets=["even", "random"])

    monkeypatch.setattr(_jobs, "run_units", lambda *a, **k: pytest.fail("trained"))
    named = r"none of 100 draws of split 1 can be used. The last: .*Compare with repeats=1\.$"
    with pytest.raises(CoterieError, match=named):
        ct.compare(
            "mlp", dataclasses.replace(data, rebuild=rebuild), halves, rivals="none", **SETTINGS
        )


def test_mixed_kinds_and_gaps(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 4)).astype(np.float32)
    columns = {
        "sign": np.where(x[:, 0] > 0, "yes", "no"),
        "size": x[:, 1] * 3 + 2,
        "colour": np.array(list("rgb"))[rng.integers(3, size=240)],
    }
    table = pa.table(
        {
            **{f"x{i}": x[:, i] for i in range(4)},
            **{k: pa.array(v, mask=rng.random(240) < 0.2) for k, v in columns.items()},
        }
    )
    import pyarrow.parquet as pq

    pq.write_table(table, tmp_path / "t.parquet")
    data = ct.load(str(tmp_path / "t.parquet"), targets=list(columns))
    result = ct.compare(
        "mlp",
        data,
        ct.Cluster(n_groups=2),
        seeds=2,
        repeats=1,
        draws=1,
        rivals="none",
        **SETTINGS,
    )
    assert result.metric_names == ("AUROC skill", "R2", "log-loss skill")
    assert result.gain("grouped", "joint")["metric"] == "skill"
    assert all(np.isfinite(r["gain"]) for r in result.gains_table.to_pylist())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": 0}, "`seeds` must be"),
        ({"seeds": [1, 1]}, "`seeds` must be"),
        ({"repeats": 0}, "`repeats` must be"),
        ({"draws": 0}, "`draws` must be"),
        ({"metric": "R2"}, "`metric` of the binary task 'digit 0' must be one of 'AUROC'"),
        ({"margin": 0}, "`margin` must be"),
        ({"baselines": ("x",)}, "`baselines`"),
        ({"record": True}, "`record` is set by compare"),
        ({"epoch": 1}, "`epoch` is not a setting of fit"),
        ({"methods": "hoa"}, "unknown method 'hoa'"),
    ],
)
def test_mistakes_are_refused_before_training(data, halves, monkeypatch, options, message):
    monkeypatch.setattr(_unit, "fit", lambda *a, **k: pytest.fail("trained"))
    with pytest.raises(CoterieError, match=message):
        ct.compare("mlp", data, **{"methods": halves, **options})


def test_a_finished_run_is_read_and_a_damaged_one_refused(data, halves, tmp_path, monkeypatch):
    options = {"seeds": 2, "repeats": 1, "draws": 1, "rivals": "none", **SETTINGS}
    whole = ct.compare("mlp", data, halves, run=tmp_path / "run", **options)
    assert not list((tmp_path / "run" / "checkpoints").iterdir())
    model = ct.GroupedModel.load(tmp_path / "run" / "model.safetensors")
    assert None not in model.calibration
    assert len(model.calibration) == len(data.tasks)
    assert whole.reliability.arm == whole.recommendation.arm
    assert [each.task for each in whole.reliability.tasks] == list(data.tasks.names)
    outputs = model(data.inputs[data.split.test])
    scores = deciding_scores(outputs, data.targets[data.split.test], data.tasks)
    np.testing.assert_allclose(values(whole, whole.recommendation.arm, seed=0), scores, atol=1e-9)

    monkeypatch.setattr(_unit, "fit", lambda *a, **k: pytest.fail("trained again"))
    again = ct.compare("mlp", data, halves, run=tmp_path / "run", **options)
    assert again.costs_table == whole.costs_table
    assert without_seconds(again) == without_seconds(whole)
    with pytest.raises(CoterieError, match=r"training.lr was 0.01, now 0.5"):
        ct.compare("mlp", data, halves, run=tmp_path / "run", **{**options, "lr": 0.5})
    (tmp_path / "run" / "units" / "split-0-seed-1" / "statistics.safetensors").write_bytes(b"")
    with pytest.raises(CoterieError, match=r"statistics\.safetensors"):
        ct.compare("mlp", data, halves, run=tmp_path / "run", **options)


def test_a_metric_is_part_of_what_is_compared(data, halves, tmp_path):
    options = {"seeds": 1, "repeats": 2, "draws": 1, "baselines": (), "rivals": "none", **SETTINGS}
    run = tmp_path / "run"
    found = ct.compare("mlp", data, halves, metric="accuracy", run=run, **options)
    assert set(found.metric_names) == {"accuracy"}
    assert found.config["metric"] == "accuracy"
    wanted = {arm: np.mean(values(found, arm, metric="accuracy")) for arm in ("grouped", "joint")}
    gain = found.gain("grouped", "joint")
    assert gain["metric"] == "accuracy"
    assert gain["gain"] == pytest.approx(100 * (wanted["grouped"] - wanted["joint"]))
    with pytest.raises(CoterieError, match='metric was "accuracy", now "AUROC"'):
        ct.compare("mlp", data, halves, run=run, **options)


def test_a_local_model_is_compared_but_not_saved(data, halves, tmp_path):
    def factory(input_shape):
        assert input_shape == (1, 8, 8)
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 4), torch.nn.ReLU())

    settings = {**SETTINGS, "model_options": {}}
    ct.compare(
        factory,
        data,
        halves,
        seeds=1,
        repeats=1,
        baselines=(),
        rivals="none",
        run=tmp_path / "run",
        **settings,
    )
    assert not (tmp_path / "run" / "model.safetensors").exists()


class Alternating:
    """A method of the user's: a plain class with settings."""

    def __init__(self, n_groups=2, start=0):
        self.n_groups, self.start = n_groups, start

    def __call__(self, case, *, seed):
        names = case.data.tasks.names
        labels = (np.arange(len(names)) + self.start) % self.n_groups
        return ct.Grouping(
            tasks=names, membership=np.eye(self.n_groups)[labels], method="alternating"
        )


def alternating(case, *, seed):
    return Alternating()(case, seed=seed)


def by_sign(values, n_groups, seed):
    return values.sum(axis=1) > np.median(values.sum(axis=1))


def made(start):
    def inside(case, *, seed):
        return Alternating(start=start)(case, seed=seed)

    return inside


def narrow(input_shape, width=4):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, width), torch.nn.ReLU())


QUICK = {"seeds": 1, "repeats": 1, "draws": 1, "baselines": (), "rivals": "none", **SETTINGS}
UNTRAINED = "trained again"


@pytest.fixture
def never(monkeypatch):
    """A function that forbids training from here on."""

    def forbid():
        for verb in ("fit", "fit_seeds"):
            monkeypatch.setattr(_unit, verb, lambda *a, **k: pytest.fail(UNTRAINED))

    return forbid


@pytest.mark.parametrize(
    "make",
    [
        lambda: Alternating(),
        lambda: alternating,
        lambda: functools.partial(alternating),
        lambda: ct.Cluster(n_groups=2, by=by_sign),
        lambda: ct.Cluster(ct.affinities.Lookahead(every=3, batch_size=16), n_groups=2, by=by_sign),
    ],
    ids=["object", "function", "partial", "clustering of maps", "probe and clustering"],
)
def test_a_run_with_a_method_of_ones_own_is_continued(data, tmp_path, never, make):
    whole = ct.compare("mlp", data, {"mine": make()}, run=tmp_path, **QUICK)
    assert "0x" not in (tmp_path / "manifest.json").read_text() + json.dumps(whole.config)
    never()
    again = ct.compare("mlp", data, {"mine": make()}, run=tmp_path, **QUICK)
    assert without_seconds(again) == without_seconds(whole)
    assert again.config == whole.config


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (Alternating(), Alternating(start=1), r"groupings.mine.start was 0, now 1"),
        (
            functools.partial(alternating),
            functools.partial(alternating, x=1),
            r"groupings.mine.keywords.x was null, now 1",
        ),
        (alternating, Alternating(), r"groupings.mine was .*alternating"),
        (
            ct.Cluster(n_groups=2, by=by_sign),
            ct.Cluster(n_groups=2, by="kmeans"),
            r"groupings.mine.by was .*by_sign",
        ),
        (
            ct.Cluster(ct.affinities.Lookahead(every=3, batch_size=16), n_groups=2),
            ct.Cluster(ct.affinities.Lookahead(every=3, batch_size=8), n_groups=2),
            r"groupings.mine.source.key.batch_size was 16, now 8",
        ),
    ],
    ids=["object", "partial", "another", "clustering", "probe"],
)
def test_other_settings_of_a_method_of_ones_own_are_refused(
    data, tmp_path, never, before, after, message
):
    ct.compare("mlp", data, {"mine": before}, run=tmp_path, **QUICK)
    never()
    with pytest.raises(CoterieError, match=message):
        ct.compare("mlp", data, {"mine": after}, run=tmp_path, **QUICK)


def with_loss(data, loss=None, metric=None):
    items = (dataclasses.replace(data.tasks[0], loss=loss, metric=metric), *data.tasks.items[1:])
    return dataclasses.replace(
        data, tasks=dataclasses.replace(data.tasks, items=items), rebuild=None
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"methods": {"mine": made(1)}},
            r"`methods`: 'mine' is the closure .*mine.key = \"first\"",
        ),
        ({"methods": {"mine": lambda case, *, seed: None}}, "`methods`: 'mine' is a lambda"),
        (
            {"methods": ct.Cluster("cosine", by=lambda m, k, s: m)},
            "'grouped': `by` is a lambda",
        ),
        ({"model": lambda shape: narrow(shape)}, "`model` is a lambda"),
        ({"loss": lambda outputs, targets: outputs.sum(-1)}, r"The loss of task '.*' is a lambda"),
        ({"metric": lambda outputs, targets: 1.0}, r"The metric of task '.*' is a lambda"),
    ],
    ids=["closure", "lambda", "clustering", "model", "loss", "metric"],
)
def test_what_could_not_be_continued_is_refused_before_it_starts(
    data, halves, tmp_path, never, change, message
):
    never()
    change = {"model": "mlp", "methods": halves, **change}
    data = with_loss(data, change.pop("loss", None), change.pop("metric", None))
    with pytest.raises(CoterieError, match=message):
        ct.compare(data=data, run=tmp_path / "run", **change, **{**QUICK, "epochs": 8})
    assert not (tmp_path / "run").exists()
    # Without a run nothing has to be told apart.
    with pytest.raises(pytest.fail.Exception, match=UNTRAINED):
        ct.compare(data=data, **change, **{**QUICK, "epochs": 8})


def test_a_key_lets_a_closure_be_continued(data, tmp_path, never):
    one, other, changed = made(1), made(1), made(0)
    one.key = other.key = {"start": 1}
    changed.key = {"start": 0}
    whole = ct.compare("mlp", data, {"mine": one}, run=tmp_path, **QUICK)
    assert whole.config["groupings"] == {"mine": "dict(start=1)"}
    never()
    assert without_seconds(
        ct.compare("mlp", data, {"mine": other}, run=tmp_path, **QUICK)
    ) == without_seconds(whole)
    with pytest.raises(CoterieError, match=r"groupings.mine.key.start was 1, now 0"):
        ct.compare("mlp", data, {"mine": changed}, run=tmp_path, **QUICK)


def test_a_model_and_losses_of_ones_own_are_part_of_a_run(data, halves, tmp_path, never):
    def loss(delta):
        return with_loss(data, Smooth(delta))

    settings = {**QUICK, "model_options": {}}
    wide = functools.partial(narrow, width=6)
    whole = ct.compare(wide, loss(0.5), halves, run=tmp_path, **settings)
    assert not (tmp_path / "model.safetensors").exists()  # nobody could find the partial again
    never()
    again = ct.compare(
        functools.partial(narrow, width=6), loss(0.5), halves, run=tmp_path, **settings
    )
    assert without_seconds(again) == without_seconds(whole)
    with pytest.raises(CoterieError, match=r"model.keywords.width was 6, now 8"):
        ct.compare(functools.partial(narrow, width=8), loss(0.5), halves, run=tmp_path, **settings)
    with pytest.raises(CoterieError, match=r"loss\..*delta was 0.5, now 1.0"):
        ct.compare(wide, loss(1.0), halves, run=tmp_path, **settings)
    with pytest.raises(CoterieError, match=r"loss was .*, now null"):
        ct.compare(wide, data, halves, run=tmp_path, **settings)


class Smooth(torch.nn.Module):
    def __init__(self, delta):
        super().__init__()
        self.delta = delta

    def forward(self, outputs, targets):
        return torch.nn.functional.huber_loss(
            outputs.squeeze(-1), targets, reduction="none", delta=self.delta
        )


OWN = """
import sys, torch, coterie as ct
def tiny(input_shape):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 4))
class Halves:
    n_groups = 2
    def __init__(self, at): self.at = at
    def __call__(self, case, *, seed):
        names = case.data.tasks.names
        after = (torch.arange(len(names)) > self.at).long()
        return ct.Grouping(tasks=names, membership=torch.eye(2)[after].numpy(), method="cut")
for at in map(int, sys.argv[2:]):
    ct.compare(tiny, ct.load("digits", limit=700), {"mine": Halves(at)}, seeds=1, repeats=1,
               baselines=(), draws=1, rivals="none", run=sys.argv[1], epochs=1, strategy="loop",
               device="cpu")
"""


def test_a_script_with_models_and_methods_of_its_own_is_continued(tmp_path, monkeypatch):
    """Begun in this process, which is the same script there, and continued in another."""
    script = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", script)
    monkeypatch.setattr(sys, "argv", ["-c", str(tmp_path / "run"), "6"])
    exec(OWN, vars(script))
    monkeypatch.undo()
    written = (tmp_path / "run" / "manifest.json").read_text()
    again = subprocess.run(
        [sys.executable, "-c", OWN, tmp_path / "run", "6", "5"], capture_output=True, text=True
    )
    assert (tmp_path / "run" / "manifest.json").read_text() == written, again.stderr
    assert "groupings.mine.at was 6, now 5" in again.stderr


SCRIPT = """
import sys, torch, coterie as ct
torch.set_num_threads(1)
data = ct.load("digits", limit=700)
methods = ct.Cluster(n_groups=2)
asked = {"within": 3.0, "rivals": "none"} if sys.argv[2] == "waves" else {"seeds": 2, "rivals": ["tuned"]}
strategy = sys.argv[2].replace("waves", "vmap")
ct.compare("mlp", data, methods, repeats=1, draws=1, run=sys.argv[1], epochs=6, batch_size=32,
           model_options={"hidden": (8,)}, strategy=strategy, device="cpu", **asked)
"""


def start(folder, strategy):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder), strategy], env=environment)


@pytest.fixture(scope="module")
def whole_runs(tmp_path_factory):
    folders = {}
    for strategy in ("loop", "vmap", "waves"):
        folders[strategy] = tmp_path_factory.mktemp(strategy) / "run"
        assert start(folders[strategy], strategy).wait() == 0
    return folders


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strategy", "seen"),
    [
        ("loop", "checkpoints/split-0-seed-0/joint/*.safetensors"),
        ("loop", "checkpoints/split-0-seed-0/groups/*.safetensors"),
        ("loop", "units/split-0-seed-0/*"),
        ("loop", "checkpoints/split-0-seed-1/groups/*.safetensors"),
        ("vmap", "checkpoints/split-0-seed-1/*/joint/*.safetensors"),
        ("vmap", "checkpoints/split-0-seed-1/*/groups/*.safetensors"),
        ("vmap", "checkpoints/split-0-seed-1/*/seed-1/rival-tuned/*.safetensors"),
        ("vmap", "units/split-0-seed-0/*"),
        ("waves", "checkpoints/split-0-seed-4/*/groups/*.safetensors"),
        ("waves", "checkpoints/split-0-seed-8/*/joint/*.safetensors"),
        ("waves", "units/split-0-seed-6/*"),
    ],
)
def test_a_killed_run_ends_bit_for_bit_the_same(whole_runs, tmp_path, strategy, seen):
    """Of "loop" each seed is trained alone, of "vmap" all are one stack, of "waves" each wave."""
    whole_run = whole_runs[strategy]
    process = start(tmp_path / "run", strategy)
    while not list(tmp_path.glob(f"run/{seen}")) and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert start(tmp_path / "run", strategy).wait() == 0
    stages = [
        {path.name for path in folder.glob("units/*")} for folder in (whole_run, tmp_path / "run")
    ]
    assert stages[0] == stages[1]
    for stage in stages[0]:
        one, two = (Unit.load(folder / "units" / stage) for folder in (whole_run, tmp_path / "run"))
        assert one.scores == two.scores
        for name in ("primary", "outputs", "targets"):
            np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
        np.testing.assert_array_equal(one.data_map.confidence, two.data_map.confidence)
        np.testing.assert_array_equal(
            one.histories["grouped"].train_loss, two.histories["grouped"].train_loss
        )
        assert one.found["grouped"].grouping.to_dict() == two.found["grouped"].grouping.to_dict()


def one_by_one(monkeypatch):
    monkeypatch.setattr(_compare, "seeds_together", lambda plan, data: False)


@pytest.mark.parametrize(("missing", "dropout"), [(False, 0.2), (True, 0.0)])
def test_seeds_in_one_stack_are_what_they_are_alone(monkeypatch, missing, dropout):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(260, 6)).astype(np.float32)
    y = (x @ rng.normal(size=(6, 4)) > 0).astype(np.float32)
    if missing:
        y[rng.random(y.shape) < 0.3] = np.nan
    table = ct.load({"inputs": x, "targets": y})
    settings = SETTINGS | {
        "strategy": "vmap",
        "epochs": 8,
        "patience": 2,
        "optimiser": "sgd",
        "model_options": {"hidden": (8,), "dropout": dropout},
    }
    asked = {"seeds": 3, "repeats": 2, "draws": 1, "rivals": "none"}
    methods = {"map": ct.Cluster(n_groups=2), "own": ct.Cluster(n_groups=3, by="kmeans")}
    together = ct.compare("mlp", table, methods, **asked, **settings)
    one_by_one(monkeypatch)
    alone = ct.compare("mlp", table, methods, **asked, **settings)
    assert together.found.keys() == alone.found.keys()
    for name in ("scores", "costs"):
        one, other = (getattr(each, f"{name}_table").to_pylist() for each in (together, alone))
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            for key in a.keys() - {"seconds", "latency"}:
                expected = (
                    pytest.approx(b[key], abs=2e-4, nan_ok=True) if key == "value" else b[key]
                )
                assert a[key] == expected, (name, key)


def test_a_stack_of_seeds_continues_where_units_are_missing(data, halves, tmp_path):
    """A run stopped between the units of one stack trains nothing again and ends the same."""
    settings = SETTINGS | {"strategy": "vmap"}
    asked = {"seeds": 3, "repeats": 1, "draws": 1, "rivals": "none"}
    whole = ct.compare("mlp", data, halves, run=tmp_path / "whole", **asked, **settings)

    class Stopped(BaseException):
        pass

    entered = []

    class Stopping(ct.LocalEngine):
        def units(self, jobs, progress=None):
            for finished in super().units(jobs, progress):
                yield [*finished[:2], StopsHere(finished[2])]

    class StopsHere:
        def __init__(self, finished):
            self.finished = finished

        def enter(self, run):
            entered.append(sorted(run.stages))
            raise Stopped

        unit = None

    with pytest.raises(Stopped):
        ct.compare(
            "mlp", data, halves, run=tmp_path / "run", engine=Stopping(), **asked, **settings
        )
    units = ["units/split-0-seed-0", "units/split-0-seed-1"]
    assert entered == [["cut", "models", *units]]
    assert Run.existing(tmp_path / "run").about("cut") == {"seeds_in_one_stack": True}
    steps = []
    again = ct.compare(
        "mlp",
        data,
        halves,
        run=tmp_path / "run",
        progress=lambda done, of, text: steps.append(text),
        **asked,
        **settings,
    )
    assert again.scores_table.to_pylist() == whole.scores_table.to_pylist()
    assert again.gains_table.to_pylist() == whole.gains_table.to_pylist()
    assert not any("epoch" in text for text in steps)
    assert not list((tmp_path / "run" / "checkpoints").rglob("*"))


def test_how_seeds_are_cut_stays_as_it_was_settled(data, halves, tmp_path, monkeypatch):
    """Also on a machine that would cut otherwise, such as one without the GPU that it began on."""
    asked = SETTINGS | {"repeats": 1, "draws": 1, "rivals": "none", "strategy": "vmap"}
    ct.compare("mlp", data, halves, seeds=2, run=tmp_path / "whole", **asked)

    class Stopped(BaseException):
        pass

    def stop(done, of, text):
        if "models of" in text and done > 0.6 * of:
            raise Stopped

    with pytest.raises(Stopped):
        ct.compare("mlp", data, halves, seeds=2, run=tmp_path / "run", progress=stop, **asked)
    assert list((tmp_path / "run" / "checkpoints").rglob("*.safetensors"))
    one_by_one(monkeypatch)
    ct.compare("mlp", data, halves, seeds=2, run=tmp_path / "run", **asked)
    for stage in ("split-0-seed-0", "split-0-seed-1"):
        one, two = (Unit.load(tmp_path / each / "units" / stage) for each in ("whole", "run"))
        np.testing.assert_array_equal(one.outputs, two.outputs)


def test_which_seeds_share_a_stack_is_a_function_of_model_and_settings(data):
    def plan(model="mlp", methods=("data_map",), **settings):
        named = _compare.named_methods(list(methods), data.tasks.names, 2)
        return _unit.Plan(model=model, methods=named, settings=settings)

    assert _jobs.seeds_together(plan(), data)
    assert _jobs.seeds_together(plan(strategy="vmap", model_options={"hidden": (4096,)}), data)
    assert not _jobs.seeds_together(plan(model_options={"hidden": (4096,)}), data)
    assert not _jobs.seeds_together(plan(strategy="loop"), data)
    assert not _jobs.seeds_together(plan(augment=True), data)
    assert not _jobs.seeds_together(plan(methods=["lookahead"]), data)
