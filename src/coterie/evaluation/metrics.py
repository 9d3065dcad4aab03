"""The full set of metrics of one prediction, task by task: read once, at the end."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from coterie.metrics import metric_names, own_metric, primary_metric, summed_statistics
from coterie.tasks import Kind, Tasks


def primary_scores(outputs: Tensor, targets: Tensor, tasks: Tasks) -> Tensor:
    """The metric by which each task is compared, (T,), float64: its own where it has one, else that of its kind.

    >>> import torch
    >>> from coterie.tasks import Task
    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY)])
    >>> primary_scores(torch.tensor([[2.0], [2.0]]), torch.tensor([[1.0], [0.0]]), tasks)
    tensor([0.5000], dtype=torch.float64)
    """
    scores = primary_metric(summed_statistics(outputs, targets, tasks), tasks)
    for position, task in enumerate(tasks):
        if task.metric is not None:
            scores[position] = own_metric(outputs, targets, tasks, position)
    return scores


def all_metrics(outputs: Tensor, targets: Tensor, tasks: Tasks) -> list[dict[str, Any]]:
    """Every metric of every task as ``{"task", "metric", "value"}``; the value is None where it is not defined.

    Binary: accuracy, balanced accuracy, F1 (all at threshold 0 of the balanced logit), AUROC, average precision.
    Multi-class: accuracy. Regression: RMSE in original units, R2. Then the task's own metric, if it has one.

    Args:
        outputs: logits and standardised predictions, (n, P).
        targets: encoded labels, (n, T), NaN = missing.
        tasks: the tasks, with the statistics of the training split.

    >>> import torch
    >>> from coterie.tasks import Task
    >>> tasks = Tasks.plain([Task(name="size", kind=Kind.REGRESSION)])
    >>> all_metrics(torch.tensor([[1.0], [4.0]]), torch.tensor([[1.0], [2.0]]), tasks)[0]
    {'task': 'size', 'metric': 'RMSE', 'value': 1.4142135381698608}
    """
    primary = primary_metric(summed_statistics(outputs, targets, tasks), tasks).tolist()
    table = []
    for position, task in enumerate(tasks):
        seen = ~targets[:, position].isnan()
        y, z = targets[seen, position], outputs[seen][:, tasks.columns[position]]
        values = _KIND_METRICS[task.kind](z, y, primary[position], float(tasks.std[position]))
        if task.metric is not None:
            values[metric_names(tasks)[position]] = own_metric(outputs, targets, tasks, position)
        table += [{"task": task.name, "metric": name, "value": _number(value)} for name, value in values.items()]
    return table


def _binary(z: Tensor, y: Tensor, balanced: float, _std: float) -> dict[str, Any]:
    from torchmetrics.functional.classification import (
        binary_accuracy,
        binary_auroc,
        binary_average_precision,
        binary_f1_score,
    )

    scores, labels = z[:, 0], y.long()
    if not len(labels):
        return dict.fromkeys(("accuracy", "balanced accuracy", "F1", "AUROC", "average precision"), math.nan)
    said_yes = (scores > 0).long()
    both = 0 < int(labels.sum()) < len(labels)
    # float64 keeps the order of large logits, which a float32 sigmoid would tie at 1.
    chance = scores.double().sigmoid()
    return {
        "accuracy": binary_accuracy(said_yes, labels),
        "balanced accuracy": balanced,
        "F1": binary_f1_score(said_yes, labels) if labels.any() else math.nan,
        "AUROC": binary_auroc(chance, labels) if both else math.nan,
        "average precision": binary_average_precision(chance, labels) if both else math.nan,
    }


def _multiclass(z: Tensor, y: Tensor, _primary: float, _std: float) -> dict[str, Any]:
    from torchmetrics.functional.classification import multiclass_accuracy

    if not len(y):
        return {"accuracy": math.nan}
    return {"accuracy": multiclass_accuracy(z, y.long(), num_classes=z.shape[1], average="micro")}


def _regression(z: Tensor, y: Tensor, r2: float, std: float) -> dict[str, Any]:
    from torchmetrics.functional import mean_squared_error

    if not len(y):
        return {"RMSE": math.nan, "R2": math.nan}
    return {"RMSE": mean_squared_error(z[:, 0], y, squared=False) * std, "R2": r2}


_KIND_METRICS = {Kind.BINARY: _binary, Kind.MULTICLASS: _multiclass, Kind.REGRESSION: _regression}


def _number(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
