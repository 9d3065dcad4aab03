"""How groups were learnt: epoch by epoch, how probable it is that a task belongs to each.

Shapes: ``E`` epochs, ``T`` tasks, ``K`` groups; ``labels`` (T,) are the groups that were taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coterie.errors import CoterieError
from coterie.schema import array_of


@dataclass(frozen=True, kw_only=True)
class Assignments:
    """How groups were learnt: the assignment ``probabilities`` (E, T, K) at the end of each epoch.

    ``mode`` is how weights were sampled from them, ``pruned`` the number of pairs (task, group)
    that were ruled out on the way.
    """

    probabilities: np.ndarray
    mode: str = ""
    pruned: int = 0

    def __post_init__(self) -> None:
        """Refuse what are no probabilities."""
        found = array_of("probabilities", self.probabilities, "fiub E T K").astype(np.float64)
        if not np.isfinite(found).all() or (found < 0).any():
            raise CoterieError("`probabilities` must be finite and not negative.")
        object.__setattr__(self, "probabilities", found)

    def final(self, labels: np.ndarray) -> np.ndarray:
        """Probability (T,) of each task's own group at the end."""
        return self.probabilities[-1, np.arange(len(labels)), labels]

    def led_to(self, labels: np.ndarray) -> bool:
        """Whether these are the groups that were the most probable ones at the end."""
        if not len(self.probabilities):
            return False
        return bool((self.final(labels) == self.probabilities[-1].max(1)).all())

    def leaders(self, labels: np.ndarray) -> np.ndarray:
        """The most probable group of each epoch and task (E, T).

        Where several are, the one that the task ends in.

        >>> even = Assignments(probabilities=np.array([[[0.5, 0.5], [0.6, 0.4]]]))
        >>> even.leaders(np.array([1, 1])).tolist()
        [[1, 0]]
        """
        own = self.probabilities[:, np.arange(len(labels)), labels]
        return np.where(own == self.probabilities.max(2), labels, self.probabilities.argmax(2))

    def settled(self, labels: np.ndarray) -> np.ndarray:
        """The epoch (T,), from 1, from which the most probable group of a task no longer changed.

        >>> shares = np.eye(3)[[[0, 1], [2, 1], [2, 1]]]
        >>> Assignments(probabilities=shares).settled(np.array([2, 1])).tolist()
        [2, 1]
        """
        led = self.leaders(labels)
        moved = led != led[-1]
        return np.where(moved.any(0), len(led) - moved[::-1].argmax(0) + 1, 1)
