"""Images and numbers that come as arrays or from a map-style dataset follow the same rules."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from coterie.data import Batches, load
from coterie.data.arrays import as_input
from coterie.errors import CoterieError
from tests.data.pictures import (
    COLOUR,
    DEEP,
    GREY,
    RNG,
    H,
    Stream,
    W,
    encoded,
    many,
    write,
)


def _opened(array: np.ndarray, **options: Any) -> Image.Image:
    return Image.open(io.BytesIO(encoded(Image.fromarray(array), **options)))


@pytest.mark.parametrize(("dtype", "top"), [(np.uint8, 255), (np.uint16, 60_000)])
def test_streams_follow_the_same_rules(tmp_path: Path, dtype: type, top: int) -> None:
    arrays = many(60, dtype, top)
    held = load(write(tmp_path / "held.parquet", arrays), targets="label", split=(0.5, 0.25, 0.25))
    streamed = load(
        Stream([_opened(array) for array in arrays]), names=["label"], split=(0.5, 0.25, 0.25)
    )
    assert streamed.notes[0] == held.notes[0].replace("column 'photo'", "the dataset")
    assert streamed.preprocessing.image_bits == held.preprocessing.image_bits
    assert streamed.preprocessing.mean == pytest.approx(held.preprocessing.mean)
    for workers in (0, 1):
        one, other = (
            Batches(d, d.split.train, batch_size=16, seed=0, workers=workers)
            for d in (held, streamed)
        )
        for a, b in zip(one.epoch(0), other.epoch(0), strict=True):
            torch.testing.assert_close(a.inputs, b.inputs)


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        (
            Image.fromarray(DEEP),
            "8-bit images of 4x5; Example 7 of the dataset has 16-bit images of 4x5",
        ),
        (Image.fromarray(GREY[:3]), "Example 7 of the dataset has 8-bit images of 3x5"),
        (Image.fromarray(COLOUR).convert("HSV"), "Example 7 of the dataset is of mode HSV"),
        (np.zeros((3, H, W), np.uint8), "Example 7 of the dataset has arrays of 3x4x5"),
    ],
)
def test_streams_are_looked_through_before_training(odd: Any, message: str) -> None:
    with pytest.raises(CoterieError, match=message):
        load(Stream([Image.fromarray(GREY)] * 7 + [odd] + [Image.fromarray(GREY)] * 20))


# torch waits five seconds for a worker that raised.
@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_what_only_decoding_shows_names_the_example(workers: int) -> None:
    whole = encoded(Image.fromarray(COLOUR))

    class Cut(Stream):
        def __getitem__(self, index: int) -> tuple[Any, list[int]]:
            return Image.open(io.BytesIO(whole[:-40] if index == self.cut else whole)), [index % 2]

    stream = Cut([None] * 60)
    stream.cut = None
    data = load(stream)
    stream.cut = int(data.split.train[3])
    batches = Batches(data, data.split.train, batch_size=8, seed=0, workers=workers)
    with pytest.raises(
        CoterieError, match=rf"^Example {stream.cut} of the dataset is no readable image"
    ):
        list(batches.epoch(0))


def test_streamed_arrays_that_change_shape_or_depth_name_the_example() -> None:
    stream = Stream([np.zeros((3, H, W), np.uint8)] * 60)
    data = load(stream)
    where = int(data.split.train[0])
    for odd, message in [
        (np.zeros((3, H, 2), np.uint8), "must hold inputs of shape"),
        (np.zeros((3, H, W)), "must hold 8-bit"),
    ]:
        stream.inputs[where] = odd
        with pytest.raises(CoterieError, match=rf"^Example {where} of the dataset {message}"):
            list(Batches(data, data.split.train, batch_size=8, seed=0).epoch(0))


def test_arrays_of_sixteen_bits_are_images() -> None:
    values = RNG.integers(0, 65536, (60, 2, 4, 4)).astype(np.uint16)
    for inputs in (values, values.astype(">u2"), torch.from_numpy(values), values[::-1][::-1]):
        data = load({"inputs": inputs, "targets": np.arange(60) % 2})
        assert isinstance(data.inputs, Tensor)
        assert np.array_equal(data.inputs, values)
        assert data.preprocessing.image_bits == 16
    streamed = load(Stream(list(values[:, :, ::-1])))
    assert streamed.preprocessing.image_bits == 16


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.full((60, 2), 1e39), r"found 1e\+39, which float32 does not hold, in row 0, column 0"),
        (np.full((60, 2), np.inf), "`inputs` must be finite; found inf in row 0, column 0"),
        (np.full((60, 1, 4, 4), 2**40), "levels beyond 2\\^24, which float32 rounds"),
        (torch.zeros(60, 2, dtype=torch.complex64), "must hold real numbers"),
        (np.zeros((60, 8, 8, 3), np.uint16), "move the channels to the front"),
        ([[1.0], [1.0, 2.0]] * 30, "`inputs` must be one array"),
    ],
)
def test_arrays_that_float32_would_change_are_refused(inputs: Any, message: str) -> None:
    with pytest.raises(CoterieError, match=message):
        load({"inputs": inputs, "targets": np.arange(60) % 2})
    if not isinstance(inputs, list):
        with pytest.raises(
            CoterieError, match=message.split(" in row", maxsplit=1)[0].removeprefix("`inputs`")
        ):
            load(Stream(list(inputs)))


@pytest.mark.parametrize("dtype", [np.bool_, np.int64, np.float16, np.float64, np.longdouble])
def test_other_arrays_are_taken_as_numbers_unscaled(dtype: type) -> None:
    values = RNG.integers(0, 2, (60, 1, 4, 4)).astype(dtype)
    data = load({"inputs": values, "targets": np.arange(60) % 2})
    assert isinstance(data.inputs, Tensor)
    assert data.inputs.dtype == torch.float32
    assert np.array_equal(data.inputs, values)
    assert data.preprocessing.kind == "arrays"


def test_a_pillow_image_of_one_pixel_is_no_view_of_its_memory() -> None:
    image = Image.new("RGB", (1, 1), (1, 2, 3))
    as_input(image)[:] = 9
    assert image.getpixel((0, 0)) == (1, 2, 3)
