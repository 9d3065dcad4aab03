"""The exact search.

Local search for a choice, prices for a bound, and HiGHS for the rows that both leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from coterie.grouping._cover import TOLERANCE, Cover, Prices, improved, price, reduced, undominated
from coterie.grouping._highs import Answer, cover_tasks, part, serve

_ROUNDS = 4
_POLISHED = 20


@dataclass(frozen=True)
class Choice:
    """An answer about all rows.

    How many were ``dominated``, how many were ``left`` for HiGHS to decide.
    """

    answer: Answer
    dominated: int
    left: int


def best_cover(cover: Cover, deadline: float) -> Choice:
    """Choose the rows whose best gains have the largest sum; tasks may be in several of them.

    What prices rule out and HiGHS decides is exact; the local search only makes the bound bite
    earlier.
    """
    rows = np.flatnonzero(undominated(cover))
    dominated, small = len(cover.gains) - len(rows), cover.only(rows)
    first = _first(small, deadline)
    if first.rows is None:
        return Choice(first, dominated, len(rows))
    search = _Search(cover, [int(rows[place]) for place in first.rows])
    prices: Prices | None = None
    for _ in range(_ROUNDS):
        prices = price(small, search.value, prices, deadline)
        search.polish(small, rows, prices.sets, deadline)
        search.bound = max(min(search.bound, prices.bound), search.value)
        if search.bound <= search.value + TOLERANCE:
            return Choice(search.answer(finished=True), dominated, 0)
        places, small = reduced(small, prices, search.value)
        before, rows = len(rows), rows[places]
        if len(rows) > 0.9 * before or perf_counter() > deadline:
            break
    found = serve(small, deadline)
    if found.rows is not None:
        search.offer([int(rows[place]) for place in found.rows])
    search.bound = max(min(search.bound, found.bound), search.value)
    return Choice(search.answer(finished=found.finished), dominated, len(rows))


def best_partition(cover: Cover, deadline: float) -> Choice:
    """Choose disjoint rows that hold every task once and whose gains have the largest sum."""
    n_tasks = cover.gains.shape[1]
    subsets = np.isfinite(cover.gains)
    values = np.where(subsets, cover.gains, 0).sum(axis=1) / n_tasks
    rows = _best_of_each_subset(values, subsets, cover.loads)
    found = part(values[rows], subsets[rows], cover.loads[:, rows], deadline)
    chosen = None if found.rows is None else [int(rows[place]) for place in found.rows]
    return Choice(
        Answer(chosen, found.bound * n_tasks, found.finished), len(values) - len(rows), len(rows)
    )


def _best_of_each_subset(values: np.ndarray, subsets: np.ndarray, loads: np.ndarray) -> np.ndarray:
    """Positions of the rows that no row of the same subset replaces.

    At least its value, at no more of any capacity.
    """
    same: dict[bytes, list[int]] = {}
    for row in np.argsort(-values, kind="stable").tolist():
        kept = same.setdefault(np.packbits(subsets[row]).tobytes(), [])
        if not any((loads[:, other] <= loads[:, row]).all() for other in kept):
            kept.append(row)
    return np.sort(np.concatenate(list(same.values())))


def _first(cover: Cover, deadline: float) -> Answer:
    """Some choice that serves all tasks, or the word of HiGHS that there is none."""
    chosen = improved(cover, [])
    if np.isfinite(cover.value(chosen)):
        return Answer(chosen, np.inf, finished=True)
    found = cover_tasks(np.isfinite(cover.gains), cover.loads, deadline)
    return (
        found if found.rows is None else Answer(improved(cover, found.rows), np.inf, finished=True)
    )


class _Search:
    """The best choice so far, in positions among all rows, and an upper bound."""

    def __init__(self, cover: Cover, rows: list[int]) -> None:
        self.cover, self.rows, self.value, self.bound = cover, rows, cover.value(rows), np.inf

    def offer(self, rows: list[int]) -> None:
        """Take a choice if it is better."""
        if (value := self.cover.value(rows)) > self.value:
            self.rows, self.value = rows, value

    def polish(
        self, small: Cover, rows: np.ndarray, sets: tuple[tuple[int, ...], ...], deadline: float
    ) -> None:
        """Improve the best of the sets that the prices suggested."""
        for chosen in sorted(sets, key=small.worth, reverse=True)[:_POLISHED]:
            if perf_counter() > deadline:
                return
            self.offer([int(rows[place]) for place in improved(small, chosen)])

    def answer(self, *, finished: bool) -> Answer:
        """The best choice so far, as what is known of it."""
        return Answer(self.rows, self.value if finished else self.bound, finished)
