"""Cosine of the tasks' gradients on the shared parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from coterie.affinities._probe import AffinityProbe, mask
from coterie.affinities._steps import Trial
from coterie.results import About
from coterie.training.work import Work


@dataclass(kw_only=True, eq=False)
class Cosine(AffinityProbe):
    """Mean cosine of two tasks' shared gradients on the training batch.

    Symmetric, in [-1, 1], 1 on the diagonal.

    The cheapest of the measured affinities, with no step taken: T backward passes. TAG (Fifty et
    al., NeurIPS 2021) compares itself with it as "CS". Task losses and gradients are those of the
    training, heads excluded.

    >>> Cosine(every=5).price(n_tasks=4).model_steps
    3.0
    """

    name: ClassVar[str] = "cosine"
    about: ClassVar[About] = About(
        family="affinity",
        measures="cosine of the tasks’ gradients of the shared parameters",
        reading="Above 0 the two tasks pull the shared parameters the same way, below 0 "
        "against each other.",
    )

    def price(self, n_tasks: int) -> Work:
        """One forward pass, T backward ones."""
        return Work(1, n_tasks)

    def measure(self, trial: Trial) -> Tensor:
        """Cosines (T, T) on the training batch."""
        gradients = trial.gradients(heads=False).values()
        gram = torch.stack([(g.flatten(1) @ g.flatten(1).T).double() for g in gradients]).sum(0)
        norm = gram.diagonal().sqrt()
        cosine = ((gram + gram.T) / 2 / (norm[:, None] * norm)).clamp(-1, 1)
        # By definition, where there is a gradient at all; rounding may make it 1 - 1e-16.
        cosine.diagonal()[norm > 0] = 1
        observed = trial.observed(trial.batch)
        return mask(cosine, observed, observed)
