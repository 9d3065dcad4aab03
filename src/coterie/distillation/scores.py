"""How right a teacher is about each training example: by what examples are ranked."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from coterie.data import Dataset
from coterie.errors import CoterieError, require_type
from coterie.results import DataMap, Fit
from coterie.tasks import confidence
from coterie.training import predict


def teacher_scores(teacher: Fit, data: Dataset, positions: Tensor) -> np.ndarray:
    """Score examples by the teacher, (n,) float64, higher where it is more certain of the truth.

    Of a single task, its confidence: the probability of the true class (DELT, section 3). Of
    several, the mean over an example's labels of the logarithm of the confidence, brought to mean 0
    and deviation 1 over the examples of each task, else easy tasks would not count beside hard ones.

    Args:
        teacher: one model of all tasks.
        data: what it was trained on, or prepared alike.
        positions: of the examples, (n,) int64.

    Raises:
        CoterieError: the teacher is not one model of all tasks, or of other data.

    >>> import coterie as ct
    >>> data = ct.load("digits", targets=["even"])
    >>> teacher = ct.fit("mlp", data, epochs=2)
    >>> scores = teacher_scores(teacher, data, data.split.train)
    >>> len(scores) == len(data.split.train), bool((0 < scores).all() and (scores < 1).all())
    (True, True)
    """
    require_teacher(teacher)
    require_type("data", data, Dataset)
    device = str(teacher.stack.device)
    outputs = predict(teacher.stack, data, positions, device=device)[0]
    found = confidence(outputs, data.targets[positions].cpu(), data.tasks.to("cpu")).double()
    if len(data.tasks) == 1:
        return found[:, 0].numpy()
    logarithm = found.clamp_min(torch.finfo(torch.float32).tiny).log().numpy()
    deviation = np.nanstd(logarithm, axis=0)
    scaled = (logarithm - np.nanmean(logarithm, axis=0)) / np.where(deviation > 0, deviation, 1)
    return np.nanmean(scaled, axis=1)


def map_scores(data_map: DataMap, ids: np.ndarray) -> np.ndarray:
    """Place of each example in a data map, (n, 2): means over the tasks of its statistics.

    These are confidence and variability.

    Args:
        data_map: of all these examples, at least.
        ids: names of the examples, (n,).

    Raises:
        CoterieError: the map lacks an example.
    """
    import pandas as pd

    require_type("data_map", data_map, DataMap)
    rows = pd.Index(data_map.ids).get_indexer(pd.Index(ids))
    observed = (~np.isnan(data_map.confidence[rows])).any(1)
    lacking = np.flatnonzero((rows < 0) | ~observed)
    if len(lacking):
        raise CoterieError(
            f"`data_map` must be of all training examples; {len(lacking)} are not in it, such as "
            f"{ids[lacking[0]]!s}."
        )
    return np.stack(
        [
            np.nanmean(values[rows], axis=1)
            for values in (data_map.confidence, data_map.variability)
        ],
        axis=1,
    ).astype(np.float64)


def require_teacher(teacher: Fit) -> None:
    """Refuse what is not one model of all tasks.

    Raises:
        CoterieError: it is no fit, or one of several models, or of some of the tasks.
    """
    require_type("teacher", teacher, Fit)
    if len(teacher.weights) != 1 or not (teacher.weights > 0).all():
        raise CoterieError(
            "`teacher` must be one model of all tasks, fit(model, data); found weights of shape "
            f"{teacher.weights.shape} with {int((teacher.weights > 0).sum())} positive."
        )
