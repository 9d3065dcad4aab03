"""Selection as facility location, made small.

What rows dominate, what prices rule out, what a local search finds.

R rows, T tasks, C capacities of which the first is the budget. Sources: the programme of section 7
of Standley et al. (ICML 2020) as facility location; its Lagrangian bound with prices on the tasks,
Cornuejols, Fisher and Nemhauser (1977).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter

import numpy as np

FITS = 1 + 1e-9
TOLERANCE = 1e-9
_STEPS = 300


@dataclass(frozen=True)
class Cover:
    """``gains`` (R, T) in [0, 1], -inf where a row does not serve a task.

    ``loads`` (C, R), of which 1 in total is free.
    """

    gains: np.ndarray
    loads: np.ndarray

    @property
    def unserved(self) -> float:
        """What a task that is not served counts for: more than all others can gain."""
        return -1.0 - self.gains.shape[1]

    @cached_property
    def padded(self) -> np.ndarray:
        """Gains (R, T) of finite numbers."""
        return np.where(np.isfinite(self.gains), self.gains, self.unserved)

    def worth(self, chosen: Sequence[int]) -> float:
        """Sum over tasks of the best gain among the chosen rows.

        Far below 0 where they do not serve all.
        """
        return float(self.padded[list(chosen)].max(axis=0, initial=self.unserved).sum())

    def only(self, rows: np.ndarray) -> Cover:
        """Some of the rows, by mask or position."""
        return Cover(self.gains[rows], self.loads[:, rows])

    def value(self, chosen: Sequence[int]) -> float:
        """Sum over tasks of the best gain among the chosen rows.

        -inf where they do not serve all, or do not fit.
        """
        return self.worth(chosen) if self.fits(chosen) and self.worth(chosen) >= 0 else -np.inf

    def fits(self, chosen: Sequence[int]) -> bool:
        """Whether the chosen rows stay within every capacity."""
        return bool((self.loads[:, list(chosen)].sum(axis=1) <= FITS).all())


@dataclass(frozen=True)
class Prices:
    """An upper ``bound``, what proves it, and sets seen on the way.

    Prices are of tasks (T,), dues of capacities (C,).
    """

    bound: float
    tasks: np.ndarray
    dues: np.ndarray
    sets: tuple[tuple[int, ...], ...] = ()


def undominated(cover: Cover) -> np.ndarray:
    """Which rows (R,) no other row replaces.

    One that serves its tasks as well or better, at no more of any capacity.

    Of equal rows the first stays.

    >>> values = np.array([[0.5, -np.inf], [0.5, 0.1], [0.6, -np.inf]])
    >>> undominated(Cover(values, np.ones((1, 3)))).tolist()
    [False, True, True]
    """
    gains, loads = cover.gains, cover.loads
    order = np.argsort(-gains, axis=0, kind="stable")
    ranked = -np.take_along_axis(gains, order, axis=0)
    keep = np.asarray(np.isfinite(gains).any(axis=1))
    for row in np.flatnonzero(keep)[::-1]:
        served = np.flatnonzero(np.isfinite(gains[row]))
        better = [np.searchsorted(ranked[:, t], -gains[row, t], side="right") for t in served]
        shortest = int(np.argmin(better))
        others = order[: better[shortest], served[shortest]]
        others = others[keep[others] & (others != row)]
        others = others[(loads[:, others] <= loads[:, [row]]).all(axis=0)]
        keep[row] = not (gains[np.ix_(others, served)] >= gains[row, served]).all(axis=1).any()
    return keep


def price(cover: Cover, target: float, start: Prices | None, deadline: float) -> Prices:
    """Find prices with a small bound by subgradient steps (Polyak's length towards ``target``).

    The bound is that of the linear relaxation at best: sum of prices and dues, plus what the rows
    earn beyond both.
    """
    tasks = (
        np.maximum(np.sort(cover.gains, axis=0)[-max(2, len(cover.gains) // 50) :][0], 0)
        if start is None
        else start.tasks
    )
    dues = np.zeros(len(cover.loads)) if start is None else start.dues
    best, sets, length, idle = Prices(np.inf, tasks, dues), {}, 1.0, 0
    for _ in range(_STEPS):
        bound, budget_due, taken = _respond(cover, tasks, dues)
        sets[tuple(np.flatnonzero(taken > 1 - TOLERANCE).tolist())] = None
        idle += 1
        if bound < best.bound - TOLERANCE:
            best, idle = Prices(bound, tasks, np.r_[budget_due, dues[1:]]), 0
        elif idle > 10:
            length, idle, tasks, dues = length / 2, 0, best.tasks, best.dues
        slope = np.r_[1 - taken @ (cover.gains > tasks), 1 - cover.loads[1:] @ taken]
        aim = max(target, best.bound - 1)
        if length < 1e-3 or best.bound <= target or not slope.any() or perf_counter() > deadline:
            break
        step = length * (bound - aim) / np.square(slope).sum() * slope
        tasks = tasks - step[: len(tasks)]
        dues = np.r_[0, np.maximum(dues[1:] - step[len(tasks) :], 0)]
    return Prices(best.bound, best.tasks, best.dues, tuple(sets))


def _respond(cover: Cover, tasks: np.ndarray, dues: np.ndarray) -> tuple[float, float, np.ndarray]:
    """The rows that pay most for what they cost (a fractional knapsack).

    Bound, due per unit of budget, share taken of each.
    """
    earned = np.maximum(cover.gains - tasks, 0).sum(axis=1) - dues[1:] @ cover.loads[1:]
    taken = np.zeros(len(earned))
    worth = np.flatnonzero(earned > 0)
    load = cover.loads[0, worth]
    ratio = np.divide(earned[worth], load, out=np.full(len(worth), np.inf), where=load > 0)
    order = np.argsort(-ratio, kind="stable")
    room = 1 - (np.cumsum(load[order]) - load[order])
    share = np.divide(room, load[order], out=np.ones(len(order)), where=load[order] > 0).clip(0, 1)
    taken[worth[order]] = np.where(share < TOLERANCE, 0, share)
    full = load.sum() >= 1
    budget_due = float(ratio[order][share > TOLERANCE][-1]) if full else 0.0
    return float(tasks.sum() + dues[1:].sum() + earned @ taken), budget_due, taken


def ruled_out(cover: Cover, prices: Prices, target: float) -> np.ndarray:
    """Which tasks no row (R, T) serves in a choice of value ``target`` or more.

    By what either falls short of the prices.
    """
    earned = np.maximum(cover.gains - prices.tasks, 0).sum(axis=1) - prices.dues @ cover.loads
    loss = np.maximum(-earned, 0)[:, None] + np.maximum(prices.tasks - cover.gains, 0)
    return prices.bound - loss < target - 1e-7


def reduced(cover: Cover, prices: Prices, target: float) -> tuple[np.ndarray, Cover]:
    """Rows (positions) and what they may serve in a choice of value ``target`` or more.

    The rest cannot be part of one.
    """
    smaller = Cover(np.where(ruled_out(cover, prices, target), -np.inf, cover.gains), cover.loads)
    rows = np.flatnonzero(undominated(smaller))
    return rows, smaller.only(rows)


def improved(cover: Cover, chosen: Sequence[int]) -> list[int]:
    """Add the best row, or exchange one for a better, until nothing helps.

    >>> gains = np.array([[0.1, 0.2], [0.9, -np.inf], [-np.inf, 0.8]])
    >>> sorted(improved(Cover(gains, np.full((1, 3), 0.5)), [0]))
    [1, 2]
    """
    gains, best = cover.padded, list(chosen)
    value = cover.worth(best)
    while True:
        moves = []
        for rest in [best, *(best[:i] + best[i + 1 :] for i in range(len(best)))]:
            serving = gains[rest].max(axis=0, initial=cover.unserved)
            fits = (cover.loads + cover.loads[:, rest].sum(axis=1, keepdims=True) <= FITS).all(
                axis=0
            )
            totals = np.where(fits, np.maximum(gains, serving).sum(axis=1), -np.inf)
            row = int(totals.argmax())
            moves.append((float(totals[row]), [*rest, row]))
        after, changed = max(moves, key=lambda move: move[0])
        if not after > value + 1e-12:
            return best
        value, best = after, changed
