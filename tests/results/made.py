"""One small result of every type, made without training, with all that a file of it may hold.

``python -m tests.results.made FOLDER`` writes each in a place of its own. ``earlier/`` holds what
that wrote before files said what they are: they are to be read for ever.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from coterie.data.preprocessing import Preprocessing
from coterie.data.schema import Schema
from coterie.evaluation import Comparison
from coterie.evaluation.units import Unit
from coterie.families import FamilyModel, Linear
from coterie.families.model import Reading
from coterie.models import Architecture, GroupedModel, ModelStack
from coterie.results import (
    Affinity,
    DataMap,
    Distilled,
    Diversity,
    Fit,
    Found,
    Grouping,
    History,
    PostTraining,
    ScoreTable,
    Selection,
)
from coterie.results.findings import find
from coterie.results.tables import SCORES
from coterie.tasks import Kind, Task, Tasks
from tests.report.synthetic import comparison

NAMES = ("a", "b")
# Columns that tables of earlier versions lack.
LATER = {
    "gains": (
        "training_se",
        "examples_se",
        "margin",
        "outcome",
        "more_seeds",
        "more_examples",
    ),
    "costs": ("latency",),
}
PLACES = {
    "affinity": "affinity.safetensors",
    "data map": "data_map.safetensors",
    "named data map": "named_data_map.safetensors",
    "distilled": "distilled.safetensors",
    "diversity": "diversity.safetensors",
    "post-training": "post_training.safetensors",
    "grouping": "grouping.json",
    "selection": "selection.json",
    "score table": "scores.parquet",
    "grouped model": "model.safetensors",
    "family model": "family.safetensors",
    "fit": "fit",
    "comparison": "comparison",
    "unit": "unit",
}


def everything() -> dict[str, Any]:
    """The results, by name."""
    made = comparison(NAMES, n_groups=2, n_seeds=2, n_examples=5, n_epochs=2)
    # In the words of the version that wrote the files of today's `earlier/`.
    config = {**made.config, "groupings": {"grouped": "DataMapMethod(n_groups=2)"}}
    return {
        "affinity": affinity(),
        "data map": data_map(np.arange(3), earlier=True),
        "named data map": data_map(np.array(["x", "ü", ""])),
        "distilled": distilled(),
        "diversity": diversity(),
        "post-training": post_training(),
        "grouping": grouping(),
        "selection": Selection(
            tasks=NAMES,
            rows=np.array([2, 7]),
            serves=np.array([7, 2]),
            subsets=np.array([[True, True], [True, False]]),
            objective=2.5,
            cost=2.0,
            gap=np.inf,
            proven=False,
            details={"candidates": "by hand"},
        ),
        "score table": ScoreTable(
            tasks=("b+", "a"),
            subsets=np.array([[True, False], [True, True]]),
            scores=np.array([[0.5, np.nan], [0.75, 0.25]]),
            costs=np.array([0.5, 1.0]),
            details={"seeds": 5},
            resources={"memory": np.array([1.0, 4.0])},
        ),
        "grouped model": GroupedModel.from_stack(
            stack(), grouping().membership, tasks(), preprocessing(), average="probabilities"
        ),
        "family model": FamilyModel(
            family="linear",
            link="canonical",
            tasks=tasks(),
            preprocessing=preprocessing(),
            readings=(
                Reading(first=0, classes=(0, 1), n_labels=4),
                Reading(first=1, classes=(), n_labels=3),
            ),
            trees={},
            linear={
                str(number): Linear(
                    coefficient=np.array([[0.5], [number]]), intercept=np.array([0.25])
                )
                for number in range(2)
            },
            seconds=0.5,
        ),
        "fit": Fit(
            tasks=tasks(),
            weights=np.array([[1.0, 0.5], [0.0, 1.0]]),
            scores=np.array([[0.75, 0.5], [np.nan, 0.25]]),
            history=history(),
            stack=stack(),
            cost={"seconds": 1.5, "model_steps": 8, "strategy": "loop"},
            config={"epochs": 2, "seed": 0},
            data_map=data_map(np.arange(3)),
            grouping=grouping(),
        ),
        "comparison": replace(made, config=config),
        "unit": unit(),
    }


def earlier_comparison() -> Comparison:
    """The comparison as a version left it that had neither margins nor standings."""
    made = everything()["comparison"]
    tables = {name: getattr(made, f"{name}_table") for name in ("scores", "gains", "costs")}
    for name, columns in LATER.items():
        tables[name] = without(tables[name], columns)
    return replace(
        made,
        **{f"{name}_table": table for name, table in tables.items()},
        findings=find(**tables),
        standings=(),
        recommendation=None,
    )


def without(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """A table whose ``columns`` are empty."""
    for name in columns:
        place, field = table.schema.get_field_index(name), table.schema.field(name)
        table = table.set_column(place, field, pa.nulls(table.num_rows, field.type))
    return table


def affinity() -> Affinity:
    """With counts and standard errors, and a pair that was measured once."""
    return Affinity(
        tasks=NAMES,
        matrix=np.array([[np.nan, 2.0], [4.0, np.nan]], np.float32),
        method="cosine",
        counts=np.array([[0, 3], [1, 0]]),
        stderr=np.array([[np.nan, 0.5], [np.nan, np.nan]]),
        cost={"seconds": 1.5, "model_steps": 7},
        details={"every": 10},
    )


def data_map(ids: np.ndarray, *, earlier: bool = False) -> DataMap:
    """Of three examples, one of which was never observed on one task."""
    values = np.array([[0.25, 0.5], [0.75, 1.0], [0.125, np.nan]], np.float32)
    about: dict[str, Any] = {"tasks": NAMES, "kinds": ("binary", "regression"), "ids": ids}
    statistics = {
        "confidence": values,
        "variability": values / 2,
        "correctness": (values > 0.5).astype(np.float32),
        "count": np.array([[2, 2], [2, 2], [2, 0]], np.float32),
    }
    before = (DataMap(**about, epoch=1, **statistics),) if earlier else ()
    return DataMap(**about, epoch=3, **statistics, earlier=before)


def distilled(**changed: Any) -> Distilled:
    """Three examples of two cells, one label of which is missing."""
    about: dict[str, Any] = {
        "tasks": tasks(),
        "preprocessing": preprocessing(),
        "inputs": np.array([[0.5, 1.0], [0.25, -1.0], [2.0, 0.0]], np.float32),
        "targets": np.array([[0.0, 0.5], [1.0, np.nan], [0.0, -2.0]], np.float32),
        "ids": np.array(["x", "ü", ""]),
        "cells": np.array([0, 1, 0]),
        "ranks": np.array([0, 0, 1]),
        "iterations": np.array([4, 4, 2]),
        "scores": np.array([0.75, np.nan, 0.25]),
        "outputs": np.array([[-1.0, 0.5], [1.0, 0.25], [-2.0, -1.5]], np.float32),
        "known": np.array([True, False]),
        "teacher": "abc",
        "history": {"loss": np.array([2.0, 1.0, 0.5, 0.5]), "statistics": np.arange(4.0)},
        "settings": {"rule": "median", "lr": 0.25, "checkpoint": None},
    }
    return Distilled(**{**about, **changed})


def diversity() -> Diversity:
    """Of two sets of two cells, one of which holds one example."""
    return Diversity(
        sets=("distilled", "real"),
        cells=np.array([0, 3]),
        centroid=np.array([[0.75, 1.0], [0.5, 1.0]]),
        pairwise=np.array([[0.5, np.nan], [0.75, np.nan]]),
    )


def post_training(**changed: Any) -> PostTraining:
    """Two students of two tasks, the first of which was better before its last epoch."""
    about: dict[str, Any] = {
        "tasks": NAMES,
        "metric_names": ("accuracy", "accuracy"),
        "seeds": (0, 7),
        "epochs": np.array([1, 11, 12]),
        "scores": np.array(
            [[[0.25, 0.25], [0.75, 0.5], [0.5, 0.5]], [[0.0, 0.25], [0.5, 0.25], [0.75, 0.75]]]
        ),
        "soft": ("a",),
        "teacher": np.array([0.875, 0.625]),
    }
    return PostTraining(**{**about, **changed})


def grouping() -> Grouping:
    """Soft, with distances and weights of its own."""
    return Grouping(
        tasks=NAMES,
        membership=np.array([[0.25, 0.75], [1.0, 0.0]]),
        method="fuzzy-kmeans",
        fuzziness=1.07,
        distances=np.array([[3.0, 1.0], [0.0, 2.0]]),
        row_weights=np.array([[1.0, 1.0], [0.5, 0.0]]),
        details={
            "silhouette": {"2": 0.5},
            "least_silhouette": 0.25,
            "notes": ["One."],
            "cost": {"model_steps": 3},
        },
    )


def history() -> History:
    """Two epochs of two models, the second of one task."""
    curve = np.arange(8, dtype=np.float64).reshape(2, 2, 2) / 8
    curve[:, 1, 0] = np.nan
    return History(
        train_loss=curve,
        validation_loss=curve + 1,
        validation_score=curve + 2,
        learning_rate=np.array([0.5, 0.25]),
        best_epoch=np.array([1, 0]),
    )


def tasks() -> Tasks:
    """One to decide, one with units."""
    return Tasks.plain([Task(name="a", kind=Kind.BINARY), Task(name="b", kind=Kind.REGRESSION)])


def preprocessing() -> Preprocessing:
    """Of arrays of two numbers."""
    return Preprocessing(input_shape=(2,))


def stack() -> ModelStack:
    """Two models whose numbers are their positions."""
    encoder = Architecture.of("mlp", (2,), tasks(), {"hidden": (1,)})
    template = encoder.build(0, 0)
    state = {
        name: (torch.arange(2 * tensor.numel()).view(2, *tensor.shape) / 8).to(tensor.dtype)
        for name, tensor in template.state_dict().items()
    }
    made = ModelStack.from_state(encoder, state)
    made.train(False)
    made.schema = Schema(tasks(), preprocessing())
    return made


def unit() -> Unit:
    """Two arms on three test examples."""
    arm = {"arm": "mine/1", "role": "grouped", "of": "mine/1", "seed": 0, "split": 1, "draw": 0}
    return Unit(
        split=1,
        seed=0,
        arms=(("joint", 0), ("mine/1", 0)),
        primary=np.array([[0.5, 0.25], [0.75, np.nan]], np.float32),
        outputs=np.arange(12, dtype=np.float32).reshape(2, 3, 2),
        targets=np.array([[0, 1], [1, 0.5], [np.nan, 2]], np.float32),
        positions=np.array([1, 4, 6]),
        scores=SCORES.empty_table().from_pylist(
            [
                {**arm, "task": "a", "metric": "AUROC", "value": 0.75},
                {**arm, "task": "b", "metric": "R2", "value": None},
            ],
            schema=SCORES,
        ),
        costs=[
            {"arm": name, "models": 1, "parameters": 4, "model_steps": 8.0, "seconds": 0.5}
            for name in ("joint", "mine/1")
        ],
        found={"mine/1": Found.of(grouping())},
        histories={"joint": history(), "mine/1": history()},
        data_map=data_map(np.arange(3)),
        overlap=0.25,
        validation=np.array([0.5, 0.75], np.float32),
        seconds=1.5,
    )


def read(name: str, folder: Path) -> Any:
    """What a file in its place in ``folder`` holds."""
    kinds: dict[str, Any] = {
        "affinity": Affinity,
        "data map": DataMap,
        "named data map": DataMap,
        "distilled": Distilled,
        "diversity": Diversity,
        "post-training": PostTraining,
        "grouping": Grouping,
        "selection": Selection,
        "score table": ScoreTable,
        "grouped model": GroupedModel,
        "family model": FamilyModel,
        "fit": Fit,
        "comparison": Comparison,
        "unit": Unit,
    }
    return kinds[name].load(folder / PLACES[name])


if __name__ == "__main__":
    for kind, result in everything().items():
        result.save(Path(sys.argv[1]) / PLACES[kind])
