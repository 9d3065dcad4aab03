"""The best partition of many tasks, and the best groups that may overlap, by local moves.

The search is over what has structure: sizes and co-member effects. What remains of subsets, without
structure, is not searched for: among N partitions the largest of N independent normal numbers
stands for its part, which is more than partitions that share groups reach (Slepian's inequality).

Shapes: ``D`` draws, ``T`` tasks, ``K`` groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln
from scipy.stats import norm

from coterie.bounds.model import Draws, size_effect

_STARTS = 6
_SWEEPS = 12
_MOST_LOG = 700.0
_NEVER = -1e9


@dataclass(frozen=True)
class Found:
    """``partition`` and ``cover`` (D,): the largest mean gains over tasks, in points."""

    partition: np.ndarray
    cover: np.ndarray


def best(draws: Draws, n_groups: int, rng: np.random.Generator) -> Found:
    """The largest gains of partitions and of covers by at most ``n_groups`` groups."""
    n_tasks = draws.intercept.shape[1]
    value, groups = _partitions(draws, n_groups, rng)
    cover = _covers(draws, groups)
    ways = {
        "partition": log_partitions(n_tasks, n_groups),
        "cover": n_groups * n_tasks * np.log(2) - gammaln(n_groups + 1),
    }
    # A mean over T tasks, in K groups whose tasks rise and fall together.
    spread = draws.sd * np.sqrt((1 - draws.common) / n_tasks + draws.common / n_groups)
    top = {name: spread * _largest(log, len(spread), rng) for name, log in ways.items()}
    partition = value / n_tasks + top["partition"]
    return Found(partition, np.maximum(cover / n_tasks + top["cover"], partition))


def log_partitions(n_tasks: int, n_groups: int) -> float:
    """Logarithm of the number of partitions into 2 to K groups: sums of Stirling numbers.

    >>> round(np.exp(log_partitions(4, 3)))
    13
    """
    counts = [1] + [0] * n_groups
    for _ in range(n_tasks):
        counts = [0] + [k * counts[k] + counts[k - 1] for k in range(1, n_groups + 1)]
    return float(np.log(float(max(sum(counts[2:]), 1))))


def _largest(log_number: float, size: int, rng: np.random.Generator) -> np.ndarray:
    """The largest of exp(``log_number``) standard normal numbers, drawn (size,)."""
    tail = rng.exponential(size=size) * np.exp(-min(log_number, _MOST_LOG))
    return norm.isf(np.minimum(tail, 1.0))


def _partitions(
    draws: Draws, n_groups: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The best sum of gains (D,) found, and its groups (D, K, T). One group of all is none."""
    n_draws, n_tasks = draws.intercept.shape
    terms = _Terms.of(draws)
    best = np.full(n_draws, -np.inf)
    groups = np.zeros((n_draws, n_groups, n_tasks))
    for _ in range(_STARTS):
        labels = rng.integers(n_groups, size=(n_draws, n_tasks))
        members = (labels[:, None] == np.arange(n_groups)[:, None]).astype(np.float64)
        value = _moved(terms, members)
        better = value > best
        best[better], groups[better] = value[better], members[better]
    return best, groups


@dataclass(frozen=True)
class _Terms:
    """A group's sum of gains: linear (D, T, 4) and quadratic (D, T, T) in who is in it."""

    linear: np.ndarray
    mutual: np.ndarray

    @classmethod
    def of(cls, draws: Draws) -> _Terms:
        parts = (draws.intercept, draws.slope, draws.theta.sum(axis=2), draws.single)
        return cls(np.stack(parts, axis=2), draws.theta + draws.theta.transpose(0, 2, 1))

    def value(self, linear: np.ndarray, mutual: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """Of groups with those sums (..., 4), effects between members and sizes."""
        n_tasks = self.mutual.shape[1]
        intercept, slope, theta, single = np.moveaxis(linear, -1, 0)
        several = intercept + slope * size_effect(sizes, n_tasks) + mutual
        several = several - theta * (sizes - 1) / (n_tasks - 1)
        alone = np.where(sizes == 1, single, 0.0)
        return np.where(sizes == n_tasks, _NEVER, np.where(sizes > 1, several, alone))


def _moved(terms: _Terms, members: np.ndarray) -> np.ndarray:
    """Move tasks (in ``members`` itself) until none would gain; returns the sums (D,)."""
    draw = np.arange(len(members))
    mutual = np.einsum("dkt,dtu,dku->dk", members, terms.mutual, members, optimize=True) / 2
    for _ in range(_SWEEPS):
        before = members.copy()
        for task in range(members.shape[2]):
            linear, own = members @ terms.linear, terms.linear[:, None, task]
            was_in = members[:, :, task].copy()
            sizes = members.sum(axis=2) - was_in
            link = np.einsum("dkt,dt->dk", members, terms.mutual[:, task])
            linear -= was_in[..., None] * own
            mutual = mutual - was_in * link
            gain = terms.value(linear + own, mutual + link, sizes + 1)
            gain -= terms.value(linear, mutual, sizes)
            to = gain.argmax(axis=1)
            members[:, :, task] = 0.0
            members[draw, to, task] = 1.0
            mutual[draw, to] += link[draw, to]
        if (before == members).all():
            break
    return terms.value(members @ terms.linear, mutual, members.sum(axis=2)).sum(axis=1)


def _covers(draws: Draws, groups: np.ndarray) -> np.ndarray:
    """The sum (D,) of each task's best gain once groups took in or dropped whom they should."""
    n_draws, n_groups, n_tasks = groups.shape
    groups = groups.copy()
    served = np.stack([_served(draws, groups[:, k]) for k in range(n_groups)], axis=1)
    for _ in range(_SWEEPS):
        before = groups.copy()
        for k in range(n_groups):
            rest = np.delete(served, k, axis=1).max(axis=1, initial=_NEVER)
            now = np.maximum(rest, served[:, k]).sum(axis=1)
            for task in range(n_tasks):
                other = groups[:, k].copy()
                other[:, task] = 1 - other[:, task]
                gain = _served(draws, other)
                value = np.maximum(rest, gain).sum(axis=1)
                better = value > now
                groups[better, k], served[better, k] = other[better], gain[better]
                now = np.where(better, value, now)
        if (before == groups).all():
            break
    return served.max(axis=1).sum(axis=1)


def _served(draws: Draws, group: np.ndarray) -> np.ndarray:
    """Gains (D, T) of the tasks in a group (D, T) of each draw."""
    n_tasks = group.shape[1]
    sizes = group.sum(axis=1, keepdims=True)
    centred = group - (sizes - 1) / (n_tasks - 1)
    gain = draws.intercept + draws.slope * size_effect(sizes, n_tasks)
    gain = gain + np.einsum("dtu,du->dt", draws.theta, centred)
    gain = np.where(sizes == 1, draws.single, np.where(sizes == n_tasks, 0.0, gain))
    return np.where(group > 0, gain, _NEVER)
