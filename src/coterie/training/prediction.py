"""Outputs and scores of a stack on part of the data.

Shapes: ``M`` models, ``n`` examples, ``P`` output columns, ``T`` tasks.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from coterie.data import Batches, Dataset
from coterie.data.dataset import require_positions
from coterie.errors import require_choice, require_type, require_whole
from coterie.metrics import deciding
from coterie.models import ModelStack
from coterie.tasks import Tasks, example_losses, mean_losses
from coterie.training.config import MOST_EXAMPLES
from coterie.training.device import Place

EVALUATION_BATCH = 512


def predict(
    stack: ModelStack,
    data: Dataset,
    positions: Tensor,
    *,
    batch_size: int = EVALUATION_BATCH,
    device: str = "auto",
    precision: Literal["fp32", "bf16"] = "fp32",
) -> Tensor:
    """Return the outputs of every model at ``positions``, (M, n, P), float32 on the CPU.

    Args:
        stack: the models.
        data: the data set that they were trained on, or one prepared alike.
        positions: (n,) example positions, such as ``data.split.test``.
        batch_size: examples at a time.
        device: "auto", "cpu" or "cuda".
        precision: "fp32" or "bf16".

    Raises:
        CoterieError: the data were prepared otherwise than those of the training.
    """
    require_type("stack", stack, ModelStack)
    require_type("data", data, Dataset)
    require_positions(positions, data)
    require_whole("batch_size", batch_size, 2, MOST_EXAMPLES)
    require_choice("precision", precision, ("fp32", "bf16"))
    if stack.schema is not None:
        stack.schema.require(data)
    place = Place.of(device, precision)
    stack = stack.to(place.device)
    stack.train(False)
    batches = Batches(data, positions, batch_size=batch_size, seed=0, device=place.device)
    with torch.inference_mode(), place.autocast():
        return torch.cat([stack(batch.inputs).float().cpu() for batch in batches.ordered()], dim=1)


def evaluate(
    stack: ModelStack,
    batches: Batches,
    tasks: Tasks,
    place: Place,
    used: Tensor,
) -> tuple[Tensor, Tensor]:
    """Score of each model and task (M, T), float64, higher is better, and mean loss (M, T).

    The score is the task's deciding metric, NaN where the model is not ``used`` (M, T) for it: of
    these cells no outputs are kept.

    The loss is the mean over the observed cells of these examples, whatever share of the training
    part is observed; NaN, as the score, where there are none. Of models that are not alive it means
    nothing.
    """
    losses = torch.zeros(used.shape, device=place.device)
    n_cells = torch.zeros(len(tasks), device=place.device, dtype=torch.int64)
    widths = torch.tensor([task.width for task in tasks], device=used.device)
    columns = used.repeat_interleave(widths, dim=1)
    outputs, targets = [], []
    stack.train(False)
    with torch.no_grad():
        for batch in batches.ordered():
            with place.autocast():
                found = stack(batch.inputs)
            found = found.float()
            losses += example_losses(found, batch.targets, tasks).sum(-2)
            n_cells += (~batch.targets.isnan()).sum(0)
            outputs.append(found.transpose(1, 2)[columns])
            targets.append(batch.targets)
    stack.train()
    score = _scores(torch.cat(outputs, dim=1), columns, torch.cat(targets), tasks)
    return score, mean_losses(losses, n_cells, tasks)


def _scores(kept: Tensor, columns: Tensor, targets: Tensor, tasks: Tasks) -> Tensor:
    """Deciding metric (M, T) from the outputs ``kept`` (C, n) of C of the ``columns`` (M, P)."""
    place = (columns.flatten().cumsum(0) - 1).view_as(columns)
    score = torch.full((len(columns), len(tasks)), torch.nan, dtype=torch.float64)
    for t, metric in enumerate(deciding(tasks)):
        rows = columns[:, tasks.columns[t].start].nonzero().flatten()
        if len(rows):
            mine = kept[place[rows, tasks.columns[t]]].transpose(1, 2)
            score[rows.cpu(), t] = metric.values(mine, targets[:, t], tasks, t).cpu()
    return score.to(columns.device)
