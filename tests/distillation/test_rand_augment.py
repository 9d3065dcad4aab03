"""RandAugment: each operation beside that of Pillow, which the published ones are made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from coterie.distillation.rand_augment import FILL, OPERATIONS, rand_augment

LEVELS = (0.0, 0.3, 0.5, 1.0)
_NO_BIT_LEFT = ("posterize", 0.0)  # which Pillow no longer lets through
FACTOR = {
    "color": ImageEnhance.Color,
    "contrast": ImageEnhance.Contrast,
    "brightness": ImageEnhance.Brightness,
    "sharpness": ImageEnhance.Sharpness,
}
PILLOW = {
    "auto_contrast": lambda image, level: ImageOps.autocontrast(image),
    "equalize": lambda image, level: ImageOps.equalize(image),
    "invert": lambda image, level: ImageOps.invert(image),
    "posterize": lambda image, level: ImageOps.posterize(image, max(1, int(4 * level))),
    "solarize": lambda image, level: ImageOps.solarize(image, min(256, int(256 * level))),
    **{
        name: lambda image, level, enhance=enhance: enhance(image).enhance(1.8 * level + 0.1)
        for name, enhance in FACTOR.items()
    },
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images() -> torch.Tensor:
    """A smooth picture, a narrow one of a small range, and noise, (3, 3, 16, 16)."""
    across = torch.arange(16.0)
    smooth = (
        torch.stack(
            [
                across[:, None] + across,
                10 + across * torch.ones(16, 1),
                0 * across + 90.0 * torch.ones(16, 1),
            ]
        )
        * 2
    )
    noise = torch.randint(256, (2, 3, 16, 16), generator=generator()).float()
    noise[0] = 60 + noise[0].div(4).floor()
    return torch.cat([smooth[None], noise])


def applied(name: str, images: torch.Tensor, level: float, sign: int = 1) -> torch.Tensor:
    n = len(images)
    return OPERATIONS[name](images, torch.full((n,), level), torch.full((n,), sign))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", PILLOW)
def test_as_pillow_has_it(images, name, level):
    """Within the rounding of its whole numbers."""
    found = applied(name, images, level).clamp(0, 255)
    if (name, level) == _NO_BIT_LEFT:
        assert not found.any()
        return
    for image, mine in zip(images, found, strict=True):
        array = image.permute(1, 2, 0).numpy().astype(np.uint8)
        theirs = np.asarray(PILLOW[name](Image.fromarray(array), level), dtype=np.float32)
        assert np.abs(mine.permute(1, 2, 0).numpy() - theirs).max() <= 2


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_rotation_is_that_of_pillow(sign):
    """In the direction opposite to the sign of Pillow's angle or along it, but by as much."""
    across = torch.arange(32.0)
    image = (4 * across[:, None] + 2 * across).expand(1, 3, 32, 32).contiguous()
    found = applied("rotate", image, 0.5, sign)[0, 0, 8:-8, 8:-8]
    array = Image.fromarray(image[0, 0].numpy())
    turned = np.asarray(array.rotate(15 * sign, Image.Resampling.BILINEAR))[8:-8, 8:-8]
    assert np.abs(found.numpy() - turned).max() < 0.5


def test_solarize_add_brightens_the_darker_half():
    image = torch.tensor([[[[0.0, 127, 128, 255]]]])
    assert applied("solarize_add", image, 0.5).flatten().tolist() == [55, 182, 128, 255]


def test_translations_move_by_a_share_of_the_side_and_fill():
    images = torch.arange(20.0).expand(1, 3, 20, 20)
    found = applied("translate_x", images, 1.0)  # by 9 of 20 pixels
    torch.testing.assert_close(found[..., :11], images[..., 9:])
    assert torch.allclose(found[0, :, :, 12:], torch.tensor(FILL).view(3, 1, 1))
    down = applied("translate_y", images.mT.contiguous(), 1.0, -1)
    torch.testing.assert_close(down[..., 9:, :], images.mT[..., :11, :])


@pytest.mark.parametrize(("name", "turned"), [("shear_x", False), ("shear_y", True)])
def test_shears_move_rows_by_a_share_of_their_distance_from_the_middle(name, turned):
    images = torch.arange(41.0).expand(1, 3, 41, 41)
    found = applied(name, images.mT.contiguous() if turned else images, 1.0)
    found = (found.mT if turned else found)[0, 0]
    rows = torch.arange(41.0)[:, None] - 20
    inside = slice(7, 34)
    torch.testing.assert_close(
        found[:, inside], (images[0, 0] + 0.3 * rows)[:, inside], atol=1e-3, rtol=0
    )


def test_grey_images_have_all_operations_too():
    images = torch.randint(256, (4, 1, 8, 8), generator=generator()).float()
    for name in OPERATIONS:
        assert applied(name, images, 0.7).shape == images.shape
    torch.testing.assert_close(applied("color", images, 0.0), images)


def test_the_seed_tells_what_is_drawn_and_images_draw_apart(images):
    same = images[2:].expand(40, 3, 16, 16)
    found = rand_augment(same, generator(5))
    assert torch.equal(found, rand_augment(same, generator(5)))
    assert len({each.sum().item() for each in found}) > 20
    assert found.min() >= 0
    assert found.max() <= 255
    assert torch.equal(same, images[2:].expand(40, 3, 16, 16))


def test_nothing_is_changed_where_nothing_is_asked_for(images):
    assert torch.equal(rand_augment(images, generator(), operations=0), images)
    assert torch.equal(rand_augment(images, generator(), probability=0.0), images)


def test_operations_and_levels_are_drawn_as_published(monkeypatch):
    """Each equally often, applied to half of the images, levels about the magnitude."""
    seen: dict[str, list[float]] = {}

    def watching(name):
        def operation(images, level, sign):
            seen.setdefault(name, []).extend((level * sign).tolist())
            return images

        return operation

    monkeypatch.setattr(
        "coterie.distillation.rand_augment.OPERATIONS",
        {name: watching(name) for name in OPERATIONS},
    )
    rand_augment(torch.zeros(6000, 1, 1, 1), generator(), magnitude=5, operations=2)
    counts = [len(levels) for levels in seen.values()]
    assert len(counts) == 15
    assert sum(counts) == pytest.approx(6000, rel=0.05)
    assert min(counts) > 330
    assert max(counts) < 470
    levels = torch.tensor([level for levels in seen.values() for level in levels])
    assert levels.abs().mean() == pytest.approx(0.5, abs=0.01)
    assert levels.abs().std() == pytest.approx(0.1, abs=0.01)
    assert (levels > 0).float().mean() == pytest.approx(0.5, abs=0.03)
