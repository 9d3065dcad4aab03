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
from coterie.grouping._method import Settings
from coterie.grouping._programme import Programme
from coterie.grouping._quadratic import ascended, positive
from coterie.grouping.sdp import density, sdp

_ROUNDING = 1e-6  # of affinities whose largest is 1; HiGHS prices to 1e-7
_CHOOSING = 0.2  # of the time, for the choice among groups that were found


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
    labels = _first(matrix, programme, deadline)
    if labels is None:
        return None
    search = _Search(Kinds.of(matrix, programme), labels)
    prices = search.price(start + (1 - _CHOOSING) * (deadline - start))
    search.choose(deadline)
    proven = prices is not None and search.choose_among_all(prices, deadline)
    objective = density(matrix, search.labels)
    bound = objective if proven else max(search.kinds.density(search.bound), objective)
    return Densest(search.labels, objective, bound, proven, search.columns.number)


def _first(matrix: np.ndarray, programme: Programme, deadline: float) -> np.ndarray | None:
    """Groups (T,) that are as asked for: those of the relaxation, if they are."""
    labels = np.arange(programme.n_tasks) % programme.n_groups
    if 1 < programme.n_groups < programme.n_tasks:
        told = Settings(n_groups=programme.n_groups, fuzziness=2.0, restarts=1, seed=0)
        labels = sdp((matrix + matrix.T) / 2, told).membership.argmax(axis=1)
    return labels if programme.kept_by(labels) else programme.any(deadline)


class _Search:
    """The best partition so far, an upper bound, and the groups that were seen."""

    def __init__(self, kinds: Kinds, labels: np.ndarray) -> None:
        self.kinds, self.labels = kinds, kinds.ordered(labels)
        self.value, self.bound = kinds.value(labels), kinds.first_bound()
        self.columns = Columns(kinds, [kinds.neighbours(labels, kind) for kind in kinds.all])

    def price(self, deadline: float) -> Prices | None:
        """Add groups that gain by the prices of those so far, until none does.

        Returns:
            The last prices, by which no group gains; None where time ended before.
        """
        while perf_counter() < deadline:
            prices = self.columns.relaxed()
            self.offer(prices.whole)
            self.bound = min(self.bound, prices.bound())
            gaining, finished = self._gaining(prices, deadline)
            if any(map(len, gaining)):
                self.columns = self.columns.joined(gaining)
            elif finished:
                self.bound = min(self.bound, prices.value + _ROUNDING * len(self.kinds.slots))
                return prices
            else:
                break
        return None

    def _gaining(self, prices: Prices, deadline: float) -> tuple[list[np.ndarray], bool]:
        """Groups of each kind that gain, by ascent from those so far, else by search.

        And whether the search was finished.
        """
        forms = [prices.form(kind, _ROUNDING) for kind in self.kinds.all]
        found = []
        for form, room, rows in zip(forms, self.kinds.rooms, self.columns.rows, strict=True):
            risen = ascended(form, room, rows)
            held = risen.astype(np.float64)
            found.append(risen[((held @ form) * held).sum(axis=1) > 0])
        if any(map(len, found)):
            return found, True
        finished = True
        for kind, (form, room) in enumerate(zip(forms, self.kinds.rooms, strict=True)):
            rows, done = positive(form, room, deadline, every=False)
            found[kind] = np.concatenate([rows, ascended(form, room, rows)])
            finished &= done
        return found, finished

    def choose(self, deadline: float) -> bool:
        """Take the best partition of the groups that were seen; whether that is proven."""
        chosen, finished = self.columns.best(deadline)
        self.offer(chosen)
        return finished

    def choose_among_all(self, prices: Prices, deadline: float) -> bool:
        """Take the best partition of all groups that could be in a better one than this."""
        open_ = max(self.bound - self.value, 0.0) + _ROUNDING
        listed = [
            positive(prices.form(kind, -open_), room, deadline, every=True)
            for kind, room in enumerate(self.kinds.rooms)
        ]
        if not all(finished for _, finished in listed):
            return False
        self.columns = Columns(self.kinds, [rows for rows, _ in listed])
        return self.choose(deadline)

    def offer(self, labels: np.ndarray | None) -> None:
        """Take a partition if it is better."""
        if labels is not None and (value := self.kinds.value(labels)) > self.value:
            self.labels, self.value = labels, value
