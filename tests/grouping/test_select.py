"""Selection against brute force, its constraints, its answers to impossible and to bad input."""

from __future__ import annotations

import os
import signal
from itertools import combinations
from threading import Timer
from time import perf_counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.grouping import _highs, _search
from coterie.grouping._candidates import candidates, most_asked
from coterie.grouping._cover import Cover, price, reduced, ruled_out, undominated
from coterie.grouping._select import select
from coterie.results import ScoreTable
from tests.grouping.published import all_subsets


def random_table(seed, n_tasks, n_rows):
    """Scores of random subsets of which every task has one.

    Some scores are equal, some rows the same at another cost.
    """
    rng = np.random.default_rng(seed)
    subsets = rng.random((n_rows, n_tasks)) < 0.5
    subsets[np.arange(n_rows), rng.integers(0, n_tasks, n_rows)] = True
    subsets[0] = True
    costs = rng.choice([0.5, 1.0, 1.5], n_rows)
    _, first = np.unique(np.c_[subsets, costs], axis=0, return_index=True)
    subsets, costs = subsets[np.sort(first)], costs[np.sort(first)]
    scores = np.where(
        subsets,
        rng.choice([rng.normal(size=subsets.shape), rng.integers(0, 3, subsets.shape)]),
        np.nan,
    )
    return scores, subsets, costs


def brute_force(scores, allowed, fits, weights, partition=False):
    """The largest sum over all choices of at most four rows; -inf where none serves all tasks."""
    best = -np.inf
    for size in range(1, 5):
        for chosen in combinations(np.flatnonzero(allowed), size):
            rows = scores[list(chosen)]
            times = (~np.isnan(rows)).sum(axis=0)
            if times.all() and fits(list(chosen)) and not (partition and (times > 1).any()):
                best = max(best, float((weights * np.nanmax(rows, axis=0)).sum()))
    return best


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n_tasks=st.integers(2, 5),
    n_rows=st.integers(1, 14),
    budget=st.sampled_from([0.5, 1.0, 2.0]),
    partition=st.booleans(),
    constrained=st.booleans(),
)
def test_it_finds_what_trying_everything_finds(
    seed, n_tasks, n_rows, budget, partition, constrained
):
    scores, subsets, costs = random_table(seed, n_tasks, n_rows)
    rng = np.random.default_rng(seed + 1)
    weights, memory = (
        rng.integers(0, 3, n_tasks) + rng.permutation([1] + [0] * (n_tasks - 1)),
        rng.random(len(costs)),
    )
    asked = {}
    allowed = np.ones(len(costs), dtype=bool)
    if constrained:
        asked = {"sizes": (None, 3), "must_link": [(0, 1)], "resources": {"memory": (memory, 1.2)}}
        asked["row_limits"] = {"memory": (memory, 0.9)}
        allowed = (subsets.sum(axis=1) <= 3) & (subsets[:, 0] == subsets[:, 1]) & (memory <= 0.9)

    def fits(rows):
        return costs[rows].sum() <= budget and (not constrained or memory[rows].sum() <= 1.2)

    best = brute_force(scores, allowed, fits, weights, partition)
    arguments = {
        "budget": budget,
        "costs": costs,
        "partition": partition,
        "task_weights": weights,
        **asked,
    }
    if best == -np.inf:
        with pytest.raises(CoterieError, match="No choice of rows serves"):
            select(scores, subsets, **arguments)
        return
    found = select(scores, subsets, **arguments)
    assert found.objective == pytest.approx(best, abs=1e-9)
    assert (found.proven, found.gap) == (True, 0.0)
    assert fits(found.rows)
    assert allowed[found.rows].all()
    assert found.cost == pytest.approx(costs[found.rows].sum())
    assert set(found.serves) == set(found.rows)
    assert (np.diff(found.rows) > 0).all()
    np.testing.assert_array_equal(found.subsets, subsets[found.rows])
    assert (weights * scores[found.serves, np.arange(n_tasks)]).sum() == pytest.approx(
        found.objective
    )
    if partition:
        assert (found.subsets.sum(axis=0) == 1).all()


