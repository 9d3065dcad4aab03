"""TAG: what a step of one task on the shared parameters does to the loss of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from coterie.affinities._probe import mask
from coterie.affinities._stepping import SteppingProbe
from coterie.affinities._steps import Trial
from coterie.results import About
from coterie.training.work import Work


@dataclass(kw_only=True, eq=False)
class Lookahead(SteppingProbe):
    """Inter-task affinity of TAG.

    Fifty et al., Efficiently Identifying Task Groupings for Multi-Task Learning, 2021.

    With shared parameters theta, heads phi and the step u_i that task i's gradient on the training
    batch takes,

        Z[i, j] = (1 - L_j(theta - u_i, phi) / L_j(theta, phi)) / lr,

    the heads frozen. Both losses are taken on other examples: on the batch that made the step, each
    task would favour itself. Momentum is left out of u_i, else every candidate would carry all
    tasks' past gradients. Z is scaled by the learning rate as published, and then per target; for
    ``step``, ``scored_on``, ``normalise`` and ``batch_size`` see :class:`SteppingProbe`. As
    published it is ``Lookahead(step=1, scored_on="train", normalise=False, batch_size=None)``.

    >>> work = Lookahead().price(n_tasks=9)
    >>> work.lookaheads, round(work.model_steps, 2)
    (9, 9.67)
    """

    name: ClassVar[str] = "lookahead"
    about: ClassVar[About] = About(
        family="affinity",
        measures="what a step on one task does to the loss of another",
        reading="Above 0 a step on the source lowers the target’s loss, below 0 it raises it.",
    )

    def price(self, n_tasks: int) -> Work:
        """A forward and T backward passes for steps, a forward pass after each and a reference."""
        return Work(1 + n_tasks + 1, n_tasks, n_tasks)

    def measure(self, trial: Trial) -> Tensor:
        """Z (T, T)."""
        n_tasks = trial.n_tasks
        steps, batch = self.steps(trial, heads=False), self.scoring_batch(trial)
        # The reference is a row that takes no step, so that it is computed exactly as the others
        # are.
        losses = trial.losses_after(torch.eye(n_tasks + 1, n_tasks), steps, batch)
        trial.work.lookaheads += n_tasks
        gains = (1 - losses[:-1].double() / losses[-1].double()) / trial.moment.learning_rate
        return self.finished(mask(gains, trial.observed(trial.batch), trial.observed(batch)))
