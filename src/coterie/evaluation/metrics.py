"""The full set of metrics of one prediction, task by task: read once, at the end."""

from __future__ import annotations

import math
from typing import SupportsFloat

from torch import Tensor

from coterie.metrics import Predictions, deciding, metrics_of
from coterie.tasks import Tasks


def all_metrics(
    outputs: Tensor, targets: Tensor, tasks: Tasks, units: Tensor | None = None
) -> list[dict[str, object]]:
    """Every metric of every task as ``{"task", "metric", "value"}``.

    The value is None where it is not defined.

    Binary: AUROC, average precision, and, at threshold 0 of the balanced logit, accuracy, balanced
    accuracy and F1. Multi-class: accuracy, balanced accuracy. Ordinal: quadratic-weighted kappa and
    these, MAE in classes. All of these: log loss, its skill, and Brier score of probabilities from
    which the balance of the training is taken back, not calibrated. Regression: R2, RMSE and MAE in
    original units. Count: D2, MAE. Then the one by which models of the task are compared, if it is
    another one.

    A prediction of NaN is wrong, whatever the label; it has no rank and no probability, so that
    AUROC and log loss are None with it, as RMSE and R2 are.

    Args:
        outputs: logits and standardised predictions, (n, P).
        targets: encoded labels, (n, T), NaN = missing.
        tasks: the tasks, with the statistics of the training split.
        units: the targets in their own units, (n, T) float64, as
            :meth:`coterie.data.Dataset.in_units` gives them: RMSE is then that of the predictions
            in units, digit for digit. Decoded from ``targets`` if left out.

    >>> import torch
    >>> from coterie.tasks import Kind, Task
    >>> tasks = Tasks.plain([Task(name="size", kind=Kind.REGRESSION)])
    >>> all_metrics(torch.tensor([[1.0], [4.0]]), torch.tensor([[1.0], [2.0]]), tasks)[1]
    {'task': 'size', 'metric': 'RMSE', 'value': 1.4142135623730951}
    """
    table: list[dict[str, object]] = []
    for t, (task, decides) in enumerate(zip(tasks, deciding(tasks), strict=True)):
        found = Predictions.of(
            outputs[None, :, tasks.columns[t]],
            targets[:, t],
            tasks,
            t,
            None if units is None else units[:, t],
        )
        wanted = {metric.name: metric for metric in (*metrics_of(task.kind), decides)}
        table += [
            {
                "task": task.name,
                "metric": name,
                "value": finite(metric.of(found)[0]) if len(found.labels) else None,
            }
            for name, metric in wanted.items()
        ]
    return table


def finite(value: SupportsFloat) -> float | None:
    """The number, None where it is none: tables have no NaN.

    >>> finite(0.5), finite(float("nan"))
    (0.5, None)
    """
    number = float(value)
    return number if math.isfinite(number) else None
