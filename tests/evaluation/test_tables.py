"""From hand-made units to the tables of gains and costs."""

import numpy as np
import pytest

from coterie.evaluation.scores import arm_scores
from coterie.evaluation.tables import costs_table, gains_table, relative_gain
from coterie.results.tables import MEAN, Part
from coterie.statistics import holm, settle
from tests.evaluation.made import answers, binary, unit

N, TASKS = 100, binary("a", "b", metric="accuracy")
TARGETS = np.tile([[0.0, 1.0], [1.0, 0.0]], (N // 2, 1))
PARTS = {
    "joint": Part("joint", None),
    "mine": Part("grouped", "mine"),
    "other": Part("grouped", "other"),
    "random (mine)": Part("random", "mine"),
}
PAIRS = [("mine", "joint"), ("mine", "random (mine)")]


def missing(*counts, start=0):
    """Outputs that miss so many examples of each task, from ``start`` on."""
    hits = np.ones(TARGETS.shape, dtype=bool)
    for task, count in enumerate(counts):
        hits[start : start + count, task] = False
    return answers(TARGETS, hits)


def rows(units, pairs=PAIRS, margin=None):
    table = gains_table(arm_scores(units, TASKS, margin=margin), pairs, TASKS.names, PARTS)
    return {(r["arm"], r["reference"], r["task"]): r for r in table.to_pylist()}


def unit_of(seed, mine=(10, 12), joint=(20, 12), **more):
    outputs = {
        "joint": missing(*joint),
        "mine": missing(*mine, start=seed),
        "random (mine)": [missing(20, 20), missing(20, 30)],
        **more.pop("outputs", {}),
    }
    return unit(TASKS, TARGETS, outputs, seed=seed, **more)


def test_a_row_for_each_pair_and_task_and_one_for_the_mean():
    found = rows([unit_of(0), unit_of(1, mine=(12, 12))])
    assert list(found) == [(*pair, task) for pair in PAIRS for task in ("a", "b", MEAN)]
    gains = {key[1:]: row["gain"] for key, row in found.items()}
    assert gains == pytest.approx(
        {
            ("joint", "a"): 9,
            ("joint", "b"): 0,
            ("joint", MEAN): 4.5,
            # Of the random draws first the mean is taken.
            ("random (mine)", "a"): 9,
            ("random (mine)", "b"): 13,
            ("random (mine)", MEAN): 11,
        }
    )
    row = found["mine", "random (mine)", "a"]
    assert (row["role"], row["of"], row["reference_role"]) == ("grouped", "mine", "random")
    assert (row["metric"], row["margin"]) == ("accuracy", 1.0)


def test_what_is_not_known_of_one_seed_is_null():
    found = rows([unit_of(0)])
    for row in found.values():
        assert row["gain"] is not None
        unknown = ("low", "high", "p", "p_holm", "outcome", "more_seeds", "more_examples")
        assert {row[name] for name in unknown} == {None}


def test_relative_gains_are_of_errors_and_need_ten_of_them():
    found = rows([unit_of(seed, mine=(10, 4), joint=(20, 8)) for seed in (0, 1)])
    assert found["mine", "joint", "a"]["relative_gain"] == pytest.approx(0.5)
    assert found["mine", "joint", "b"]["relative_gain"] is None
    assert found["mine", "joint", MEAN]["relative_gain"] == pytest.approx(0.5)
    gains = relative_gain(np.array([0.1, 0.3]), np.array([0.2, 0.0]), np.array([np.nan, 50]))
    np.testing.assert_array_equal(gains, [0.5, np.nan])


def test_outcomes_follow_interval_and_margin():
    """Surely better by ten points; nothing to gain where nothing differs; else undecided."""
    far = rows([unit_of(s, mine=(2, 12), joint=(40, 12)) for s in (0, 1, 2)])
    assert far["mine", "joint", "a"]["outcome"] == "better"
    same = rows([unit_of(0), unit_of(0)])
    row = same["mine", "joint", "b"]
    assert (row["gain"], row["low"], row["high"], row["outcome"]) == (0, 0, 0, "not worth it")
    worse = rows([unit_of(s, mine=(40, 12), joint=(2, 12)) for s in (0, 1, 2)])
    assert worse["mine", "joint", "a"]["outcome"] == "worse"


def test_what_is_undecided_says_what_would_settle_it():
    units = [unit_of(s, mine=(m, 12)) for s, m in enumerate((10, 22, 19))]
    row = rows(units)["mine", "joint", "a"]
    assert row["outcome"] == "undecided"
    arms = arm_scores(units, TASKS)
    wanted = settle(arms.gains(1, 0)[0], 1.0)
    assert row["more_seeds"] == (None if wanted.seeds is None else wanted.seeds - 3)
    assert row["more_examples"] == (None if wanted.examples is None else wanted.examples - N)
    assert (row["more_seeds"] or 0) + (row["more_examples"] or 0) > 0
    # A margin that the gain is surely below decides it.
    assert rows(units, margin=50)["mine", "joint", "a"]["outcome"] == "not worth it"


def test_examples_are_counted_as_such_where_groups_of_them_are_drawn():
    """Each example four times, in a group: four times as many are missing."""
    once = [unit_of(s, mine=(15, 12)) for s in range(3)]
    often = [
        unit(
            TASKS,
            TARGETS.repeat(4, 0),
            {
                name: [
                    out.repeat(4, 0)
                    for out, (arm, _) in zip(each.outputs, each.arms, strict=True)
                    if arm == name
                ]
                for name in ("joint", "mine", "random (mine)")
            },
            seed=each.seed,
        )
        for each in once
    ]
    grouped = arm_scores(often, TASKS, groups=np.arange(N).repeat(4))
    told = [
        {
            (row["reference"], row["task"]): row["more_examples"]
            for row in gains_table(arms, PAIRS, TASKS.names, PARTS).to_pylist()
        }
        for arms in (arm_scores(once, TASKS), grouped)
    ]
    asked = [key for key, number in told[0].items() if number is not None]
    assert asked
    for key in asked:
        assert told[1][key] == pytest.approx(4 * told[0][key], rel=0.05)


def test_where_the_uncertainty_comes_from():
    steady = rows([unit_of(0), unit_of(0)])["mine", "joint", "a"]
    d = np.r_[np.ones(10), np.zeros(N - 10)]
    assert steady["training_se"] == pytest.approx(0)
    assert steady["examples_se"] == pytest.approx(100 * d.std(ddof=1) / N**0.5, rel=1e-5)
    unsteady = rows([unit_of(0), unit_of(0, mine=(18, 12))])["mine", "joint", "a"]
    assert unsteady["training_se"] > 1


def test_holms_correction_is_over_the_tasks_of_one_pair():
    found = rows([unit_of(s, mine=(10 + s, 8 - s)) for s in range(3)])
    for _, other in PAIRS:
        p, corrected = (
            [found["mine", other, task][name] for task in ("a", "b", MEAN)]
            for name in ("p", "p_holm")
        )
        np.testing.assert_allclose(corrected[:2], holm(np.array(p[:2])))
        assert corrected[2] == p[2]


def test_several_groupings_have_means_with_wider_intervals():
    units = [
        unit_of(s, outputs={"other": missing(12 - s, 10 + s, start=2 * s)}, mine=(10 + s, 12))
        for s in range(3)
    ]
    alone = rows(units)
    both = rows(units, [*PAIRS, ("other", "joint")])
    mean, each = ("mine", "joint", MEAN), ("mine", "joint", "a")
    assert both[mean]["low"] < alone[mean]["low"] < alone[mean]["high"] < both[mean]["high"]
    assert both[mean]["gain"] == alone[mean]["gain"]
    for name in ("gain", "low", "high"):
        assert both[each][name] == alone[each][name]
        assert both["mine", "random (mine)", MEAN][name] == alone[PAIRS[1] + (MEAN,)][name]


def test_costs_are_means_over_units_and_draws():
    costs = [
        {"mine": {"models": models, "model_steps": 7, "seconds": seconds, "latency": 0.5}}
        for models, seconds in ((2, 1.0), (3, 2.0))
    ]
    units = [unit_of(seed, costs=each) for seed, each in enumerate(costs)]
    found = {row["arm"]: row for row in costs_table(units, PARTS).to_pylist()}
    assert list(found) == ["joint", "mine", "random (mine)"]
    mine = found["mine"]
    assert (mine["role"], mine["of"]) == ("grouped", "mine")
    assert (mine["models"], mine["model_steps"], mine["seconds"]) == (2.5, 7, 1.5)
    assert mine["latency"] == 0.5
    # Units of earlier versions do not know it.
    assert np.isnan(found["joint"]["latency"])
