"""The ConvNet of dataset condensation."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from coterie.errors import CoterieError
from coterie.models.convnet import convnet


def test_it_is_as_large_as_published():
    """Three blocks of 128: 3, 128 and 128 channels in, without the biases that BatchNorm undoes."""
    net = convnet((3, 32, 32))
    weights = 9 * 128 * (3 + 128 + 128)
    assert sum(each.numel() for each in net.parameters()) == weights + 3 * 2 * 128
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, 128 * 4 * 4)


@pytest.mark.parametrize(("side", "depth", "left"), [(64, 4, 4), (28, 3, 3), (8, 3, 1)])
def test_each_block_halves_the_image(side, depth, left):
    net = convnet((1, side, side), depth=depth, width=0.125)
    assert net(torch.zeros(2, 1, side, side)).shape == (2, 16 * left * left)
    assert sum(isinstance(module, nn.BatchNorm2d) for module in net.modules()) == depth


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((3, 32, 32), {"depth": 6}, "`depth` must leave a pixel of images of 32 x 32"),
        ((3, 32, 32), {"depth": 0}, "`depth`"),
        ((3, 32, 32), {"width": -1}, "`width`"),
        ((8,), {}, "`model` 'convnet' needs images"),
    ],
)
def test_wrong_options_are_named(shape, options, message):
    with pytest.raises(CoterieError, match=message):
        convnet(shape, **options)
