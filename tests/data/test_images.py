"""Columns of images.

One depth and size, bounded memory, and nothing is opened that should not be.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from coterie.data import Batches, Preprocessing, load, read_inputs
from coterie.data import images as module
from coterie.data.images import decode_images
from coterie.errors import CoterieError, CoterieWarning
from tests.data.pictures import (
    COLOUR,
    DEEP,
    GREY,
    RNG,
    H,
    W,
    as_stored,
    decode,
    encoded,
    many,
    png,
    write,
)


def test_one_column_has_one_depth_and_one_size() -> None:
    shallow, deep = encoded(Image.fromarray(GREY)), encoded(Image.fromarray(DEEP))
    with pytest.raises(CoterieError, match="must have one depth; row 0 is 8-bit, row 2 is 16-bit"):
        decode(shallow, shallow, deep)
    with pytest.raises(CoterieError, match="must have one depth; row 0 is 16-bit, row 1 is 8-bit"):
        decode(deep, shallow)
    for other in (GREY[:, :4], GREY.T):
        with pytest.raises(
            CoterieError,
            match=rf"one size; row 0 is 5x4, row 1 is {other.shape[1]}x{other.shape[0]}",
        ):
            decode(shallow, encoded(Image.fromarray(np.ascontiguousarray(other))))


def test_the_first_row_at_fault_is_named_among_many() -> None:
    good = encoded(Image.fromarray(COLOUR))
    images = [good] * 1500
    images[700], images[1400] = b"no image", None  # type: ignore[call-overload]
    with pytest.raises(CoterieError, match=r"^Row 700 .* found 8 bytes"):
        decode(*images)


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()])
def test_plain_binary_columns(kind: pa.DataType) -> None:
    good = encoded(Image.fromarray(COLOUR))
    images, _ = decode_images(
        pa.chunked_array([pa.array([good], kind), pa.array([good], kind)]), [4, 5], "scan"
    )
    assert np.array_equal(images[1], as_stored(COLOUR))
    with pytest.raises(
        CoterieError, match="Row 5 of image column 'scan' is no readable image: found no value"
    ):
        decode_images(pa.chunked_array([pa.array([good, None], kind)]), [4, 5], "scan")


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ([{"bytes": None, "path": None}], "no value"),
        ([None], "no value"),
        ([7], "int"),
        (["a.png"], "str"),
        ([[1, 2]], "list"),
    ],
)
def test_cells_that_hold_no_file(cells: list[Any], found: str) -> None:
    if cells == [None]:
        cells = pa.array(cells, pa.struct({"bytes": pa.binary(), "path": pa.string()})).to_pylist()
    with pytest.raises(
        CoterieError, match=f"Row 0 of image column 'photo' is no readable image: found {found}"
    ):
        decode_images(pa.chunked_array([cells]), [0], "photo")


def _at(path: Any) -> Tensor:
    return decode_images(pa.chunked_array([[{"bytes": None, "path": path}]]), [3], "photo")[0]


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    (tmp_path / "good.png").write_bytes(encoded(Image.fromarray(COLOUR)))
    (tmp_path / "link.png").symlink_to(tmp_path / "good.png")
    for name in ("good.png", "link.png"):
        assert np.array_equal(_at(str(tmp_path / name))[0], as_stored(COLOUR))
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nothing")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "empty.png").touch()
    for path, message in [
        (tmp_path / "pipe.png", "is a named pipe"),
        (tmp_path, "is a directory"),
        ("/dev/zero", "is a device"),
        (tmp_path / "dangling.png", "there is no file"),
        (tmp_path / "loop.png", "cannot be read"),
        (tmp_path / "empty.png", "is empty"),
        ("/proc/self/status", "is empty"),
        ("https://example.org/a.png", "is a URL"),
        ("a\0b", "cannot be read"),
        ("x" * 5000, "cannot be read"),
        ("", "there is no file|is a directory"),
    ]:
        with pytest.raises(
            CoterieError,
            match=rf"^Row 3 of image column 'photo': `path` must name a file.*({message})",
        ):
            _at(str(path))
    with pytest.raises(CoterieError, match=r"`path` must name a file; found int\."):
        _at(0)  # a file descriptor, to Python


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP", "PPM"])
def test_truncated_images_are_refused_whatever_a_program_set(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    whole = encoded(Image.fromarray(RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8)), form)
    assert len(decode(whole)[0]) == 1
    for length in (len(whole) // 3, len(whole) * 2 // 3, len(whole) - 30):
        with pytest.raises(
            CoterieError, match="Row 1 of image column 'photo' is no readable image"
        ):
            decode(whole, whole[:length])
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_files_are_refused_or_read_but_never_crash(data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(["PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP", "PPM"]))
    content = bytearray(encoded(Image.fromarray(COLOUR), form))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=6)):
        content[place] = data.draw(st.integers(0, 255))
    try:
        images, _ = decode(bytes(content))
    except CoterieError as error:
        assert str(error).startswith(  # noqa: PT017
            ("Row 0 of image column 'photo'", "1 images of column 'photo'")
        )
    else:
        assert images.dtype in (torch.uint8, torch.int32)


def test_sizes_are_read_before_pixels() -> None:
    small = encoded(Image.fromarray(COLOUR))
    # Headers of images that would take gigabytes; there is not a line of pixels behind them.
    with pytest.raises(CoterieError, match="must have one size; row 0 is 5x4, row 1 is 9000x9000"):
        decode(small, png(8, 2, b"", 9000, 9000))
    with pytest.raises(CoterieError, match=r"^Row 0 .* has 10000x10000 pixels, more than"):
        decode(png(8, 2, b"", 10_000, 10_000))
    with pytest.raises(
        CoterieError, match=r"^Row 0 of image column 'photo' is no readable image.*exceeds limit"
    ):
        decode(png(8, 2, b"", 60_000, 60_000))


def test_more_than_memory_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coterie.memory.available_memory", lambda: 3 * H * W * (2 + 4))
    small = encoded(Image.fromarray(COLOUR))
    assert len(decode(small, small)[0]) == 2
    with pytest.raises(
        CoterieError,
        match=r"^3 images of column 'photo', 5x4 each, need 0\.0 GB of memory; there are 0\.0 GB",
    ):
        decode(small, small, small)
    monkeypatch.undo()
    monkeypatch.setattr(module.np, "empty", lambda *_, **__: (_ for _ in ()).throw(MemoryError))
    with pytest.raises(CoterieError, match="which cannot be had"):
        decode(small)


def test_compressed_text_and_profiles_do_not_fill_memory() -> None:
    info = PngInfo()
    info.add_text("comment", "x" * 50_000_000, zip=True)
    profile = b"name\0\0" + zlib.compress(b"x" * 50_000_000)
    for data in (
        encoded(Image.fromarray(COLOUR), pnginfo=info),
        png(8, 2, b"abc", 1, 1, (b"iCCP", profile)),
    ):
        assert len(data) < 100_000
        with pytest.raises(CoterieError, match=r"no readable image.*too large"):
            decode(data)


def test_sixteen_bit_images_train_at_the_same_scale_as_others(tmp_path: Path) -> None:
    arrays = many(60, np.uint16, 60_000)
    data = load(write(tmp_path / "deep.parquet", arrays), targets="label")
    assert isinstance(data.inputs, Tensor)
    assert (
        "60 of 60 images of column 'photo': 16-bit grey, all levels kept in one channel."
        in data.notes
    )
    assert (data.preprocessing.image_bits, data.input_shape) == (16, (1, 8, 8))
    batches = Batches(data, data.split.train, batch_size=64, seed=0)
    inputs = next(batches.ordered()).inputs
    assert inputs.dtype == torch.float32
    assert (inputs.mean().abs() < 1e-4, (inputs.std(correction=0) - 1).abs() < 1e-4) == (True, True)
    expected = torch.from_numpy(np.stack(arrays).astype(np.float64))[data.split.train, None] / 65535
    torch.testing.assert_close(
        inputs.double(),
        (expected - expected.mean()) / expected.std(correction=0),
        atol=1e-4,
        rtol=0,
    )
    augmented = Batches(data, data.split.train, batch_size=64, seed=0, augment=True)
    assert next(augmented.epoch(0)).inputs.shape == inputs.shape


def test_new_images_must_be_of_the_kind_that_was_trained_on(tmp_path: Path) -> None:
    shallow = write(tmp_path / "shallow.parquet", many(60, np.uint8, 255))
    deep = write(tmp_path / "deep.parquet", many(60, np.uint16, 60_000))
    small = write(tmp_path / "small.parquet", [array[:7] for array in many(3, np.uint8, 255)])
    eight, sixteen = (
        load(shallow, targets="label").preprocessing,
        load(deep, targets="label").preprocessing,
    )
    with pytest.warns(CoterieWarning, match="60 of 60 images of column 'photo': 16-bit grey"):
        assert read_inputs(deep, sixteen)[0].dtype == torch.int32
    with pytest.warns(CoterieWarning, match="60 of 60 images of column .photo.: grey"):
        assert read_inputs(shallow, eight)[0].dtype == torch.uint8
    for path, preprocessing, message in [
        (deep, eight, "one depth; the model's is 8-bit, row 0 is 16-bit"),
        (shallow, sixteen, "one depth; the model's is 16-bit, row 0 is 8-bit"),
        (small, eight, "one size; the model's is 8x8, row 0 is 8x7"),
        (
            {"inputs": np.zeros((2, 3, 8, 8), np.uint16)},
            eight,
            r"must hold 8-bit images \(uint8\).*found 16-bit",
        ),
        (
            {"inputs": np.zeros((2, 3, 8, 8))},
            eight,
            r"must hold 8-bit images \(uint8\).*found numbers \(float32\)",
        ),
        (
            {"inputs": np.zeros((2, 1, 8, 8), np.uint8)},
            load("digits").preprocessing,
            "must hold numbers",
        ),
        (shallow, load("digits").preprocessing, "must hold inputs of shape"),
    ]:
        with pytest.raises(CoterieError, match=message):
            read_inputs(path, preprocessing)
    with pytest.raises(CoterieError, match="`inputs` must hold 16-bit images"):
        sixteen.normalise(torch.zeros(1, 1, 8, 8, dtype=torch.uint8))


def test_the_depth_is_saved_and_older_files_are_of_eight_bits() -> None:
    deep = Preprocessing(input_shape=(1, 8, 8), mean=(0.5,), std=(0.2,), image_bits=16)
    assert Preprocessing.from_dict(deep.to_dict()) == deep
    older = deep.to_dict()
    del older["image_bits"]
    assert Preprocessing.from_dict(older).image_bits == 8


def test_of_several_columns_of_images_one_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    cells = [{"bytes": encoded(Image.fromarray(COLOUR)), "path": None}] * 60
    pq.write_table(
        pa.table({"front": cells, "back": cells, "label": [row % 2 for row in range(60)]}),
        tmp_path / "two.parquet",
    )
    assert any(
        "'front' is read, 'back' left out" in note
        for note in load(tmp_path / "two.parquet", targets="label").notes
    )


def pictures(n: int = 60) -> list[bytes]:
    return [encoded(Image.fromarray(np.full((4, 5, 3), 4 * row, np.uint8))) for row in range(n)]


@pytest.mark.parametrize("layout", ["structs", "bytes", "arrow structs", "arrow bytes"])
def test_frames_of_images_are_read_as_tables_of_images(layout: str) -> None:
    cells: Any = pictures()
    if layout.endswith("structs"):
        cells = [{"bytes": data, "path": None} for data in cells]
    columns = {
        "label": ["cat", "ant"] * 30,
        "photo": cells,
        "age": np.arange(60) % 7,
        "site": ["x", "y", "y"] * 20,
    }
    table = pa.table(columns)
    frame = (
        table.to_pandas(types_mapper=pd.ArrowDtype)
        if layout.startswith("arrow")
        else pd.DataFrame(columns)
    )
    named = None if layout.endswith("structs") else "photo"
    data = load(frame, targets="label", image_column=named)
    expected = load(table, targets="label", image_column=named)
    assert data.inputs.shape == (60, 3, 4, 5)
    assert torch.equal(data.inputs, expected.inputs)
    assert torch.equal(data.targets, expected.targets)
    assert data.preprocessing == expected.preprocessing
    left_out = "Left out, because the inputs are the images of 'photo' alone: 'age', 'site'."
    assert left_out in data.notes
    assert left_out in expected.notes
    again = load(frame, targets="label", image_column=named, exclude=["age", "site"])
    assert not any(note.startswith("Left out") for note in again.notes)
    new = load(frame[10:20], like=data)
    assert torch.equal(new.inputs, data.inputs[10:20])


@pytest.mark.parametrize("others", [[], ["a", "b"]])
def test_bytes_that_nobody_calls_images_are_left_out_with_a_hint(others: list[str]) -> None:
    cells = [*pictures()[len(others) :], *others]
    notes = load(
        pd.DataFrame({"photo": cells, "age": np.arange(60) % 7, "label": ["cat", "ant"] * 30}),
        targets="label",
    ).notes
    assert (
        "Column 'photo' left out: it holds bytes that are no UTF-8 text (`image_column` reads "
        "images)." in notes
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_column": "site"}, "Row 0 of image column 'site' is no readable image: found str"),
        ({"image_column": "when"}, "`image_column` 'when' holds no encoded images"),
        (
            {"image_column": "phot"},
            "`image_column` 'phot' is no column; columns are photo, label, site, when",
        ),
        (
            {"image_column": "photo", "keep": "when"},
            "`keep` names 'when', which cannot be an input: .* images of 'photo' alone",
        ),
    ],
)
def test_columns_of_frames_that_are_no_images_are_named(
    options: dict[str, Any], message: str
) -> None:
    frame = pd.DataFrame(
        {
            "photo": pictures(),
            "label": ["cat", "ant"] * 30,
            "site": ["x", "y", "y"] * 20,
            "when": pd.period_range("2020", periods=60),
        }
    )
    with pytest.raises(CoterieError, match=message):
        load(frame, targets="label", **options)


@pytest.mark.parametrize(
    ("dtype", "scaled"),
    [(np.uint8, True), (np.uint16, True), (np.int64, False), (np.float64, False)],
)
def test_images_that_are_not_scaled_are_said(dtype: Any, scaled: bool) -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 1, 3, 3)).astype(dtype)
    images[0, 0, 0, :2] = 0, 255
    notes = load({"inputs": images, "targets": np.arange(60) % 2}).notes
    said = (
        "Images of `inputs` are taken as they are, 0 to 255, unscaled: only uint8 and uint16 are "
        "scaled."
    )
    assert (said in notes) is not scaled
    assert (
        said.replace("255", "1")
        not in load({"inputs": images / 255, "targets": np.arange(60) % 2}).notes
    )
    flat = load({"inputs": images.reshape(60, 9), "targets": np.arange(60) % 2}).notes
    assert said not in flat


def test_arguments_of_tables_are_refused_beside_arrays() -> None:
    arrays = {
        "inputs": np.random.default_rng(0).normal(size=(60, 3)),
        "targets": {"a": np.arange(60) % 2, "b": np.arange(60) % 3},
    }
    with pytest.raises(CoterieError, match="`image_column` is for tables"):
        load(arrays, image_column="a")
    with pytest.raises(CoterieError, match="`keep` names 'b', which cannot be an input"):
        load(arrays, targets="a", keep="b")
    with pytest.raises(CoterieError, match="`names` is for targets without names"):
        load(
            pd.DataFrame({"a": np.arange(60) % 2, "x": np.arange(60) % 7}), targets="a", names=["b"]
        )
