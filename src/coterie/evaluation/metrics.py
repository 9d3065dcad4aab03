"""The full set of metrics of one prediction, task by task: read once, at the end."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from coterie.metrics import METRIC_NAMES, metric_names, own_metric, primary_metric, summed_statistics
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


def all_metrics(outputs: Tensor, targets: Tensor, tasks: Tasks, units: Tensor | None = None) -> list[dict[str, Any]]:
    """Every metric of every task as ``{"task", "metric", "value"}``; the value is None where it is not defined.

    Binary: accuracy, balanced accuracy, F1 (all at threshold 0 of the balanced logit), AUROC, average precision.
    Multi-class: accuracy. Regression: RMSE in original units, R2. Then the task's own metric, if it has one.

    A prediction of NaN is wrong, whatever the label; it has no rank, so that AUROC and average precision are None with it, as
    RMSE and R2 are.

    Args:
        outputs: logits and standardised predictions, (n, P).
        targets: encoded labels, (n, T), NaN = missing.
        tasks: the tasks, with the statistics of the training split.
        units: the targets in their own units, (n, T) float64, as :meth:`coterie.data.Dataset.in_units` gives them: RMSE is then
            that of the predictions in units, digit for digit. Decoded from ``targets`` if left out.

    >>> from coterie.tasks import Task
    >>> tasks = Tasks.plain([Task(name="size", kind=Kind.REGRESSION)])
    >>> all_metrics(torch.tensor([[1.0], [4.0]]), torch.tensor([[1.0], [2.0]]), tasks)[0]
    {'task': 'size', 'metric': 'RMSE', 'value': 1.4142135623730951}
    """
    primary = primary_metric(summed_statistics(outputs, targets, tasks), tasks).tolist()
    table = []
    for position, task in enumerate(tasks):
        seen = ~targets[:, position].isnan()
        y, z = targets[seen, position], outputs[seen][:, tasks.columns[position]]
        values = {METRIC_NAMES[task.kind]: primary[position]}
        if task.kind is Kind.BINARY:
            values = _binary(z[:, 0], y.long(), primary[position])
        elif task.kind is Kind.REGRESSION:
            predicted, decoded = (v.double() * tasks.std[position] + tasks.mean[position] for v in (z[:, 0], y))
            truth = decoded if units is None else units[seen, position]
            values = {"RMSE": math.sqrt((predicted - truth).square().mean()), **values}
        if task.metric is not None:
            values[metric_names(tasks)[position]] = own_metric(outputs, targets, tasks, position)
        table += [{"task": task.name, "metric": name, "value": _number(value)} for name, value in values.items()]
    return table


def _binary(scores: Tensor, labels: Tensor, balanced: float) -> dict[str, Any]:
    from torchmetrics.functional.classification import (
        binary_accuracy,
        binary_auroc,
        binary_average_precision,
        binary_f1_score,
    )

    if not len(labels):
        return dict.fromkeys(("accuracy", "balanced accuracy", "F1", "AUROC", "average precision"), math.nan)
    said_yes = torch.where(scores.isnan(), 1 - labels, (scores > 0).long())
    ranked = 0 < int(labels.sum()) < len(labels) and not scores.isnan().any()
    # Only the order counts, and ties: a sigmoid would tie large logits at 1.
    places = scores.unique(return_inverse=True)[1]
    chance = places.double() / len(places)
    return {
        "accuracy": binary_accuracy(said_yes, labels),
        "balanced accuracy": balanced,
        "F1": binary_f1_score(said_yes, labels) if labels.any() else math.nan,
        "AUROC": binary_auroc(chance, labels) if ranked else math.nan,
        "average precision": binary_average_precision(chance, labels) if ranked else math.nan,
    }


def _number(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
