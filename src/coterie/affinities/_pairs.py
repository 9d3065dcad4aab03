"""Gains of pair steps over single steps, shared by the methods that differ in what a pair step is.

Shapes: ``T`` tasks.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from coterie.affinities._probe import mask
from coterie.affinities._steps import Trial
from coterie.data import Batch
from coterie.training.work import Work


def pair_price(n_tasks: int) -> Work:
    """A forward and T backward passes for steps, a forward pass after each single and pair step."""
    tried = n_tasks * (n_tasks + 1) // 2
    return Work(1 + tried, n_tasks, tried)


def pair_gains(
    trial: Trial, steps: Mapping[str, Tensor], batch: Batch, *, each: float, wanted: Tensor
) -> Tensor:
    """1 - L_j(after the step of i and j) / L_j(after that of j) at [i, j], (T, T).

    It is 0 at [j, j], and NaN where it is not wanted.

    Shared parameters and the heads of the tasks that step are updated. Steps are linear in the
    gradients, which are taken once.

    Args:
        trial: the moment.
        steps: what each task's step subtracts, by parameter name, (T, ...).
        batch: examples that score.
        each: weight of either loss in a pair step: 1/2 where tasks share a step's mean, 1 where one
            is added to the other.
        wanted: entries to measure, (T, T) bool; a pair that is wanted in neither direction is not
            tried.
    """
    singles = torch.eye(trial.n_tasks)
    i, j = (wanted | wanted.T).triu(1).nonzero().unbind(1)
    weights = torch.cat([singles, each * (singles[i] + singles[j])])
    losses = trial.losses_after(weights, steps, batch).double().cpu()
    trial.work.lookaheads += len(weights)
    own, pairs = losses[: trial.n_tasks].diagonal(), losses[trial.n_tasks :]
    gains = torch.full((trial.n_tasks, trial.n_tasks), torch.nan, dtype=torch.float64)
    gains[i, j] = 1 - pairs.gather(1, j[:, None])[:, 0] / own[j]
    gains[j, i] = 1 - pairs.gather(1, i[:, None])[:, 0] / own[i]
    gains.fill_diagonal_(0).masked_fill_(~(wanted | singles.bool()), torch.nan)
    return mask_gains(trial, batch, gains)


def mask_gains(trial: Trial, batch: Batch, gains: Tensor) -> Tensor:
    """NaN where source or target has no label to step on, or the target none to be scored by."""
    stepped, scored = (
        trial.observed(trial.batch).to(gains.device),
        trial.observed(batch).to(gains.device),
    )
    return mask(gains, stepped, stepped & scored)
