"""Data sets whose training part is another one, with all else as it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from coterie.data.dataset import Dataset, Split
from coterie.data.targets import class_shares, constant_losses
from coterie.errors import CoterieError
from coterie.tasks import Tasks, by_kind, statistic


def with_training(data: Dataset, inputs: Tensor, targets: Tensor, ids: np.ndarray) -> Dataset:
    """Return the data with other examples in the training part.

    Units and preprocessing stay, so that models of one can be judged on the other.

    Args:
        data: what gives the validation and the test part.
        inputs: (n, ...), as the data set stores them.
        targets: (n, T), encoded as those of the data set.
        ids: (n,), what to call the examples.

    Raises:
        CoterieError: inputs of another shape or type, a streamed data set, or a task without a
            label.
    """
    if not isinstance(data.inputs, Tensor):
        raise CoterieError("`data` is streamed: its training part cannot be replaced.")
    data.preprocessing.require(inputs, "`inputs`")
    n, parts = len(inputs), (data.split.validation, data.split.test)
    rest = torch.cat(parts)
    validation, test = (n + torch.arange(len(rest))).split([len(part) for part in parts])
    encoded = torch.cat([targets, data.targets[rest]])
    units = targets.double() * data.tasks.std + data.tasks.mean
    alike = ids.dtype.kind == data.ids.dtype.kind
    names = [ids, data.ids[rest.numpy()]]
    return replace(
        data,
        inputs=torch.cat([inputs, data.inputs[rest]]),
        targets=encoded,
        tasks=remeasured(data.tasks, targets),
        split=Split(train=torch.arange(n), validation=validation, test=test),
        ids=np.concatenate(names if alike else [each.astype(str) for each in names]),
        values=None
        if data.values is None
        else np.concatenate([units.numpy(), data.values[rest.numpy()]]),
        rebuild=None,
        fewer=None,
        groups=None,
    )


def remeasured(tasks: Tasks, targets: Tensor) -> Tasks:
    """Tasks whose balance, observed shares, class shares and loss scales are those of other labels.

    Units stay. What was not balanced, or not scaled, before is not now.

    Args:
        tasks: measured on another training part.
        targets: (n, T), the labels of the new one, encoded.

    Raises:
        CoterieError: a task has no label.

    >>> from coterie.tasks import Task
    >>> tasks = Tasks.plain([Task(name="a", kind="binary")])
    >>> balanced = replace(tasks, pos_weight=torch.tensor([9.0]))
    >>> labels = torch.tensor([[0.0], [1.0], [0.0], [torch.nan]])
    >>> found = remeasured(balanced, labels)
    >>> found.pos_weight.item(), found.observed_share.item()
    (2.0, 0.75)
    """
    values = targets.double().numpy()
    observed = ~np.isnan(values)
    if (empty := np.flatnonzero(~observed.any(0))).size:
        raise CoterieError(f"Task {tasks[empty[0]].name!r} has no label in the new training part.")
    weight = tasks.pos_weight.numpy().copy()
    for kind, mine in by_kind(tasks.items).items():
        balanced = [position for position in mine if weight[position] != 1]
        weight[balanced] = kind.pos_weight(values)[balanced]
    found = replace(
        tasks,
        pos_weight=statistic("pos_weight", weight),
        observed_share=statistic("observed_share", observed.mean(0)),
        priors=tuple(class_shares(task, values[:, t]) for t, task in enumerate(tasks)),
    )
    if bool((tasks.loss_scale == 1).all()):
        return found
    return replace(found, loss_scale=constant_losses(found, targets))
