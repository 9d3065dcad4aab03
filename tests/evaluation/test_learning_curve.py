"""Comparisons with growing shares of the labels: what they share, and what each does anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import coterie as ct
from coterie.data import Dataset
from coterie.errors import CoterieError
from coterie.evaluation.scores import arm_scores, joined
from coterie.evaluation.units import Unit
from coterie.testing import planted

SHORT: dict[str, Any] = {"epochs": 2, "batch_size": 32, "model_options": {"hidden": (8,)}}


def table(n: int = 300, **more: Any) -> Dataset:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 4)).astype(np.float32)
    y = (x[:, [0, 1, 0]] + rng.normal(size=(n, 3)) > 0).astype(float)
    return ct.load({"inputs": x, "targets": y}, names=["a", "b", "c"], **more)


def curve(data: Dataset, **changed: Any) -> ct.LearningCurve:
    usual = {"shares": (0.2, 1), "n_groups": 2, "seeds": 2, "repeats": 1, "rivals": "none"}
    return ct.learning_curve("mlp", data, **{**usual, **SHORT, **changed})


def test_with_all_labels_it_is_a_comparison() -> None:
    data = table()
    found = curve(data, shares=(1,))
    compared = ct.compare(
        "mlp", data, n_groups=2, seeds=2, repeats=1, baselines=("single",), rivals="none", **SHORT
    )
    assert found.arms == ("joint", "grouped", "single")
    standing = {each.arm: each for each in compared.standings}
    for place, arm in enumerate(found.arms):
        assert found.score.value[0, place] == pytest.approx(standing[arm].score)
        if place:
            row = compared.gain(arm, "joint")
            ends = [getattr(found.gain, end)[0, place] for end in ("value", "low", "high")]
            assert ends == pytest.approx([row["gain"], row["low"], row["high"]])
            assert found.outcomes[0][place] == row["outcome"]
    assert found.lead.high[0].tolist() == pytest.approx([standing[a].high for a in found.arms])
    assert found.labels.tolist() == [[180.0] * 3]


def test_each_seed_draws_its_own_labels_and_all_are_tested_on_the_same_examples(
    tmp_path: Path,
) -> None:
    data = table()
    found = curve(data, run=tmp_path)
    names = ["share-100", "share-20-seed-0", "share-20-seed-1"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    units = [
        Unit.load(folder)
        for name in names
        for folder in sorted((tmp_path / name / "units").iterdir())
    ]
    assert len(units) == 4
    for unit in units:
        assert unit.positions.tolist() == data.split.test.tolist()
    few = [data.with_share(0.2, seed) for seed in (0, 1)]
    assert not torch.equal(few[0].split.train, few[1].split.train)
    wanted = np.mean([(~each.targets[each.split.train].isnan()).sum(0).numpy() for each in few], 0)
    assert found.labels[0].tolist() == wanted.tolist()
    least = [each.targets[each.split.train].sum(0).numpy() for each in few]
    totals = [len(each.split.train) for each in few]
    fewest = np.mean([np.minimum(p, n - p) for p, n in zip(least, totals, strict=True)], axis=0)
    assert found.rarest[0].tolist() == fewest.tolist()


def test_several_splits_each_have_the_share() -> None:
    found = curve(table(), shares=(0.3,), seeds=1, repeats=2)
    assert found.details["repeats"] == 2
    assert np.isfinite(found.gain.low[0, 1:]).all()
    assert found.outcomes[0][1] in ("better", "not worth it", "worse", "undecided")


def test_one_seed_has_no_interval() -> None:
    found = curve(table(), seeds=1)
    assert np.isnan(found.gain.low[:, 1:]).all()
    assert found.outcomes == (("same", "unknown", "unknown"),) * 2


def test_means_are_over_the_tasks_that_are_learnt_with_the_most_labels() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 4)).astype(np.float32)
    y = np.stack([x[:, 0] > 0, x[:, 1] > 0, rng.integers(0, 2, 400)], axis=1).astype(float)
    data = ct.load({"inputs": x, "targets": y}, names=["a", "b", "coin"])
    found = curve(data, shares=(0.1, 1), epochs=15, lr=1e-2)
    assert found.left_out == ("coin",)
    assert found.score.value == pytest.approx(found.task_scores[..., :2].mean(-1))
    assert "coin" in found.sentences[-1]


def test_what_is_finished_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(done: int, of: int, text: str) -> None:
        if text.startswith("100 %"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        curve(table(), run=tmp_path, progress=stopped)
    few = curve(table(), shares=(0.2,))
    monkeypatch.setattr(
        "coterie.training.loop.gradient_step", lambda *_: pytest.fail("this was trained before")
    )
    again = curve(table(), shares=(0.2,), run=tmp_path)
    assert again.to_dict() == few.to_dict()


def test_a_forest_competes_where_it_suits_the_data() -> None:
    assert curve(table(), shares=(0.2,), rivals=None).arms == (
        *("joint", "grouped", "single"),
        "forest",
    )
    images = ct.load("digits", targets=["even", "digit 3", "digit 8"], limit=300)
    assert "forest" not in curve(images, shares=(0.5,), rivals=None).arms


def test_methods_of_ones_own_need_no_key_without_a_run() -> None:
    class Mine(ct.Cluster):
        pass

    assert curve(table(), shares=(0.2,), methods=Mine(n_groups=2)).arms[1] == "grouped"


def test_units_to_join_have_the_same_arms(tmp_path: Path) -> None:
    data = table()
    curve(data, shares=(1,), run=tmp_path)
    one = Unit.load(tmp_path / "share-100" / "units" / "split-0-seed-0")
    other = Unit.load(tmp_path / "share-100" / "units" / "split-0-seed-1")
    apart = [arm_scores([unit], data.tasks) for unit in (one, other)]
    together = arm_scores([one, other], data.tasks)
    both = joined(apart)
    np.testing.assert_array_equal(both.scores, together.scores)
    np.testing.assert_allclose(both.gains(1, 0).low, together.gains(1, 0).low)
    apart[1] = arm_scores([other], data.tasks)
    with pytest.raises(CoterieError, match="same arms"):
        joined([apart[0], type(apart[1])(**{**vars(apart[1]), "arms": ("joint",)})])


@pytest.mark.parametrize("wrong", [(), 0.5, (0.0, 1), (0.5, 2), ("half",), None])
def test_what_are_no_shares_is_refused_before_anything_is_trained(wrong: Any) -> None:
    with pytest.raises(CoterieError, match="`shares`"):
        curve(table(), shares=wrong)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"progress": 3}, "`progress`"),
        ({"run": 3}, "`run`"),
        ({"seeds": 0}, "`seeds`"),
        ({"margin": -1}, "`margin`"),
        ({"rivals": "forst"}, "Did you mean 'forest'"),
        ({"seed": -1}, "`seed` must be a whole number"),
    ],
)
def test_other_mistakes_are_named(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(CoterieError, match=said):
        curve(table(), **changed)


@pytest.mark.slow
def test_examples_of_other_tasks_of_the_group_help() -> None:
    """Planted: each example is of one task, and tasks of a group are the same function."""
    world = planted("disjoint examples")
    settings: dict[str, Any] = {
        name: world.settings[name] for name in ("batch_size", "lr", "model_options")
    }
    found = ct.learning_curve(
        "mlp",
        world.data,
        world.grouping,
        shares=(0.2, 1),
        seeds=3,
        repeats=1,
        rivals="none",
        **settings,
    )
    single, grouped = found.arms.index("single"), found.arms.index("grouped")
    ahead = found.score.value[:, grouped] - found.score.value[:, single]
    assert ahead[-1] > 0.03
    assert found.outcomes[-1][single] == "worse"
