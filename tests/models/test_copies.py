"""Copies of modules that have run."""

from __future__ import annotations

import torch
from torch import nn

from coterie.models.copies import copied


class Remembers(nn.Module):
    """Keeps what its last pass made, alone and in a list and a mapping."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.scale = torch.ones(3)
        self.last: list[torch.Tensor] = []

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs = self.layer(inputs)
        self.last.append(outputs)
        self.by_name = {"outputs": outputs}
        return outputs


def test_a_module_that_has_run_is_copied_without_its_graph() -> None:
    module = Remembers()
    inputs = torch.ones(4, 2)
    module(inputs)
    other = copied(module)
    assert [tensor.numel() for tensor in (*other.last, *other.by_name.values())] == [0, 0]
    assert module.last[0].grad_fn is not None
    assert torch.equal(other(inputs), module(inputs))


def test_a_copy_shares_nothing() -> None:
    module = Remembers()
    other = copied(module)
    with torch.no_grad():
        other.layer.weight.fill_(7.0)
        other.scale.fill_(7.0)
    assert not (module.layer.weight == 7).any()
    assert module.scale.tolist() == [1.0] * 3