def test_another_order_scale_or_shift_chooses_the_same():
    rng = np.random.default_rng(0)
    subsets = all_subsets(6)
    scores = np.where(subsets, rng.normal(size=subsets.shape), np.nan)
    one = select(scores, budget=3)
    moved = select(1e6 * scores + np.arange(6) * 1e7, budget=3)
    tiny = select(1e-9 * scores, budget=3)
    assert one.rows.tolist() == moved.rows.tolist() == tiny.rows.tolist()
    assert tiny.objective == pytest.approx(1e-9 * one.objective)
    rows, tasks = rng.permutation(len(scores)), rng.permutation(6)
    other = select(scores[rows][:, tasks], budget=3)
    assert sorted(rows[other.rows]) == one.rows.tolist()
    assert rows[other.serves].tolist() == one.serves[tasks].tolist()


def test_a_larger_budget_is_never_worse_and_overlap_never_worse_than_parts():
    subsets = all_subsets(6)
    scores = np.where(subsets, np.random.default_rng(1).normal(size=subsets.shape), np.nan)
    overlap = [select(scores, budget=k).objective for k in range(1, 7)]
    parts = [select(scores, budget=k, partition=True).objective for k in range(1, 7)]
    assert (np.diff(overlap) >= -1e-9).all()
    assert (np.diff(parts) >= -1e-9).all()
    assert (np.array(overlap) >= np.array(parts) - 1e-9).all()
    assert overlap[-1] == pytest.approx(np.nanmax(scores, axis=0).sum())


def noisy(n_tasks, n_rows, seed=0):
    """Pure noise, which no structure makes easy: distinct random rows and that of all tasks."""
    rng = np.random.default_rng(seed)
    drawn = rng.random((2 * n_rows, n_tasks)) < 0.4
    drawn[0] = True
    _, first = np.unique(drawn, axis=0, return_index=True)
    subsets = drawn[[row for row in np.sort(first) if drawn[row].any()]][:n_rows]
    return np.where(subsets, rng.random(subsets.shape), np.nan)


def test_what_prices_rule_out_is_not_missed():
    """The whole chain against HiGHS on all rows, where the prices leave some but not all."""
    scores = noisy(12, 200)
    found = select(scores, budget=3)
    lowest = np.nanmin(scores, axis=0)
    cover = Cover(
        np.where(np.isnan(scores), -np.inf, scores - lowest), np.full((1, len(scores)), 1 / 3)
    )
    plain = _highs.serve(cover, perf_counter() + 60)
    assert found.objective == pytest.approx(cover.worth(plain.rows) + lowest.sum())
    assert 0 < found.details["left"] < 200


def test_prices_bound_and_rule_out_only_what_no_good_choice_has():
    scores = noisy(6, 30, seed=3)
    gains = np.where(np.isnan(scores), -np.inf, scores)
    cover = Cover(gains, np.stack([np.full(30, 1 / 3), np.linspace(0.2, 0.7, 30)]))
    choices = [
        c
        for size in (1, 2, 3)
        for c in combinations(range(30), size)
        if np.isfinite(cover.value(c))
    ]
    best = max(map(cover.value, choices))
    prices = price(cover, best, None, perf_counter() + 60)
    assert best <= prices.bound < best + 0.2
    # The best that is possible where this row serves this task.
    serving = np.full(gains.shape, -np.inf)
    for chosen in choices:
        for row in chosen:
            serving[row] = np.maximum(
                serving[row], cover.value(chosen) - gains[list(chosen)].max(axis=0) + gains[row]
            )
    for target in (best, best - 0.1, best - 0.3):
        ruled = ruled_out(cover, prices, target)
        assert (serving[ruled] < target).all()
        assert ruled[serving < target].mean() > 0.5
        kept, smaller = reduced(cover, prices, target)
        places = {row: place for place, row in enumerate(kept)}
        left = [
            smaller.value([places[row] for row in chosen])
            for chosen in choices
            if set(chosen) <= set(kept)
        ]
        assert max(left) == pytest.approx(best)


