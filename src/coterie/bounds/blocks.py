"""Whether tasks of hidden groups help each other alike: a block in the effects of co-members.

Effects that are drawn one by one are shrunk one by one, and a structure of many small effects that
agree, which is what groups gain by, would be shrunk away. So the effects are ``b [z_t = z_u]`` plus
independent ones: ``z`` labels the tasks, uniformly a priori, ``b`` has a unit information prior (Kass
and Wasserman, JASA 1995), under which the marginal likelihood of ``z`` is that of one regressor.

Shapes: ``R`` rows, ``T`` tasks, ``G`` labels, ``C`` candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

_RESTARTS = 4
_SWEEPS = 6


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the data say of ``others`` (T, R, T), centred co-members times scale.

    ``inverse`` (T, R, R) are the inverse covariances of all else, ``weighted`` (T, R) they times
    the data, ``number`` how many data there are.
    """

    others: np.ndarray
    inverse: np.ndarray
    weighted: np.ndarray
    number: int

    def sums(self, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Information on b, and information times its estimate, of labels (C, T): (C,) each."""
        same = labels[:, :, None] == labels[:, None, :]
        regressor = (self.others @ same.transpose(1, 2, 0)).transpose(2, 0, 1)
        spread = (self.inverse @ regressor[..., None])[..., 0]
        information = (spread * regressor).sum(axis=(1, 2))
        return information, (regressor * self.weighted).sum(axis=(1, 2))

    def log_likelihood(self, labels: np.ndarray) -> np.ndarray:
        """Of labels (C, T), b integrated out, against no block: (C,).

        What every prior of unit information costs, log(1 + n) / 2, is the same for all labels.
        """
        information, product = self.sums(labels)
        known = np.where(information > 0, information, 1.0)
        shrunk = self.number / (self.number + 1)
        return np.where(information > 0, 0.5 * shrunk * product**2 / known, 0.0)

    def draw_effect(self, labels: np.ndarray, rng: np.random.Generator) -> float:
        """Draw b, given labels (T,)."""
        (information,), (product,) = self.sums(labels[None])
        if information <= 0:
            return 0.0
        shrunk = self.number / (self.number + 1)
        return float(
            shrunk * product / information + rng.standard_normal() * np.sqrt(shrunk / information)
        )


def first_labels(found: Evidence, n_labels: int, rng: np.random.Generator) -> np.ndarray:
    """Labels (T,) from some random ones by Gibbs sampling: the most likely at its end."""
    n_tasks = len(found.others)
    ends = []
    for _ in range(_RESTARTS):
        labels = rng.integers(n_labels, size=n_tasks)
        for _ in range(_SWEEPS):
            labels = next_labels(found, labels, n_labels, rng)
        ends.append(labels)
    return ends[int(found.log_likelihood(np.stack(ends)).argmax())]


def next_labels(
    found: Evidence, labels: np.ndarray, n_labels: int, rng: np.random.Generator
) -> np.ndarray:
    """One sweep of Gibbs sampling, task by task."""
    labels = labels.copy()
    for task in range(len(labels)):
        candidates = np.tile(labels, (n_labels, 1))
        candidates[:, task] = np.arange(n_labels)
        chance = softmax(found.log_likelihood(candidates))
        labels[task] = rng.choice(n_labels, p=chance)
    return labels
