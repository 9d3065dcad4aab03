"""Which ranks are optimised when, how fast, and how much of an image they are seen by."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from coterie.errors import (
    CoterieError,
    require_count,
    require_number,
    require_positive,
    require_type,
    require_whole,
)

MOST_ITERATIONS = 10**7
MOST_PER_CLASS = 10**5
_USUAL_ROUNDS = 8


@dataclass(frozen=True, kw_only=True)
class EarlyLate:
    """The schedule of DELT (Shen et al. 2025, section 3, as released).

    The ``per_class`` ranks are cut into as many groups as there are rounds of ``round_iterations``.
    The first group is optimised from the first iteration on, one more joins with each round, and all
    end together. Learning rate and least crop fall along half a cosine of the whole run, which a
    group that joins late only sees the end of: it stays near the real examples. With ``restart``
    each group has half a cosine of its own, a method of its own. As many ``iterations`` as a round
    has optimise all at once; none leave examples as they are.

    Args:
        per_class: ranks of each class.
        iterations: in all.
        round_iterations: until the next group joins.
        lr: learning rate at first.
        least_area: of a crop at last; at first crops are whole images.
        restart: the learning rate starts anew for each group.

    Raises:
        CoterieError: a setting out of range, or rounds that do not divide the iterations.

    >>> schedule = EarlyLate(per_class=10, iterations=4000, round_iterations=500)
    >>> schedule.sizes, schedule.active(500)
    ((2, 2, 1, 1, 1, 1, 1, 1), 4)
    >>> schedule.of_ranks.tolist()[:5], round(schedule.saving, 4)
    ([4000, 4000, 3500, 3500, 3000], 0.3625)
    """

    per_class: int
    iterations: int = 4000
    round_iterations: int = 500
    lr: float = 0.25
    least_area: float = 0.08
    restart: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no schedule."""
        require_count("per_class", self.per_class, MOST_PER_CLASS)
        require_whole("iterations", self.iterations, 0, MOST_ITERATIONS)
        require_count("round_iterations", self.round_iterations, MOST_ITERATIONS)
        require_positive("lr", self.lr)
        require_number("least_area", self.least_area, least=0, below=math.nextafter(1, 2))
        require_type("restart", self.restart, bool)
        if self.iterations % self.round_iterations:
            raise CoterieError(
                f"`round_iterations` must divide `iterations`, {self.iterations}; found "
                f"{self.round_iterations}."
            )

    @property
    def n_rounds(self) -> int:
        """Rounds, and groups of ranks."""
        return max(1, self.iterations // self.round_iterations)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Ranks of each group; the first ones have one more where they are not equal."""
        size, more = divmod(self.per_class, self.n_rounds)
        return tuple(size + (group < more) for group in range(self.n_rounds))

    @property
    def groups(self) -> np.ndarray:
        """Group of each rank, (per_class,)."""
        return np.repeat(np.arange(self.n_rounds), self.sizes)

    @property
    def of_ranks(self) -> np.ndarray:
        """Iterations that each rank is optimised for, (per_class,)."""
        return self.iterations - self.groups * self.round_iterations

    @property
    def saving(self) -> float:
        """Share of iterations, summed over examples, that is saved against all at once."""
        return 1 - float(self.of_ranks.mean()) / self.iterations if self.iterations else 0.0

    def joined(self, iteration: int) -> int:
        """How many groups are optimised in an iteration, counted from 0."""
        return iteration // self.round_iterations + 1

    def active(self, iteration: int) -> int:
        """How many ranks are optimised, those of all groups that have joined."""
        return list(accumulate(self.sizes))[self.joined(iteration) - 1]

    def rate(self, iteration: int, group: int = 0) -> float:
        """Learning rate of a group that has joined."""
        start = group * self.round_iterations if self.restart else 0
        return self.lr * _falling((iteration - start) / (self.iterations - start))

    def area(self, iteration: int) -> float:
        """Least share of an image that a crop shows."""
        return self.least_area + (1 - self.least_area) * _falling(iteration / self.iterations)


def usual_round(iterations: int) -> int:
    """Iterations of a round where none are asked for: an eighth, as published.

    Where eight rounds do not divide the iterations, as many as do.

    Raises:
        CoterieError: only all at once would do.

    >>> usual_round(4000), usual_round(20), usual_round(3), usual_round(0)
    (500, 4, 1, 1)
    """
    require_whole("iterations", iterations, 0, MOST_ITERATIONS)
    rounds = range(min(_USUAL_ROUNDS, iterations), 0, -1)
    n_rounds = next((number for number in rounds if iterations % number == 0), 1)
    if n_rounds == 1 < iterations:
        raise CoterieError(
            f"`iterations` must be a multiple of a number from 2 to {_USUAL_ROUNDS}, or "
            f"`round_iterations` given; found {iterations}."
        )
    return max(1, iterations // n_rounds)


def _falling(share: float) -> float:
    """Half a cosine from 1 to 0."""
    return (1 + math.cos(math.pi * share)) / 2
