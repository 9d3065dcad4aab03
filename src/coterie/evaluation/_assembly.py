"""From the units of a comparison to what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from coterie.data import Dataset
from coterie.errors import CoterieError
from coterie.evaluation._sequential import Stop
from coterie.evaluation._unit import Plan
from coterie.evaluation.arms import ARMS
from coterie.evaluation.comparison import Comparison
from coterie.evaluation.conditions import conditions
from coterie.evaluation.deciding import pairs_of_groupings
from coterie.evaluation.recommending import deployed_arm, recommend, standings
from coterie.evaluation.reliability import reliability_of
from coterie.evaluation.scores import arm_scores
from coterie.evaluation.tables import costs_table, gains_table
from coterie.evaluation.units import Unit
from coterie.grouping import agreement
from coterie.methods import Method
from coterie.results import About, DataMap, Found, Headroom
from coterie.results.findings import find
from coterie.results.tables import CHOSEN, parts_of

if TYPE_CHECKING:
    from coterie.datamaps import Gram


def assemble(
    units: Sequence[Unit],
    data: Dataset,
    plan: Plan,
    config: Mapping[str, object],
    *,
    margin: float | None = None,
    left_out: Mapping[str, str] | None = None,
    headroom: Headroom | None = None,
    save: str | None = None,
    stop: Stop | None = None,
) -> Comparison:
    """Put scores side by side, judge the groupings, and say what to use.

    Where seeds were added until something, ``stop`` says why there are no more. Probabilities are
    shown of the arm to ``save``, by default the recommended one.
    """
    methods = plan.methods
    arms = arm_scores(units, data.tasks, groups=data.groups, margin=margin)
    if stop is not None:
        arms = arms.inflated(stop.inflation)
    # What was chosen comes first: it is the answer, the rest is how it compares.
    names = sorted(units[0].found, key=lambda name: name != CHOSEN)
    pairs = pairs_of_groupings(names, plan, arms.arms)
    pairs += [(arm, "joint") for arm in arms.arms if arm != "joint" and arm not in names]
    scores = pa.concat_tables([unit.scores for unit in units])
    parts = parts_of(scores)
    gains, costs = gains_table(arms, pairs, data.tasks.names, parts), costs_table(units, parts)
    standing = standings(arms, costs.to_pylist())
    recommended = recommend(standing, arms)
    deployed = deployed_arm(save, recommended)
    judged = find(
        scores, gains, costs, unit_seconds=sum(unit.seconds for unit in units) / len(units)
    )
    found = {name: [unit.found[name] for unit in units] for name in names}
    return Comparison(
        tasks=data.tasks.names,
        kinds=tuple(task.kind.value for task in data.tasks),
        metric_names=arms.metrics,
        scores_table=scores,
        gains_table=gains,
        costs_table=costs,
        found=found,
        about={name: _about_of(method, found[name]) for name, method in methods.items()},
        data_map=units[0].data_map,
        history=units[0].histories,
        stability=_stability(found, methods, units[0].data_map),
        agreement=_agreement({name: found[name] for name in methods}),
        findings=(
            *judged,
            *(() if stop is None else (stop.finding,)),
            *conditions(units, arms, data, left_out or {}, headroom),
        ),
        headroom=headroom,
        standings=standing,
        recommendation=recommended,
        reliability=reliability_of(units[0], data.tasks, deployed),
        roles={
            **{role: kind.sentence for role, kind in ARMS.items()},
            **{rival.name: rival.sentence for rival in plan.rivals},
        },
        config=config,
    )


def _about_of(method: Method, found: Sequence[Found]) -> About:
    """What a method says that it is; of one that says nothing, what its evidence tells."""
    about, first = method.about, found[0]
    if about.family == "other":
        about = replace(about, family=first.family)
    if not about.measures:
        about = replace(about, measures=first.by)
    return about


def _agreement(found: Mapping[str, Sequence[Found]]) -> dict[str, dict[str, float]]:
    """Adjusted Rand index between the methods' groupings of a unit, averaged over units."""

    def between(one: Sequence[Found], other: Sequence[Found]) -> float:
        pairs = [(a.grouping, b.grouping) for a, b in zip(one, other, strict=True)]
        return sum(agreement(pair)["mean"] for pair in pairs) / len(pairs)

    return {
        a: {b: between(one, other) for b, other in found.items() if b != a}
        for a, one in found.items()
    }


def _stability(
    found: Mapping[str, Sequence[Found]], methods: Mapping[str, Method], data_map: DataMap
) -> dict[str, dict[str, object]]:
    """How far each method's groupings agree: between units, and over what it can resample.

    A grouping that was given is the same in every unit.
    """
    stability: dict[str, dict[str, object]] = {}
    maps: dict[str, Gram] = {}
    for name, several in found.items():
        method = methods.get(name)
        facts: dict[str, object] = {}
        groupings = [each.grouping for each in several]
        if len(several) > 1 and (method is None or method.about.family != "given"):
            facts["adjusted Rand between repetitions"] = agreement(groupings)["adjusted_rand"]
        if method is not None and groupings[0].n_groups > 1:
            try:
                facts |= method.firmness(groupings[0], data_map, maps)
            except CoterieError as error:
                # Everything is trained by now: a map that cannot be clustered so must not cost the
                # comparison.
                facts["not resampled"] = str(error)
        stability[name] = facts
    return stability
