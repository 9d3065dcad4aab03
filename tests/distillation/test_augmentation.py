"""Crops, flips and CutMix of a batch."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.distillation.augmentation import (
    box_matrices,
    crop_boxes,
    cut_mix,
    random_resized_crop,
    transformed,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(max_examples=50)
@given(
    st.integers(1, 64), st.integers(1, 64), st.floats(0.01, 1), st.integers(0, 2**32), st.booleans()
)
def test_boxes_lie_inside(height, width, least, seed, only_least):
    most = least if only_least else 1.0
    boxes = crop_boxes(20, (height, width), (least, most), generator(seed))
    top, left, tall, wide = boxes.unbind(1)
    assert (boxes == boxes.round()).all()
    assert (tall >= 1).all()
    assert (wide >= 1).all()
    assert (top >= 0).all()
    assert (top + tall <= height).all()
    assert (left >= 0).all()
    assert (left + wide <= width).all()


def test_boxes_have_the_share_and_the_sides_asked_for():
    size = (500, 500)
    _, _, tall, wide = crop_boxes(4000, size, (0.25, 0.75), generator()).unbind(1)
    share, ratio = tall * wide / math.prod(size), wide / tall
    assert 0.248 < share.min() < 0.26
    assert 0.74 < share.max() < 0.752
    assert share.mean() == pytest.approx(0.5, abs=0.01)  # uniform; few draws do not fit in
    assert 0.74 < ratio.min() < 0.76
    assert 1.32 < ratio.max() < 1.35
    assert ratio.log().mean() == pytest.approx(0, abs=0.02)


def test_a_box_is_enlarged_to_the_whole():
    """Inside it is what torch's own bilinear enlargement of the cut-out gives."""
    images = torch.rand(2, 3, 8, 12, dtype=torch.float64, generator=generator())
    boxes = torch.tensor([[2.0, 3, 4, 6], [0, 0, 4, 6]], dtype=torch.float64)
    found = transformed(images, box_matrices(boxes, (8, 12), torch.zeros(2)), "border")
    for image, box, mine in zip(images, boxes.int().tolist(), found, strict=True):
        top, left, tall, wide = box
        cut = image[None, :, top : top + tall, left : left + wide]
        own = F.interpolate(cut, (8, 12), mode="bilinear")[0]
        torch.testing.assert_close(mine[:, 2:-2, 2:-2], own[:, 2:-2, 2:-2])


def test_a_whole_box_is_the_image_and_its_mirror_image():
    images = torch.rand(2, 3, 5, 7, generator=generator())
    boxes = torch.tensor([[0.0, 0, 5, 7]] * 2, dtype=torch.float64)
    found = transformed(images, box_matrices(boxes, (5, 7), torch.tensor([0, 1])), "border")
    torch.testing.assert_close(found[0], images[0])
    torch.testing.assert_close(found[1], images[1].flip(-1))


def test_each_image_has_a_box_of_its_own_and_the_seed_tells_which():
    images = torch.rand(1, 3, 16, 16, generator=generator()).expand(8, 3, 16, 16)
    first = random_resized_crop(images, (0.1, 0.9), generator(1))
    assert torch.equal(first, random_resized_crop(images, (0.1, 0.9), generator(1)))
    assert len({each.sum().item() for each in first}) == 8


def test_a_crop_lets_gradients_through():
    images = torch.rand(2, 1, 4, 4, dtype=torch.float64, generator=generator(), requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda x: random_resized_crop(x, (0.3, 1), generator(3)), (images,)
    )


@settings(max_examples=100)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32))
def test_a_box_of_the_partner_and_its_share(height, width, seed):
    """Images of one value each, so that every pixel tells whose it is."""
    images = torch.arange(5.0).view(5, 1, 1, 1).expand(5, 2, height, width)
    mixed, partner, own = cut_mix(images, generator(seed))
    assert sorted(partner.tolist()) == list(range(5))
    for number, (image, other) in enumerate(zip(mixed, partner.tolist(), strict=True)):
        mine = image == number
        assert (mine | (image == other)).all()
        if other != number:
            assert mine.float().mean() == pytest.approx(own, abs=1e-6)
            rows, columns = (~mine[0]).any(1).nonzero().flatten(), (~mine[0]).any(0).nonzero()
            assert (~mine).sum() == 2 * len(rows) * len(
                columns
            )  # one box, the same of each channel
    assert images[3].unique().tolist() == [3.0]  # what was given is left alone


def test_shares_of_boxes_are_spread_as_published():
    """Of lambda uniform in [0, 1] a half is cut on the mean, less what boxes have outside."""
    shares = [cut_mix(torch.zeros(2, 1, 64, 64), generator(seed))[2] for seed in range(500)]
    # A side of length s with its middle uniform keeps s - s ** 2 / 4 of the unit interval.
    at = torch.linspace(0, 1, 10_001)
    kept = ((at - at**2 / 4) ** 2 * 2 * at).mean()  # the side is sqrt(u), of density 2 s
    assert sum(shares) / 500 == pytest.approx(1 - kept.item(), abs=0.04)
