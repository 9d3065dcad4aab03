"""Selections from published tables, against published totals and exact answers known beforehand."""

from __future__ import annotations

import csv
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from coterie.estimators.judge import served_score
from coterie.grouping._select import select
from coterie.results import ScoreTable
from tests.grouping.published import (
    BUDGETS,
    HOA_TASKONOMY,
    HOA_TASKS,
    SETTING_1,
    SETTING_1_TIED,
    SETTING_3,
    TAG_CELEBA,
    TAG_TASKONOMY,
    TASKONOMY,
    all_subsets,
    averages,
    setting_1,
    total,
    with_pair_averages,
)

DATA = Path(__file__).parents[3] / "shared" / "data" / "subset_results"
needs_data = pytest.mark.skipif(
    not DATA.exists(), reason="the data folder ../shared/data is not here"
)


def averaged(matrix, subsets):
    """Without tasks alone, for which a look-ahead matrix has no comparable value."""
    several = subsets[subsets.sum(axis=1) > 1]
    return averages(matrix, several)


def groups(selection):
    return {"".join(sorted(names)) for names in selection.groups}


@pytest.mark.parametrize(
    ("budget", "mean", "chosen"), [(2, 0.321696, {"kt", "dns"}), (3, 0.348670, {"ds", "dn", "kt"})]
)
def test_tag_on_taskonomy(budget, mean, chosen):
    found = select(averaged(TAG_TASKONOMY, all_subsets(5)), budget=budget, tasks=TASKONOMY)
    assert found.proven
    assert found.objective / 5 == pytest.approx(mean, abs=1.1e-6)  # from rounded entries
    assert groups(found) == chosen


@pytest.mark.parametrize(
    ("budget", "mean", "chosen"),
    [
        (2, 0.101860, {"kn", "dnst"}),
        (3, 0.097920, {"kn", "kt", "dns"}),
        (4, 0.096480, {"ns", "dn", "kn", "kt"}),
    ],
)
def test_hoa_on_taskonomy(budget, mean, chosen):
    subsets = all_subsets(5)
    losses = averages(HOA_TASKONOMY, subsets)
    alone = subsets.sum(axis=1) == 1
    losses[alone] = np.where(subsets[alone], np.diag(HOA_TASKONOMY), np.nan)
    found = select(-losses, budget=budget, tasks=HOA_TASKS)
    assert found.proven
    assert found.objective / -5 == pytest.approx(mean, abs=5e-7)
    assert groups(found) == chosen


@pytest.mark.parametrize(
    ("budget", "mean", "chosen"),
    [
        (2, -99.4419, {"06", "12345678"}),
        (3, -92.4381, {"06", "13", "1245678"}),
        (4, -86.8792, {"06", "13", "456", "123678"}),
    ],
)
def test_tag_on_nine_attributes_of_celeba(budget, mean, chosen):
    found = select(averaged(TAG_CELEBA, all_subsets(9)), budget=budget, tasks=list("012345678"))
    assert found.proven
    assert found.objective / 9 == pytest.approx(mean, abs=5e-5)
    assert groups(found) == chosen


def curve(chosen_on, scored_on):
    return np.array(
        [-total(select(chosen_on, budget=budget).rows, scored_on) for budget in BUDGETS]
    )


def assert_pairs_of_setting_1(losses):
    either = np.isclose(losses, SETTING_1["pairs"], atol=1.01e-5) | np.isclose(
        losses, SETTING_1_TIED, atol=1.01e-5
    )
    assert either.all(), losses


def test_setting_1_from_the_published_table():
    validation, test = setting_1()
    np.testing.assert_allclose(curve(validation, test), SETTING_1["optimal"], atol=1.01e-5)
    estimated = with_pair_averages(validation)
    assert_pairs_of_setting_1(curve(estimated, test))
    full_size = {name: row for row, name in enumerate(estimated.names) if estimated.costs[row] == 1}
    tied = (("d", "n", "k", "e", "s+n"), ("n", "k", "e", "s+n", "d+n"))
    best = select(estimated, budget=5).objective
    assert [
        total([full_size[name] for name in names], estimated) for names in tied
    ] == pytest.approx([best, best])


@pytest.mark.parametrize(
    ("partition", "losses"),
    [
        (False, (0.5028, 0.4522, 0.4424, 0.4348, 0.4341)),
        (True, (0.5028, 0.4605, 0.4533, 0.4498, 0.4477)),
    ],
)
def test_setting_1_is_chosen_and_scored_on_test(partition, losses):
    _, test = setting_1()
    full = ScoreTable(
        **{name: getattr(test, name)[test.costs == 1] for name in ("subsets", "scores", "costs")},
        tasks=test.tasks,
    )
    found = [select(full, budget=budget, partition=partition) for budget in range(1, 6)]
    np.testing.assert_allclose([-selection.objective for selection in found], losses, atol=5.1e-5)
    assert all(selection.proven for selection in found)


