"""Principled task grouping: what task i adds to a step that task j takes anyway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from coterie.affinities._pairs import mask_gains, pair_gains, pair_price
from coterie.affinities._stepping import SteppingProbe
from coterie.affinities._steps import Trial
from coterie.errors import require_choice
from coterie.results import About
from coterie.training.work import Work


@dataclass(kw_only=True, eq=False)
class TransferGain(SteppingProbe):
    """Transfer gain of principled task grouping (Wang, Pan, Yu 2024, arXiv 2402.15328).

    Let (theta, phi)^A be shared parameters and heads after one step on the *mean* of the losses of
    the tasks in A. Then

        S[i, j] = 1 - L_j((theta, phi)^{i, j}) / L_j((theta, phi)^{j}),

    scored on other examples. The paper's released collectors differ between sum and mean; here it
    is the mean everywhere, so a task gains nothing from its own company: S[j, j] = 0. A pair takes
    half of each task's step u, so S[i, j] > 0 says that half a step of i is worth more to j than
    half a step of its own, which is rare: compare entries, not signs.

    ``pairs="exact"`` tries T + T (T - 1) / 2 steps. ``"first-order"`` tries T, with one gradient
    after each: since theta^{i, j} = theta^j + (u_j - u_i) / 2,

        S[i, j] ~ (u_i - u_j) / 2 . grad L_j(theta^j) / L_j(theta^j),

    which is close while steps are small. For ``step``, ``scored_on``, ``normalise`` and
    ``batch_size`` see :class:`SteppingProbe`. As published it is ``TransferGain(step=1,
    scored_on="train", normalise=False, batch_size=None)``.

    >>> TransferGain().price(n_tasks=9).lookaheads, TransferGain(pairs="first-order").price(n_tasks=9).lookaheads
    (45, 9)
    """

    pairs: Literal["exact", "first-order"] = "exact"
    name: ClassVar[str] = "transfer_gain"
    about: ClassVar[About] = About(
        family="affinity",
        measures="what a task adds to a step that another takes anyway",
        reading="Compare values, not signs: above 0 would mean that half a step on the "
        "source is worth more to the target than half a step of its own, so nearly all are below.",
        signed=False,
    )

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        super().__post_init__()
        require_choice("pairs", self.pairs, ("exact", "first-order"))

    def price(self, n_tasks: int) -> Work:
        """A forward and T backward passes for steps, a forward pass after each, slopes if first-order."""
        if self.pairs == "first-order":
            return Work(1 + n_tasks, 2 * n_tasks, n_tasks)
        return pair_price(n_tasks)

    def measure(self, trial: Trial) -> Tensor:
        """S (T, T)."""
        steps, batch = self.steps(trial, heads=True), self.scoring_batch(trial)
        if self.pairs == "exact":
            everything = torch.ones(trial.n_tasks, trial.n_tasks, dtype=torch.bool)
            return self.finished(pair_gains(trial, steps, batch, each=0.5, wanted=everything))
        losses, slopes = trial.slopes_after(steps, batch)
        trial.work.lookaheads += trial.n_tasks
        gains = (slopes - slopes.diagonal()) / 2 / losses.double()
        return self.finished(mask_gains(trial, batch, gains))
