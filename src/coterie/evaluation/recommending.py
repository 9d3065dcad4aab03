"""Which arm to use: the cheapest of those that are not worse than the best by more than a margin.

Shapes: ``U`` units, ``A`` arms.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from coterie.evaluation.metrics import finite
from coterie.evaluation.scores import ArmScores
from coterie.results.recommendation import Recommendation, Standing
from coterie.results.tables import CostRow
from coterie.statistics import (
    Best,
    Settle,
    compare_with_best,
    covariance,
    not_worse,
    outcome,
    settle,
)

# Random groups are a control, nothing that anybody would use.
NEVER_USED = ("random",)


def standings(arms: ArmScores, costs: Sequence[CostRow]) -> tuple[Standing, ...]:
    """Every arm that one might use against the best of the others, those with the fewest models first."""
    cost = {row["arm"]: row for row in costs if row["role"] not in NEVER_USED}
    places = [place for place, name in enumerate(arms.arms) if name in cost]
    means, _ = arms.means()
    best = with_the_best(arms, places)
    found = [
        Standing(
            arm=arms.arms[place],
            role=cost[arms.arms[place]]["role"],
            score=float(means[:, place].mean()) / 100,
            low=finite(best.low[i]),
            high=finite(best.high[i]),
            validation=finite(arms.validation[:, place].mean()),
            models=cost[arms.arms[place]]["models"],
            parameters=cost[arms.arms[place]]["parameters"],
            latency=cost[arms.arms[place]]["latency"],
            seconds=cost[arms.arms[place]]["seconds"],
        )
        for i, place in enumerate(places)
    ]
    return tuple(sorted(found, key=lambda each: _price(each, cost[each.arm]["model_steps"])))


def with_the_best(arms: ArmScores, places: Sequence[int]) -> Best:
    """Simultaneous bounds, in points, of some arms' mean scores minus the best of the others."""
    means, added = arms.means()
    means = means[:, places]
    if added is None:
        splits = arms.per_split(means)
        if len(splits) < 2:
            return Best.unknown(len(places))
        spread = np.atleast_2d(np.cov(splits, rowvar=False)) * (1 / len(splits) + arms.overlap)
        return compare_with_best(splits.mean(0), spread, len(splits) - 1)
    spread, df = covariance(means, np.moveaxis(added[..., places], 2, 1), arms.groups)
    return compare_with_best(means.mean(0), spread, df)


def recommend(
    found: Sequence[Standing], arms: ArmScores, margin: float | None = None
) -> Recommendation | None:
    """The cheapest arm that surely is within the margin of the best.

    If there is none, it is undecided, and what validation examples say stands in for it. None where
    no arm has a score.

    Args:
        found: what :func:`standings` gave.
        arms: for metric and margin.
        margin: in points.
    """
    scored = [each for each in found if np.isfinite(each.score)]
    if not scored:
        return None
    margin = float(arms.margins[-1]) if margin is None else margin
    best = max(scored, key=lambda each: each.score)
    low = np.array([np.nan if each.low is None else each.low for each in scored])
    sure = [each for each, near in zip(scored, not_worse(low, margin), strict=True) if near]
    told = partial(Recommendation, best=best, margin=margin, arms=len(scored), metric=arms.metric)
    if sure:
        return told(outcome="decided", chosen=sure[0])
    chosen = _on_validation(scored, margin)
    more = _what_settles(chosen, scored, arms, margin)
    return told(
        outcome="undecided",
        chosen=chosen,
        more_seeds=more.seeds,
        more_examples=more.examples,
        repeated=arms.repeated,
    )


def deployed_arm(save: str | None, recommended: Recommendation | None) -> str:
    """The arm whose models are left: that to ``save``, else the recommended one, if there is one.

    >>> deployed_arm(None, None), deployed_arm("single", None)
    ('joint', 'single')
    """
    return save or (recommended.arm if recommended else "joint")


def _what_settles(
    chosen: Standing, scored: Sequence[Standing], arms: ArmScores, margin: float
) -> Settle:
    """What would tell, of every other arm, whether it is better or not by the margin."""
    if chosen.low is None:
        return Settle(None, None)
    place = arms.arms.index(chosen.arm)
    others = [arms.arms.index(each.arm) for each in scored if each.arm != chosen.arm]
    level = 1 - 0.05 / max(len(others), 1)
    needed = []
    for other in others:
        found = arms.gains(other, place, level=level)[-1]
        if outcome(found, margin) == "undecided":
            needed.append(settle(found, margin).beyond(found, arms.examples))
    if any(each == (None, None) for each in needed):
        return Settle(None, None)
    examples = [each.examples for each in needed if each.examples is not None]
    seeds = [each.seeds for each in needed if each.seeds is not None]
    return Settle(max(seeds, default=None), max(examples, default=None))


def _on_validation(scored: Sequence[Standing], margin: float) -> Standing:
    """The cheapest within the margin of the best on validation examples."""
    values = [-np.inf if each.validation is None else each.validation for each in scored]
    near = max(values) - margin / 100
    return next(each for each, value in zip(scored, values, strict=True) if value >= near)


def _price(standing: Standing, steps: float) -> tuple[float, ...]:
    """What serving costs, and then training.

    By counts, which stand for the times: measured, these differ with every run, and so would the
    recommendation.
    """
    parameters = np.inf if standing.parameters is None else standing.parameters
    return standing.models, parameters, steps
