"""How long a training may take, and when a model stops waiting for better.

What a model needs is counted in optimiser steps, while patience and limit are counted in epochs,
after which validation is looked at: an epoch may be one step of a small table or hundreds of steps of
images.
"""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

# By benchmarks/kept_epoch.py, seven data sets of 1 to 58 steps an epoch: the lowest validation loss
# comes after 30 to 500 steps, that of a regression with little noise after 1,500. A patience of 100
# steps, at least 10 epochs, loses at most 0.15 points of what decides; at least 5 epochs lose 0.7.
LIMIT_STEPS, LIMIT_EPOCHS = 3000, (30, 500)
PATIENCE_STEPS, PATIENCE_EPOCHS = 100, (10, 30)


class Limit(NamedTuple):
    """At most ``epochs``.

    A model whose validation is no better than before for ``patience`` epochs stops (None: none
    does).
    """

    epochs: int
    patience: int | None = None

    @classmethod
    def of(cls, n_steps: int, epochs: int | None = None, patience: int | None = None) -> Limit:
        """What was asked for, or what ``n_steps`` an epoch need where ``epochs`` is None.

        >>> Limit.of(3), Limit.of(500), Limit.of(500, epochs=4)
        (Limit(epochs=500, patience=30), Limit(epochs=30, patience=10), Limit(epochs=4, patience=None))
        """
        if epochs is not None:
            return cls(epochs, patience)
        waited = _between(PATIENCE_EPOCHS, PATIENCE_STEPS, n_steps)
        limit = _between(LIMIT_EPOCHS, LIMIT_STEPS, n_steps)
        return cls(limit, waited if patience is None else patience)


def _between(epochs: tuple[int, int], steps: int, n_steps: int) -> int:
    """The epochs that take so many steps, within bounds."""
    return min(max(ceil(steps / n_steps), epochs[0]), epochs[1])
