"""Which intervals the answers of a comparison rest on, and how wide they are.

These are, in points and of the mean over tasks: of every grouping into several models its gains
over joint, single-task, random and ensemble models, those over joint simultaneously where there are
several groupings; and the simultaneous intervals of every arm that one might use against the
recommended one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from coterie.evaluation._unit import Plan
from coterie.evaluation.arms import agreed, references
from coterie.evaluation.recommending import NEVER_USED, recommend, standings, with_the_best
from coterie.evaluation.scores import ArmScores
from coterie.evaluation.tables import costs_table, several_groupings
from coterie.evaluation.units import Unit
from coterie.methods import Groups
from coterie.results.tables import CHOSEN, CostRow, parts_of
from coterie.statistics import Widths, surely


@dataclass(frozen=True, kw_only=True)
class Deciding:
    """The intervals by ``pairs`` of an arm and what it is held against, and how wide they are.

    ``decided`` (C,) are those that no width is asked of: they already say what they will say.
    """

    pairs: tuple[tuple[str, str], ...]
    widths: Widths
    decided: np.ndarray


def pairs_of_groupings(
    names: Iterable[str], plan: Plan, arms: Sequence[str]
) -> list[tuple[str, str]]:
    """Each grouping that was trained, with everything that it is held against."""
    asked: dict[str, Groups] = {**plan.asked, CHOSEN: agreed(plan.asked)}
    return [
        (name, other)
        for name in names
        if name in arms
        for other in references(name, asked[name], arms).values()
    ]


def deciding(units: Sequence[Unit], plan: Plan, arms: ArmScores) -> Deciding:
    """The intervals that the answers rest on, of at least two units."""
    parts, margin = parts_of(units[0].scores), float(arms.margins[-1])
    costs = costs_table(units, parts).to_pylist()
    models = {row["arm"]: row["models"] for row in costs}
    named = [name for name in units[0].found if models.get(name, 1) > 1]
    pairs = pairs_of_groupings(named, plan, arms.arms)
    against = _against_the_recommended(arms, costs)
    both = [*pairs, *against]
    places = [[arms.arms.index(each) for each in side] for side in zip(*both, strict=True)]
    firsts, seconds = places or ([], [])
    found = arms.differences(firsts, seconds)
    half = found.high - found.mean
    for pair, corrected in several_groupings(arms, pairs, parts).items():
        half[pairs.index(pair)] = corrected.high - corrected.mean
    half[len(pairs) :] = list(against.values())
    widths = Widths(
        found=found,
        half=half,
        seeds=len(units) // len(np.unique(arms.splits)),
        within_splits=arms.within_splits(firsts, seconds),
    )
    # Of an arm against the recommended one it matters on which side of the margin its gain is.
    above = np.repeat([0.0, margin], [len(pairs), len(against)])
    decided = surely(widths, above, margin)
    # A grouping that does not pay against one reference is judged, whatever the others say; but
    # single-task models cost more, so it must do worse than these.
    enough = [0.0 if parts[other].role == "single" else margin for _, other in both]
    lost = surely(widths, np.inf, np.array(enough))[: len(pairs)]
    judged = {name for (name, _), each in zip(pairs, lost, strict=True) if each}
    decided[: len(pairs)] |= np.array([name in judged for name, _ in pairs], dtype=bool)
    return Deciding(pairs=tuple(both), widths=widths, decided=decided)


def _against_the_recommended(
    arms: ArmScores, costs: Sequence[CostRow]
) -> dict[tuple[str, str], float]:
    """How far each other arm may be from where it is seen, by its pair with the recommended one."""
    recommended = recommend(standings(arms, costs), arms)
    if recommended is None:
        return {}
    used = {row["arm"] for row in costs if row["role"] not in NEVER_USED}
    places = [place for place, name in enumerate(arms.arms) if name in used]
    chosen = places.index(arms.arms.index(recommended.arm))
    reach = with_the_best(arms, places).reach[:, chosen]
    return {
        (arms.arms[place], recommended.arm): float(far)
        for i, (place, far) in enumerate(zip(places, reach, strict=True))
        if i != chosen
    }
