"""Data sets whose training part is another one, with all else as it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from coterie.data.dataset import Dataset, Split, require_labels
from coterie.errors import CoterieError


def with_training(data: Dataset, inputs: Tensor, targets: Tensor, ids: np.ndarray) -> Dataset:
    """Return the data with other examples in the training part.

    Units and preprocessing stay, so that models of one can be judged on the other.

    Args:
        data: what gives the validation and the test part.
        inputs: (n, ...), as the data set stores them.
        targets: (n, T), encoded as those of the data set.
        ids: (n,), what to call the examples.

    Raises:
        CoterieError: inputs of another shape or type, a streamed data set, or a task without
            labels.
    """
    if not isinstance(data.inputs, Tensor):
        raise CoterieError("`data` is streamed: its training part cannot be replaced.")
    data.preprocessing.require(inputs, "`inputs`")
    require_labels(targets, data)
    rest = torch.cat([data.split.validation, data.split.test])
    n, at = len(inputs), rest.numpy()
    validation, test = (n + torch.arange(len(rest))).tensor_split([len(data.split.validation)])
    names = [ids, data.ids[at]]
    alike = ids.dtype.kind == data.ids.dtype.kind
    units = targets.double() * data.tasks.std + data.tasks.mean
    joined = replace(
        data,
        inputs=torch.cat([inputs, data.inputs[rest]]),
        targets=torch.cat([targets, data.targets[rest]]),
        split=Split(train=torch.arange(n), validation=validation, test=test),
        ids=np.concatenate(names if alike else [each.astype(str) for each in names]),
        values=None if data.values is None else np.concatenate([units.numpy(), data.values[at]]),
        groups=None,
    )
    return joined.with_train(joined.split.train)
