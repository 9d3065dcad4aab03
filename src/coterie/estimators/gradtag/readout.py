"""What estimated steps say.

Metrics of the linearised validation predictions, and affinities averaged over subsets.

Shapes: ``M`` rows, ``T`` tasks, ``d`` features, ``n`` cells of one task.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from coterie.errors import CoterieError
from coterie.estimators.gradtag.features import Cells
from coterie.estimators.gradtag.margins import margin_of
from coterie.metrics import example_statistics, own_metric, primary_metric
from coterie.tasks import Task, Tasks


def scores(
    cells: Sequence[Cells | None], steps: Tensor, members: Tensor, tasks: Tasks, memory: int
) -> Tensor:
    """Each task's metric (M, T) after each row's step (M, d), float64.

    NaN where the row does not train the task. A multi-class cell is a hit where the lead that it
    had over the largest other logit plus the change of its margin is positive, so that w = 0 gives
    the very accuracy of the model that was linearised.

    Args:
        cells: validation cells of each task, T.
        steps: w.
        members: (M, T) bool.
        tasks: the tasks.
        memory: bytes that the outcomes of a chunk of rows may take.

    Raises:
        CoterieError: a task has a metric of its own for which margins are not enough.
    """
    found = steps.new_full(members.shape, torch.nan)
    for position, mine in enumerate(cells):
        rows = members[:, position].nonzero().flatten()
        if mine is None or not len(rows):
            continue
        n_rows = max(1, memory // (48 * len(mine.target)))
        found[rows, position] = torch.cat(
            [_score(mine, steps[part], tasks[position]) for part in rows.split(n_rows)]
        ).to(found)
    return found


def co_averages(
    members: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over the rows that hold both tasks of the target's standardised value, [source, target].

    Counts and standard errors.

    Values are standardised per target over the rows that hold it (their scales differ), so that the
    diagonal is 0. NaN where no row holds both (Li, Sharma & Zhang, KDD 2024, section 3;
    standardised as in their "Boosting multitask learning on graphs").

    Args:
        members: (M, T) bool.
        values: (M, T), higher is better.

    >>> members = np.array([[1, 1, 0], [1, 0, 1], [1, 1, 1]], dtype=bool)
    >>> values = np.where(members, [[1.0, 0, 0], [3.0, 0, 0], [2.0, 0, 0]], np.nan)
    >>> co_averages(members, values)[0].round(3)[:, 0].tolist()
    [0.0, -0.612, 0.612]
    """
    values = np.where(members, values, np.nan)
    known = ~np.isnan(values)
    counts = (members.T.astype(np.float64) @ known).astype(np.int64)
    n_known = np.maximum(known.sum(0), 1)
    centred = np.where(known, values - np.nansum(values, 0) / n_known, 0.0)
    spread = np.sqrt((centred**2).sum(0) / n_known)
    flat = spread <= 1e-9 * np.abs(np.nan_to_num(values)).max(0)
    standardised = np.where(flat, 0.0, centred / np.where(flat, 1.0, spread))
    total, squares = (members.T.astype(np.float64) @ (standardised**power) for power in (1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(counts > 0, total / counts, np.nan)
        variance = (squares / counts - mean**2).clip(min=0) * counts / (counts - 1)
        stderr = np.where(counts > 1, np.sqrt(variance / counts), np.nan)
    return mean, counts, stderr


def _score(mine: Cells, steps: Tensor, task: Task) -> Tensor:
    """Metric (m,) of one task after steps (m, d)."""
    alone = Tasks.plain([task]).to(steps.device)
    change = steps.to(mine.z) @ mine.z.T
    if task.metric is not None:
        return torch.tensor([_own(mine, row, task, alone) for row in change])
    outcome = margin_of(task.kind).outcome(mine.margin, mine.lead, change, mine.target)
    statistics = example_statistics(outcome.unsqueeze(-1), mine.target.unsqueeze(-1), alone).sum(-3)
    return primary_metric(statistics, alone).squeeze(-1)


def _own(mine: Cells, change: Tensor, task: Task, alone: Tasks) -> float:
    outputs = margin_of(task.kind).outputs(mine.margin + change, mine.target)
    if outputs is None:
        raise CoterieError(
            f"`measure`: the metric of the {task.kind} task {task.name!r} is its own and needs all "
            "its outputs; use 'loss'."
        )
    return own_metric(outputs.unsqueeze(1), mine.target.unsqueeze(1), alone, 0)
