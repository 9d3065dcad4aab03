"""From what is known before the split to a :class:`Dataset`.

Split, then measure everything on the training part.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.utils.data
from torch import Tensor

from coterie.data.arrays import as_input, example
from coterie.data.cells import MISSING
from coterie.data.columns import some
from coterie.data.dataset import Dataset, Split
from coterie.data.leaks import identical_note, shared_groups, telling_columns
from coterie.data.preprocessing import Preprocessing, fit_images, fit_table
from coterie.data.splits import PARTS, assign_parts, parts_in_time
from coterie.data.tables import Features
from coterie.data.targets import Labels, measure, rare_tasks, task_notes, unseen_classes
from coterie.errors import CoterieError
from coterie.seeds import numpy_generator

_MEASURED_EXAMPLES = 1000


@dataclass(frozen=True, kw_only=True, eq=False)
class Recipe:
    """All that is known before the split: what a resplit starts from.

    Codes, (N,): ``groups`` stay in one part, ``given`` is the part where the data say so, ``same``
    is shared by equal inputs. ``times`` (N,) split instead of chance. ``notes`` say how the source
    was read.
    """

    stored: Any
    features: Features | None
    labels: Labels
    fractions: tuple[float, float, float]
    rare: str
    balance: bool
    ids: np.ndarray
    groups: Groups | None = None
    given: np.ndarray | None = None
    times: np.ndarray | None = None
    same: np.ndarray | None = None
    keep: tuple[str, ...] = ()
    missing: tuple[str, ...] = MISSING
    image_column: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Groups:
    """Examples that stay together.

    ``codes`` (N,), ``names`` by code, what they are, and whether overlaps are allowed.
    """

    codes: np.ndarray
    names: np.ndarray
    what: str
    overlap: bool


def assemble(recipe: Recipe, seed: int) -> Dataset:
    """Split, then measure everything on the training part."""
    labels, notes = (
        recipe.labels,
        [*recipe.notes, *(recipe.features.notes if recipe.features else ())],
    )
    parts = _parts(recipe, seed)
    notes += _require_whole_groups(recipe, parts)
    problems = rare_tasks(labels, parts)
    if any(problems):
        found = [
            f"{task.name!r} ({problem})"
            for task, problem in zip(labels.tasks, problems, strict=True)
            if problem
        ]
        if recipe.rare == "error":
            raise CoterieError(
                f"Too rare for this split: {some(found)}. Leave them out, or say rare='drop'."
            )
        if all(problems):
            raise CoterieError(f"Every task is too rare for this split: {some(found)}.")
        labels = labels.keep(np.array([not problem for problem in problems]))
        notes.append(f"Dropped as too rare: {', '.join(found)}.")
    unlabelled = np.isnan(labels.values).all(1)
    if unlabelled.any():
        notes.append(f"{unlabelled.sum()} rows have no label and are not used.")
        parts = np.where(unlabelled, -1, parts)
    positions = [torch.from_numpy(np.flatnonzero(parts == part)) for part in range(3)]
    split = Split(train=positions[0], validation=positions[1], test=positions[2])
    tasks, targets = measure(labels, positions[0].numpy(), balance=recipe.balance)
    inputs, preprocessing, remarks = _prepare(recipe, parts)
    notes += [
        *remarks,
        *_leak_notes(recipe, labels, parts, preprocessing, seed),
        *unseen_classes(labels, parts),
    ]
    fixed = recipe.times is not None or (
        recipe.given is not None and bool((recipe.given == 1).any())
    )
    return Dataset(
        inputs=inputs,
        targets=targets,
        tasks=tasks,
        split=split,
        ids=recipe.ids,
        preprocessing=preprocessing,
        values=None if all(task.kind.has_classes for task in tasks) else labels.values,
        notes=(*notes, *task_notes(tasks)),
        rebuild=None if fixed else partial(assemble, recipe),
    )


def _leak_notes(
    recipe: Recipe, labels: Labels, parts: np.ndarray, preprocessing: Preprocessing, seed: int
) -> list[str]:
    notes = [] if recipe.same is None else identical_note(recipe.same, parts)
    if recipe.features is not None:
        read = preprocessing.columns
        features = replace(
            recipe.features,
            numeric=tuple(name for name in recipe.features.numeric if name in read),
            categorical=tuple(name for name in recipe.features.categorical if name in read),
        )
        notes += telling_columns(recipe.stored, features, labels, np.flatnonzero(parts == 0), seed)
    return notes


def _require_whole_groups(recipe: Recipe, parts: np.ndarray) -> list[str]:
    """Refuse groups in several parts, or say so where that is allowed."""
    groups = recipe.groups
    if groups is None:
        return []
    shared, where = shared_groups(groups.codes, parts)
    if not len(shared):
        return []
    named = some([repr(groups.names[code]) for code in shared], 5)
    found = f"{len(shared)} {groups.what} have rows in {where}: {named}"
    if not groups.overlap:
        raise CoterieError(
            f"The given split tears groups apart: {found}. What is learnt of them in one part "
            "helps in the other. "
            "Mend the split, or say allow_overlap=True (--allow-overlap)."
        )
    return [f"Allowed overlap: {found}."]


def _parts(recipe: Recipe, seed: int) -> np.ndarray:
    """Part of every example, (N,): -1 for those without any label."""
    generator = numpy_generator(seed, "split")
    labelled = np.asarray(~np.isnan(recipe.labels.values).all(1))
    groups = None if recipe.groups is None else recipe.groups.codes
    parts = np.full(len(labelled), -1, dtype=np.int8)
    chosen: np.ndarray = labelled
    fractions = recipe.fractions
    if recipe.given is not None:
        parts[labelled] = recipe.given[labelled]
        if (recipe.given == 1).any():
            return parts
        chosen = np.asarray(labelled & (recipe.given == 0))
        fractions = [share / sum(fractions[:2]) for share in fractions[:2]]
    pick = lambda codes: None if codes is None else codes[chosen]  # noqa: E731
    if recipe.times is not None:
        parts[chosen] = parts_in_time(recipe.times[chosen], fractions)
    else:
        # Groups that the user names may hold many labels; the same example under several tasks is
        # one of its stratum.
        strata = recipe.labels.strata if groups is None or recipe.same is groups else None
        parts[chosen] = assign_parts(
            int(chosen.sum()), fractions, generator, strata=pick(strata), groups=pick(groups)
        )
    empty = [name for part, name in enumerate(PARTS) if not (parts == part).any()]
    if empty:
        n_groups = (
            ""
            if groups is None
            else f" in {len(np.unique(groups[labelled]))} groups that stay whole"
        )
        raise CoterieError(
            f"The {empty[0]} part is empty: {labelled.sum()} rows{n_groups} cannot be split by "
            f"{recipe.fractions}."
        )
    return parts


def _prepare(
    recipe: Recipe, parts: np.ndarray
) -> tuple[Tensor | torch.utils.data.Dataset, Preprocessing, list[str]]:
    """Inputs, how they are made, and notes.

    What the training part cannot teach, and what it did not see of the other parts.
    """
    stored, train = recipe.stored, torch.from_numpy(np.flatnonzero(parts == 0))
    if recipe.features is not None:
        preprocessing, notes = fit_table(
            stored.iloc[train.numpy()],
            recipe.features.numeric,
            recipe.features.categorical,
            keep=recipe.keep,
        )
        preprocessing = replace(preprocessing, missing=recipe.missing)
        return (
            preprocessing.table(stored),
            preprocessing,
            notes + preprocessing.surprises(stored.iloc[parts > 0]),
        )
    if isinstance(stored, Tensor):
        if not stored.is_floating_point():
            return stored, fit_images(stored, train, recipe.image_column), []
        return stored, Preprocessing(input_shape=tuple(stored.shape[1:])), []
    # A streamed set is not read whole for its means: an even sample of the training part stands for
    # it.
    sample = train[:: max(1, len(train) // _MEASURED_EXAMPLES)]
    names = [example(recipe.ids[position]) for position in sample]
    first = as_input(stored[int(sample[0])][0], names[0])
    if first.is_floating_point():
        return stored, Preprocessing(input_shape=tuple(first.shape)), []
    images = [
        as_input(stored[int(position)][0], name)
        for position, name in zip(sample, names, strict=True)
    ]
    return stored, fit_images(torch.stack(images), torch.arange(len(images))), []
