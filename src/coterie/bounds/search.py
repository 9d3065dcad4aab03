"""The best partition of many tasks, and the best groups that may overlap, by local moves.

The search is over what has structure: sizes and co-member effects. What remains of subsets, without
structure, is not searched for: the largest of N independent normal numbers stands for its part,
which is more than N partitions that share groups reach (Slepian's inequality). Both parts are not
largest for the same partition: only exp(s(a)) of them have a structured part of a, with
s(a) = log N - (a - m)^2 / (2 v) where that part has mean m and variance v over partitions (the
annealed entropy of random energy models; Derrida, Physical Review B 24, 1981).

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
_SAMPLED = 64
# However few partitions seem to be near the best, some are.
_SLACK = 1.1
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
    partition = _joined(
        value / n_tasks,
        _sampled(draws, n_groups, rng) / n_tasks,
        top["partition"],
        ways["partition"],
    )
    return Found(partition, np.maximum(cover / n_tasks + top["cover"], partition))


def _joined(
    best: np.ndarray, sampled: np.ndarray, rest: np.ndarray, log_number: float
) -> np.ndarray:
    """The largest a + rest sqrt(s(a) / log N) for a up to ``best``, (D,).

    Args:
        best: the largest structured part (D,).
        sampled: structured parts (P, D) of random partitions.
        rest: the largest unstructured part (D,) of all.
        log_number: log N.

    >>> sampled, none = np.array([[-1.0], [1.0]]), np.zeros(1)
    >>> _joined(np.array([2.0]), sampled, none, 8.0), _joined(none, 0 * sampled, none + 3, 8.0)
    (array([2.]), array([3.]))
    """
    middle = sampled.mean(axis=0)
    away = np.maximum(best - middle, 0.0)
    reach = np.maximum(sampled.std(axis=0) * np.sqrt(2 * log_number), _SLACK * away)
    whole = np.hypot(reach, rest)
    share = np.divide(away, reach, out=np.zeros_like(away), where=reach > 0)
    # Without the limit on a, the largest sum is the hypotenuse, at reach^2 / hypotenuse.
    free = away * whole >= reach**2
    return middle + np.where(free, whole, away + rest * np.sqrt(1 - share**2))


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


def _sampled(draws: Draws, n_groups: int, rng: np.random.Generator) -> np.ndarray:
    """Sums of gains (P, D) of random partitions."""
    terms = _Terms.of(draws)
    found = []
    for _ in range(_SAMPLED):
        members = _random(draws, n_groups, rng)
        found.append(terms.total(members, terms.between(members)))
    return np.stack(found)


def _random(draws: Draws, n_groups: int, rng: np.random.Generator) -> np.ndarray:
    """A random partition for each draw, (D, K, T), never into one group."""
    labels = rng.integers(n_groups, size=draws.intercept.shape)
    labels[:, 1] = np.where((labels == labels[:, :1]).all(axis=1), labels[:, 0] - 1, labels[:, 1])
    return (labels[:, None] % n_groups == np.arange(n_groups)[:, None]).astype(np.float64)


def _partitions(
    draws: Draws, n_groups: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The best sum of gains (D,) found, and its groups (D, K, T). One group of all is none."""
    n_draws, n_tasks = draws.intercept.shape
    terms = _Terms.of(draws)
    best = np.full(n_draws, -np.inf)
    groups = np.zeros((n_draws, n_groups, n_tasks))
    for _ in range(_STARTS):
        members = _random(draws, n_groups, rng)
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

    def between(self, members: np.ndarray) -> np.ndarray:
        """Effects (D, K) between the members (D, K, T) of each group."""
        return ((members @ self.mutual) * members).sum(axis=2) / 2

    def total(self, members: np.ndarray, between: np.ndarray) -> np.ndarray:
        """Sums of gains (D,) of partitions."""
        return self.value(members @ self.linear, between, members.sum(axis=2)).sum(axis=1)

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
    mutual = terms.between(members)
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
    return terms.total(members, mutual)


def _covers(draws: Draws, groups: np.ndarray) -> np.ndarray:
    """The sum (D,) of each task's best gain once groups took in or dropped whom they should."""
    _, n_groups, n_tasks = groups.shape
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
