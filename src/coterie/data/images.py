"""Encoded images (JPEG, PNG, ...) to one uint8 tensor."""

from __future__ import annotations

import importlib.util
import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from coterie.errors import CoterieError

if TYPE_CHECKING:
    import pyarrow as pa

_CHUNK = 256


def decode_images(cells: pa.ChunkedArray, rows: Sequence[int] | np.ndarray, column: str) -> Tensor:
    """Decode a column of the ``datasets`` layout (struct of ``bytes`` and ``path``, or plain binary) to (N, 3, H, W) uint8.

    Args:
        cells: one encoded image per example.
        rows: row numbers of the examples, for messages.
        column: name of the column, for messages.

    Raises:
        CoterieError: a cell is no image, or its size differs from that of the first; the row is named.
    """
    if importlib.util.find_spec("PIL") is None:
        raise CoterieError("Images need Pillow: pip install 'coterie[images]'.")
    encoded = cells.combine_chunks()
    if len(encoded) == 0:
        raise CoterieError(f"Image column {column!r} has no rows.")
    first = _decode(encoded[0].as_py(), rows[0], column)
    height, width, _ = first.shape
    images = np.empty((len(encoded), height, width, 3), dtype=np.uint8)

    def decode(start: int) -> None:
        for position, cell in enumerate(encoded[start : start + _CHUNK].to_pylist(), start):
            image = _decode(cell, rows[position], column)
            if image.shape != first.shape:
                raise CoterieError(
                    f"All images of column {column!r} must have one size; row {rows[0]} is {width}x{height}, "
                    f"row {rows[position]} is {image.shape[1]}x{image.shape[0]}. Resize them first."
                )
            images[position] = image

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(decode, range(0, len(encoded), _CHUNK)):
            pass
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def _decode(cell: Any, row: int, column: str) -> np.ndarray:
    """One image as (H, W, 3) uint8."""
    from PIL import Image

    data, path = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (cell, None)
    try:
        with Image.open(io.BytesIO(data) if data is not None else cast(str, path)) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, AttributeError, TypeError, Image.DecompressionBombError) as error:
        found = "no value" if data is None and path is None else f"{len(data)} bytes" if data is not None else f"{path!r}"
        raise CoterieError(f"Row {row} of image column {column!r} is no readable image: found {found}.") from error
