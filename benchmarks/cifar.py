"""The CIFAR tasks of STG-MTL, made from the Parquet files in the `datasets` layout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import coterie as ct
from coterie.data import Dataset
from coterie.data.targets import Labels, measure
from coterie.seeds import numpy_generator
from coterie.tasks import Kind, Task

MACHINES = ("airplane", "automobile", "ship", "truck")
VALIDATION = 2_000
ANIMALS = ("bird", "cat", "deer", "dog", "frog", "horse")


def cifar10(folder: Path, n_train: int) -> Dataset:
    """Ten one-vs-rest tasks.

    ``n_train`` images to train on, 2,000 for validation, the official test part.
    """
    sources = {
        "train": str(folder / "cifar10/train.parquet"),
        "test": str(folder / "cifar10/test.parquet"),
    }
    return ct.load(
        sources, one_vs_rest="label", limit=n_train + VALIDATION, split=_fractions(n_train)
    )


def cifar10_fifteen(folder: Path, n_train: int) -> Dataset:
    """The ten tasks plus `living`, `odd`, `downside`, `not living`, `random`.

    Of `downside` a fair coin turns the image over."""
    data = cifar10(folder, n_train)
    labels = data.targets.argmax(1).numpy()
    rng = numpy_generator(0, "fifteen tasks")
    living = (labels >= 2) & (labels <= 7)
    downside = rng.random(len(labels)) < 0.5
    extra = np.stack(
        [living, labels % 2 == 1, downside, ~living, rng.random(len(labels)) < 0.5], axis=1
    )
    names = ("living", "odd", "downside", "not living", "random")
    inputs = torch.where(
        torch.from_numpy(downside)[:, None, None, None], data.inputs.flip(2), data.inputs
    )
    items = (
        *data.tasks,
        *(Task(name=name, kind=Kind.BINARY, classes=("no", "yes")) for name in names),
    )
    values = np.concatenate([data.targets.numpy(), extra], axis=1).astype(np.float64)
    tasks, targets = measure(Labels(tasks=items, values=values), data.split.train.numpy())
    return replace(data, inputs=inputs, targets=targets, tasks=tasks, rebuild=None)


def cifar100(folder: Path, n_train: int) -> Dataset:
    """100 one-vs-rest tasks."""
    sources = {
        part: [str(file) for file in sorted((folder / "cifar100").glob(f"{part}*.parquet"))]
        for part in ("train", "test")
    }
    return ct.load(
        sources,
        one_vs_rest="fine_label",
        exclude=["coarse_label"],
        limit=n_train + VALIDATION,
        split=_fractions(n_train),
    )


def _fractions(n_train: int) -> tuple[float, float, float]:
    """Only the ratio of the first two counts where the test part is given."""
    share = 0.8 * n_train / (n_train + VALIDATION)
    return share, 0.8 - share, 0.2
