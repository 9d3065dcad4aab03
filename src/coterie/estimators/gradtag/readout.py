"""What estimated steps say.

Metrics of the linearised validation predictions, and affinities averaged over subsets.

Shapes: ``M`` rows, ``T`` tasks, ``d`` features, ``n`` cells of one task.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from coterie.estimators.gradtag.features import Cells
from coterie.estimators.gradtag.margins import margin_of
from coterie.metrics import Metric, deciding
from coterie.tasks import Tasks


def scores(
    cells: Sequence[Cells | None], steps: Tensor, members: Tensor, tasks: Tasks, memory: int
) -> Tensor:
    """Each task's metric (M, T) after each row's step (M, d), float64.

    NaN where the row does not train the task. Outputs are those of the model that was linearised,
    changed as the margins say, so that w = 0 gives its very scores.

    Args:
        cells: validation cells of each task, T.
        steps: w.
        members: (M, T) bool.
        tasks: the tasks.
        memory: bytes that the outputs of a chunk of rows may take.
    """
    found = steps.new_full(members.shape, torch.nan)
    metrics = deciding(tasks)
    for position, mine in enumerate(cells):
        rows = members[:, position].nonzero().flatten()
        if mine is None or not len(rows):
            continue
        n_rows = max(1, memory // (48 * mine.outputs.numel()))
        found[rows, position] = torch.cat(
            [
                _score(mine, steps[part], metrics[position], tasks, position)
                for part in rows.split(n_rows)
            ]
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


def _score(mine: Cells, steps: Tensor, metric: Metric, tasks: Tasks, position: int) -> Tensor:
    """Deciding metric (m,) of one task after steps (m, d)."""
    change = steps.to(mine.z) @ mine.z.T
    outputs = margin_of(mine.kind).changed(mine.outputs, mine.target, change)
    return metric.values(outputs, mine.target, tasks, position)
