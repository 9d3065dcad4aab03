"""The full set of metrics of one prediction, task by task: read once, at the end."""

from __future__ import annotations

import math
from typing import SupportsFloat, cast

from torch import Tensor

from coterie.metrics import metric_names, own_metric, primary_metric, summed_statistics
from coterie.tasks import Tasks


def primary_scores(outputs: Tensor, targets: Tensor, tasks: Tasks) -> Tensor:
    """The metric by which each task is compared, (T,), float64.

    Its own where it has one, else that of its kind.

    >>> import torch
    >>> from coterie.tasks import Kind, Task
    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY)])
    >>> primary_scores(torch.tensor([[2.0], [2.0]]), torch.tensor([[1.0], [0.0]]), tasks)
    tensor([0.5000], dtype=torch.float64)
    """
    scores = primary_metric(summed_statistics(outputs, targets, tasks), tasks)
    for position, task in enumerate(tasks):
        if task.metric is not None:
            scores[position] = own_metric(outputs, targets, tasks, position)
    return scores


def all_metrics(
    outputs: Tensor, targets: Tensor, tasks: Tasks, units: Tensor | None = None
) -> list[dict[str, object]]:
    """Every metric of every task as ``{"task", "metric", "value"}``.

    The value is None where it is not defined.

    Binary: accuracy, balanced accuracy, F1 (all at threshold 0 of the balanced logit), AUROC,
    average precision. Multi-class: accuracy. Regression: RMSE in original units, R2. Ordinal:
    quadratic-weighted kappa, accuracy, MAE in classes. Count: D2, MAE. Then the task's own metric,
    if it has one.

    A prediction of NaN is wrong, whatever the label; it has no rank, so that AUROC and average
    precision are None with it, as RMSE and R2 are.

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
    >>> all_metrics(torch.tensor([[1.0], [4.0]]), torch.tensor([[1.0], [2.0]]), tasks)[0]
    {'task': 'size', 'metric': 'RMSE', 'value': 1.4142135623730951}
    """
    primary = primary_metric(summed_statistics(outputs, targets, tasks), tasks).tolist()
    table = []
    for position, task in enumerate(tasks):
        seen = ~targets[:, position].isnan()
        y, z = targets[seen, position], outputs[seen][:, tasks.columns[position]]
        truth = (
            y.double() * tasks.std[position] + tasks.mean[position]
            if units is None
            else units[seen, position]
        )
        values = task.kind.metrics(z, y, truth, primary[position], tasks, position)
        if task.metric is not None:
            values[metric_names(tasks)[position]] = own_metric(outputs, targets, tasks, position)
        table += [
            {"task": task.name, "metric": name, "value": finite(cast(SupportsFloat, value))}
            for name, value in values.items()
        ]
    return table


def finite(value: SupportsFloat) -> float | None:
    """The number, None where it is none: tables have no NaN.

    >>> finite(0.5), finite(float("nan"))
    (0.5, None)
    """
    number = float(value)
    return number if math.isfinite(number) else None
