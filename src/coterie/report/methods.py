"""The chapter about the methods that were compared.

What each measured, at which cost, how good its groups are, who agrees.

Shapes: ``U`` units (repetitions), ``T`` tasks, ``K`` groups.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from markupsafe import Markup

from coterie.drawing import figures
from coterie.report.svg import inline
from coterie.results.standings import MethodRow, Proof, Regret
from coterie.results.tables import CHOSEN
from coterie.wording import MOST_NAMED, count, is_number, listing, number, seconds, share, signed

if TYPE_CHECKING:
    from coterie.results import ComparisonRecord, Grouping

_REFERENCES = {CHOSEN: "chosen on validation", "joint": "joint, no groups"}


@dataclass(frozen=True)
class Choice:
    """What was chosen on the ``first`` repetition, and each choice with how often it was made."""

    first: str
    parts: list[tuple[str, str]]
    repetitions: int


class Measured(MethodRow):
    """A row of :attr:`ComparisonRecord.methods_table`, and what the method measures."""

    measured: str


class Reference(Regret):
    """How good an ``arm`` is that is no method."""

    arm: str


class MethodTable(TypedDict):
    """Cost and regret of every method, and the regret of joint training and of the choice."""

    best: str | None
    methods: list[Measured]
    references: list[Reference]


@dataclass(frozen=True)
class Row:
    """A method as text; ``regret`` is with its standard deviation."""

    method: str
    measured: str
    candidates: str | None
    steps: str
    seconds: str
    groups: list[str]
    regret: tuple[str, str]
    best: bool
    proven: str


@dataclass(frozen=True)
class OtherRow:
    """The regret of an arm that is no method, and its standard deviation."""

    name: str
    regret: tuple[str, str]


@dataclass(frozen=True)
class Cell:
    """Agreement of two methods; ``itself`` where these are one."""

    text: str
    percent: int
    itself: bool


@dataclass(frozen=True)
class AgreementRow:
    """How far one method agrees with all."""

    method: str
    cells: list[Cell]


@dataclass(frozen=True)
class Agreement:
    """A heat map of the agreement between methods."""

    rows: list[AgreementRow]
    repetitions: int


@dataclass(frozen=True)
class Chapter:
    """The table of methods and its figures; ``proof`` says whether any could prove its groups."""

    best: str | None
    metric: str
    rows: list[Row]
    references: list[OtherRow]
    proof: bool
    svg: Markup | None
    agreement: Agreement | None


def choice(comparison: ComparisonRecord) -> Choice | None:
    """Which grouping was chosen on validation, and on how many repetitions.

    None where there was no choice.
    """
    seeds = comparison.found.get(CHOSEN)
    if not seeds:
        return None
    picked = [each.chosen or "–" for each in seeds]
    parts = [
        (name, f"on {n} of {len(seeds)} repetitions" if len(seeds) > 1 else "")
        for name, n in Counter(picked).most_common()
    ]
    return Choice(picked[0], parts, len(seeds))


def is_shown(comparison: ComparisonRecord) -> bool:
    """Whether there is more to tell of the methods than the groups they found."""
    measured = any(
        each.evidence is not None or each.cost.model_steps
        for found in comparison.found.values()
        for each in found[:1]
    )
    return measured or CHOSEN in comparison.groupings or any(comparison.agreement.values())


def chapter(comparison: ComparisonRecord) -> Chapter | None:
    """The table of methods, regret against cost, and how far the methods agree.

    None where nothing was measured or chosen.
    """
    if not is_shown(comparison):
        return None
    found = table(comparison)
    return Chapter(
        best=found["best"] if len(found["methods"]) > 1 else None,
        metric=_metric(comparison),
        rows=[_row(row, comparison) for row in found["methods"]],
        references=[
            OtherRow(_REFERENCES[row["arm"]], _regret_text(row)) for row in found["references"]
        ],
        proof=any(row["proven"] is not None for row in found["methods"]),
        svg=_figure(found),
        agreement=agreement(comparison),
    )


def table(comparison: ComparisonRecord) -> MethodTable:
    """Cost and regret of every method, as JSON types.

    ``references`` are joint training and the choice on validation.
    """
    rows: list[Measured] = [
        # In this order, which is that of the columns to take away.
        {"method": row["method"], "measured": comparison.about[row["method"]].measures, **row}
        for row in comparison.method_rows
    ]
    references = [
        name
        for name in _REFERENCES
        if comparison.unit_means.get(name) and comparison.best is not None
    ]
    return {
        "best": comparison.best,
        "methods": rows,
        "references": [{"arm": name, **comparison.regret(name)} for name in references],
    }


def _row(row: Measured, comparison: ComparisonRecord) -> Row:
    """A row of the table as text."""
    return Row(
        method=row["method"],
        measured=row["measured"],
        candidates=row["candidates"],
        steps=count(row["model_steps"]),
        seconds=seconds(row["seconds"]),
        groups=found_groups(comparison.groupings[row["method"]][0]),
        regret=_regret_text(row),
        best=row["regret"] == 0,
        proven=_proven(row),
    )


def _regret_text(row: Regret) -> tuple[str, str]:
    """Regret and its standard deviation.

    >>> _regret_text({"score": 0.5, "regret": -1e-9, "regret_sd": 0.25})
    ('0.00', '0.25')
    """
    value, spread = row["regret"], row["regret_sd"]
    shown = round(value, 2) + 0.0 if is_number(value) else None
    return number(shown, 2), number(spread, 2) if is_number(spread) else ""


def _proven(row: Proof) -> str:
    """Whether groups are the best by the method's own estimates.

    >>> _proven({"proven": 2, "repetitions": 3, "gap": 0.0123})
    '2 of 3, gap up to 1.2 %'
    """
    if row["proven"] is None:
        return number(None)
    if row["proven"] == row["repetitions"]:
        return "yes"
    some = "no" if row["proven"] == 0 else f"{row['proven']} of {row['repetitions']}"
    return f"{some}, gap up to {100 * row['gap']:.2g} %" if is_number(row["gap"]) else some


def found_groups(grouping: Grouping) -> list[str]:
    """The groups by name where there are few tasks, else their sizes.

    >>> from coterie.results import Grouping
    >>> membership = np.eye(2)[[0, 0, 1]]
    >>> found_groups(Grouping(tasks=("a", "b", "c"), membership=membership, method="mine"))
    ['a, b', 'c']
    """
    groups = [group for group in grouping.groups if group]
    if len(grouping.tasks) <= MOST_NAMED:
        return [", ".join(group) for group in groups]
    return [f"{len(groups)} groups of {listing(str(len(group)) for group in groups)} tasks"]


def agreement(comparison: ComparisonRecord) -> Agreement | None:
    """Adjusted Rand index between methods as a heat map's rows; None for fewer than two methods."""
    found = comparison.agreement
    known = [name for name in comparison.methods if found.get(name)]
    if len(known) < 2:
        return None
    rows = [
        AgreementRow(one, [_cell(found[one].get(other), itself=one == other) for other in known])
        for one in known
    ]
    return Agreement(rows, repetitions=len(comparison.groupings[known[0]]))


