"""From what is known before the split to a :class:`Dataset`: split, then measure everything on the training part."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.utils.data
from torch import Tensor

from coterie.data.arrays import as_input, example
from coterie.data.columns import some
from coterie.data.dataset import Dataset, Split
from coterie.data.preprocessing import Preprocessing, fit_images, fit_table
from coterie.data.splits import PARTS, assign_parts
from coterie.data.tables import Features
from coterie.data.targets import Labels, measure, rare_tasks
from coterie.errors import CoterieError
from coterie.seeds import numpy_generator
from coterie.tasks import Kind

_MEASURED_EXAMPLES = 1000


@dataclass(frozen=True, kw_only=True, eq=False)
class Recipe:
    """All that is known before the split: what a resplit starts from. ``groups`` and ``given`` are codes, (N,)."""

    stored: Any
    features: Features | None
    labels: Labels
    fractions: tuple[float, float, float]
    rare: str
    balance: bool
    groups: np.ndarray | None
    given: np.ndarray | None
    ids: np.ndarray
    image_column: str | None
    notes: tuple[str, ...] = ()


def assemble(recipe: Recipe, seed: int) -> Dataset:
    """Split, then measure everything on the training part."""
    labels, notes = recipe.labels, [*recipe.notes, *(recipe.features.notes if recipe.features else ())]
    parts = _parts(recipe, seed)
    problems = rare_tasks(labels, parts)
    if any(problems):
        found = [f"{task.name!r} ({problem})" for task, problem in zip(labels.tasks, problems, strict=True) if problem]
        if recipe.rare == "error":
            raise CoterieError(f"Too rare for this split: {some(found)}. Leave them out, or say rare='drop'.")
        if all(problems):
            raise CoterieError(f"Every task is too rare for this split: {some(found)}.")
        labels = labels.keep(np.array([not problem for problem in problems]))
        notes.append(f"Dropped as too rare: {', '.join(found)}.")
    unlabelled = np.isnan(labels.values).all(1)
    if unlabelled.any():
        notes.append(f"{unlabelled.sum()} rows have no label and are not used.")
    positions = [torch.from_numpy(np.flatnonzero((parts == part) & ~unlabelled)) for part in range(3)]
    split = Split(train=positions[0], validation=positions[1], test=positions[2])
    tasks, targets = measure(labels, positions[0].numpy(), balance=recipe.balance)
    inputs, preprocessing = _prepare(recipe, positions[0])
    by_kind = {kind: [task.name for task in tasks if task.kind is kind] for kind in Kind}
    notes += [f"{len(found)} {kind} task{'s'[: len(found) > 1]}: {some(found)}." for kind, found in by_kind.items() if found]
    fixed = recipe.given is not None and bool((recipe.given == 1).any())
    return Dataset(
        inputs=inputs, targets=targets, tasks=tasks, split=split, ids=recipe.ids, preprocessing=preprocessing,
        notes=tuple(notes), rebuild=None if fixed else partial(assemble, recipe),
    )  # fmt: skip


def _parts(recipe: Recipe, seed: int) -> np.ndarray:
    """Part of every example, (N,): -1 for those without any label."""
    generator = numpy_generator(seed, "split")
    labelled = np.asarray(~np.isnan(recipe.labels.values).all(1))
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
    parts[chosen] = assign_parts(
        int(chosen.sum()), fractions, generator, strata=pick(recipe.labels.strata), groups=pick(recipe.groups)
    )
    empty = [name for part, name in enumerate(PARTS) if not (parts == part).any()]
    if empty:
        raise CoterieError(f"The {empty[0]} part is empty: {labelled.sum()} rows cannot be split by {recipe.fractions}.")
    return parts


def _prepare(recipe: Recipe, train: Tensor) -> tuple[Tensor | torch.utils.data.Dataset, Preprocessing]:
    stored = recipe.stored
    if recipe.features is not None:
        preprocessing = fit_table(stored.iloc[train.numpy()], recipe.features.numeric, recipe.features.categorical)
        return preprocessing.table(stored), preprocessing
    if isinstance(stored, Tensor):
        if not stored.is_floating_point():
            return stored, fit_images(stored, train, recipe.image_column)
        return stored, Preprocessing(input_shape=tuple(stored.shape[1:]))
    # A streamed set is not read whole for its means: an even sample of the training part stands for it.
    sample = train[:: max(1, len(train) // _MEASURED_EXAMPLES)]
    names = [example(recipe.ids[position]) for position in sample]
    first = as_input(stored[int(sample[0])][0], names[0])
    if first.is_floating_point():
        return stored, Preprocessing(input_shape=tuple(first.shape))
    images = [as_input(stored[int(position)][0], name) for position, name in zip(sample, names, strict=True)]
    return stored, fit_images(torch.stack(images), torch.arange(len(images)))
