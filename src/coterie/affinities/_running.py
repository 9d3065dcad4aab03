"""Running mean and variance of each entry of a T x T measurement.

Shapes: ``T`` tasks.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.stats import t as student

_NAMES = ("count", "mean", "squares")


class Running:
    """Welford's running mean and sum of squared deviations of (T, T) values, in float64.

    Each entry has its own count.

    Entries that are not finite (never tried, or broken by an overflow) do not count. ``T`` is known
    from the first measurement.

    >>> running = Running()
    >>> for value in (1.0, 3.0):
    ...     running.add(np.array([[value, np.nan], [value, 0.0]]))
    >>> running.count, running.mean_or_nan()
    (array([[2, 0],
           [2, 2]]), array([[ 2., nan],
           [ 2.,  0.]]))
    """

    def __init__(self) -> None:
        self.count = np.zeros((0, 0), dtype=np.int64)
        self.mean = np.zeros((0, 0))
        self.squares = np.zeros((0, 0))

    def add(self, values: np.ndarray) -> None:
        """Fold one measurement (T, T) in."""
        self.allocate(len(values))
        measured = np.isfinite(values)
        self.count += measured
        delta = np.where(measured, values, 0.0) - np.where(measured, self.mean, 0.0)
        self.mean += delta / np.maximum(self.count, 1)
        self.squares += delta * np.where(measured, values - self.mean, 0.0)

    def allocate(self, n_tasks: int) -> None:
        """Make room for T tasks, if there is none yet."""
        if not self.count.size:
            shape = (n_tasks, n_tasks)
            self.count, self.mean, self.squares = (
                np.zeros(shape, dtype=np.int64),
                np.zeros(shape),
                np.zeros(shape),
            )

    def mean_or_nan(self) -> np.ndarray:
        """Mean of each entry (T, T), NaN where nothing was measured."""
        return np.where(self.count > 0, self.mean, np.nan)

    def stderr(self) -> np.ndarray:
        """Standard error of each mean (T, T), NaN below two measurements.

        It takes them as independent.
        """
        degrees = np.where(self.count > 1, self.count - 1, np.nan)
        return np.sqrt(self.squares / degrees / np.maximum(self.count, 1))

    def interval(self, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """Ends of the two-sided t interval of each mean, (T, T), NaN below two measurements."""
        degrees = np.where(self.count > 1, self.count - 1, np.nan)
        half = student.ppf(0.5 + level / 2, degrees) * self.stderr()
        return self.mean - half, self.mean + half

    def harmful(self, least: int) -> np.ndarray:
        """Entries measured at least ``least`` times whose 95 % interval lies below 0, (T, T) bool."""
        _, upper = self.interval()
        return (self.count >= least) & (upper < 0)

    def state(self) -> dict[str, np.ndarray]:
        """What a checkpoint must hold."""
        return {name: getattr(self, name).copy() for name in _NAMES}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Continue from a checkpoint."""
        for name in _NAMES:
            setattr(self, name, arrays[name].copy())


def helpful_shares(gains: np.ndarray) -> np.ndarray:
    """Share of each source (T,) in what helps a target, from gains (T, T) [source, target].

    They are in proportion to max(0, gain); columns sum to 1, or to 0 where no other task helps.

    >>> helpful_shares(np.array([[9.0, 0.1, -0.2], [-0.1, 9.0, -0.1], [-0.3, 0.3, 9.0]]))
    array([[0.  , 0.25, 0.  ],
           [0.  , 0.  , 0.  ],
           [0.  , 0.75, 0.  ]])
    """
    helps = np.maximum(gains, 0)
    np.fill_diagonal(helps, 0)
    total = helps.sum(0)
    return helps / np.where(total > 0, total, 1)
