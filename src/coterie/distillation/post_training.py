"""Students: models trained from scratch on distilled examples, with labels of their teacher.

The recipe by which decoupled distillation is judged (RDED, Sun et al., CVPR 2024; DELT, Shen et al.,
CVPR 2025, section 4): RandAugment, a random crop, a flip and CutMix; the teacher labels what comes
out of that, and the student learns its softened probabilities by AdamW, whose learning rate falls
to one half along half a cosine. Its last epoch is what counts here; papers report the best of the
epochs that were scored on test examples, which is kept beside it.

Shapes: ``B`` examples of a batch, ``S`` seeds, ``T`` tasks, ``P`` output columns, ``E`` epochs, ``e``
of them scored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Unpack

import numpy as np
import torch
from torch import nn

from coterie.data import Dataset
from coterie.distillation.recipe import Recipe, RecipeSettings, usual_batch_size
from coterie.distillation.soft_labels import Labels
from coterie.distillation.students import Course, Student
from coterie.distillation.teachers import Teachers
from coterie.errors import (
    CoterieError,
    is_listed,
    require_count,
    require_settings,
    require_type,
    require_whole,
    shown,
)
from coterie.metrics import Choice, metric_names
from coterie.models import Architecture, ModelStack
from coterie.results import Distilled, Fit, History, PostTraining
from coterie.seeds import MOST_SEED
from coterie.tasks import Kind
from coterie.training import Checkpoint, Progress, within
from coterie.training.device import Place

_MOST_SEEDS = 1000


def post_train(
    model: str | Callable[..., nn.Module],
    distilled: Distilled | Dataset,
    teacher: Fit,
    data: Dataset,
    *,
    seeds: int | Sequence[int] = 3,
    soft: Sequence[str] | None = None,
    metric: Choice | Mapping[str, Choice] | None = None,
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
    **recipe: Unpack[RecipeSettings],
) -> PostTraining:
    """Train students on distilled examples and score them on real ones.

    Args:
        model: encoder of the students, as for :func:`coterie.fit`.
        distilled: what :func:`coterie.distill` gave; or a data set like ``data`` with fewer training
            examples, such as :func:`coterie.subset` gives.
        teacher: labels the examples.
        data: the real data, whose test part students are scored on.
        seeds: how many students, of seeds 0, 1, ...; or the seed of each.
        soft: tasks whose labels are the teacher's, by name; those that it knows if left out
            (on validation better than chance by more than a little). Other tasks keep the examples' own labels.
        metric: by which students are scored, as for :func:`coterie.fit`; by default accuracy for
            classes without an order, else what tasks are compared by.
        checkpoint: folder of one file for each student that is finished; what is found there is not
            trained again.
        progress: called with (steps done, all steps, text).
        **recipe: fields of :class:`coterie.distillation.Recipe`: epochs, lr, batch_size,
            temperature, crop, device, ...

    Raises:
        CoterieError: a setting is wrong, or teacher, distilled examples and data do not fit, or a
            loss stopped being finite, or a checkpoint is of another training.
    """
    require_type("teacher", teacher, Fit)
    require_type("data", data, Dataset)
    require_type("distilled", distilled, Distilled, Dataset)
    if checkpoint is not None:
        require_type("checkpoint", checkpoint, str, Path)
    require_settings(Recipe, recipe, "post_train")
    how = Recipe(**recipe)
    data = data.with_metric(_by_accuracy(data) if metric is None else metric)
    small = distilled.dataset(data) if isinstance(distilled, Distilled) else distilled
    data.schema.require(small)
    targets = small.targets[small.split.train]
    if how.batch_size is None:
        n_cells = len(np.unique(distilled.cells)) if isinstance(distilled, Distilled) else None
        how = replace(how, batch_size=usual_batch_size(len(targets), n_cells or _n_classes(data)))
    place = Place.of(how.device, how.precision)
    course = Course(
        architecture=Architecture.of(model, data.input_shape, data.tasks, how.model_options),
        small=small,
        data=data,
        labels=Labels.of(
            Teachers.of(teacher, data, place),
            data.tasks,
            soft=soft,
            share=(~targets.isnan()).float().mean(0),
            temperature=float(how.temperature),
        ),
        recipe=how,
        place=place,
    )
    numbers = _seeds(seeds)
    with torch.random.fork_rng():
        students = [
            course.student(
                seed,
                _checkpoint(checkpoint, course, teacher, seed),
                within(progress, number, len(numbers), f"student {number + 1}"),
            )
            for number, seed in enumerate(numbers)
        ]
    return PostTraining(
        tasks=data.tasks.names,
        metric_names=metric_names(data.tasks),
        fit=_together(course, students, numbers),
        seeds=numbers,
        epochs=np.array(how.scored()),
        scores=np.stack([student.test for student in students]),
        soft=course.labels.soft,
        teacher=course.teacher_scores(teacher),
    )


def _checkpoint(folder: str | Path | None, course: Course, teacher: Fit, seed: int) -> Checkpoint:
    """Of one student, which depends on its seed alone and not on how many there are."""
    if folder is None:
        return Checkpoint()
    identity = {
        "model": course.architecture.name,
        "distilled": course.small.fingerprint(),
        "teacher": teacher.stack.fingerprint(),
        "data": course.data.fingerprint(),
        "metric": list(metric_names(course.data.tasks)),
        "soft": list(course.labels.soft),
        **asdict(course.recipe),
    }
    return Checkpoint(Path(folder) / f"student-{seed}", identity)


def _together(course: Course, students: Sequence[Student], seeds: Sequence[int]) -> Fit:
    """All students as the models of one fit."""
    recipe, tasks = course.recipe, course.data.tasks
    at = np.array(recipe.scored()) - 1
    train_loss = np.stack([student.train_loss for student in students], axis=1)
    curves = {
        name: _spread([getattr(each, field) for each in students], at, recipe.epochs)
        for name, field in (("validation_score", "score"), ("validation_loss", "loss"))
    }
    steps = [student.steps for student in students]
    stack = ModelStack.concatenate([student.stack.to("cpu") for student in students])
    return Fit(
        tasks=tasks,
        weights=np.ones((len(students), len(tasks))),
        scores=curves["validation_score"][-1],
        history=History(
            train_loss=train_loss,
            learning_rate=np.array([recipe.rate(epoch) for epoch in range(recipe.epochs)]),
            best_epoch=np.full(len(students), recipe.epochs - 1),
            **curves,
        ),
        stack=stack,
        cost={
            "seconds": sum(student.seconds for student in students),
            "steps": steps,
            "model_steps": sum(steps),
            "parameters": stack.n_parameters,
            "strategy": "loop",
            "strategy_reason": "students are trained one by one",
        },
        config={"model": course.architecture.name, **asdict(recipe), "seeds": list(seeds)},
        metric_names=metric_names(tasks),
    )


def _spread(curves: Sequence[np.ndarray], at: np.ndarray, n_epochs: int) -> np.ndarray:
    """Curves (e, T) of each student as (E, S, T), NaN at epochs without a score."""
    found = np.full((n_epochs, len(curves), curves[0].shape[1]), np.nan)
    found[at] = np.stack(curves, axis=1)
    return found


def _by_accuracy(data: Dataset) -> dict[str, Choice]:
    """Accuracy for classes without an order, unless a task names its metric."""
    return {
        task.name: "accuracy"
        for task in data.tasks
        if task.kind == Kind.MULTICLASS and task.metric is None
    }


def _n_classes(data: Dataset) -> int:
    """Classes of the only task, else 2."""
    return len(data.tasks[0].classes) or 2 if len(data.tasks) == 1 else 2


def _seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """The seeds of students, one each.

    >>> _seeds(2), _seeds([7])
    ((0, 1), (7,))
    """
    if isinstance(seeds, int):
        require_count("seeds", seeds, _MOST_SEEDS)
        return tuple(range(seeds))
    listed = list(seeds) if is_listed(seeds) else []
    for seed in listed:
        require_whole("seeds", seed, 0, MOST_SEED)
    if not listed or len(set(listed)) < len(listed):
        raise CoterieError(
            f"`seeds` must be how many, or different whole numbers; found {shown(seeds)}."
        )
    return tuple(map(int, listed))
