"""Data: what is read, encoded and split."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.utils.data

import coterie as ct
from tests.golden.cases.inputs import KINDS, SMALL, binary, digits, disjoint, frame, mixed
from tests.golden.registry import case

_UNITS = ("*/tasks/mean", "*/tasks/std", "*/tasks/pos_weight", "*/tasks/loss_scale", "*/targets")


@case(exact=("*/split/*", "*/notes"), close=_UNITS)
def load_sources() -> dict[str, Any]:
    """Images, arrays, a frame with gaps, long form."""
    return {
        "digits": digits(120),
        "binary": binary(gaps=0.2),
        "gaps": mixed(gaps=0.3),
        "disjoint": disjoint(),
    }


@case(exact=("*/split/*", "*/notes"), close=_UNITS)
def load_files() -> dict[str, Any]:
    """CSV and Parquet.

    A group column, a time column, one task per class, another split seed, and new data like the
    old.
    """
    table = frame().assign(person=np.arange(320) // 4, day=np.arange(320)[::-1])
    table["sort"] = table["sort"].fillna("red")
    with tempfile.TemporaryDirectory() as folder:
        csv, parquet = Path(folder, "table.csv"), Path(folder, "table.parquet")
        table.to_csv(csv, index=False)
        table.to_parquet(parquet)
        told: dict[str, Any] = {"targets": list(KINDS), "kinds": KINDS}
        found = ct.load(csv, group_column="person", exclude="day", **told)
        return {
            "csv": found,
            "parquet": ct.load(
                parquet, time_column="day", exclude="person", limit=200, seed=3, **told
            ),
            "classes": ct.load(parquet, one_vs_rest="sort", exclude=[*KINDS, "person", "day"]),
            "resplit": found.resplit(4),
            "like": ct.load(table[:50], like=found),
        }


class _Streamed(torch.utils.data.Dataset):
    """A map-style dataset of (input, targets)."""

    def __init__(self) -> None:
        rng = np.random.default_rng(2)
        self.x = rng.normal(size=(200, 3)).astype(np.float32)
        self.y = (self.x[:, :2] > 0).astype(np.float32)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.from_numpy(self.x[index]), torch.from_numpy(self.y[index])


@case(exact=("split/*",), close=("fit/history/train_loss",))
def load_stream() -> dict[str, Any]:
    """Examples that are read while training."""
    data = ct.load(_Streamed())
    return {"split": data.split, "targets": data.targets, "fit": ct.fit("mlp", data, **SMALL)}