def test_dominated_rows_go_and_of_equal_ones_the_first_stays():
    nothing = -np.inf
    gains = np.array(
        [
            [0.5, 0.5, nothing],
            [0.5, 0.5, nothing],
            [0.4, 0.5, nothing],
            [0.6, 0.6, nothing],
            [0.1, 0.1, 0.1],
        ]
    )
    loads = np.array([[0.5, 0.5, 0.5, 1.0, 0.5], [0, 0, 0, 0, 1.0]])
    assert undominated(Cover(gains, loads)).tolist() == [True, False, False, True, True]
    assert undominated(Cover(gains, np.ones((1, 5)))).tolist() == [False, False, False, True, True]


def test_in_a_partition_only_a_row_of_the_same_tasks_replaces_another():
    scores = np.array(
        [[0.9, 0.1, np.nan], [0.5, np.nan, np.nan], [np.nan, 0.2, 0.2], [0.4, np.nan, np.nan]]
    )
    found = select(scores, budget=3, costs=[1, 1, 1, 0.5], partition=True)
    assert found.rows.tolist() == [1, 2]
    assert found.details["dominated"] == 0
    cheap = select(scores, budget=1.5, costs=[1, 1, 1, 0.5], partition=True)
    assert cheap.rows.tolist() == [2, 3]


def test_rows_that_serve_no_task_are_not_in_the_result():
    scores = np.array([[0.9, 0.9], [0.9, np.nan], [np.nan, 0.9]])
    found = select(scores, budget=3)
    assert len(found.rows) < 3
    assert found.cost == len(found.rows)


def test_half_size_networks_are_rows_of_the_same_subset_at_another_cost():
    scores = np.array([[0.9, np.nan], [0.8, np.nan], [np.nan, 0.7], [np.nan, 0.5]])
    choices = {
        budget: select(scores, budget=budget, costs=[1, 0.5, 1, 0.5]).rows.tolist()
        for budget in (1, 1.5, 2)
    }
    assert choices == {1: [1, 3], 1.5: [1, 2], 2: [0, 2]}


def test_links_sizes_and_limits_on_a_row():
    scores = np.where(all_subsets(3), all_subsets(3).sum(axis=1, keepdims=True), np.nan).astype(
        float
    )
    names = ["a", "b", "c"]
    assert select(scores, budget=3, tasks=names).groups == (("a", "b", "c"),)
    apart = select(scores, budget=3, tasks=names, cannot_link=[("a", "c")])
    assert {"a", "c"} not in [set(group) & {"a", "c"} for group in apart.groups]
    together = select(
        scores, budget=3, tasks=names, must_link=[(0, "b")], sizes=(None, 2), partition=True
    )
    assert together.groups == (("a", "b"), ("c",))
    assert select(scores, budget=3, tasks=names, sizes=(1, 1)).groups == (("a",), ("b",), ("c",))
    memory = all_subsets(3) @ np.array([1.0, 2.0, 4.0])
    assert select(scores, budget=3, tasks=names, row_limits={"memory": (memory, 6)}).objective == 6
    assert select(
        scores,
        budget=3,
        tasks=names,
        resources={"memory": (memory, 7)},
        row_limits={"memory": (memory, 4)},
        partition=True,
    ).groups == (("a", "b"), ("c",))
    free = select(scores, budget=3, resources={"risk": (np.array([0, 0, 0, 0, 0, 0, 1.0]), 0)})
    assert 6 not in free.rows


def test_weights_of_tasks_decide_who_is_served_well():
    scores, costs = np.array([[0.9, 0.1], [0.1, 0.8]]), [1, 0.9]
    assert select(scores, budget=1, costs=costs).rows.tolist() == [0]
    second = select(scores, budget=1, costs=costs, task_weights=[1, 2])
    assert second.rows.tolist() == [1]
    assert second.objective == pytest.approx(0.1 + 2 * 0.8)
    assert select(scores, budget=2, costs=costs, task_weights=[0, 1]).objective == pytest.approx(
        0.8
    )


