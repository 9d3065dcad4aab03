"""Map-style datasets."""

from __future__ import annotations

import pytest
import torch

from coterie.data import load
from coterie.tasks import Kind

N = 120


class Pairs(torch.utils.data.Dataset):
    """A map-style dataset of images."""

    def __len__(self) -> int:
        return N

    def __getitem__(self, index: int) -> tuple[torch.Tensor, list[float]]:
        return torch.full((3, 2, 2), index, dtype=torch.uint8), [index % 2, index / 7]


def test_a_torch_dataset_is_streamed() -> None:
    data = load(Pairs(), names=["odd", "size"], limit=100)
    assert not isinstance(data.inputs, torch.Tensor)
    assert data.input_shape == (3, 2, 2)
    assert [task.kind for task in data.tasks] == [Kind.BINARY, Kind.REGRESSION]
    assert len(data) == 100
    assert data.preprocessing.mean[0] == pytest.approx(
        data.ids[data.split.train].mean() / 255, abs=1e-3
    )
