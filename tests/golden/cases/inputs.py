"""Small data and results whose numbers come from a seed and from nothing of the library."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch

import coterie as ct

TARGETS = ["even", "at least five", "closed loop", "random"]
KINDS = {"a": "binary", "b": "multiclass", "c": "regression", "d": "binary", "e": "regression"}
SMALL: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 32,
    "lr": 3e-3,
    "strategy": "loop",
    "device": "cpu",
    "model_options": {"hidden": (16,)},
}


def digits(limit: int = 400) -> ct.Dataset:
    """Four tasks of images."""
    return ct.load("digits", targets=TARGETS, limit=limit)


def frame(n: int = 320, *, gaps: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """Numbers and categories with missing cells, and five targets of three kinds, with gaps."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 5))
    sort = rng.choice(["red", "green", "blue"], n)
    made = pd.DataFrame(
        np.where(rng.random(x.shape) < 0.05, np.nan, x), columns=[f"x{i}" for i in range(5)]
    )
    made["sort"] = np.where(rng.random(n) < 0.05, None, sort)
    noise = rng.normal(0, 0.5, size=(n, 5))
    values = {
        "a": (x[:, 0] + noise[:, 0] > 0).astype(float),
        "b": np.digitize(x[:, 1] + noise[:, 1], [-0.6, 0.6]).astype(float),
        "c": 40 * x[:, 2] + 1000 + noise[:, 2],
        "d": (x[:, 3] + noise[:, 3] > 0.7).astype(float),
        "e": x[:, 0] - x[:, 2] + noise[:, 4],
    }
    missing = rng.random((n, 5)) < gaps
    for place, (name, column) in enumerate(values.items()):
        made[name] = np.where(missing[:, place], np.nan, column)
    return made


def mixed(n: int = 320, *, gaps: float = 0.0) -> ct.Dataset:
    """Tasks of three kinds on a table."""
    return ct.load(frame(n, gaps=gaps), targets=list(KINDS), kinds=KINDS)


def asked(n: int = 320, *, gaps: float = 0.0) -> ct.Dataset:
    """Kinds that are chosen only where they are asked for, among others."""
    made = frame(n, gaps=gaps)
    rng = np.random.default_rng(13)
    x = made[["x0", "x1"]].fillna(0).to_numpy()
    values = {
        "grade": np.digitize(x[:, 0] + rng.normal(0, 0.5, n), [-0.8, 0.2, 1.1]).astype(float),
        "events": rng.poisson(np.exp(1 + 0.5 * x[:, 1])).astype(float),
    }
    missing = rng.random((n, 2)) < gaps
    made = made.assign(
        **{
            name: np.where(missing[:, i], np.nan, each)
            for i, (name, each) in enumerate(values.items())
        }
    )
    kinds = {"grade": "ordinal", "events": "count"}
    return ct.load(made, targets=["a", "c", *kinds], exclude=["b", "d", "e"], kinds=kinds)


def binary(n_tasks: int = 5, n: int = 320, *, gaps: float = 0.0, seed: int = 0) -> ct.Dataset:
    """Binary tasks on arrays."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6)).astype(np.float32)
    y = (x @ rng.normal(size=(6, n_tasks)) + rng.normal(size=(n, n_tasks)) > 0).astype(np.float32)
    y[rng.random(y.shape) < gaps] = np.nan
    return ct.load({"inputs": x, "targets": y}, names=[f"t{i}" for i in range(n_tasks)])


def disjoint() -> ct.Dataset:
    """Long form: every row belongs to one of four tasks, which have unequal numbers of rows."""
    rng = np.random.default_rng(3)
    n = 640
    x = rng.normal(size=(n, 4))
    task = rng.choice(4, n, p=[0.35, 0.3, 0.2, 0.15])
    label = (x[np.arange(n), task] + 0.5 * rng.normal(size=n) > 0).astype(int)
    table = pd.DataFrame(x, columns=list("pqrs")).assign(
        site=np.array(["north", "east", "south", "west"])[task], sick=label
    )
    return ct.load(table, task_column="site", target_column="sick")


def planted_map(
    n_tasks: int = 9, n_groups: int = 3, n: int = 200, *, gaps: float = 0.0, noise: float = 0.1
) -> ct.DataMap:
    """Task t learns as group t % K does.

    Three epochs in batches, with a snapshot after the second.
    """
    rng = np.random.default_rng(5)
    centres = rng.uniform(0.2, 0.8, (n_groups, n))
    missing = rng.random((n, n_tasks)) < gaps
    recorder = ct.DataMapRecorder(
        n_tasks, n, names=[f"task {t}" for t in range(n_tasks)], ids=[f"row {i}" for i in range(n)]
    )
    recorder.snapshot(2)
    for _ in range(3):
        values = centres[np.arange(n_tasks) % n_groups].T + rng.normal(0, noise, (n, n_tasks))
        values = torch.from_numpy(np.where(missing, np.nan, values.clip(0, 1)).astype(np.float32))
        for batch in torch.from_numpy(rng.permutation(n)).split(64):
            recorder.update(batch, values[batch])
        recorder.end_epoch()
    return recorder.data_map()


def planted_affinity(
    n_tasks: int = 8, n_groups: int = 2, *, symmetric: bool = False
) -> ct.Affinity:
    """Tasks help those of their own group."""
    rng = np.random.default_rng(7)
    group = np.arange(n_tasks) % n_groups
    matrix = (group[:, None] == group) + rng.normal(0, 0.15, (n_tasks, n_tasks))
    matrix = (matrix + matrix.T) / 2 if symmetric else matrix
    return ct.Affinity(
        tasks=tuple(f"task {t}" for t in range(n_tasks)), matrix=matrix, method="planted"
    )


def known_scores(n_tasks: int = 6, seed: int = 11) -> ct.ScoreTable:
    """All subsets.

    A level of each task, plus the mean help of the others, less something for each of them.
    """
    rng = np.random.default_rng(seed)
    subsets = ((np.arange(1, 2**n_tasks)[:, None] >> np.arange(n_tasks)) & 1).astype(bool)
    helps, level = rng.normal(0, 0.1, (n_tasks, n_tasks)), rng.uniform(0.6, 0.9, n_tasks)
    others = np.maximum(subsets.sum(1, keepdims=True) - 1, 1)
    scores = (
        level
        + np.stack([row[None, :].astype(float).dot(helps)[0] for row in subsets]) / others
        - 0.01 * others
    )
    return ct.ScoreTable(
        tasks=tuple("abcdefgh"[:n_tasks]),
        subsets=subsets,
        scores=np.where(subsets, scores, np.nan),
        costs=np.ones(len(subsets)),
    )


def halves(data: ct.Dataset) -> ct.Grouping:
    """The first tasks and the last."""
    n = len(data.tasks)
    return ct.Grouping(
        tasks=data.tasks.names, membership=np.eye(2)[np.arange(n) * 2 // n], method="halves"
    )
