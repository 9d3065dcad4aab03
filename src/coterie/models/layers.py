"""What built-in encoders share: dropout that does not depend on execution, sizes, and checks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from coterie.errors import CoterieError, require_number, require_positive, require_whole

MOST_WIDE = 2**20
_MOST_LAYERS = 1000


class Dropout(nn.Module):
    """Dropout whose mask does not depend on how a stack is executed.

    torch's own fills the mask in memory order, or by another kernel under ``vmap``; here it is
    drawn in the order of the dimensions, so that the same seed gives the same mask to every row,
    looped or batched, in any memory format.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Zero a share ``p`` of the values and scale up the others, in training mode."""
        if not self.training or self.p == 0:
            return x
        kept = torch.rand(x.shape, device=x.device) >= self.p
        return x * kept.to(x.dtype).div_(1 - self.p)

    def extra_repr(self) -> str:
        """The share, for printing."""
        return f"p={self.p}"


def check_hidden(hidden: Sequence[int]) -> None:
    """Refuse what are no widths of layers."""
    if isinstance(hidden, str) or not isinstance(hidden, Sequence) or len(hidden) > _MOST_LAYERS:
        raise CoterieError(
            f"`hidden` must be the widths of at most {_MOST_LAYERS} layers, such as (128, 128); "
            f"found {hidden!r}."
        )
    for width in hidden:
        require_whole("hidden", width, 1, MOST_WIDE)


def check_dropout(dropout: float) -> None:
    """Refuse what is no share of values to drop."""
    require_number("dropout", dropout, least=0, below=1)


def widened(sizes: Sequence[int], width: float) -> list[int]:
    """So many times each of some numbers of channels."""
    require_positive("width", width)
    wide = [max(1, round(size * width)) for size in sizes]
    require_whole("width", max(wide), 1, MOST_WIDE)
    return wide


def image_shape(name: str, input_shape: Sequence[int], smallest: int) -> tuple[int, int, int]:
    """Channels, height and width of images that are large enough for an encoder.

    Raises:
        CoterieError: inputs are no images, or too small.
    """
    if len(input_shape) != 3 or min(input_shape[1:]) < smallest:
        raise CoterieError(
            f"`model` {name!r} needs images of shape (channels, height, width) with sides of at "
            f"least {smallest}; found inputs of shape {tuple(input_shape)}. Use 'mlp' for tables."
        )
    channels, height, width = input_shape
    return channels, height, width
