"""From hand-made units to the gains table.

Pairing, averaging of draws, the mean over tasks, what is left out.
"""

from dataclasses import replace

import numpy as np
import pytest

from coterie.evaluation.tables import arm_scores, costs_table, gains_table
from coterie.evaluation.units import Unit
from coterie.metrics import with_metric
from coterie.results.tables import MEAN, SCORES, Part
from coterie.tasks import Kind, Task, Tasks

TASKS = with_metric(
    Tasks.plain([Task(name="a", kind=Kind.BINARY), Task(name="b", kind=Kind.BINARY)]),
    "balanced accuracy",
)
N = 40
TARGETS = np.tile(np.array([[0.0, 1.0], [1.0, 0.0]], dtype=np.float32), (N // 2, 1))
PARTS = {
    "joint": Part("joint", None),
    "grouped": Part("grouped", "grouped"),
    "random (grouped)": Part("random", "grouped"),
}
ARMS = (("joint", 0), ("grouped", 0), ("random (grouped)", 0), ("random (grouped)", 1))


def unit(seed, misses, split=0, **more):
    """A unit in which arm i misses ``misses[i]`` = (in task a, in task b) of N test examples.

    Both classes alike.
    """
    outputs = np.repeat((2 * TARGETS - 1)[None], len(ARMS), axis=0)
    for arm, of_tasks in enumerate(misses):
        for task, count in enumerate(of_tasks):
            outputs[arm, :count, task] *= -1
    primary = 1 - np.array(misses, dtype=np.float64) / N
    values = {
        "arms": ARMS,
        "primary": primary,
        "outputs": outputs,
        "targets": TARGETS,
        "positions": np.arange(N),
        "scores": SCORES.empty_table(),
        "costs": [
            {"arm": a, "models": 1, "parameters": 10, "model_steps": 5.0, "seconds": 1.0 + draw}
            for a, draw in ARMS
        ],
        "found": {},
        "histories": {},
        "data_map": None,
        "overlap": 1 / 3,
    }
    return Unit(split=split, seed=seed, **values | more)


def rows(units, pairs, tasks=TASKS):
    table = gains_table(arm_scores(units, tasks), pairs, tasks, PARTS).to_pylist()
    return {(row["arm"], row["reference"], row["task"]): row for row in table}


UNITS = [
    unit(0, [(20, 8), (10, 8), (20, 8), (16, 8)]),
    unit(1, [(20, 8), (12, 6), (20, 8), (16, 8)]),
    unit(2, [(22, 8), (10, 8), (20, 8), (16, 8)]),
]


def test_gains_are_paired_and_in_points():
    row = rows(UNITS, [("grouped", "joint")])["grouped", "joint", "a"]
    assert row["metric"] == "balanced accuracy"
    assert row["gain"] == pytest.approx(100 * np.mean([10, 8, 12]) / N)
    half = 4.302653 * 100 * np.std([10, 8, 12], ddof=1) / N / np.sqrt(3)
    assert (row["low"], row["high"]) == (
        pytest.approx(row["gain"] - half),
        pytest.approx(row["gain"] + half),
    )


def test_the_mean_is_unweighted_and_stands_outside_the_family():
    table = rows(UNITS, [("grouped", "joint")])
    a, b, mean = (table["grouped", "joint", task] for task in ("a", "b", MEAN))
    assert mean["gain"] == pytest.approx((a["gain"] + b["gain"]) / 2)
    assert mean["p_holm"] == mean["p"]
    assert a["p_holm"] == pytest.approx(2 * a["p"])


def test_relative_gain_is_left_out_where_the_reference_hardly_errs():
    table = rows(UNITS, [("grouped", "joint")])
    error, reference = np.mean([10, 12, 10]), np.mean([20, 20, 22])
    assert table["grouped", "joint", "a"]["relative_gain"] == pytest.approx(
        (reference - error) / reference
    )
    assert table["grouped", "joint", "b"]["relative_gain"] is None
    assert (
        table["grouped", "joint", MEAN]["relative_gain"]
        == table["grouped", "joint", "a"]["relative_gain"]
    )


def test_draws_are_averaged_before_pairing():
    row = rows(UNITS, [("grouped", "random (grouped)")])["grouped", "random (grouped)", "a"]
    assert row["gain"] == pytest.approx(100 * np.mean([18 - 10, 18 - 12, 18 - 10]) / N)


def test_one_unit_has_a_gain_but_no_interval():
    row = rows(UNITS[:1], [("grouped", "joint")])["grouped", "joint", "a"]
    assert row["gain"] == pytest.approx(25.0)
    assert (row["low"], row["high"], row["p"], row["p_holm"]) == (None,) * 4


def test_an_arm_against_itself_gains_nothing_at_all():
    row = rows(UNITS, [("joint", "joint")])["joint", "joint", MEAN]
    assert [row[c] for c in ("gain", "low", "high", "p")] == [0, 0, 0, 1]


def test_several_splits_widen_the_interval():
    seeds = rows(UNITS, [("grouped", "joint")])["grouped", "joint", "a"]
    over_splits = rows(
        [replace(u, split=s, seed=0) for s, u in enumerate(UNITS)], [("grouped", "joint")]
    )["grouped", "joint", "a"]
    assert over_splits["gain"] == seeds["gain"]
    ratio = (over_splits["high"] - over_splits["low"]) / (seeds["high"] - seeds["low"])
    assert ratio == pytest.approx(np.sqrt(2))


def test_a_task_without_labels_in_one_split_counts_where_it_has_them():
    gap = TARGETS.copy()
    gap[:, 0] = np.nan
    primary = UNITS[2].primary.copy()
    primary[:, 0] = np.nan
    units = [
        *UNITS[:2],
        unit(2, [(22, 8), (10, 8), (20, 8), (16, 8)], split=1, targets=gap, primary=primary),
    ]
    table = rows(units, [("grouped", "joint")])
    assert table["grouped", "joint", "a"]["gain"] == pytest.approx(100 * np.mean([10, 8]) / N)
    assert table["grouped", "joint", "b"]["gain"] == pytest.approx(
        100 * np.mean([np.mean([0, 2]), 0]) / N
    )


def test_a_metric_of_ones_own_has_gains_but_no_errors():
    tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY, metric=lambda z, y: z.mean()), TASKS[1]])
    table = rows(UNITS, [("grouped", "joint")], tasks)
    own, mean = table["grouped", "joint", "a"], table["grouped", "joint", MEAN]
    assert own["gain"] == pytest.approx(25.0)
    assert own["metric"] == "own metric"
    assert mean["metric"] == "skill"
    assert own["relative_gain"] is None


def test_costs_are_those_of_one_repetition_and_one_draw():
    costs = {row["arm"]: row for row in costs_table(UNITS, PARTS).to_pylist()}
    assert costs["random (grouped)"] == {
        "arm": "random (grouped)",
        "role": "random",
        "of": "grouped",
        "models": 1.0,
        "parameters": 10.0,
        "model_steps": 5.0,
        "seconds": 1.5,
    }


def test_seeds_of_one_split_are_not_further_repetitions():
    """Two seeds that agree within each of three splits.

    The interval is that of three repetitions, not of six.
    """
    misses = [[(20, 8), (20 - gain, 8), (20, 8), (16, 8)] for gain in (10, 8, 12)]
    once = rows([unit(0, m, split=s) for s, m in enumerate(misses)], [("grouped", "joint")])
    twice = rows(
        [unit(seed, m, split=s) for s, m in enumerate(misses) for seed in (0, 1)],
        [("grouped", "joint")],
    )
    for bound in ("gain", "low", "high"):
        assert twice["grouped", "joint", "a"][bound] == pytest.approx(
            once["grouped", "joint", "a"][bound]
        )
