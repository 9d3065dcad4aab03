"""The verb ``subset``: a small training part of real examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from coterie.data import Dataset
from coterie.data.shares import label_codes
from coterie.data.targets import Labels
from coterie.distillation.scores import map_scores, teacher_scores
from coterie.distillation.select import cells, select
from coterie.errors import CoterieError, require_choice, require_type, require_whole
from coterie.results import DataMap, Fit
from coterie.seeds import MOST_SEED, numpy_generator

STRATIFIED, RANDOM = "stratified", "random"
NEEDED = {"median": "teacher", "top": "teacher", "low": "teacher", "data_map": "data_map"}
SUBSET_RULES = (STRATIFIED, RANDOM, *NEEDED)
_PER_CELL = 5


def subset(
    data: Dataset,
    n: int,
    *,
    rule: str = STRATIFIED,
    teacher: Fit | None = None,
    data_map: DataMap | None = None,
    seed: int = 0,
) -> Dataset:
    """Keep ``n`` training examples; validation, test and how data are encoded stay as they are.

    Many trainings on a small part cost less than on all: to measure affinities, say, as the mean
    over a few of them (``affinity(..., repeats=3)``).

    Args:
        data: what :func:`coterie.load` returned.
        n: how many training examples are kept.
        rule: "stratified" draws them at random from as many cells of like labels, so that labels
            and pairs of labels stay as frequent as they are, but rare classes not too rare
            (:func:`coterie.distillation.cells`); "random" draws them from all. The others choose
            from cells five times as large: "median", "top" and "low" by the ``teacher``, and
            "data_map" by ``data_map``, as :func:`coterie.distillation.select` says.
        teacher: one model of all tasks, :func:`coterie.fit`.
        data_map: of the training part, ``fit(..., record=True).data_map``.
        seed: of what is drawn.

    Returns:
        The data with a smaller training part, on which weights of positives and shares of labels
        are measured anew.

    Raises:
        CoterieError: an unknown rule or one without what it needs, or fewer examples than ``n``, or
            a task of which all labels, or all of one class, would be lost.

    >>> import coterie as ct
    >>> ct.subset(ct.load("digits"), 100).split
    Split(100 train, 360 validation, 359 test)
    """
    require_type("data", data, Dataset)
    require_choice("rule", rule, SUBSET_RULES)
    require_whole("seed", seed, 0, MOST_SEED)
    if teacher is not None:
        require_type("teacher", teacher, Fit)
    if data_map is not None:
        require_type("data_map", data_map, DataMap)
    train = data.split.train
    require_whole("n", n, 1, len(train))
    if rule == RANDOM:
        chosen = numpy_generator(seed, "subset").permutation(len(train))[:n]
    else:
        chosen = _chosen(data, _scores(data, rule, teacher, data_map), n, rule, seed)
    found = data.with_train(train[torch.from_numpy(chosen)])
    again = data.rebuild and rule not in NEEDED and partial(_again, data.rebuild, n, rule, seed)
    note = f"{n} of {len(train)} training examples are kept, by the rule {rule!r}."
    return replace(found, notes=(*data.notes, note), rebuild=again or None)


def _again(
    rebuild: Callable[[int], Dataset], n: int, rule: str, seed: int, split_seed: int
) -> Dataset:
    return subset(rebuild(split_seed), n, rule=rule, seed=seed)


def _scores(
    data: Dataset, rule: str, teacher: Fit | None, data_map: DataMap | None
) -> np.ndarray | None:
    """What the rule ranks training examples by."""
    train, needed = data.split.train, NEEDED.get(rule)
    if needed is None:
        return None
    if needed == "teacher" and teacher is not None:
        return teacher_scores(teacher, data, train)
    if needed == "data_map" and data_map is not None:
        return map_scores(data_map, data.ids[train.numpy()])
    raise CoterieError(f"`rule` {rule!r} needs `{needed}`.")


def _chosen(data: Dataset, scores: np.ndarray | None, n: int, rule: str, seed: int) -> np.ndarray:
    """Positions within the training part, (n,), the best of each cell first."""
    codes, wanted = codes_of(data), n if rule == STRATIFIED else max(1, n // _PER_CELL)
    n_cells = next(k for k in range(wanted, 0, -1) if k * -(-n // k) <= len(codes))
    per_cell = -(-n // n_cells)
    of = cells(codes, n_cells, per_cell)
    found = select(scores, of, per_cell, RANDOM if rule == STRATIFIED else rule, seed=seed)
    return found.T.ravel()[:n]


def codes_of(data: Dataset) -> np.ndarray:
    """Class of each training example and task, of a number its half, -1 where missing, (n, T)."""
    values = data.targets[data.split.train].cpu().numpy().astype(np.float64)
    return label_codes(Labels(tasks=data.tasks.items, values=values))
