"""The partition of the greatest density, exactly: the programme of principled task grouping.

By Wang, Pan and Yu (arXiv 2402.15328): a group is worth the mean over its members i of what they
get from all members, the diagonal included, and exactly K groups are to be worth most. Membership
is in exactly one group: with the "at least one" of its released code a good nucleus is counted once
for every group that holds it.

Their non-convex programme is solved as set partitioning by column generation, as sum-of-squares
clustering is (Aloise, Hansen and Liberti, 2012), which differs only in the matrix. Groups are the
columns. With prices c on tasks and m on a group, a group x gains where x'Ax / x'e - c'x - m > 0,
thus where x'(A - (ce' + ec') / 2 - m I) x > 0: an unconstrained quadratic form in zeros and ones,
which branch and bound decides quickly because prices make most of it negative. When no group gains,
the prices are a bound, and every group that could be in a better partition than the best one known
loses less by them than is open: these are listed, and HiGHS chooses among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from coterie.grouping._columns import Columns, Kinds, Prices
from coterie.grouping._programme import Programme
from coterie.grouping._quadratic import ascended, positive
from coterie.grouping.sdp import Multipliers, density, relax, rounded

_ROUNDING = 1e-6  # of affinities whose largest is 1; HiGHS prices to 1e-7
_CLOSE = 1e-4
_FIRST = 1 / 64  # of what is open: groups that lose no more are looked at first
_SHARES = 0.75, 0.9  # of the time, when prices and then the choice among all groups end


@dataclass(frozen=True)
class Densest:
    """Groups ``labels`` (T,) of a density ``objective``, and how much is known of it.

    No partition has more than ``bound``. ``columns``: among how many groups the last choice was.
    """

    labels: np.ndarray
    objective: float
    bound: float
    proven: bool
    columns: int

    @property
    def gap(self) -> float:
        """How far the bound is above the objective, as a share of the larger of the two."""
        above = self.bound - self.objective
        return above / max(abs(self.bound), abs(self.objective)) if above else 0.0


def densest(matrix: np.ndarray, programme: Programme, deadline: float) -> Densest | None:
    """The densest partition that the programme allows, or the best that was found in time.

    Args:
        matrix: finite (T, T).
        programme: what is asked for.
        deadline: of :func:`time.perf_counter`.

    Returns:
        None where time ended before there was any.

    Raises:
        CoterieError: there is no such partition.
    """
    start = perf_counter()
    labels, multipliers = _relaxed(matrix, programme.n_groups)
    if not programme.kept_by(labels) and (labels := programme.any(deadline)) is None:
        return None
    kinds = Kinds.of(matrix, programme)
    search = _Search(kinds, labels, kinds.prices(multipliers))
    first, second = (start + share * (deadline - start) for share in _SHARES)
    search.price(first)
    seen = search.columns
    proven = search.choose_among_all(second)
    if not proven:
        search.choose(seen, deadline)
    objective = density(matrix, search.labels)
    bound = objective if proven else max(kinds.density(search.inner.value), objective)
    return Densest(search.labels, objective, bound, proven, search.columns.number)


def _relaxed(matrix: np.ndarray, n_groups: int) -> tuple[np.ndarray, Multipliers]:
    """Groups (T,) by the semidefinite relaxation, and its prices; trivial ones where K is 1 or T."""
    n_tasks = len(matrix)
    if not 1 < n_groups < n_tasks:
        none = Multipliers(np.zeros(n_tasks), np.zeros((n_tasks, n_tasks)))
        return np.arange(n_tasks) % n_groups, none
    symmetric = (matrix + matrix.T) / 2
    relaxed, _, multipliers = relax(symmetric, n_groups)
    return rounded(symmetric, relaxed, n_groups), multipliers


class _Search:
    """The best partition so far, the groups that were seen, and ``inner`` prices.

    By these no group gains, so that they bound all partitions.
    """

    def __init__(self, kinds: Kinds, labels: np.ndarray, prices: Prices) -> None:
        self.kinds, self.labels, self.inner = kinds, kinds.ordered(labels), prices
        self.value = kinds.value(labels)
        self.columns = Columns(kinds, [kinds.neighbours(labels, kind) for kind in kinds.all])

    def price(self, deadline: float) -> None:
        """Add groups that gain by the prices of those so far, until none does.

        Or until the prices of the relaxation are no higher: with clear groups it is tight.
        """
        while perf_counter() < deadline:
            prices, whole = self.columns.relaxed()
            self.offer(whole)
            if self.inner.value - max(prices.value, self.value) <= _CLOSE:
                return
            gaining, finished = self._risen(prices), True
            if not any(map(len, gaining)):
                gaining, finished = self._searched(prices, deadline)
            if any(map(len, gaining)):
                self.columns = self.columns.joined(gaining)
            else:
                if finished:
                    self.inner = prices.raised(_ROUNDING)
                return

    def _risen(self, prices: Prices) -> list[np.ndarray]:
        """Groups of each kind that gain, by ascent from those so far."""
        found = []
        for kind in self.kinds.all:
            form = prices.form(kind, _ROUNDING)
            risen = ascended(form, self.kinds.rooms[kind], self.columns.rows[kind])
            held = risen.astype(np.float64)
            found.append(risen[((held @ form) * held).sum(axis=1) > 0])
        return found

    def _searched(self, prices: Prices, deadline: float) -> tuple[list[np.ndarray], bool]:
        """Some groups of each kind that gain, if there are any; whether the search was finished."""
        found, finished = [], True
        for kind, room in enumerate(self.kinds.rooms):
            form = prices.form(kind, _ROUNDING)
            rows, done = positive(form, room, deadline, every=False)
            found.append(np.concatenate([rows, ascended(form, room, rows)]))
            finished &= done
        return found, finished

    def choose(self, columns: Columns, deadline: float) -> bool:
        """Take the best partition into some groups; whether that is proven."""
        chosen, finished = columns.best(deadline)
        self.offer(chosen)
        return finished

    def choose_among_all(self, deadline: float) -> bool:
        """Take the best partition of all groups that could be in a better one than this.

        These lose no more by the inner prices than is open. Those that lose little come first,
        since a better partition leaves less open.

        Returns:
            Whether the best is proven.
        """
        most = (self.inner.value - self.value) * _FIRST + _ROUNDING
        while True:
            listed = [
                positive(self.inner.form(kind, -most), room, deadline, every=True)
                for kind, room in enumerate(self.kinds.rooms)
            ]
            if not all(finished for _, finished in listed):
                return False
            self.columns = Columns(self.kinds, [rows for rows, _ in listed])
            if not self.choose(self.columns, deadline):
                return False
            if most >= self.inner.value - self.value:
                return True
            most = min(2 * most, self.inner.value - self.value + _ROUNDING)

    def offer(self, labels: np.ndarray | None) -> None:
        """Take a partition if it is better."""
        if labels is not None and (value := self.kinds.value(labels)) > self.value:
            self.labels, self.value = labels, value
