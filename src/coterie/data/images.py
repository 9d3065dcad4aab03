"""A column of encoded images (PNG, JPEG, ...) to one tensor.

What becomes of each mode stands in :mod:`coterie.data.pixels`.
"""

from __future__ import annotations

import importlib.util
import io
import os
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from coterie.data.pixels import Rule, pixels, rule_of, sentences
from coterie.data.preprocessing import Preprocessing
from coterie.errors import CoterieError
from coterie.files import regular_file
from coterie.memory import require_memory

if TYPE_CHECKING:
    import pyarrow as pa
    from PIL.Image import Image

_CHUNK = 256
# Formats whose whole content Pillow reads. Others come with less than they hold (AVIF, JPEG 2000)
# or run programs (EPS).
FORMATS = ("PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP", "PPM")


def decode_images(
    cells: pa.ChunkedArray,
    rows: Sequence[int] | np.ndarray,
    column: str,
    like: Preprocessing | None = None,
) -> tuple[Tensor, tuple[str, ...]]:
    """Decode a column of images.

    Its cells have the layout of ``datasets``, a struct of ``bytes`` and ``path``, or are plain
    binary.

    Args:
        cells: one encoded image per example.
        rows: row numbers of the examples, for messages.
        column: name of the column, for messages.
        like: of a trained model: images of another size or depth than it was trained on are
            refused.

    Returns:
        (N, 3, H, W) uint8, or (N, 1, H, W) int32 of 16-bit grey images; and notes on what was
        converted, with counts.

    Raises:
        CoterieError: a cell is no image, one that is refused, or of another size or depth than the
            first, the row is named; or all of them do not fit into memory.
    """
    if importlib.util.find_spec("PIL") is None:
        raise CoterieError("Images need Pillow: pip install 'coterie[images]'.")
    if len(cells) == 0:
        raise CoterieError(f"Image column {column!r} has no rows.")
    reader = _Reader(column)
    with _strict_pillow():
        layout = None
        if like is not None and like.kind == "images":
            layout = _Layout(
                like.image_bits, like.input_shape[-2], like.input_shape[-1], "the model's"
            )
        first = reader.read(cells[0].as_py(), rows[0], layout, Counter())
        layout = layout or _Layout(
            8 if first.dtype == np.uint8 else 16, first.shape[1], first.shape[2], f"row {rows[0]}"
        )
        images = _allocate(len(cells), first, column)
        counts = _fill(images, cells, rows, reader, layout)
    return torch.from_numpy(images), sentences(counts, len(images), f"images of column {column!r}")


@dataclass(frozen=True)
class _Layout:
    """What all images of a column are like, and ``whose`` that is."""

    bits: int
    height: int
    width: int
    whose: str


@dataclass(frozen=True)
class _Reader:
    """Reads cells of one column."""

    column: str

    def read(
        self, cell: object, row: object, layout: _Layout | None, found: Counter[str]
    ) -> np.ndarray:
        """One image as :func:`pixels` stores it.

        Its header is checked before a pixel is decoded.
        """
        where = f"Row {row} of image column {self.column!r}"
        source, size = _source(cell, where)
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(source, formats=FORMATS) as image:
                answer = pixels(image, self._rule(image, where, row, layout), where, found)
        except CoterieError:
            raise
        except UnidentifiedImageError as error:
            raise CoterieError(
                f"{where} is no readable image: found {size}, no {'/'.join(FORMATS)} file that can "
                "be read."
            ) from error
        except Exception as error:  # decoders of damaged files fail in every way there is
            raise CoterieError(
                f"{where} is no readable image: found {size} ({error or type(error).__name__})."
            ) from error
        if layout is not None and answer.shape[1:] != (layout.height, layout.width):
            raise self._another_size(row, layout, (answer.shape[2], answer.shape[1]))
        return answer

    def _rule(self, image: Image, where: str, row: object, layout: _Layout | None) -> Rule:
        """How the image is stored, if its header agrees with the layout."""
        from PIL import Image as Pillow

        limit = Pillow.MAX_IMAGE_PIXELS
        if limit is not None and image.width * image.height > limit:
            raise CoterieError(
                f"{where} has {image.width}x{image.height} pixels, more than {limit:,}, which may "
                "be an attack on memory. If it is not: raise PIL.Image.MAX_IMAGE_PIXELS, or make "
                "it smaller."
            )
        rule = rule_of(image, where)
        if layout is None:
            return rule
        if rule.bits != layout.bits:
            raise CoterieError(
                f"All images of column {self.column!r} must have one depth; {layout.whose} is "
                f"{layout.bits}-bit, row {row} is {rule.bits}-bit. Convert them first."
            )
        # Which way it lies is known after decoding.
        if sorted(image.size) != sorted((layout.width, layout.height)):
            raise self._another_size(row, layout, image.size)
        return rule

    def _another_size(self, row: object, layout: _Layout, size: tuple[int, int]) -> CoterieError:
        return CoterieError(
            f"All images of column {self.column!r} must have one size; {layout.whose} is "
            f"{layout.width}x{layout.height}, row {row} is {size[0]}x{size[1]}. Resize them first."
        )


def _source(cell: object, where: str) -> tuple[Path | io.BytesIO, str]:
    """What Pillow is to open, and that in words."""
    data, path = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (cell, None)
    if data is None and path is not None:
        return regular_file(path, f"{where}: `path`"), repr(path)
    if not isinstance(data, bytes):
        found = "no value" if data is None else type(data).__name__
        raise CoterieError(f"{where} is no readable image: found {found}.")
    return io.BytesIO(data), f"{len(data)} bytes"


def _allocate(n_images: int, first: np.ndarray, column: str) -> np.ndarray:
    remedy = (
        "Use fewer (`limit`), make them smaller, or stream them from a map-style torch dataset."
    )
    what = f"{n_images} images of column {column!r}, {first.shape[2]}x{first.shape[1]} each,"
    # Besides the result, each thread holds an image in several forms: as a file, decoded,
    # converted, turned.
    threads = min(os.cpu_count() or 1, -(-n_images // _CHUNK))
    require_memory((n_images + 4 * threads) * first.nbytes, what, remedy)
    try:
        return np.empty((n_images, *first.shape), dtype=first.dtype)
    except MemoryError as error:
        raise CoterieError(
            f"{what} need {n_images * first.nbytes / 1e9:.1f} GB, which cannot be had. {remedy}"
        ) from error


def _fill(
    images: np.ndarray,
    cells: pa.ChunkedArray,
    rows: Sequence[int] | np.ndarray,
    reader: _Reader,
    layout: _Layout,
) -> Counter[str]:
    """Decode all cells in threads, each holding one encoded image at a time.

    The first row at fault is the one reported.
    """

    def decode(start: int) -> Counter[str]:
        found: Counter[str] = Counter()
        for position in range(start, min(start + _CHUNK, len(images))):
            images[position] = reader.read(cells[position].as_py(), rows[position], layout, found)
        return found

    total: Counter[str] = Counter()
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        for found in pool.map(decode, range(0, len(images), _CHUNK)):
            total += found
    finally:
        pool.shutdown(cancel_futures=True)
    return total


@contextmanager
def _strict_pillow() -> Iterator[None]:
    """What Pillow only warns of is either checked here or harmless.

    Truncated files are errors whatever a program set.
    """
    from PIL import ImageFile

    lenient, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = lenient
