"""Our own measure of whether an auxiliary task is worth adding to a main one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from coterie.affinities._pairs import pair_gains, pair_price
from coterie.affinities._running import helpful_shares
from coterie.affinities._stepping import SteppingProbe
from coterie.affinities._steps import Trial
from coterie.errors import require_whole
from coterie.results import About
from coterie.training.work import Work


@dataclass(kw_only=True, eq=False)
class AuxiliaryGain(SteppingProbe):
    """What adding auxiliary task a to a step of main task m does to the *held-out* loss of m.

    A definition of our own.

    With (theta, phi)^{m} the shared parameters and heads after one step on L_m, and (theta,
    phi)^{a, m} after one on L_a + L_m,

        E[a, m] = mean over the training of 1 - L_m((theta, phi)^{a, m}) / L_m((theta, phi)^{m}),

    scored on a batch of the validation part. The losses are added, not averaged: the question is
    whether the auxiliary's step is good for m besides its own, so E > 0 means help.

    How long steps are and what scores them is said by :class:`SteppingProbe`. Values are not normalised
    unless that is asked for: dropped pairs would change the unit of those that are left.

    A pair is *dropped*, and no longer measured, as soon as it was measured ``least`` times and the
    upper end of the 95 % t interval of its mean is below 0; it is *kept* if at the end the lower
    end is above 0; others are undecided. Measurements along one training are not independent and
    are looked at repeatedly, so these bounds are a rule of thumb and not a test. ``details`` holds
    the names of ``dropped`` and ``kept`` pairs (auxiliary, main) and ``weights[a][m]``,
    proportional to max(0, E[a, m]) and 1 in sum over a, 0 where no auxiliary helps.

    There is a published "effectiveness of auxiliary task" (X. Wang, F. Du, D. Zhao, C. Liu, J.
    Intelligent Manufacturing 36(7), 2025), whose formula is not public; this is not it.

    >>> AuxiliaryGain(least=8).price(n_tasks=4).lookaheads
    10
    """

    normalise: bool = False
    least: int = 5
    name: ClassVar[str] = "auxiliary_gain"
    about: ClassVar[About] = About(
        family="affinity",
        measures="what a task adds to another’s step, on validation examples",
        reading="Above 0 the source’s step helps the target on validation examples "
        "besides its own, below 0 it harms.",
    )

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        super().__post_init__()
        require_whole("least", self.least, 2)  # for an interval

    def price(self, n_tasks: int) -> Work:
        """A forward and T backward passes for steps, a forward pass after each step and each pair."""
        return pair_price(n_tasks)

    def measure(self, trial: Trial) -> Tensor:
        """E (T, T) of the pairs not dropped yet."""
        self.running.allocate(trial.n_tasks)
        wanted = torch.from_numpy(~self.dropped())
        if not wanted.fill_diagonal_(False).any():
            return torch.full(wanted.shape, torch.nan)
        steps, batch = self.steps(trial, heads=True), self.scoring_batch(trial)
        return self.finished(pair_gains(trial, steps, batch, each=1.0, wanted=wanted))

    def dropped(self) -> np.ndarray:
        """Pairs [auxiliary, main] found harmful, (T, T) bool.

        They stay so, for they are no longer measured.
        """
        return self.running.harmful(self.least)

    def kept(self) -> np.ndarray:
        """Pairs [auxiliary, main] found helpful, (T, T) bool."""
        lower, _ = self.counted.interval()
        return (self.counted.count >= self.least) & (lower > 0)

    def weights(self) -> np.ndarray:
        """Weight of auxiliary a beside main task m at [a, m], (T, T).

        Columns sum to 1, or to 0 where no auxiliary helps.
        """
        return helpful_shares(self.counted.mean)

    def details(self) -> dict[str, object]:
        """What was dropped and kept, and the weights."""

        def named(pairs: np.ndarray) -> list[list[str]]:
            return [
                [self.tasks[auxiliary], self.tasks[main]] for auxiliary, main in np.argwhere(pairs)
            ]

        return {
            "dropped": named(self.dropped()),
            "kept": named(self.kept()),
            "weights": self.weights().tolist(),
        }