def _cell(value: float | None, *, itself: bool) -> Cell:
    if itself or not is_number(value):
        return Cell("" if itself else share(None), 0, itself)
    return Cell(share(round(value, 2) + 0.0), round(100 * min(max(value, 0.0), 1.0)), itself)


def _metric(comparison: ComparisonRecord) -> str:
    shared = set(comparison.metric_names)
    return shared.pop().replace("_", " ") if len(shared) == 1 else "each task’s own metric"


def _figure(found: MethodTable) -> Markup | None:
    """Regret against the cost of measurement; None where fewer than two methods have both."""
    rows = [
        row for row in found["methods"] if is_number(row["regret"]) and is_number(row["with_joint"])
    ]
    if len(rows) < 2:
        return None
    levels = {
        _REFERENCES[reference["arm"]]: reference["regret"] for reference in found["references"]
    }
    axes = figures.regret_against_cost(
        [row["method"] for row in rows],
        [row["kind"] for row in rows],
        np.array([row["with_joint"] for row in rows]),
        np.array([row["regret"] for row in rows]),
        levels=levels,
    )
    said = [
        f"{row['method']}: {number(row['regret'], 2)} points for {count(row['with_joint'])} "
        "model-steps"
        for row in rows
    ]
    said += [f"{name}: {signed(value, 2)}" for name, value in levels.items()]
    return inline(
        axes, name="regret", alt="Regret against the cost of measurement. " + "; ".join(said) + "."
    )
