"""Fitting a family on a data set: which tasks share a predictor, and what suits it.

Shapes: ``n`` examples of the training part, ``F`` features, ``t`` tasks of one predictor.
"""

from __future__ import annotations

from time import perf_counter
from typing import cast

import numpy as np
from torch import Tensor

from coterie.data import Dataset
from coterie.errors import CoterieError, require_choice, require_type, require_whole
from coterie.families.base import Estimand, Family, n_columns
from coterie.families.boosting import Boosting
from coterie.families.forest import Forest
from coterie.families.linear import LinearFamily
from coterie.families.model import FamilyModel, Reading
from coterie.families.predictors import Linear, Trees
from coterie.seeds import MOST_SEED, derive

FAMILIES: dict[str, Family] = {
    "forest": Forest(),
    "boosting": Boosting(),
    "linear": LinearFamily(),
}
"""All families by name."""


def fit(name: str, data: Dataset, *, seed: int = 0, n_jobs: int | None = None) -> FamilyModel:
    """Fit one family on the training part, each task on the rows that have its label.

    Args:
        name: "forest", "boosting" or "linear".
        data: a table, or arrays with one row of numbers each.
        seed: of what is random, which in ``boosting`` and ``linear`` is next to nothing.
        n_jobs: threads of the forest; None is one. The others follow ``OMP_NUM_THREADS``.

    Raises:
        CoterieError: no such family, or data that do not suit it (:func:`suits`).

    >>> rng = np.random.default_rng(0)
    >>> inputs = rng.normal(size=(100, 3))
    >>> from coterie.data import load
    >>> data = load({"inputs": inputs, "targets": inputs[:, :2] > 0})
    >>> fit("linear", data)
    FamilyModel(linear: 2 models of 2 tasks, 8 numbers)
    """
    if (reason := suits(name, data)) is not None:
        raise CoterieError(f"`data`: {reason}")
    require_whole("seed", seed, 0, MOST_SEED)
    start, family = perf_counter(), FAMILIES[name]
    inputs = cast("Tensor", data.inputs)[data.split.train].cpu().numpy()
    labels = data.targets[data.split.train].cpu().numpy().astype(np.float64)
    predictors: list[Trees | Linear] = []
    readings: dict[int, Reading] = {}
    first = 0
    for positions in _fitted_together(data, labels, together=family.together):
        rows = ~np.isnan(labels[:, positions[0]])
        estimand = _estimand(data, positions[0])
        mine, classes = _coded(labels[rows][:, positions], estimand)
        learnt = [t for t, codes in enumerate(classes) if len(codes) != 1]
        for position, codes in zip(positions, classes, strict=True):
            readings[position] = Reading(first=first, classes=codes, n_labels=int(rows.sum()))
            first += n_columns(len(codes))
        if learnt:
            own = derive(seed, name, len(predictors)) % 2**32
            predictors.append(
                family.fit(inputs[rows], mine[:, learnt], estimand, seed=own, n_jobs=n_jobs)
            )
    named = {str(number): predictor for number, predictor in enumerate(predictors)}
    return FamilyModel(
        family=name,
        link=family.link,
        tasks=data.tasks.to("cpu"),
        preprocessing=data.preprocessing,
        readings=tuple(readings[position] for position in range(len(data.tasks))),
        trees={key: each for key, each in named.items() if isinstance(each, Trees)},
        linear={key: each for key, each in named.items() if isinstance(each, Linear)},
        seconds=perf_counter() - start,
    )


def suits(name: str, data: Dataset) -> str | None:
    """Why a family is left out on these data, as a sentence; None if it is not.

    Raises:
        CoterieError: no such family.

    >>> from coterie.data import load
    >>> suits("forest", load("digits"))
    'forest is left out: it reads rows of numbers, and inputs here have shape (1, 8, 8).'
    """
    require_choice("name", name, FAMILIES)
    require_type("data", data, Dataset)
    if not isinstance(data.inputs, Tensor) or data.inputs.dim() != 2:
        return (
            f"{name} is left out: it reads rows of numbers, and inputs here "
            f"{'have' if isinstance(data.inputs, Tensor) else 'are streamed, of'} shape "
            f"{data.input_shape}."
        )
    for task in data.tasks:
        if task.kind.estimand is None:
            return f"{name} is left out: it cannot express what a {task.kind} target is."
    family, n_features = FAMILIES[name], data.input_shape[0]
    n_labels = int((~data.targets[data.split.train].isnan()).sum())
    if n_labels > family.most_labels:
        return (
            f"{name} is left out: {n_labels:,} labels to train on are more than it can keep, "
            f"{family.most_labels:,.0f}."
        )
    if n_labels * n_features > family.most_cells:
        return (
            f"{name} is left out: {n_labels:,} labels x {n_features:,} features would take it "
            f"long; the most is {family.most_cells:,.0f}."
        )
    return None


def _fitted_together(data: Dataset, labels: np.ndarray, *, together: bool) -> list[list[int]]:
    """Positions of the tasks of each predictor."""
    found: dict[object, list[int]] = {}
    for position, column in enumerate(labels.T):
        key = (_estimand(data, position), np.isnan(column).tobytes()) if together else position
        found.setdefault(key, []).append(position)
    return list(found.values())


def _estimand(data: Dataset, position: int) -> Estimand:
    return cast("Estimand", data.tasks[position].kind.estimand)


def _coded(labels: np.ndarray, estimand: Estimand) -> tuple[np.ndarray, list[tuple[int, ...]]]:
    """Labels (n, t) as codes of the classes that are there, and these; numbers as they are."""
    if estimand != "class":
        return labels, [()] * labels.shape[1]
    found = [np.unique(column, return_inverse=True) for column in labels.T]
    codes = np.stack([code.reshape(-1) for _, code in found], axis=1)
    return codes, [tuple(int(each) for each in classes) for classes, _ in found]