def test_a_capacity_is_kept_to_the_last_unit():
    """HiGHS alone lets a capacity be exceeded by a millionth."""
    scores = np.array([[0.9, np.nan], [np.nan, 0.9], [0.5, np.nan], [np.nan, 0.5]])
    size = np.array([500_000_000.0, 500_000_100.0, 499_000_000.0, 499_999_000.0])
    for partition in (False, True):
        found = select(
            scores,
            [[0], [1], [0], [1]],
            budget=4,
            costs=[1, 1, 2, 2],
            resources={"bytes": (size, 1_000_000_000)},
            partition=partition,
        )
        assert found.objective == pytest.approx(1.4)
        assert size[found.rows].sum() <= 1_000_000_000
    assert select(scores, budget=0.3, costs=[0.1, 0.2, 0.2, 0.1]).rows.tolist() == [0, 1]


def test_lists_of_names_or_positions_tables_and_tensors_are_the_same():
    scores = np.array([[0.5, np.nan, 0.2], [np.nan, 0.6, np.nan], [0.4, 0.7, 0.1]])
    one = select(scores, budget=2, tasks=["a", "b", "c"])
    table = ScoreTable(
        tasks=("a", "b", "c"), subsets=~np.isnan(scores), scores=scores, costs=np.ones(3)
    )
    others = [
        select(scores, [["a", "c"], "b", ["a", "b", "c"]], budget=2, tasks=["a", "b", "c"]),
        select(scores, [[0, 2], [1], [0, 1, 2]], budget=2, tasks=["a", "b", "c"]),
        select(
            scores,
            [[True, False, True], [False, True, False], [True] * 3],
            budget=2,
            tasks=["a", "b", "c"],
        ),
        select(
            torch.tensor(scores),
            torch.tensor(~np.isnan(scores)).float(),
            budget=2,
            tasks=["a", "b", "c"],
        ),
        select(table, budget=2),
    ]
    assert {str(other) for other in others} == {str(one)}


def test_the_result_says_where_the_candidates_are_from():
    scores = np.where(all_subsets(3), 1.0, np.nan)
    assert select(scores, budget=1).details["candidates"] == "all 7 subsets"
    assert select(scores[3:], budget=1).details["candidates"] == "4 rows as given"
    table = ScoreTable(
        tasks=("a", "b", "c"),
        subsets=all_subsets(3),
        scores=scores,
        costs=np.ones(7),
        details={"candidates": "a beam"},
    )
    details = select(table, budget=1).details
    assert (details["candidates"], details["rows"], details["status"]) == (
        "a beam",
        7,
        "proven best",
    )


def test_time_that_runs_out_leaves_the_best_so_far_with_its_gap(monkeypatch):
    monkeypatch.setattr(
        _search, "serve", lambda cover, deadline: _highs.Answer(None, np.inf, finished=False)
    )
    scores = noisy(20, 400)
    found = select(scores, budget=3)
    assert not found.proven
    assert found.details["status"] == "time limit reached"
    assert 0 < found.gap < 0.2
    monkeypatch.undo()
    best = select(scores, budget=3)
    assert found.objective <= best.objective <= found.objective * (1 + found.gap)


