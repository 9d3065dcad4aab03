"""What to know of how a comparison was made before one believes it: findings, not errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from coterie.data import Dataset
from coterie.evaluation.scores import ArmScores
from coterie.evaluation.units import Unit
from coterie.results import Finding, Headroom
from coterie.results.findings import difficulty_of

# Below these shares and above these ratios nobody needs to know.
_LAST_EPOCH, _UNLIKE_STEPS, _UNLIKE_EXAMPLES = 0.05, 1.5, 1.25


def conditions(
    units: Sequence[Unit],
    arms: ArmScores,
    data: Dataset,
    left_out: Mapping[str, str],
    headroom: Headroom | None = None,
) -> tuple[Finding, ...]:
    """What to know before one believes a comparison.

    Tasks that nobody learns, trainings that were too short or unlike, groups of equally hard tasks,
    arms that are not there.

    Args:
        units: of the comparison.
        arms: their scores.
        data: what was trained on.
        left_out: by name, why a rival was not trained.
        headroom: what any grouping could gain, if that was asked.
    """
    return (
        *_headroom(headroom, units),
        *_nothing_learnt(arms, data),
        *_too_few_epochs(units),
        *_unlike_steps(units),
        *_unlike_examples(units, data),
        *_by_difficulty(units),
        *(
            Finding(about="left out", outcome="not trained", of=name, why=why)
            for name, why in left_out.items()
        ),
    )


def _headroom(found: Headroom | None, units: Sequence[Unit]) -> Iterator[Finding]:
    if found is None:
        return
    trained = any(name in units[0].histories for name in units[0].found)
    yield Finding(
        about="headroom",
        outcome="below the margin" if found.below_margin else "above the margin",
        gain=found.bound,
        margin=found.margin,
        models=found.n_groups,
        why=found.sentence + ("" if trained else " Groups were found, but not trained."),
    )


def _nothing_learnt(arms: ArmScores, data: Dataset) -> Iterator[Finding]:
    above, means = arms.better_than_chance(), arms.scores.mean(0)
    best = means.max(0)
    # A task that has no score, as where all test examples are of one class, tells nothing.
    lost = ~above.any(0) & np.isfinite(best)
    if lost.any():
        tasks = _named(data, lost, best)
        outcome = "chance" if above.any() else "all at chance"
        yield Finding(about="nothing learnt", outcome=outcome, tasks=tasks)
    for arm, name in enumerate(arms.arms):
        own = ~above[arm] & ~lost & np.isfinite(means[arm])
        if own.any() and not above[arm].any():
            yield Finding(
                about="nothing learnt",
                outcome="chance",
                of=name,
                tasks=_named(data, own, means[arm]),
            )


def _named(
    data: Dataset, which: np.ndarray | np.bool, scores: np.ndarray
) -> tuple[tuple[str, float], ...]:
    return tuple((data.tasks.names[t], float(scores[t])) for t in np.flatnonzero(which))


def _too_few_epochs(units: Sequence[Unit]) -> Iterator[Finding]:
    """Arms with models that were still getting better when training ended."""
    last = {
        name: np.concatenate([unit.histories[name].at_limit for unit in units])
        for name in units[0].histories
    }
    named = [(name, float(each.mean())) for name, each in last.items() if each.mean() > _LAST_EPOCH]
    if named:
        yield Finding(about="epochs", outcome="too few", tasks=tuple(named))


def _unlike_steps(units: Sequence[Unit]) -> Iterator[Finding]:
    """Single-task models that took other numbers of steps than the joint model."""
    steps = {
        arm: float(np.mean([_steps_of(arm, unit) for unit in units]))
        for arm in ("joint", "single")
        if arm in units[0].histories
    }
    ratio = steps.get("single", steps["joint"]) / steps["joint"]
    if max(ratio, 1 / ratio) > _UNLIKE_STEPS:
        yield Finding(about="steps", outcome="unlike", of="single", times=ratio)


def _steps_of(arm: str, unit: Unit) -> float:
    """Optimiser steps of one of its models, on average."""
    cost = next(cost for cost in unit.costs if cost["arm"] == arm)
    return cost["model_steps"] / cost["models"]


def _unlike_examples(units: Sequence[Unit], data: Dataset) -> Iterator[Finding]:
    """Tasks with examples of their own: joint sees those of all."""
    observed = ~data.targets[data.split.train].isnan()
    mean = float(observed.float().sum(0).mean())
    ratio = int(observed.any(1).sum()) / mean if mean else 1.0
    if ratio > _UNLIKE_EXAMPLES and "single" in units[0].histories:
        yield Finding(about="examples", outcome="unlike", of="single", times=ratio)


def _by_difficulty(units: Sequence[Unit]) -> Iterator[Finding]:
    """Groups of data maps that are strata of difficulty."""
    names = units[0].found
    found = difficulty_of({name: [unit.found[name].grouping for unit in units] for name in names})
    if found is not None:
        yield found
