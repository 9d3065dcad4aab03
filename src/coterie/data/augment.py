"""Random flips and padded crops, for a whole batch at once."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def flip_and_crop(
    images: Tensor, generator: torch.Generator, *, padding: int | None = None
) -> Tensor:
    """Flip each image left-right with probability 1/2, then crop it at random.

    What is cut is a window of the same size out of its zero-padded version.

    Args:
        images: (B, C, H, W) or (M, B, C, H, W), of any number type. The M models of a stack see the
            same flips and windows.
        generator: CPU generator, so that the draws do not depend on the device.
        padding: pixels added on every side; an eighth of the height by default (4 of 32).

    >>> images = torch.arange(4, dtype=torch.uint8).reshape(1, 1, 2, 2)
    >>> flip_and_crop(images, torch.Generator().manual_seed(0), padding=0)
    tensor([[[[0, 1],
              [2, 3]]]], dtype=torch.uint8)
    """
    n_images, (height, width) = images.shape[-4], images.shape[-2:]
    padding = height // 8 if padding is None else padding
    flipped = torch.randint(2, (n_images,), generator=generator).bool().to(images.device)
    down, right = torch.randint(2 * padding + 1, (2, n_images), generator=generator).to(
        images.device
    )
    images = torch.where(flipped[:, None, None, None], images.flip(-1), images)
    if not padding:
        return images
    windows = F.pad(images, (padding,) * 4).unfold(-2, height, 1).unfold(-2, width, 1)
    each = torch.arange(n_images, device=images.device)
    if images.dim() == 4:
        return windows[each, :, down, right]
    return windows[:, each, :, down, right].transpose(0, 1)
