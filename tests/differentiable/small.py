"""Small data and providers for these tests."""

from __future__ import annotations

import numpy as np

from coterie.data import Batch, Batches, Dataset, load

SMALL = {"epochs": 3, "batch_size": 32, "strategy": "loop", "model_options": {"hidden": (8,)}}
KINDS = {"a": "binary", "b": "multiclass", "c": "regression", "d": "binary"}


class InterruptError(Exception):
    """Stands for a kill."""


def interrupted_at(step):
    def progress(done, total, text):
        if done == step:
            raise InterruptError

    return progress


def table(n: int = 240, *, missing: bool = False, seed: int = 0) -> Dataset:
    """Four tasks of three kinds on six inputs."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6)).astype(np.float32)
    columns = [
        x[:, 0] + x[:, 1] > 0,
        np.digitize(x[:, 2], [-0.5, 0.5]),
        3 * x[:, 3] + 10,
        x[:, 4] > 0.5,
    ]
    y = np.stack(columns, axis=1).astype(np.float32)
    if missing:
        y[rng.random(y.shape) < 0.4] = np.nan
    return load({"inputs": x, "targets": y}, names=list(KINDS), kinds=KINDS)


def binary_table(n_tasks: int = 3, n: int = 120, seed: int = 0) -> Dataset:
    """Binary tasks on four inputs."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4)).astype(np.float32)
    y = (x @ rng.normal(size=(4, n_tasks)) > 0).astype(np.float32)
    return load({"inputs": x, "targets": y}, names=[f"t{i}" for i in range(n_tasks)])


def batch_of(data: Dataset, size: int) -> Batch:
    """The first training batch."""
    return next(Batches(data, data.split.train, batch_size=size, seed=0).epoch(0))
