"""Tables of comparisons.

What their rows say of arms, also where they were written before they said it.
"""

from __future__ import annotations

import pytest

from coterie.results.tables import COSTS, GAINS, SCORES, Part, outcome, parts_of, with_parts
from tests.report.conftest import HOSTILE
from tests.report.synthetic import comparison

HARD = ("chosen", "K=2", "mean (of all)", "x (K of K=2)", *HOSTILE[:4])


@pytest.mark.parametrize(
    ("name", "schema"), [("scores", SCORES), ("gains", GAINS), ("costs", COSTS)]
)
def test_what_arms_are_is_told_by_names_alone_where_a_table_does_not(
    name: str, schema: object
) -> None:
    made = comparison(("a", "b"), n_groups=2, groupings=HARD, recorded=False)
    table = getattr(made, f"{name}_table")
    old = table.drop_columns(
        [column for column in ("role", "of", "reference_role") if column in table.column_names]
    )
    assert with_parts(old, schema, HARD).equals(table)


def test_an_ensemble_of_a_grouping_that_found_its_number_is_its_own() -> None:
    made = comparison(("a", "b"), n_groups=2, groupings=("mine",), recorded=False).costs_table
    names = [
        "ensemble (K of mine)" if arm.startswith("ensemble") else arm
        for arm in made["arm"].to_pylist()
    ]
    old = made.drop_columns(["arm", "role", "of"]).add_column(0, "arm", [names])
    assert parts_of(with_parts(old, COSTS, ["mine"]))["ensemble (K of mine)"] == Part(
        "ensemble", "mine"
    )


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.1, 0.2, "better"),
        (-0.2, -0.1, "worse"),
        (-0.1, 0.1, "undecided"),
        (0.0, 0.1, "undecided"),
        (None, 0.1, "unknown"),
        (float("nan"), 0.1, "unknown"),
    ],
)
def test_outcomes_of_tables_without_a_margin(low: float | None, high: float, expected: str) -> None:
    assert outcome({"low": low, "high": high, "outcome": None}) == expected


@pytest.mark.parametrize("told", ["better", "not worth it", "worse", "undecided"])
def test_an_outcome_that_is_told_stands(told: str) -> None:
    assert outcome({"low": 0.1, "high": 0.2, "outcome": told}) == told
