"""The digits of scikit-learn."""

from __future__ import annotations

import torch

from coterie.data import load


def test_digits() -> None:
    data = load("digits")
    assert data.input_shape == (1, 8, 8)
    assert 0 <= data.inputs.min() < data.inputs.max() == 1
    targets = data.targets
    assert torch.equal(targets[:, :10].sum(1), torch.ones(len(data)))
    label = targets[:, :10].argmax(1)
    assert torch.equal(targets[:, 10].bool(), label % 2 == 0)
    assert torch.equal(targets[:, 11].bool(), label >= 5)
    assert torch.equal(targets[:, 12].bool(), torch.isin(label, torch.tensor([0, 6, 8, 9])))
    assert abs(targets[:, 13].mean() - 0.5) < 0.05
