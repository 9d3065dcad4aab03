"""The verb itself.

Shapes: ``R`` ranks of ``K`` classes (or cells of labels), ``n`` = R K examples, ``T`` tasks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from numbers import Real
from pathlib import Path
from typing import Unpack

import numpy as np
import torch
from torch import Tensor, nn

from coterie.data import Batches, Dataset
from coterie.data.dataset import require_labels
from coterie.data.targets import constant_losses
from coterie.distillation._subset import codes_of
from coterie.distillation.recover import Bank, Objective, parts, recover
from coterie.distillation.recovery import Recovery, RecoverySettings
from coterie.distillation.scores import map_scores, teacher_scores
from coterie.distillation.select import RULES, select
from coterie.distillation.teachers import Teachers, first_of, require_batch_norm
from coterie.errors import (
    CoterieError,
    require_choice,
    require_settings,
    require_type,
    require_whole,
    shown,
)
from coterie.models import Architecture
from coterie.results import Distilled, Fit
from coterie.tasks import Kind
from coterie.training import Checkpoint, Progress, within
from coterie.training.device import Place

_CHANCE = math.log(10)
_MOST_POSITIVE = 10.0
_READ_AT_ONCE = 512


def distill(
    teacher: Fit,
    data: Dataset,
    per_class: int = 10,
    *,
    rule: str = "median",
    n_cells: int | None = None,
    task_weights: Mapping[str, float] | None = None,
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
    **settings: Unpack[RecoverySettings],
) -> Distilled:
    """Distil the training part into a few examples of each class (DELT, Shen et al. 2025).

    Real examples are chosen by how sure the teacher is of them and optimised, the first ranks for
    longest, until it recognises them: by its loss, and by BatchNorm statistics like those of
    training. ``iterations=0`` leaves them as they are, the rival that every result needs beside it.

    With several tasks, whose labels may be missing or numbers, classes are cells of like labels, and
    labels stay those of the real example. Each task's loss is brought to the scale of ten classes,
    on which ``bn_weight`` was chosen, its positives weighted up to ten times; tasks that the teacher
    does not know count nothing. A teacher of several models takes turns: the first, which must know
    all tasks, chooses, and each is followed in the tasks that it was trained for. Tables are not
    cropped; columns stay in the range of training, categories may end up between 0 and 1.

    Args:
        teacher: :func:`coterie.fit` of a model with BatchNorm.
        data: what it was trained on.
        per_class: examples of each class, or of each cell.
        rule: "median", "top", "low", "random" or "data_map", which needs a teacher that was fitted
            with ``record=True``; see :func:`coterie.distillation.select`.
        n_cells: of several tasks, see :func:`coterie.distillation.cells`.
        task_weights: of the tasks in the loss, by name; 1 if left out.
        checkpoint: folder of one file for each batch of examples; what is found there is continued,
            bit for bit on a CPU.
        progress: called with (iterations done, all, text).
        **settings: fields of :class:`coterie.distillation.Recovery`: iterations, round_iterations,
            lr, bn_weight, crop, legacy, seed, device, ...

    Raises:
        CoterieError: a setting is wrong, the teacher has no BatchNorm or knows nothing, no task has
            classes, a class has fewer examples than ``per_class``, or a task would be left with one
            label only.

    >>> import coterie as ct
    >>> data = ct.load("digits", targets=["even", "closed loop"])
    >>> teacher = ct.fit("mlp", data, epochs=3, model_options={"hidden": (32,)})
    >>> ct.distill(teacher, data, 2, iterations=8, round_iterations=4, flip=False)
    Distilled(8 examples of 4 cells x 2 tasks, mean 6 iterations)
    """
    require_settings(Recovery, settings, "distill")
    how = Recovery(**settings)
    schedule = how.schedule(per_class)
    _check(data, rule, per_class, checkpoint)
    weights = _weights(task_weights, data)
    teachers = Teachers.of(teacher, data, Place.of(how.device, how.precision))
    if how.bn_weight:
        teachers.require_batch_norm(data.input_shape)
    at, scores = _chosen(teacher, data, rule, per_class, n_cells, how.seed)
    require_labels(data.targets[at.flatten()], data)
    real, objective = _bank(data, at), _objective(data, teachers, weights, how)
    asked = {
        "per_class": per_class,
        "rule": rule,
        "n_cells": n_cells,
        "task_weights": weights.tolist(),
        **asdict(how),
        "legacy": list(how.legacy),
    }
    known_by = {"data": data.fingerprint(), "teacher": teacher.stack.fingerprint()}
    identity = {**known_by, **asked}
    found, curves = real.inputs, []
    pieces = parts(at.shape[1], per_class, how)
    for number, (ranks, classes) in enumerate(pieces):
        folder = None if checkpoint is None else Path(checkpoint) / f"batch-{number}"
        found[np.ix_(ranks, classes)], curve = recover(
            real.part(ranks, classes, number),
            teachers,
            objective,
            schedule,
            how,
            checkpoint=Checkpoint(folder, identity),
            progress=within(progress, number, len(pieces), f"batch {number + 1}"),
        )
        curves.append(curve.cpu())
    stored = data.preprocessing.stored(found.flatten(0, 1))
    return Distilled(
        tasks=data.tasks,
        preprocessing=data.preprocessing,
        inputs=_channels_last(stored),
        targets=real.targets.flatten(0, 1).numpy(),
        ids=_names(data.ids[at.flatten().numpy()]),
        cells=np.tile(np.arange(at.shape[1]), per_class),
        ranks=np.repeat(np.arange(per_class), at.shape[1]),
        iterations=np.repeat(schedule.of_ranks, at.shape[1]),
        scores=scores,
        outputs=teachers.outputs(data.preprocessing.normalise(stored)).numpy(),
        known=teachers.knows.any(0).cpu().numpy(),
        teacher=known_by["teacher"],
        history=_history(torch.stack(curves).numpy()),
        settings=asked,
    )


def check_distillable(
    model: str | Callable[..., nn.Module],
    data: Dataset,
    per_class: int,
    *,
    options: Mapping[str, object] | None = None,
) -> None:
    """Refuse what could not be distilled before a teacher of it is trained.

    Raises:
        CoterieError: an encoder without BatchNorm, no task with classes, or fewer examples of a
            class than ``per_class``.
    """
    _check(data, "random", per_class, None)
    select(None, codes_of(data), per_class, "random")
    teacher = Architecture.of(model, data.input_shape, data.tasks, options).build(0, 0).eval()
    require_batch_norm([teacher], data.input_shape)


def _check(data: Dataset, rule: str, per_class: int, checkpoint: str | Path | None) -> None:
    """Refuse what cannot work before anything runs."""
    require_type("data", data, Dataset)
    require_choice("rule", rule, RULES)
    require_whole("per_class", per_class, 1)
    if checkpoint is not None:
        require_type("checkpoint", checkpoint, str, Path)
    if not isinstance(data.inputs, Tensor):
        raise CoterieError("`data` is streamed; examples are distilled from inputs in memory.")
    if not any(task.kind.has_classes for task in data.tasks):
        raise CoterieError(
            f"`data` must have a task with classes, of which examples are chosen; its tasks are "
            f"{', '.join(f'{task.name!r} ({task.kind})' for task in data.tasks)}."
        )
    if len(data.tasks) == 1:
        # What stands for a class is known by the class's number: none may be left out.
        codes = data.targets[data.split.train, 0]
        for number, name in enumerate(data.tasks[0].classes):
            if (n := int((codes == number).sum())) < per_class:
                raise CoterieError(
                    f"`per_class` = {per_class} is more than there are of class {name!r}: {n} "
                    "training examples."
                )


def _weights(asked: Mapping[str, float] | None, data: Dataset) -> Tensor:
    """Weight of each task in the loss, (T,)."""
    if asked is None:
        return torch.ones(len(data.tasks))
    require_type("task_weights", asked, Mapping)
    for name, weight in asked.items():
        require_choice("task_weights", name, data.tasks.names)
        if isinstance(weight, bool) or not isinstance(weight, Real) or not 0 <= weight < math.inf:
            raise CoterieError(
                f"`task_weights` must be finite numbers of at least 0; found {shown(weight)} for "
                f"{name!r}."
            )
    return torch.tensor([float(asked.get(name, 1.0)) for name in data.tasks.names])


def _chosen(
    teacher: Fit, data: Dataset, rule: str, per_class: int, n_cells: int | None, seed: int
) -> tuple[Tensor, np.ndarray]:
    """Positions of the examples, (R, K), and the scores by which they were chosen, (R K,)."""
    train = data.split.train
    if rule == "data_map":
        if teacher.data_map is None:
            raise CoterieError("`rule` 'data_map' needs a teacher fitted with record=True.")
        scores = map_scores(teacher.data_map, data.ids[train.numpy()])
    else:
        scores = None if rule == "random" else teacher_scores(first_of(teacher), data, train)
    found = select(scores, codes_of(data), per_class, rule, n_cells=n_cells, seed=seed)
    found = found.T.copy()
    by = np.full(len(train), np.nan) if scores is None else scores.reshape(len(train), -1)[:, 0]
    return train[torch.from_numpy(found)], by[found.ravel()]


def _objective(data: Dataset, teachers: Teachers, weights: Tensor, how: Recovery) -> Objective:
    """What is minimised.

    A single task of several classes counts as published. Others are brought to what ten classes have
    by chance.
    """
    tasks = replace(data.tasks, pos_weight=data.tasks.pos_weight.clamp(max=_MOST_POSITIVE))
    as_published = len(tasks) == 1 and tasks[0].kind == Kind.MULTICLASS
    scale = (
        torch.ones(1)
        if as_published
        else _CHANCE / constant_losses(tasks, data.targets[data.split.train])
    )
    device = teachers.place.device
    return Objective(
        tasks=tasks.to(device),
        weights=weights.to(device),
        scale=scale.to(device),
        bn_weight=how.bn_weight,
        first_bn=how.first_bn,
    )


def _bank(data: Dataset, at: Tensor) -> Bank:
    """The examples at some positions (R, K) as the model reads them."""
    batches = Batches(data, at.flatten(), batch_size=_READ_AT_ONCE, seed=0)
    inputs = torch.cat([batch.inputs for batch in batches.ordered()])
    low, high = _range(data)
    return Bank(
        inputs=inputs.unflatten(0, at.shape),
        targets=data.targets[at],
        ranks=np.arange(len(at)),
        low=low,
        high=high,
    )


def _range(data: Dataset) -> tuple[Tensor, Tensor]:
    """Least and largest value that a normalised input can have.

    Of each channel of an image the levels that there are, or those of the training part where these
    are not known; of each other number that of the training part.
    """
    preprocessing, shape = data.preprocessing, data.input_shape
    if preprocessing.mean:
        ends = torch.tensor([0, 2**preprocessing.image_bits - 1], dtype=preprocessing.dtype)
        low, high = preprocessing.normalise(ends[:, None, None, None].expand(2, shape[0], 1, 1))
        return low, high
    train = data.inputs[data.split.train].float()  # type: ignore[index]  # in memory
    low, high = train.aminmax(dim=0)
    if len(shape) == 3:
        low, high = low.amin((1, 2), keepdim=True), high.amax((1, 2), keepdim=True)
    return low, high


def _channels_last(stored: Tensor) -> np.ndarray:
    inputs = stored.numpy()
    return np.ascontiguousarray(inputs.transpose(0, 2, 3, 1)) if inputs.ndim == 4 else inputs


def _names(ids: np.ndarray) -> np.ndarray:
    return ids if ids.dtype.kind in "iu" else np.array([str(each) for each in ids])


def _history(curves: np.ndarray) -> dict[str, np.ndarray]:
    """Means over the batches (B, I, 2) that had joined, by iteration."""
    joined = ~np.isnan(curves)
    means = np.where(joined, curves, 0).sum(0) / np.maximum(joined.sum(0), 1)
    return {"loss": means[:, 0], "statistics": means[:, 1]}
