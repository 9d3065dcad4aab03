"""RandAugment of a batch of images, as operations on the device it lies on.

Cubuk et al., "RandAugment" (CVPR Workshops 2020), with the fifteen operations, their ranges and the
noise of the magnitude that timm's ``rand-m{m}-n{n}-mstd{s}`` has, which the published students of
distilled sets are trained with. Each operation is computed once for all images that drew it.

Shapes: ``B`` images of a batch, ``C`` channels, ``H`` and ``W`` their sides. Pixels are float32 from
0 to 255; ``level`` (B,) from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from coterie.distillation.augmentation import transformed

FILL = (124.0, 116.0, 104.0)
_MOST = 10
_GREY = (0.299, 0.587, 0.114)
_SMOOTH = torch.tensor([[1.0, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13


def rand_augment(
    images: Tensor,
    generator: torch.Generator,
    *,
    magnitude: float = 5,
    operations: int = 4,
    deviation: float = 1.0,
    probability: float = 0.5,
) -> Tensor:
    """Apply random operations of about one strength, one after the other, to each image.

    Args:
        images: (B, C, H, W), float32, 0 to 255.
        generator: CPU generator, so that the draws do not depend on the device.
        magnitude: how strong, 0 to 10.
        operations: how many are drawn for each image, with replacement.
        deviation: standard deviation of the magnitude between images and operations.
        probability: of each that it is applied at all.

    >>> images = torch.full((2, 3, 8, 8), 100.0)
    >>> rand_augment(images, torch.Generator().manual_seed(0)).shape
    torch.Size([2, 3, 8, 8])
    """
    if not operations:
        return images
    images, n = images.clone(), len(images)
    which = torch.randint(len(OPERATIONS), (operations, n), generator=generator)
    applied = torch.rand(operations, n, generator=generator) < probability
    noise = torch.randn(operations, n, generator=generator)
    levels = (magnitude + deviation * noise).clamp(0, _MOST) / _MOST
    signs = 2 * torch.randint(2, (operations, n), generator=generator) - 1
    groups = torch.where(applied, which, len(OPERATIONS))  # who is left as it is comes last
    for group, level, sign in zip(groups, levels, signs, strict=True):
        # Sorted on the host and moved at once: a device would wait for each operation's own.
        order, sizes = group.argsort(), group.bincount(minlength=len(OPERATIONS) + 1).tolist()
        parts = [each.to(images.device).split(sizes) for each in (order, level[order], sign[order])]
        for operation, mine, *strength in zip(OPERATIONS.values(), *parts, strict=False):
            if len(mine):
                images[mine] = operation(images[mine], *strength).clamp(0, 255)
    return images


def auto_contrast(images: Tensor, level: Tensor, sign: Tensor) -> Tensor:  # noqa: ARG001
    """Stretch each channel from its darkest to its brightest pixel over the whole range."""
    low, high = images.amin((-2, -1), keepdim=True), images.amax((-2, -1), keepdim=True)
    scaled = (images - low) * (255 / (high - low).clamp_min(1e-6))
    return torch.where(high > low, scaled, images)


def equalize(images: Tensor, level: Tensor, sign: Tensor) -> Tensor:  # noqa: ARG001
    """Make the values of each channel equally frequent, as far as a map of 256 values can."""
    values = images.round().long().flatten(-2)
    counts = torch.zeros(*values.shape[:-1], 256, dtype=torch.long, device=images.device)
    counts.scatter_add_(-1, values, torch.ones_like(values))
    last = counts.gather(-1, values.amax(-1, keepdim=True))
    step = (values.shape[-1] - last) // 255
    before = counts.cumsum(-1) - counts
    table = ((before + step // 2) // step.clamp_min(1)).clamp_max(255)
    found = table.gather(-1, values).view(images.shape).to(images.dtype)
    return torch.where(step.unsqueeze(-1) > 0, found, images)


def invert(images: Tensor, level: Tensor, sign: Tensor) -> Tensor:  # noqa: ARG001
    """The negative."""
    return 255 - images


def rotate(images: Tensor, level: Tensor, sign: Tensor) -> Tensor:
    """By up to 30 degrees."""
    angle = torch.deg2rad(30 * level * sign)
    tall = images.shape[-2] / images.shape[-1]
    return _moved(
        images,
        [
            [angle.cos(), -angle.sin() * tall, 0 * angle],
            [angle.sin() / tall, angle.cos(), 0 * angle],
        ],
    )


def shear_x(images: Tensor, level: Tensor, sign: Tensor) -> Tensor:
    """Move rows against each other, by up to .3 of their distance."""
    tall = images.shape[-2] / images.shape[-1]
    shear, one = 0.3 * level * sign * tall, torch.ones_like(level)
    return _moved(images, [[one, shear, 0 * one], [0 * one, one, 0 * one]])


def shear_y(images: Tensor, level: Tensor, sign: Tensor) -> Tensor:
    """Move columns against each other, by up to .3 of their distance."""
    tall = images.shape[-2] / images.shape[-1]
    shear, one = 0.3 * level * sign / tall, torch.ones_like(level)
    return _moved(images, [[one, 0 * one, 0 * one], [shear, one, 0 * one]])


def translate_x(images: Tensor, level: Tensor, sign: Tensor) -> Tensor:
    """By up to .45 of the width."""
    by, one = 0.9 * level * sign, torch.ones_like(level)
    return _moved(images, [[one, 0 * one, by], [0 * one, one, 0 * one]])


def translate_y(images: Tensor, level: Tensor, sign: Tensor) -> Tensor:
    """By up to .45 of the height."""
    by, one = 0.9 * level * sign, torch.ones_like(level)
    return _moved(images, [[one, 0 * one, 0 * one], [0 * one, one, by]])


def posterize(images: Tensor, level: Tensor, sign: Tensor) -> Tensor:  # noqa: ARG001
    """Keep 4 bits of a pixel or fewer: the lower the level, the fewer."""
    step = 2.0 ** (8 - (4 * level).floor())
    return (images.round() / _each(step)).floor() * _each(step)


def solarize(images: Tensor, level: Tensor, sign: Tensor) -> Tensor:  # noqa: ARG001
    """The negative of pixels that are brighter than the level."""
    return torch.where(images < _each((256 * level).floor()), images, 255 - images)


def solarize_add(images: Tensor, level: Tensor, sign: Tensor) -> Tensor:  # noqa: ARG001
    """Up to 110 more where pixels are in the darker half."""
    return torch.where(images < 128, images + _each((110 * level).floor()), images)


def color(images: Tensor, level: Tensor, sign: Tensor) -> Tensor:  # noqa: ARG001
    """From almost grey to overdrawn colours."""
    return _blended(_grey(images), images, level)


def contrast(images: Tensor, level: Tensor, sign: Tensor) -> Tensor:  # noqa: ARG001
    """Towards or away from the mean grey."""
    return _blended(_grey(images).mean((1, 2, 3), keepdim=True).round(), images, level)


def brightness(images: Tensor, level: Tensor, sign: Tensor) -> Tensor:  # noqa: ARG001
    """Towards or away from black."""
    return _blended(torch.zeros_like(images), images, level)


def sharpness(images: Tensor, level: Tensor, sign: Tensor) -> Tensor:  # noqa: ARG001
    """Towards or away from smoothed pixels; those at the border stay."""
    n_channels = images.shape[1]
    kernel = _SMOOTH.to(images).expand(n_channels, 1, 3, 3)
    smooth = images.clone()
    smooth[..., 1:-1, 1:-1] = F.conv2d(images, kernel, groups=n_channels)
    return _blended(smooth, images, level)


OPERATIONS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    each.__name__: each
    for each in (
        auto_contrast,
        equalize,
        invert,
        rotate,
        posterize,
        solarize,
        solarize_add,
        color,
        contrast,
        brightness,
        sharpness,
        shear_x,
        shear_y,
        translate_x,
        translate_y,
    )
}
"""By name: ``operation(images, level, sign)``; the sign is read by those that have two directions."""


def _blended(other: Tensor, images: Tensor, level: Tensor) -> Tensor:
    """``images`` at a level of one half, ``other`` at 0 nearly, away from it above one half."""
    factor = _each(1.8 * level + 0.1)
    return other + factor * (images - other)


def _grey(images: Tensor) -> Tensor:
    """Luma (B, 1, H, W); the mean of the channels where there are not three."""
    if images.shape[1] != len(_GREY):
        return images.mean(1, keepdim=True)
    return (images * images.new_tensor(_GREY).view(3, 1, 1)).sum(1, keepdim=True)


def _moved(images: Tensor, rows: list[list[Tensor]]) -> Tensor:
    """Images seen through the maps of these entries (B,); what comes into sight is filled."""
    matrices = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)
    fill = images.new_tensor(FILL if images.shape[1] == len(FILL) else [sum(FILL) / len(FILL)])
    fill = fill.view(-1, 1, 1)
    return transformed(images - fill, matrices) + fill


def _each(values: Tensor) -> Tensor:
    """One value (B,) an image, to be used with (B, C, H, W)."""
    return values.view(-1, 1, 1, 1)
