"""What estimated steps say: metrics of the linearised validation predictions.

Shapes: ``M`` rows, ``T`` tasks, ``d`` features, ``n`` cells of one task.
"""

from __future__ import annotations

from collections.abc import Sequence

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


def _score(mine: Cells, steps: Tensor, metric: Metric, tasks: Tasks, position: int) -> Tensor:
    """Deciding metric (m,) of one task after steps (m, d)."""
    change = steps.to(mine.z) @ mine.z.T
    outputs = margin_of(mine.kind).changed(mine.outputs, mine.target, change)
    return metric.values(outputs, mine.target, tasks, position)
