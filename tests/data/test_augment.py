"""Flips and crops."""

from __future__ import annotations

import torch

from coterie.data import flip_and_crop
from tests.data.pictures import random_images


def test_a_crop_is_a_shifted_flipped_window() -> None:
    images = random_images(40).float() + 1
    moved = flip_and_crop(images, torch.Generator().manual_seed(1), padding=2)
    padded = torch.nn.functional.pad(images, (2,) * 4)
    seen = set()
    for image, result in zip(padded, moved, strict=True):
        windows = {
            (flip, down, right): (image.flip(-1) if flip else image)[
                :, down : down + 8, right : right + 8
            ]
            for flip in (False, True)
            for down in range(5)
            for right in range(5)
        }
        matches = [place for place, window in windows.items() if torch.equal(window, result)]
        assert len(matches) == 1
        seen.update(matches)
    assert len(seen) > 20
    stacked = flip_and_crop(
        images.expand(3, -1, -1, -1, -1), torch.Generator().manual_seed(1), padding=2
    )
    assert torch.equal(stacked, moved.expand(3, -1, -1, -1, -1))