def test_time_that_runs_out_at_once_is_said():
    singles = np.where(np.eye(40, dtype=bool), 1.0, np.nan)
    with pytest.raises(
        CoterieError, match="`time_limit` of 1e-09 s ended before any choice of rows was found"
    ):
        select(singles, budget=40, partition=True, time_limit=1e-9)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"budget": 1, "cannot_link": [("a", "b")], "sizes": (None, 3)},
            "serves a, b under budget 1, cannot_link a-b. Relax one of them.",
        ),
        ({"budget": 3, "sizes": (4, None)}, "serves a under sizes of at least 4. Relax it."),
        ({"budget": 0.5}, "serves a under budget 0.5. Relax it."),
        (
            {"budget": 2, "sizes": (None, 1)},
            "serves a, b, c under budget 2, sizes of at most 1. Relax one of them.",
        ),
        (
            {"budget": 3, "must_link": [("a", "b")], "cannot_link": [("b", "a"), ("b", "c")]},
            "serves a under must_link a-b, cannot_link b-a. Relax one of them.",
        ),
        (
            {"budget": 3, "partition": True, "sizes": (2, 2)},
            "serves a, b, c under partition, sizes of at least 2, sizes of at most 2. Relax one of "
            "them.",
        ),
        (
            {
                "budget": 3,
                "resources": {"memory": ([4, 5, 5, 9, 9, 10, 13], 13)},
                "sizes": (None, 2),
            },
            "serves a, b, c under sizes of at most 2, resource memory 13. Relax one of them.",
        ),
        (
            {"budget": 3, "row_limits": {"memory": ([4, 5, 5, 9, 9, 9, 20], 4)}},
            "serves b under row limit memory 4. Relax it.",
        ),
    ],
)
def test_constraints_that_conflict_are_named_and_only_they(asked, message):
    rows = ["a", "b", "c", "ab", "ac", "bc", "abc"]
    scores = np.array([[1.0 if task in row else np.nan for task in "abc"] for row in rows])
    with pytest.raises(CoterieError) as error:
        select(scores, tasks=["a", "b", "c"], **asked)
    assert str(error.value) == f"No choice of rows {message}"


GOOD = np.array([[0.5, np.nan], [np.nan, 0.6], [0.4, 0.7]])
TASKS = ["a", "b"]


