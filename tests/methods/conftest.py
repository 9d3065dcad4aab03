"""A small table that methods are compared on."""

import pytest
import torch

import coterie as ct


@pytest.fixture(scope="module")
def data():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(400, 6, generator=generator)
    noise = torch.randn(400, 4, generator=generator)
    targets = (inputs[:, [0, 0, 1, 1]] + 0.5 * noise > 0).float()
    return ct.load({"inputs": inputs, "targets": targets})
