"""From scores of random subsets to a limit on what any grouping can gain.

Shapes: ``S`` seeds, ``R`` rows, ``T`` tasks, ``D`` draws.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from coterie.bounds import exact, search
from coterie.bounds.model import Draws, Measured, measured, posterior
from coterie.errors import CoterieError, require_whole
from coterie.seeds import numpy_generator

LEVEL = 0.95
DRAWS = 400
_CHUNK = 50


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What groupings can gain over the joint model, in points, mean over tasks.

    ``low``, ``estimate`` and ``bound`` are the 5, 50 and 95 % quantiles of the posterior of the
    best partition's gain; ``overlapping_bound`` is the last of them for groups that may overlap.
    """

    low: float
    estimate: float
    bound: float
    overlapping_bound: float
    measured: Measured
    draws: Draws


def limits(
    scores: np.ndarray, subsets: np.ndarray, n_groups: int, *, seed: int = 0, draws: int = DRAWS
) -> Limits:
    """Bound the expected gain of the best partition into at most ``n_groups`` groups.

    Not the best score seen: the largest of many noisy numbers is large where all are equal. The
    variances of a random-effects model are estimated (:mod:`coterie.bounds.model`), possible worlds
    are drawn from its posterior, and the best partition is looked for in each; the bound is what it
    gains in all but 5 % of them. Exact for up to 10 tasks, by local moves and a bound beyond.

    Args:
        scores: (S, R, T) in points, NaN where a task is not in the row.
        subsets: (R, T) of bool: a row of all tasks, each task alone, and random subsets.
        n_groups: K.
        seed: of the draws.
        draws: D.

    Raises:
        CoterieError: arrays that do not fit, fewer than 2 seeds, scores that are missing.

    >>> subsets = np.array([[1, 1], [1, 0], [0, 1]]) > 0
    >>> scores = np.where(subsets, [[70.0], [73.0], [71.0]], np.nan) * np.ones((3, 1, 1))
    >>> found = limits(scores, subsets, 2)
    >>> round(found.estimate, 1), round(found.bound, 1)
    (2.0, 2.0)
    """
    scores, subsets = np.asarray(scores, dtype=np.float64), np.asarray(subsets, dtype=bool)
    if scores.ndim != 3 or scores.shape[1:] != subsets.shape or subsets.shape[1] < 2:
        raise CoterieError(
            "`scores` must be (seeds, rows, tasks) and `subsets` (rows, tasks), of at least 2 "
            f"tasks; found {scores.shape} and {subsets.shape}."
        )
    require_whole("n_groups", n_groups, 2, subsets.shape[1])
    require_whole("draws", draws, 20)
    found = measured(scores, subsets)
    drawn = posterior(found, n_groups, draws, numpy_generator(seed, "headroom"))
    best = best_gains(drawn, n_groups, seed)
    low, estimate, bound = np.quantile(best.partition, [1 - LEVEL, 0.5, LEVEL])
    return Limits(
        low=float(low),
        estimate=float(estimate),
        bound=float(bound),
        overlapping_bound=float(np.quantile(best.cover, LEVEL)),
        measured=found,
        draws=drawn,
    )


def best_gains(draws: Draws, n_groups: int, seed: int = 0) -> search.Found:
    """The best gains (D,) of each draw: at least 0, those of a single group of all."""
    n_tasks = draws.intercept.shape[1]
    rng = numpy_generator(seed, "headroom", "best", n_groups)
    if n_tasks > exact.MOST_TASKS:
        found = search.best(draws, n_groups, rng)
    else:
        parts = []
        for start in range(0, len(draws.intercept), _CHUNK):
            gains = exact.gains(_some(draws, slice(start, start + _CHUNK)), rng)
            partition = exact.best_partition(gains.sum(axis=2), n_groups)
            cover = np.maximum(exact.best_cover(gains, n_groups), partition)
            parts.append(np.stack([partition, cover]) / n_tasks)
        found = search.Found(*np.concatenate(parts, axis=1))
    return search.Found(np.maximum(found.partition, 0.0), np.maximum(found.cover, 0.0))


def _some(draws: Draws, which: slice) -> Draws:
    whole = {"rows", "common", "scale"}
    values = {field.name: getattr(draws, field.name) for field in fields(draws)}
    return Draws(**{name: v if name in whole else v[which] for name, v in values.items()})