@pytest.mark.parametrize(
    ("scores", "asked", "message"),
    [
        (np.ones((2, 1)), {}, "`scores` must have at least 2 tasks to select groups of; found 1"),
        (np.ones(3), {}, "`scores` must have shape (rows, tasks); found (3,)"),
        (np.ones((0, 3)), {}, "`scores` must have shape (rows, tasks); found (0, 3)"),
        (np.array([[1.0, np.inf]]), {}, "row 0 (a+b) has an infinite score for 'b'"),
        (np.array([[1.0, np.nan], [2.0, np.nan]]), {}, "no row covers 'b'"),
        (np.array([[1.0, 2.0], [np.nan, np.nan]]), {}, "row 1 trains no task"),
        (np.array([[1.0, 2.0], [3.0, 4.0]]), {}, "has the row a+b twice at cost 1 (rows 0 and 1)"),
        (
            GOOD,
            {"subsets": [["a"], ["b"], ["a", "c"]]},
            "`subsets`: row 2 names the unknown task 'c'; the 2 tasks are a, b",
        ),
        (GOOD, {"subsets": [[0], [1], [0, 2]]}, "`subsets`: row 2 names the unknown task 2"),
        (
            GOOD,
            {"subsets": [["a"], ["b"]]},
            "`subsets` must list the tasks of each of the 3 rows of `scores`; found 2",
        ),
        (
            GOOD,
            {"subsets": np.ones((3, 3))},
            "`subsets` must have the shape of `scores`, (3, 2); found (3, 3)",
        ),
        (GOOD, {"subsets": np.full((3, 2), 0.5)}, "`subsets` must be 0 or 1"),
        (
            GOOD,
            {"subsets": [["a"], ["b"], ["a"]]},
            "row 2 (a) has a score for 'b', which it does not train",
        ),
        (
            GOOD,
            {"subsets": [["a", "b"], ["b"], ["a", "b"]]},
            "row 0 (a+b) has no score (NaN) for 'b', which it trains",
        ),
        (GOOD, {"budget": -1}, "`budget` must be a finite number greater than 0; found -1"),
        (GOOD, {"budget": 0}, "`budget` must be a finite number greater than 0; found 0"),
        (GOOD, {"budget": np.inf}, "`budget` must be a finite number"),
        (GOOD, {"budget": "two"}, "`budget` must be a finite number greater than 0; found 'two'"),
        (
            GOOD,
            {"costs": [1, -0.5, 1]},
            "`costs` must be finite and not negative; row 1 (b) has -0.5",
        ),
        (GOOD, {"costs": [1, 1]}, "`costs` must have one value for each of the 3 rows; found (2,)"),
        (GOOD, {"must_link": [("a", "z")]}, "`must_link` names the unknown task 'z'"),
        (GOOD, {"cannot_link": ["ab"]}, "`cannot_link` must be pairs of tasks; found 'ab'"),
        (
            GOOD,
            {"cannot_link": [("a", 0)]},
            "`cannot_link` must pair two different tasks; found 'a' twice",
        ),
        (GOOD, {"sizes": (2, 1)}, "`sizes` must be (smallest, largest); found 2 > 1"),
        (
            GOOD,
            {"sizes": (0, None)},
            "`sizes` must be whole numbers of at least 1, or None; found 0",
        ),
        (GOOD, {"sizes": 2}, "`sizes` must be a pair"),
        (GOOD, {"task_weights": [1, -1]}, "`task_weights` must be finite, not negative"),
        (
            GOOD,
            {"task_weights": [0, 0]},
            "`task_weights` must be finite, not negative and not all 0",
        ),
        (
            GOOD,
            {"task_weights": [1]},
            "`task_weights` must have one value for each of the 2 tasks; found (1,)",
        ),
        (
            GOOD,
            {"resources": {"memory": ([1, 2], 3)}},
            "`resources`: 'memory' must have one value for each of the 3 rows",
        ),
        (
            GOOD,
            {"resources": {"memory": 3}},
            "`resources`: 'memory' must be a pair (one value per row, limit)",
        ),
        (
            GOOD,
            {"resources": {"memory": ([1, -2, 0], 3)}},
            "`resources`: 'memory' must be finite and not negative",
        ),
        (
            GOOD,
            {"row_limits": {"memory": ([1, 2, 0], -3)}},
            "`row_limits['memory']` must be a finite number of at least 0",
        ),
        (GOOD, {"time_limit": 0}, "`time_limit` must be a positive, finite number; found 0"),
        (
            GOOD,
            {"time_limit": "long"},
            "`time_limit` must be a positive, finite number; found 'long'",
        ),
        ([["x", 0.2]], {}, "`scores` must be numbers in rows of equal length; found [['x', 0.2]]"),
        ([[0.1], [0.1, 0.2]], {}, "`scores` must be numbers in rows of equal length; found"),
        (
            GOOD,
            {"costs": ["a", "b", "c"]},
            "`costs` must be numbers in rows of equal length; found ['a', 'b', 'c']",
        ),
        (
            GOOD,
            {"task_weights": ["a", 1]},
            "`task_weights` must be numbers in rows of equal length; found ['a', 1]",
        ),
        (GOOD, {"tasks": ["a"]}, "`tasks` must name the 2 columns of `scores`; found 1"),
        (GOOD, {"tasks": ["a", "a"]}, "`tasks` must have names that differ; 'a' is there twice"),
        (
            ScoreTable.of(TASKS, {("a", "b"): [1, 2]}),
            {},
            "`scores` is a ScoreTable, which has its own",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(scores, asked, message):
    shape = getattr(getattr(scores, "scores", scores), "shape", ())
    arguments = {
        "budget": 2,
        "tasks": TASKS if len(shape) == 2 and shape[1] == 2 else None,
        **asked,
    }
    with pytest.raises(CoterieError) as error:
        select(scores, **arguments)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_candidates_are_all_subsets_where_these_are_few():
    rows, text = candidates(4, predict=None)
    assert len(np.unique(rows, axis=0)) == 15
    assert text == "all 15 subsets"


def test_candidates_of_many_tasks_are_listed_given_and_grown():
    asked = []

    def predict(weights):
        asked.append(weights)
        # Tasks 0 to 6 help each other, all others harm.
        together = weights[:, :7].sum(axis=1, keepdims=True) - 2 * weights[:, 7:].sum(
            axis=1, keepdims=True
        )
        return np.where(weights > 0, together, np.nan)

    names = [f"t{i}" for i in range(20)]
    rows, text = candidates(names, predict, max_size=2, groups=[names[:10], [0, 19]], beam=3)
    sizes = rows.sum(axis=1)
    assert (np.bincount(sizes)[:3] == [0, 20, 190]).all()
    assert rows.all(axis=1).any()
    assert len(np.unique(rows, axis=0)) == len(rows)
    assert [*range(7)] in [np.flatnonzero(row).tolist() for row in rows]
    assert [*range(10)] in [np.flatnonzero(row).tolist() for row in rows]
    assert text.startswith(
        "all 210 subsets of at most 2 tasks, the row of all tasks, 2 given groups, 35 clusters of "
        "predicted pairs, "
    )
    assert text.endswith(
        f"rows grown by beam search of width 3 over predicted scores; {len(rows)} rows"
    )
    assert min(weights.sum(axis=1).min() for weights in asked) == 2


def test_clusters_of_predicted_pairs_are_candidates():
    together = np.equal.outer(np.arange(18) % 3, np.arange(18) % 3)

    def predict(weights):
        return np.where(weights > 0, weights @ (together - 0.5) + 100 * np.arange(18), np.nan)

    rows, text = candidates(18, predict, max_size=2, beam=1)
    wanted = {tuple(range(start, 18, 3)) for start in range(3)}
    assert wanted <= {tuple(np.flatnonzero(row)) for row in rows}
    assert "35 clusters of predicted pairs" in text


@pytest.mark.parametrize("n_tasks", [9, 14, 20])
def test_predictions_that_candidates_take_are_bounded(n_tasks):
    rng, asked = np.random.default_rng(0), [0]

    def predict(weights):
        asked.append(len(weights))
        return np.where(weights > 0, rng.normal(size=weights.shape), np.nan)

    candidates(n_tasks, predict)
    assert 0.6 * most_asked(n_tasks) <= sum(asked) <= most_asked(n_tasks)


def test_candidates_stay_within_their_limit():
    rows, text = candidates(27)
    assert rows.sum(axis=1).max() == 27
    assert (len(rows), text) == (
        3304,
        "all 3303 subsets of at most 3 tasks, the row of all tasks; 3304 rows",
    )


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"tasks": 1}, "`tasks` must be at least 2 to group; found 1"),
        ({"tasks": 20, "max_size": 0}, "`max_size` must be a whole number of at least 1; found 0"),
        ({"tasks": 20, "beam": 1.5}, "`beam` must be a whole number of at least 1; found 1.5"),
        ({"tasks": 20, "groups": [["nobody"]]}, "`groups` names the unknown task 'nobody'"),
        (
            {"tasks": 20, "predict": lambda rows: rows[:1]},
            "`predict` must answer with one score per weight",
        ),
        (
            {"tasks": 20, "predict": lambda rows: rows * np.nan},
            "`predict` must answer with finite scores",
        ),
    ],
)
def test_candidates_refuse(asked, message):
    with pytest.raises(CoterieError) as error:
        candidates(**asked)
    assert message in str(error.value)


def test_ctrl_c_is_answered_while_highs_searches():
    """On a problem with 25 capacities that HiGHS does not finish in the time it is given."""
    rng, before = np.random.default_rng(0), signal.signal(signal.SIGINT, signal.default_int_handler)
    takes = rng.integers(1, 1000, (25, 300)).astype(float)
    timer = Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    started = perf_counter()
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            _highs.solve(
                rng.random(300), [], takes / (takes.sum(1, keepdims=True) / 3), started + 6
            )
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
    assert 1 <= perf_counter() - started < 3


def test_what_highs_answers_or_raises_comes_back():
    assert _highs._interruptible(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        _highs._interruptible(divmod, 7, 0)
