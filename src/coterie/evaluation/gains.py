"""Paired gains between two arms: bootstrap over test examples, and gains relative to the error.

Shapes: ``A`` arms, ``n`` test examples, ``T`` tasks, ``R`` resamples.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch

from coterie.metrics import example_statistics, primary_metric
from coterie.seeds import torch_generator
from coterie.tasks import Tasks

FEWEST_ERRORS = 10
_EXAMPLES_AT_ONCE = 4096


def bootstrap_scores(
    outcomes: np.ndarray,
    targets: np.ndarray,
    tasks: Tasks,
    *,
    positions: np.ndarray | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """Primary metric of each arm and task on resampled test examples, (R, A, T), float64.

    Each example gets a Poisson(1) weight in each resample, the same for all arms and tasks, so that
    arms stay paired; the resampled sums are one matmul per arm and chunk of examples. Tasks with a
    metric of their own are NaN: it is no sum.

    Args:
        outcomes: what came of each cell, (A, n, T), see :func:`coterie.metrics.outcomes`.
        targets: encoded labels, (n, T), NaN = missing.
        tasks: the tasks.
        positions: where each example stands in its data set, (n,), ascending; 0 .. n-1 if left out.
            An example has the same weight wherever it is tested, so that test parts of overlapping
            splits are resampled together.
        resamples: number of resamples, R.
        seed: units of one comparison should share it.

    >>> from coterie.tasks import Kind, Task
    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY)])
    >>> bootstrap_scores(np.ones((1, 50, 1)), np.arange(50)[:, None] % 2.0, tasks, resamples=2).ravel()
    array([1., 1.])
    """
    _, n_examples, n_tasks = outcomes.shape
    places = np.arange(n_examples) if positions is None else np.asarray(positions)
    sums: Any = 0.0
    for chunk in np.unique(places // _EXAMPLES_AT_ONCE).tolist():
        part = np.flatnonzero(places // _EXAMPLES_AT_ONCE == chunk)
        labels = torch.as_tensor(targets[part], dtype=torch.float32)
        drawn = torch.poisson(
            torch.ones(resamples, _EXAMPLES_AT_ONCE),
            generator=torch_generator(seed, "bootstrap", chunk),
        )
        weights = drawn[:, places[part] % _EXAMPLES_AT_ONCE]
        each = [
            example_statistics(torch.as_tensor(arm[part], dtype=torch.float32), labels, tasks)
            for arm in outcomes
        ]
        sums = sums + torch.stack(
            [(weights.to(of) @ of.flatten(1)).view(resamples, n_tasks, -1).double() for of in each]
        )
    scores = primary_metric(sums, tasks).transpose(0, 1).numpy()
    scores[..., [task.metric is not None for task in tasks]] = np.nan
    return scores


def bootstrap_interval(resampled: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval over the first axis (R, ...).

    NaN resamples (a class left out) are dropped.

    >>> [round(float(x), 6) for x in bootstrap_interval(np.arange(41.0))]
    [1.0, 39.0]
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        low, high = np.nanquantile(resampled, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def relative_gain(
    error: np.ndarray, reference: np.ndarray, reference_wrong: np.ndarray
) -> np.ndarray:
    """(error_ref - error) / error_ref of each task, NaN below ten errors of the reference.

    ``reference_wrong`` counts the reference's wrong examples; NaN (every prediction is somewhat
    wrong) passes.

    >>> relative_gain(np.array([0.1, 0.1]), np.array([0.2, 0.2]), np.array([30.0, 9.0]))
    array([0.5, nan])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(reference > 0, (reference - error) / reference, np.nan)
    return np.where(reference_wrong < FEWEST_ERRORS, np.nan, gain)
