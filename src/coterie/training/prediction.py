"""Outputs and scores of a stack on part of the data.

Shapes: ``M`` models, ``n`` examples, ``P`` output columns, ``T`` tasks, ``S`` summed statistics.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from coterie.data import Batches, Dataset
from coterie.data.dataset import require_positions
from coterie.errors import require_choice, require_type, require_whole
from coterie.metrics import own_metric, primary_metric, summed_statistics
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
) -> tuple[Tensor, Tensor]:
    """Score of each model and task (M, T), float64, higher is better, and mean loss (M, T).

    Outputs are not kept.

    The loss is the mean over the observed cells of these examples, whatever share of the training
    part is observed; NaN, as the score, where there are none.

    Of models that are not alive they mean nothing. Only for tasks with a
    metric of their own are the outputs kept: it may not be a function of sums.
    """
    shape = (stack.n_models, len(tasks))
    statistics, losses = (
        torch.zeros((), device=place.device),
        torch.zeros(shape, device=place.device),
    )
    n_cells = torch.zeros(len(tasks), device=place.device, dtype=torch.int64)
    own = [position for position, task in enumerate(tasks) if task.metric is not None]
    kept: list[tuple[Tensor, Tensor]] = []
    stack.train(False)
    with torch.no_grad():
        for batch in batches.ordered():
            with place.autocast():
                outputs = stack(batch.inputs)
            outputs = outputs.float()
            statistics = statistics + summed_statistics(outputs, batch.targets, tasks)
            losses += example_losses(outputs, batch.targets, tasks).sum(-2)
            n_cells += (~batch.targets.isnan()).sum(0)
            if own:
                kept.append((outputs, batch.targets))
    stack.train()
    score = primary_metric(statistics, tasks)
    if own:
        outputs, targets = torch.cat([o for o, _ in kept], dim=1), torch.cat([t for _, t in kept])
        for position in own:
            own_scores = [own_metric(row, targets, tasks, position) for row in outputs]
            score[:, position] = torch.tensor(own_scores, dtype=score.dtype)
    return score, mean_losses(losses, n_cells, tasks)