def published(name, split, metric="loss", column="value", sign=-1.0, costs=(0.5, 1.0)):
    """One split of a published file as a table of scores."""
    with (DATA / name).open() as file:
        rows = [
            row for row in csv.DictReader(file) if row["split"] == split and row["metric"] == metric
        ]
    records = [{**row, "value": sign * float(row[column]), "cost": row["net_cost"]} for row in rows]
    return ScoreTable.from_rows([row for row in records if float(row["cost"]) in costs])


@needs_data
@pytest.mark.parametrize(
    ("name", "early", "expected"),
    [("hoa_setting1.csv", "esa0.2", SETTING_1), ("hoa_setting3.csv", "esa_at4", SETTING_3)],
)
def test_curves_of_settings_1_and_3(name, early, expected):
    validation, test = published(name, "val"), published(name, "test")
    np.testing.assert_allclose(curve(validation, test), expected["optimal"], atol=1.01e-5)
    np.testing.assert_allclose(curve(published(name, early), test), expected["early"], atol=1.01e-5)
    pairs = curve(with_pair_averages(validation), test)
    if expected is SETTING_1:
        assert_pairs_of_setting_1(pairs)
    else:
        np.testing.assert_allclose(pairs, expected["pairs"], atol=1.01e-5)


@needs_data
@pytest.mark.parametrize(
    ("name", "overlap", "parts", "pairs"),
    [
        (
            "hoa_setting1.csv",
            (0.5028, 0.4522, 0.4424, 0.4348, 0.4341),
            (0.5028, 0.4605, 0.4533, 0.4498, 0.4477),
            (0.5028, 0.4547, 0.4488, 0.4411, 0.4420),
        ),
        (
            "hoa_setting3.csv",
            (0.4300, 0.4086, 0.3835, 0.3825, 0.3825),
            (0.4300, 0.4202, 0.3952, 0.3952, 0.3952),
            None,
        ),
    ],
)
def test_exact_answers_of_settings_1_and_3(name, overlap, parts, pairs):
    test, validation = (published(name, split, costs=(1.0,)) for split in ("test", "val"))
    budgets = range(1, 6)
    np.testing.assert_allclose(
        [-select(test, budget=k).objective for k in budgets], overlap, atol=5.1e-5
    )
    np.testing.assert_allclose(
        [-select(test, budget=k, partition=True).objective for k in budgets], parts, atol=5.1e-5
    )
    if pairs is not None:
        losses = np.array(
            [-total(select(with_pair_averages(validation), budget=k).rows, test) for k in budgets]
        )
        tied = (*pairs[:-1], SETTING_1_TIED[-1])
        assert (
            np.isclose(losses, pairs, atol=5.1e-5) | np.isclose(losses, tied, atol=5.1e-5)
        ).all(), losses


def random_mean(chosen_on, scored_on, n_rows):
    """Mean over all choices of ``n_rows`` rows that serve every task, each task by its best row."""
    totals = []
    for rows in combinations(range(len(chosen_on.subsets)), n_rows):
        padded = np.where(chosen_on.subsets[list(rows)], chosen_on.scores[list(rows)], -np.inf)
        if np.isfinite(padded.max(axis=0)).all():
            totals.append(served_score(np.array(rows)[padded.argmax(axis=0)], scored_on.scores))
    return np.mean(totals)


@needs_data
@pytest.mark.parametrize(
    ("n_rows", "loss", "gain"), [(1, 0.5028, 0.0347), (2, 0.4735, 0.0445), (3, 0.4653, 0.0628)]
)
def test_random_choices_are_what_they_are_known_to_be(n_rows, loss, gain):
    test, validation = (
        published("hoa_setting1.csv", split, costs=(1.0,)) for split in ("test", "val")
    )
    assert test.names == validation.names
    assert -random_mean(validation, test, n_rows) == pytest.approx(loss, abs=5.1e-5)
    assert select(test, budget=n_rows).objective >= -loss
    gains = published("mtgnet_taskonomy5.csv", "reported", metric="relative_gain", sign=1.0)
    assert random_mean(gains, gains, n_rows) / 5 == pytest.approx(gain, abs=5.1e-5)


@needs_data
def test_exact_answers_of_taskonomy_5():
    """Mean relative gains.

    Two of the published trainings failed, and the optimum is that of the table as it is.
    """
    gains = published("mtgnet_taskonomy5.csv", "reported", metric="relative_gain", sign=1.0)
    best = [select(gains, budget=k).objective / 5 for k in range(1, 5)]
    np.testing.assert_allclose(best, (0.0347, 0.1388, 0.1776, 0.1835), atol=5.1e-5)
    pairs = with_pair_averages(gains)
    chosen = [total(select(pairs, budget=k).rows, gains) / 5 for k in range(1, 5)]
    np.testing.assert_allclose(chosen, (0.0347, 0.1217, 0.1672, 0.1693), atol=5.1e-5)
