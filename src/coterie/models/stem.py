"""Leading layers that all rows of a stack share.

One ordinary module, run once for the whole stack.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from coterie.errors import CoterieError
from coterie.models.architecture import TaskModel
from coterie.models.copies import copied
from coterie.seeds import derive, seed_layers

_ENCODER = "encoder."


class Stem:
    """The first layers of an encoder. A frozen one neither learns nor follows batch statistics."""

    def __init__(self, module: nn.Sequential, *, frozen: bool = False) -> None:
        self.module = module
        self.frozen = frozen
        if frozen:
            module.eval()

    @property
    def n_layers(self) -> int:
        """Number of layers."""
        return len(self.module)

    @property
    def n_parameters(self) -> int:
        """Number of parameters."""
        return sum(parameter.numel() for parameter in self.module.parameters())

    def trainable(self) -> list[Tensor]:
        """Parameters that an optimiser updates."""
        return (
            []
            if self.frozen
            else [parameter for parameter in self.module.parameters() if parameter.requires_grad]
        )

    def tensors(self) -> dict[str, Tensor]:
        """Parameters and buffers under their names in the whole model, (1, ...) each.

        Views, to be written to.
        """
        named = (*self.module.named_parameters(), *self.module.named_buffers())
        return {_ENCODER + name: tensor.detach().unsqueeze(0) for name, tensor in named}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Copy tensors in, as :meth:`tensors` names them."""
        for name, tensor in self.tensors().items():
            tensor.copy_(state[name])

    def to(self, device: torch.device | str) -> Stem:
        """An independent copy on ``device``."""
        return Stem(copied(self.module).to(device), frozen=self.frozen)

    def copy(self, *, frozen: bool | None = None) -> Stem:
        """An independent copy."""
        return Stem(copied(self.module), frozen=self.frozen if frozen is None else frozen)

    def features(self, inputs: Tensor, seed: int, *, per_row: bool) -> Tensor:
        """What the layers make of inputs (B, ...), or (M, B, ...) if ``per_row``.

        ``seed`` is of the random ones.
        """
        if self.module.training:
            seed_layers(derive(seed, "stem"))
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            if per_row:
                return self.module(inputs.flatten(0, 1)).unflatten(0, inputs.shape[:2])
            return self.module(inputs)

    def joined(self, branch: TaskModel) -> TaskModel:
        """The whole model: the branch with a copy of these layers where it has placeholders."""
        layers = copied(self.module)
        for position, layer in enumerate(layers):
            branch.encoder[position] = layer  # type: ignore[index]
        return branch


def split(model: TaskModel, n_layers: int, name: str) -> Stem | None:
    """Take the first layers out of a model, which keeps placeholders there.

    So all names stay as they are.

    Raises:
        CoterieError: the encoder is no ``nn.Sequential`` of more layers.

    >>> from coterie.models import Architecture
    >>> model = Architecture("mlp", (8,), n_outputs=3).build(0, 0)
    >>> split(model, 3, "mlp").n_layers, [name for name, _ in model.named_parameters()][0]
    (3, 'encoder.3.weight')
    """
    if n_layers == 0:
        return None
    encoder = model.encoder
    if not isinstance(encoder, nn.Sequential) or not 0 < n_layers < len(encoder):
        found = (
            f"an nn.Sequential of {len(encoder)}"
            if isinstance(encoder, nn.Sequential)
            else type(encoder).__name__
        )
        raise CoterieError(
            f"`stem` asks for the first {n_layers} layers of the encoder of `model` {name!r} to be "
            f"shared, which needs an nn.Sequential of more than these; found {found}."
        )
    stem = nn.Sequential(*(encoder[position] for position in range(n_layers)))
    for position in range(n_layers):
        encoder[position] = nn.Identity()
    return Stem(stem)
