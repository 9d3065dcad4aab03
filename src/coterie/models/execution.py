"""How the rows of a stack are run forward: views of their tensors, and one call for each run.

Shapes: ``M`` models, ``B`` examples of a batch, ``P`` output columns.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from coterie.models.batch_norm import vmapped_batch_norm
from coterie.models.strategy import Strategy
from coterie.seeds import seed_layers

_View = tuple[str, int, int, bool]


class Execution:
    """Runs rows of stacked ``parameters`` and ``buffers`` (M, ...) through a template."""

    def __init__(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor]) -> None:
        self.parameters, self.buffers = parameters, buffers
        self.one: Callable[..., Tensor] = _one
        self.several: Callable[..., Tensor] = _several
        self.views: dict[_View, dict[str, Tensor]] = {}

    @property
    def is_compiled(self) -> bool:
        """Whether :meth:`compile` was called."""
        return self.one is not _one

    def compile(self) -> None:
        """Compile the calls with ``torch.compile``; random layers draw what they draw otherwise."""
        options: dict[str, str | int | bool | Callable] = {"fallback_random": True}
        self.one = torch.compile(_one, options=options)
        self.several = torch.compile(_several, options=options)

    def run(
        self,
        template: nn.Module,
        strategy: Strategy,
        rows: slice,
        inputs: Tensor,
        *,
        per_row: bool,
        seed: int | None,
    ) -> Tensor:
        """Outputs (rows, B, P); ``seed`` is that of the random layers, None where they rest."""
        if seed is not None:
            seed_layers(seed)
        if strategy.kind == "vmap":
            tensors = self.slices(rows, looped=False)
            with vmapped_batch_norm(next(iter(tensors.values())).device):
                return self.several(template, tensors, inputs, per_row)
        if rows.stop - rows.start == 1:
            tensors = self.slices(rows, looped=True)
            return self.one(template, tensors, inputs[0] if per_row else inputs).unsqueeze(0)
        each = [
            self.run(
                template,
                strategy,
                slice(row, row + 1),
                inputs[place : place + 1] if per_row else inputs,
                per_row=per_row,
                seed=seed,
            )
            for place, row in enumerate(range(rows.start, rows.stop))
        ]
        return torch.cat(each)

    def slices(self, rows: slice, *, looped: bool) -> dict[str, Tensor]:
        """Leaf views of some rows, made once.

        Their gradients are views of the stacked gradients.
        """
        every = {**self.parameters, **self.buffers}
        if not looped and (rows.start, rows.stop) == (0, len(next(iter(every.values())))):
            return every
        learning = torch.is_grad_enabled()
        key = ("loop" if looped else "vmap", rows.start, rows.stop, learning)
        if key not in self.views:
            index = rows.start if looped else rows
            leaves = {name: tensor.detach()[index] for name, tensor in every.items()}
            for name, parameter in self.parameters.items():
                if parameter.requires_grad and learning:
                    if parameter.grad is None:
                        parameter.grad = torch.zeros_like(parameter)
                    leaves[name].requires_grad_()
                    leaves[name].grad = parameter.grad[index]
            self.views[key] = leaves
        return self.views[key]


def _one(template: nn.Module, tensors: dict[str, Tensor], inputs: Tensor) -> Tensor:
    return functional_call(template, tensors, (inputs,))


def _several(
    template: nn.Module, tensors: dict[str, Tensor], inputs: Tensor, per_row: bool
) -> Tensor:
    return vmap(partial(_one, template), in_dims=(0, 0 if per_row else None), randomness="same")(
        tensors, inputs
    )
