"""The same on real files, where they are at hand."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from coterie.data import Batches, blocks, load
from coterie.tasks import Kind

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="real data (../shared/data) are not here")


def test_cifar10() -> None:
    data = load(DATA / "cifar10" / "train.parquet", one_vs_rest="label", limit=500)
    assert data.tasks.names[:3] == ("airplane", "automobile", "bird")
    assert data.input_shape == (3, 32, 32)
    assert (data.targets.sum(1) == 1).all()
    assert all(0.15 < std < 0.35 for std in data.preprocessing.std)


def test_celeba_splits_by_person() -> None:
    path = DATA / "celeba" / "faces.parquet"
    names = [
        name
        for name in pq.read_schema(path).names
        if name not in ("image", "identity", "partition")
    ]
    data = load(path, targets=names, group_column="identity", limit=600, rare="drop")
    assert 15 < len(data.tasks) <= 40
    identity = pq.read_table(path, columns=["identity"])["identity"].to_numpy()[data.ids]
    train, test = (set(identity[part.numpy()]) for part in (data.split.train, data.split.test))
    assert not train & test


@pytest.mark.parametrize(
    ("name", "n_inputs", "n_tasks"), [("emotions", 72, 6), ("scene", 294, 6), ("flags", 19, 7)]
)
def test_targets_named_by_the_file(name: str, n_inputs: int, n_tasks: int) -> None:
    data = load(DATA / "tabular" / f"{name}.parquet")
    assert (data.input_shape, len(data.tasks)) == ((n_inputs,), n_tasks)
    assert all(task.kind is Kind.BINARY for task in data.tasks)


def test_landmine_is_long_form() -> None:
    data = load(DATA / "tabular" / "landmine.parquet", rare="drop")
    assert data.input_shape == (9,)
    assert len(data.tasks) > 20
    for _rows, positions in blocks(data, torch.eye(len(data.tasks)), 64):
        batch = next(Batches(data, positions, batch_size=64, seed=0).epoch(0))
        assert ((~batch.targets.isnan()).sum(-1) == 1).all()


def test_parkinsons_is_long_form() -> None:
    path = DATA / "tabular" / "parkinsons.parquet"
    data = load(path, task_column="subject#", target_column="motor_UPDRS", exclude=["total_UPDRS"])
    assert len(data.tasks) == 42
    assert all(task.kind is Kind.REGRESSION for task in data.tasks)
    assert not any("UPDRS" in name for name in data.preprocessing.feature_names)
