"""Small pictures of every kind, and files of kinds that Pillow does not write."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch import Tensor

from coterie.data import Preprocessing
from coterie.data.images import decode_images

H, W = 4, 5
RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (H, W, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (H, W), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, (H, W), dtype=np.uint16)
LOSSLESS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "TIFF": {},
    "WEBP": {"lossless": True},
    "BMP": {},
    "PPM": {},
}


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    image.save(file := io.BytesIO(), form, **LOSSLESS.get(form, {}) | options)
    return file.getvalue()


def decode(
    *images: bytes | None, like: Preprocessing | None = None
) -> tuple[Tensor, tuple[str, ...]]:
    cells = pa.chunked_array(
        [[None if data is None else {"bytes": data, "path": None}] for data in images]
    )
    return decode_images(cells, np.arange(len(images)), "photo", like)


def as_stored(array: np.ndarray) -> np.ndarray:
    """As an 8-bit image is stored: (3, H, W)."""
    return np.broadcast_to(
        array[..., None] if array.ndim == 2 else array, (*array.shape[:2], 3)
    ).transpose(2, 0, 1)


def png(
    bits: int,
    colour: int,
    row: bytes,
    width: int = 1,
    height: int = 1,
    *chunks: tuple[bytes, bytes],
) -> bytes:
    """A PNG of kinds that Pillow does not write; every line is ``row``."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = [
        (b"IHDR", header),
        *chunks,
        (b"IDAT", zlib.compress((b"\0" + row) * height)),
        (b"IEND", b""),
    ]
    body = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def tiff(
    bits: int,
    samples: int,
    data: bytes,
    sample_format: int = 1,
    extra: int = 0,
    photometric: int = 1,
) -> bytes:
    """An uncompressed TIFF of one pixel."""
    colour = 2 if samples >= 3 else photometric
    lists, at, tags = b"", 8, []
    shorts = {
        256: [1],
        257: [1],
        258: [bits] * samples,
        259: [1],
        262: [colour],
        273: [0],
        277: [samples],
        278: [1],
        279: [len(data)],
        338: [0] * extra,
        339: [sample_format] * samples,
    }
    shorts = {tag: values for tag, values in shorts.items() if values}
    for tag, values in shorts.items():
        packed = struct.pack(f"<{len(values)}H", *values)
        place = packed.ljust(4, b"\0")
        if len(packed) > 4:
            place, lists = struct.pack("<I", at + len(lists)), lists + packed
        tags.append([tag, len(values), place])
    next(entry for entry in tags if entry[0] == 273)[2] = struct.pack("<I", at + len(lists))
    directory = b"".join(struct.pack("<HHI", tag, 3, n) + place for tag, n, place in tags)
    start = at + len(lists) + len(data)
    return (
        b"II*\0"
        + struct.pack("<I", start)
        + lists
        + data
        + struct.pack("<H", len(tags))
        + directory
        + b"\0" * 4
    )


def write(path: Path, arrays: list[np.ndarray]) -> Path:
    cells = [{"bytes": encoded(Image.fromarray(array)), "path": None} for array in arrays]
    pq.write_table(
        pa.table({"photo": cells, "label": [row % 2 for row in range(len(arrays))]}), path
    )
    return path


def many(n: int, dtype: type, top: int) -> list[np.ndarray]:
    return list(RNG.integers(top // 4, top, (n, 8, 8)).astype(dtype))


class Stream(torch.utils.data.Dataset):
    """A map-style dataset of whatever images or arrays."""

    def __init__(self, inputs: list[Any]) -> None:
        self.inputs = inputs

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> tuple[Any, list[int]]:
        return self.inputs[index], [index % 2]


def random_images(n: int = 60) -> torch.Tensor:
    """Coloured noise, (n, 3, 8, 8) uint8."""
    return torch.randint(
        0, 256, (n, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
