"""The ConvNet that distilled data sets are measured with."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from coterie.errors import CoterieError, require_whole
from coterie.models.layers import image_shape, widened

_CHANNELS = 128


def convnet(input_shape: Sequence[int], *, depth: int = 3, width: float = 1.0) -> nn.Module:
    """Blocks of a 3x3 convolution, BatchNorm, ReLU and 2x2 average pooling (Gidaris et al. 2018).

    The network of dataset condensation (Zhao et al., ICLR 2021) and of DELT's "ConvNet" (section 4),
    there with 3 blocks for images of 32 pixels and 4 for 64, here without biases before BatchNorm.
    ``width`` times 128 channels.

    >>> import torch
    >>> convnet((3, 32, 32))(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 2048])
    """
    channels, height, across = image_shape("convnet", input_shape, smallest=8)
    require_whole("depth", depth, 1)
    if min(height, across) >> depth < 1:
        raise CoterieError(
            f"`depth` must leave a pixel of images of {height} x {across} after halving them so "
            f"often; found {depth}."
        )
    (n_out,) = widened((_CHANNELS,), width)
    layers: list[nn.Module] = []
    for block in range(depth):
        convolution = nn.Conv2d(n_out if block else channels, n_out, 3, padding=1, bias=False)
        layers += [convolution, nn.BatchNorm2d(n_out), nn.ReLU(), nn.AvgPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten())
