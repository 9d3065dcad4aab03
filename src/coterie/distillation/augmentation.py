"""Random crops, flips and CutMix of a batch of images, as operations on the device it lies on.

Shapes: ``B`` images of a batch, ``C`` channels, ``H`` and ``W`` their sides. What is drawn comes from
a CPU generator, so that it does not depend on the device.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

_TRIES = 10
_RATIO = (3 / 4, 4 / 3)


def transformed(images: Tensor, matrices: Tensor, outside: str = "zeros") -> Tensor:
    """Images (B, C, H, W) seen through affine maps, bilinearly, the same size.

    Args:
        images: floating point.
        matrices: (B, 2, 3), from places in the result to places in the image, both in [-1, 1].
        outside: what is seen beyond the image, "zeros" or, its edge drawn out, "border".

    >>> transformed(torch.tensor([[[[1.0, 2.0]]]]), torch.tensor([[[-1.0, 0, 0], [0, 1, 0]]]))
    tensor([[[[2., 1.]]]])
    """
    size = list(images.shape)
    grid = F.affine_grid(matrices.to(images), size, align_corners=False)
    return F.grid_sample(images, grid, padding_mode=outside, align_corners=False)


def crop_boxes(
    n: int,
    size: tuple[int, int],
    scale: tuple[float, float],
    generator: torch.Generator,
) -> Tensor:
    """Boxes (n, 4), top, left, height, width in whole pixels, of a random share of the area.

    The area is uniform in ``scale``, the logarithm of width / height in log(3/4) to log(4/3), as
    RandomResizedCrop has them (Szegedy et al. 2015, "Going deeper with convolutions", section 6). Of
    ten draws the first that lies inside counts; else the box is the whole image.

    >>> crop_boxes(1, (8, 8), (1.0, 1.0), torch.Generator().manual_seed(0)).shape
    torch.Size([1, 4])
    """
    height, width = size
    uniform = torch.rand(4, n, _TRIES, generator=generator, dtype=torch.float64)
    area = height * width * (scale[0] + (scale[1] - scale[0]) * uniform[0])
    low, high = map(math.log, _RATIO)
    ratio = (low + (high - low) * uniform[1]).exp()
    tall, wide = (area / ratio).sqrt().round(), (area * ratio).sqrt().round()
    inside = (tall >= 1) & (tall <= height) & (wide >= 1) & (wide <= width)
    first = inside.int().argmax(1, keepdim=True)
    tall, wide, *place = (each.gather(1, first)[:, 0] for each in (tall, wide, *uniform[2:]))
    none = ~inside.any(1)
    tall, wide = tall.masked_fill(none, height), wide.masked_fill(none, width)
    top, left = (place[0] * (height - tall + 1)).floor(), (place[1] * (width - wide + 1)).floor()
    return torch.stack([top, left, tall, wide], dim=1)


def random_resized_crop(
    images: Tensor,
    scale: tuple[float, float],
    generator: torch.Generator,
    *,
    flip: bool = True,
    shared: bool = False,
) -> Tensor:
    """Cut a random box out of each image and enlarge it to the size of the whole.

    Differentiable in the images.

    Args:
        images: (B, C, H, W), floating point.
        scale: least and largest share of the area.
        generator: CPU generator.
        flip: turn each left-right with probability 1/2, too.
        shared: cut the same box out of all of them, and turn all or none.

    >>> images = torch.arange(4.0).reshape(1, 1, 2, 2)
    >>> whole = random_resized_crop(images, (1, 1), torch.Generator().manual_seed(1), flip=False)
    >>> bool((whole == images).all())
    True
    """
    n, (height, width) = 1 if shared else len(images), (images.shape[-2], images.shape[-1])
    boxes = crop_boxes(n, (height, width), scale, generator)
    flipped = torch.randint(2, (n,), generator=generator) if flip else torch.zeros(n)
    matrices = box_matrices(boxes, (height, width), flipped).expand(len(images), -1, -1)
    return transformed(images, matrices, "border")


def box_matrices(boxes: Tensor, size: tuple[int, int], flipped: Tensor) -> Tensor:
    """The maps (n, 2, 3) that cut ``boxes`` (n, 4), left-right turned where ``flipped`` (n,)."""
    top, left, tall, wide = boxes.unbind(1)
    (height, width), none = size, torch.zeros_like(top)
    across = wide / width * (1 - 2 * flipped)
    return torch.stack(
        [
            torch.stack([across, none, (2 * left + wide) / width - 1], dim=1),
            torch.stack([none, tall / height, (2 * top + tall) / height - 1], dim=1),
        ],
        dim=1,
    )


def cut_mix(images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, float]:
    """Put one box of each image's partner into it (Yun et al., "CutMix", ICCV 2019).

    One box for the batch: its sides are sqrt(1 - lambda) times those of the image, lambda uniform,
    its middle is uniform too, and what lies outside is cut off.

    Returns:
        The mixed images (B, C, H, W), who is whose partner (B,), on the CPU, and the share of each
        image that is its own.

    >>> mixed, partner, own = cut_mix(torch.arange(2.0).reshape(2, 1, 1, 1).expand(2, 1, 8, 8),
    ...                               torch.Generator().manual_seed(0))
    >>> bool((mixed[0].mean() - (1 - own) * partner[0]).abs() < 1e-6)
    True
    """
    height, width = images.shape[-2:]
    partner = torch.randperm(len(images), generator=generator)
    share, down, across = torch.rand(3, generator=generator, dtype=torch.float64).tolist()
    rows = _span(down, height, share)
    columns = _span(across, width, share)
    mixed = images.clone()
    theirs = images[partner.to(images.device)]
    mixed[..., rows, columns] = theirs[..., rows, columns]
    cut = (rows.stop - rows.start) * (columns.stop - columns.start)
    return mixed, partner, 1 - cut / (height * width)


def _span(middle: float, size: int, share: float) -> slice:
    """Pixels of one side of a box."""
    half = int(size * math.sqrt(1 - share)) // 2
    at = int(size * middle)
    return slice(max(0, at - half), min(size, at + half))
