"""Built-in encoders.

Each is ``factory(input_shape, **options) -> nn.Module`` mapping (B, *input_shape) to (B, F),
or, of an ensemble of k members, to (B, k, F).

Layers before a BatchNorm have no bias: its gradient would be rounding noise, which Adam amplifies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from coterie.models.convnet import convnet
from coterie.models.layers import Dropout, check_dropout, check_hidden, image_shape, widened
from coterie.models.tabm import tabm


def mlp(
    input_shape: Sequence[int], *, hidden: Sequence[int] = (128, 128), dropout: float = 0.0
) -> nn.Module:
    """Fully connected layers, each with BatchNorm and ReLU, on the flattened input.

    >>> mlp((8,), hidden=(16,))(torch.zeros(4, 8)).shape
    torch.Size([4, 16])
    """
    check_hidden(hidden)
    check_dropout(dropout)
    widths = [prod(input_shape), *hidden]
    layers: list[nn.Module] = [nn.Flatten()] if len(input_shape) > 1 else []
    for n_in, n_out in pairwise(widths):
        layers += [nn.Linear(n_in, n_out, bias=False), nn.BatchNorm1d(n_out), nn.ReLU()]
        layers += [Dropout(dropout)] if dropout else []
    return nn.Sequential(*layers)


def cnn(input_shape: Sequence[int], *, dropout: float = 0.2, width: float = 1.0) -> nn.Module:
    """The small network of STG-MTL (section "Models and data").

    Three convolutions and a linear layer, F = 128; ``width`` times as many channels and features.

    >>> cnn((3, 32, 32))(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 128])
    """
    channels, height, across = image_shape("cnn", input_shape, smallest=8)
    check_dropout(dropout)
    first, second, features = widened((32, 64, 128), width)
    flat = second * ((height - 4) // 4) * ((across - 4) // 4)
    return nn.Sequential(
        *_convolution(channels, first, kernel=5, padding=0),
        nn.MaxPool2d(2),
        *_convolution(first, second),
        *_convolution(second, second),
        nn.MaxPool2d(2),
        Dropout(dropout),
        nn.Flatten(),
        nn.Linear(flat, features),
        nn.ReLU(),
        Dropout(dropout),
    )


def resnet18(input_shape: Sequence[int], *, width: float = 1.0) -> nn.Module:
    """ResNet-18 (He et al. 2016) with a 3x3 stem and no first pooling, for small images, F = 512.

    ``width`` times as many channels.

    >>> resnet18((3, 32, 32))(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 512])
    """
    return _resnet("resnet18", input_shape, (2, 2, 2, 2), width)


def resnet34(input_shape: Sequence[int], *, width: float = 1.0) -> nn.Module:
    """ResNet-34 (He et al. 2016) for small images as :func:`resnet18`, F = 512.

    >>> resnet34((3, 8, 8), width=0.125)(torch.zeros(2, 3, 8, 8)).shape
    torch.Size([2, 64])
    """
    return _resnet("resnet34", input_shape, (3, 4, 6, 3), width)


def resnet50(input_shape: Sequence[int], *, width: float = 1.0) -> nn.Module:
    """ResNet-50 (He et al. 2016) for small images as :func:`resnet18`, F = 2,048.

    Blocks are bottlenecks, which shrink the image in their 3x3 layer.

    >>> resnet50((3, 8, 8), width=0.125)(torch.zeros(2, 3, 8, 8)).shape
    torch.Size([2, 256])
    """
    return _resnet("resnet50", input_shape, (3, 4, 6, 3), width, expansion=4)


def _resnet(
    name: str, input_shape: Sequence[int], depths: Sequence[int], width: float, expansion: int = 1
) -> nn.Module:
    """``depths`` blocks in each of four stages; all but the first stage halve the image."""
    channels, _, _ = image_shape(name, input_shape, smallest=8)
    first, *inner = widened((64, 64, 128, 256, 512), width)
    blocks, n_in = [], first
    for stage, (middle, depth) in enumerate(zip(inner, depths, strict=True)):
        for block in range(depth):
            stride = 2 if stage and not block else 1
            blocks.append(_ResidualBlock(n_in, middle, stride, expansion))
            n_in = middle * expansion
    return nn.Sequential(
        *_convolution(channels, first), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )


class _ResidualBlock(nn.Module):
    """Two 3x3 layers, or with an ``expansion`` a bottleneck of three."""

    def __init__(self, n_in: int, middle: int, stride: int, expansion: int) -> None:
        super().__init__()
        n_out = middle * expansion
        if expansion == 1:
            layers = [*_convolution(n_in, n_out, stride=stride), *_convolution(n_out, n_out)]
        else:
            layers = [
                *_convolution(n_in, middle, kernel=1, padding=0),
                *_convolution(middle, middle, stride=stride),
                *_convolution(middle, n_out, kernel=1, padding=0),
            ]
        self.body = nn.Sequential(*layers[:-1])
        same = stride == 1 and n_in == n_out
        shortcut = _convolution(n_in, n_out, kernel=1, padding=0, stride=stride)[:-1]
        self.skip = nn.Identity() if same else nn.Sequential(*shortcut)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.skip(x))


def _convolution(
    n_in: int, n_out: int, *, kernel: int = 3, padding: int = 1, stride: int = 1
) -> list[nn.Module]:
    convolution = nn.Conv2d(n_in, n_out, kernel, padding=padding, stride=stride, bias=False)
    return [convolution, nn.BatchNorm2d(n_out), nn.ReLU()]


ENCODERS: dict[str, Callable[..., nn.Module]] = {
    "mlp": mlp,
    "tabm": tabm,
    "cnn": cnn,
    "convnet": convnet,
    "resnet18": resnet18,
    "resnet34": resnet34,
    "resnet50": resnet50,
}
