"""From what is known before the split to a :class:`Dataset`.

Split, then measure everything on the training part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
import torch.utils.data
from torch import Tensor

from coterie.data.arrays import as_input, example
from coterie.data.columns import some
from coterie.data.dataset import Dataset, Split
from coterie.data.fit_preprocessing import fit_images, fit_table
from coterie.data.leaks import identical_note, shared_groups, telling_columns
from coterie.data.preprocessing import Preprocessing
from coterie.data.recipes import Recipe
from coterie.data.shares import kept_share
from coterie.data.splits import PARTS, assign_parts, parts_in_time
from coterie.data.tables import Table
from coterie.data.targets import Labels, measure, rare_tasks, task_notes, unseen_classes
from coterie.errors import CoterieError
from coterie.seeds import numpy_generator

_MEASURED_EXAMPLES = 1000


def assemble(recipe: Recipe, seed: int) -> Dataset:
    """Split, then measure everything on the training part.

    Raises:
        CoterieError: a part is empty, a task too rare or constant, a group torn apart.
    """
    parts = _parts(recipe, seed)
    notes = [*recipe.notes, *_column_notes(recipe.stored)]
    notes += _require_whole_groups(recipe, parts)
    labels, dropped = _without_rare(recipe, parts)
    notes += dropped
    unlabelled = np.isnan(labels.values).all(1)
    if unlabelled.any():
        notes.append(f"{unlabelled.sum()} rows have no label and are not used.")
        parts = np.where(unlabelled, -1, parts)
    if recipe.share < 1:
        parts = _thinned(recipe, labels, parts)
        notes.append(f"{100 * recipe.share:g} % of the labels of training and validation are kept.")
    train, validation, test = (torch.from_numpy(np.flatnonzero(parts == part)) for part in range(3))
    tasks, targets = measure(labels, train.numpy(), balance=recipe.balance)
    inputs, preprocessing, remarks = _prepare(recipe, parts)
    notes += [*remarks, *_leak_notes(recipe, labels, parts, preprocessing, seed)]
    notes += [*unseen_classes(labels, parts), *task_notes(tasks)]
    return Dataset(
        inputs=inputs,
        targets=targets,
        tasks=tasks,
        split=Split(train=train, validation=validation, test=test),
        ids=recipe.ids,
        preprocessing=preprocessing,
        values=None if all(task.kind.has_classes for task in tasks) else labels.values,
        notes=tuple(notes),
        rebuild=None if _is_fixed(recipe) else partial(assemble, recipe),
        fewer=partial(_with_share, recipe, seed),
        groups=None if recipe.groups is None else recipe.groups.codes,
    )


def _with_share(recipe: Recipe, seed: int, share: float, share_seed: int) -> Dataset:
    """The data under the same split, with a share of all labels that there are."""
    return assemble(replace(recipe, share=share, share_seed=share_seed), seed)


def _thinned(recipe: Recipe, labels: Labels, parts: np.ndarray) -> np.ndarray:
    """Parts without the examples of training and validation whose labels are not kept, (N,)."""
    thinned = parts.copy()
    for part in range(2):
        at = np.flatnonzero(parts == part)
        kept = kept_share(
            replace(labels, values=labels.values[at], strata=None),
            recipe.share,
            numpy_generator(recipe.share_seed, "share", PARTS[part]),
            None if recipe.groups is None else recipe.groups.codes[at],
        )
        thinned[at[~kept]] = -1
    return thinned


def _column_notes(stored: object) -> tuple[str, ...]:
    return stored.features.notes if isinstance(stored, Table) else ()


def _is_fixed(recipe: Recipe) -> bool:
    """Whether another seed would split alike."""
    given = recipe.given
    return recipe.times is not None or (given is not None and bool((given == 1).any()))


def _without_rare(recipe: Recipe, parts: np.ndarray) -> tuple[Labels, list[str]]:
    """Labels of the tasks that every part holds enough of, and which ones were dropped."""
    labels = recipe.labels
    problems = rare_tasks(labels, parts)
    found = [
        f"{task.name!r} ({problem})"
        for task, problem in zip(labels.tasks, problems, strict=True)
        if problem
    ]
    if not found:
        return labels, []
    if recipe.rare == "error":
        raise CoterieError(
            f"Too rare for this split: {some(found)}. Leave them out, or say rare='drop'."
        )
    if all(problems):
        raise CoterieError(f"Every task is too rare for this split: {some(found)}.")
    kept = labels.keep(np.array([not problem for problem in problems]))
    return kept, [f"Dropped as too rare: {', '.join(found)}."]


def _leak_notes(
    recipe: Recipe, labels: Labels, parts: np.ndarray, preprocessing: Preprocessing, seed: int
) -> list[str]:
    """Test examples that training knows, and columns that give an answer away."""
    notes = [] if recipe.same is None else identical_note(recipe.same, parts)
    # Of a share, columns give nothing away that they do not with all labels.
    if isinstance(recipe.stored, Table) and recipe.share == 1:
        frame, features = recipe.stored
        read = preprocessing.columns
        features = replace(
            features,
            numeric=tuple(name for name in features.numeric if name in read),
            categorical=tuple(name for name in features.categorical if name in read),
        )
        train = np.flatnonzero(parts == 0)
        notes += telling_columns(Table(frame, features), labels, train, seed)
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
            "helps in the other. Mend the split, or say allow_overlap=True (--allow-overlap)."
        )
    return [f"Allowed overlap: {found}."]


def _parts(recipe: Recipe, seed: int) -> np.ndarray:
    """Part of every example, (N,): -1 for those without any label."""
    labelled = np.asarray(~np.isnan(recipe.labels.values).all(1))
    parts = np.full(len(labelled), -1, dtype=np.int8)
    if recipe.given is None:
        parts[labelled] = _assigned(recipe, labelled, recipe.fractions, seed)
    else:
        parts[labelled] = recipe.given[labelled]
        if (recipe.given == 1).any():
            return parts
        # Validation is cut from train.
        chosen = np.asarray(labelled & (recipe.given == 0))
        shares = [share / sum(recipe.fractions[:2]) for share in recipe.fractions[:2]]
        parts[chosen] = _assigned(recipe, chosen, shares, seed)
    _require_every_part(recipe, parts, labelled)
    return parts


def _assigned(
    recipe: Recipe, chosen: np.ndarray, fractions: Sequence[float], seed: int
) -> np.ndarray:
    """Parts of the examples under the mask, by time or at random."""
    if recipe.times is not None:
        return parts_in_time(recipe.times[chosen], fractions)
    groups = None if recipe.groups is None else recipe.groups.codes
    # Groups that the user names may hold many labels; the same example under several tasks is one
    # of its stratum.
    strata = recipe.labels.strata if groups is None or recipe.same is groups else None
    return assign_parts(
        int(chosen.sum()),
        fractions,
        numpy_generator(seed, "split"),
        strata=None if strata is None else strata[chosen],
        groups=None if groups is None else groups[chosen],
    )


def _require_every_part(recipe: Recipe, parts: np.ndarray, labelled: np.ndarray) -> None:
    empty = [name for part, name in enumerate(PARTS) if not (parts == part).any()]
    if not empty:
        return
    whole = ""
    if recipe.groups is not None:
        n_groups = len(np.unique(recipe.groups.codes[labelled]))
        whole = f" in {n_groups} groups that stay whole"
    raise CoterieError(
        f"The {empty[0]} part is empty: {labelled.sum()} rows{whole} cannot be split by "
        f"{recipe.fractions}."
    )


def _prepare(
    recipe: Recipe, parts: np.ndarray
) -> tuple[Tensor | torch.utils.data.Dataset, Preprocessing, list[str]]:
    """Inputs, how they are made, and notes.

    What the training part cannot teach, and what it did not see of the other parts.
    """
    stored, train = recipe.stored, torch.from_numpy(np.flatnonzero(parts == 0))
    if isinstance(stored, Table):
        frame, features = stored
        preprocessing, notes = fit_table(
            frame.iloc[train.numpy()], features.numeric, features.categorical, keep=recipe.keep
        )
        preprocessing = replace(preprocessing, missing=recipe.missing)
        notes += preprocessing.surprises(frame.iloc[parts > 0])
        return preprocessing.table(frame), preprocessing, notes
    if not isinstance(stored, Tensor):
        return stored, _fit_streamed(stored, train, recipe.ids), []
    if not stored.is_floating_point():
        return stored, fit_images(stored, train, recipe.image_column), []
    return stored, Preprocessing(input_shape=tuple(stored.shape[1:])), []


def _fit_streamed(
    stored: torch.utils.data.Dataset, train: Tensor, ids: np.ndarray
) -> Preprocessing:
    """A streamed set is not read whole: an even sample of the training part stands for it."""
    sample = train[:: max(1, len(train) // _MEASURED_EXAMPLES)]

    def read(position: Tensor) -> Tensor:
        return as_input(stored[int(position)][0], example(ids[position]))

    first = read(sample[0])
    if first.is_floating_point():
        return Preprocessing(input_shape=tuple(first.shape))
    images = [read(position) for position in sample]
    return fit_images(torch.stack(images), torch.arange(len(images)))
