"""What becomes of every mode and format: nothing is clipped, nothing left out in silence."""

from __future__ import annotations

import struct
from collections import Counter
from typing import Any

import numpy as np
import PIL
import pytest
import torch
from PIL import Image

from coterie.data.pixels import pixels, rule_of
from coterie.errors import CoterieError
from tests.data.pictures import (
    COLOUR,
    DEEP,
    GREY,
    LOSSLESS,
    H,
    W,
    as_stored,
    decode,
    encoded,
    png,
    tiff,
)


@pytest.mark.parametrize("form", LOSSLESS)
def test_eight_bits_stay_as_they_are(form: str) -> None:
    images, notes = decode(encoded(Image.fromarray(COLOUR), form))
    assert images.dtype == torch.uint8
    assert images.is_contiguous()
    assert np.array_equal(images[0], as_stored(COLOUR))
    assert notes == ()
    assert np.array_equal(decode(encoded(Image.fromarray(GREY), form))[0][0], as_stored(GREY))


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP", "PPM", "GIF"])
def test_one_bit_is_black_and_white(form: str) -> None:
    images, _ = decode(encoded(Image.fromarray(GREY > 100), form))
    assert np.array_equal(images[0], as_stored(np.where(GREY > 100, 255, 0)))


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP", "GIF"])
def test_a_palette_gives_its_colours(form: str) -> None:
    image = Image.fromarray(GREY // 128)
    image.putpalette([10, 20, 30, 200, 100, 0])
    images, notes = decode(encoded(image, form))
    assert np.array_equal(
        images[0], as_stored(np.array([[10, 20, 30], [200, 100, 0]], np.uint8)[GREY // 128])
    )
    assert notes == ("1 of 1 images of column 'photo': palette replaced by its colours.",)


@pytest.mark.parametrize(
    ("mode", "flat", "expected"),
    [
        ("L", 90, (90, 90, 90)),
        ("RGB", (200, 90, 10), (200, 90, 10)),
        ("CMYK", (255, 0, 0, 0), (0, 255, 255)),
    ],
)
def test_jpeg(mode: str, flat: Any, expected: tuple[int, ...]) -> None:
    images, notes = decode(encoded(Image.new(mode, (16, 16), flat), "JPEG", quality=100))
    assert (images[0].int() - torch.tensor(expected)[:, None, None]).abs().max() <= 3
    assert any("CMYK" in note for note in notes) == (mode == "CMYK")


@pytest.mark.parametrize(
    "data",
    [
        encoded(Image.fromarray(DEEP)),
        encoded(Image.fromarray(DEEP), "TIFF"),
        encoded(Image.fromarray(DEEP), "PPM"),
        encoded(Image.fromarray(DEEP.astype(">u2")), "TIFF"),
        encoded(Image.fromarray(DEEP), "TIFF", compression="tiff_lzw"),
    ],
    ids=["png", "tiff", "pgm", "big-endian tiff", "compressed tiff"],
)
def test_sixteen_bit_grey_keeps_all_its_levels(data: bytes) -> None:
    images, notes = decode(data, data)
    assert images.dtype == torch.int32
    assert np.array_equal(images, np.stack([DEEP[None]] * 2))
    assert notes == (
        "2 of 2 images of column 'photo': 16-bit grey, all levels kept in one channel.",
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            encoded(Image.fromarray(DEEP / np.float32(65535)), "TIFF"),
            "holds floating-point numbers",
        ),
        (encoded(Image.fromarray(DEEP / np.float32(65535)), "PPM"), "holds floating-point numbers"),
        (
            encoded(Image.fromarray(DEEP.astype(np.int32)), "TIFF"),
            "holds 32-bit or signed whole numbers",
        ),
        (tiff(16, 1, b"\0\x80", sample_format=2), "holds 32-bit or signed whole numbers"),
        pytest.param(
            encoded(Image.fromarray(COLOUR).convert("YCbCr"), "TIFF"),
            "is of mode YCbCr: convert it to RGB",
            marks=pytest.mark.skipif(
                PIL.__version__ < "13", reason="earlier ones read it as RGB, and nothing is lost"
            ),
        ),
        (tiff(8, 1, b"\x80", sample_format=2), "signed levels"),
        (tiff(16, 1, b"\0\x80", photometric=0), "black as its highest level"),
        (tiff(16, 3, b"abcdef"), "16 bits per channel, of which Pillow reads 8"),
        (tiff(8, 4, b"abcd", extra=1), "4 channels, of which Pillow reads 3"),
        (tiff(8, 6, b"abcdef", extra=3), "6 channels, of which Pillow reads 3"),
        (png(16, 2, b"abcdef"), "16 bits per channel, of which Pillow reads 8"),
        (png(16, 6, b"abcdef\xff\xff"), "16 bits per channel, of which Pillow reads 8"),
        (png(16, 4, b"ab\xff\xff"), "16 bits per channel, of which Pillow reads 8"),
        (png(16, 0, b"ab", 1, 1, (b"tRNS", b"ab")), "16-bit grey with a transparent level"),
        (b"P6 1 1 65535\nabcdef", "16 bits per channel, of which Pillow reads 8"),
        (b"P3 1 1 1000\n1 2 3", "16 bits per channel, of which Pillow reads 8"),
        (
            encoded(Image.new("RGB", (3, 3)), "TGA"),
            r"no readable image: found \d+ bytes, no PNG/JPEG/TIFF/",
        ),
        (
            encoded(Image.new("RGB", (3, 3)), "EPS"),
            r"no readable image: found \d+ bytes, no PNG/JPEG/TIFF/",
        ),
        (b"", "found 0 bytes"),
    ],
)
def test_what_would_lose_something_is_refused(data: bytes, message: str) -> None:
    good = encoded(Image.fromarray(COLOUR[:1, :1]))
    with pytest.raises(CoterieError, match=rf"^Row 1 of image column 'photo' .*{message}"):
        decode(good, data)
    with pytest.raises(CoterieError, match=rf"^Row 0 of image column 'photo' .*{message}"):
        decode(data)


def test_headers_that_only_look_like_it_are_read() -> None:
    """The files that the test above writes by hand are sound: their harmless sisters are read."""
    assert decode(tiff(8, 3, b"abc"))[0].flatten().tolist() == list(b"abc")
    assert decode(png(8, 2, b"abc"))[0].flatten().tolist() == list(b"abc")
    assert decode(png(16, 0, b"\x12\x34"))[0].item() == 0x1234
    assert decode(tiff(16, 1, b"\x34\x12"))[0].item() == 0x1234
    assert decode(b"P6 1 1 255\nabc")[0].flatten().tolist() == list(b"abc")
    assert decode(b"P2 1 1 1000\n500")[0].item() == 32768  # half of white, on the scale of 16 bits


@pytest.mark.parametrize("mode", ["HSV", "LAB", "YCbCr", "RGBX", "F", "I"])
def test_modes_in_memory_that_are_refused(mode: str) -> None:
    with pytest.raises(CoterieError, match=r"^Row 0 (is of mode|holds)"):
        rule_of(Image.new(mode, (2, 2)), "Row 0")


@pytest.mark.parametrize("mode", ["LA", "RGBA", "La", "RGBa", "PA"])
def test_alpha_is_dropped_where_it_says_nothing(mode: str) -> None:
    plain = Image.fromarray(GREY)
    image = (
        plain.convert("P").convert("PA")
        if mode == "PA"
        else plain.convert("LA").convert(mode)
        if mode == "La"
        else None
    )
    image = image or plain.convert("RGBA").convert(mode)
    found: Counter[str] = Counter()
    assert np.array_equal(pixels(image, rule_of(image, "x"), "x", found), as_stored(GREY))
    assert found == {"alpha channel dropped (it is opaque throughout)": 1}


def _transparent_palette(used: bool) -> Image.Image:
    image = Image.fromarray(GREY // 128 + (0 if used else 1))
    image.putpalette([10, 20, 30, 200, 100, 0, 7, 7, 7])
    image.info["transparency"] = 0
    return image


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_transparent_pixels_are_refused_and_unused_transparency_is_not(form: str) -> None:
    images, _ = decode(encoded(_transparent_palette(False), form, optimize=False))
    assert np.array_equal(
        images[0],
        as_stored(np.array([[0, 0, 0], [200, 100, 0], [7, 7, 7]], np.uint8)[GREY // 128 + 1]),
    )
    with pytest.raises(CoterieError, match="Row 0 of image column 'photo' has transparent pixels"):
        decode(encoded(_transparent_palette(True), form, optimize=False))


@pytest.mark.parametrize(
    ("mode", "form"),
    [("LA", "PNG"), ("RGBA", "PNG"), ("RGBA", "WEBP"), ("RGBA", "TIFF"), ("LA", "TIFF")],
)
@pytest.mark.parametrize("alpha", [0, 254])
def test_one_transparent_pixel_is_refused(mode: str, form: str, alpha: int) -> None:
    image = Image.fromarray(GREY).convert(mode)
    opaque = encoded(image, form)
    image.putpixel((1, 2), (*[9] * (len(mode) - 1), alpha))
    with pytest.raises(CoterieError, match="Row 2 of image column 'photo' has transparent pixels"):
        decode(opaque, opaque, encoded(image, form, **{"exact": True} if form == "WEBP" else {}))


def test_a_transparent_colour_counts_where_it_occurs() -> None:
    image = Image.fromarray(COLOUR)
    colour = tuple(COLOUR[0, 0].tolist())
    assert (
        len(decode(encoded(image, transparency=(1, 2, 3) if colour != (1, 2, 3) else (3, 2, 1)))[1])
        == 1
    )
    with pytest.raises(CoterieError, match="transparent pixels"):
        decode(encoded(image, transparency=colour))


_TURNS = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: np.rot90,
}


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", _TURNS)
def test_orientation_is_applied(form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    for array in (COLOUR, GREY) if form == "WEBP" else (COLOUR, GREY, DEEP):
        upright = np.ascontiguousarray(_TURNS[orientation](array))
        expected = upright[None] if array is DEEP else as_stored(upright)
        plain = encoded(Image.fromarray(upright), form)
        images, notes = decode(plain, encoded(Image.fromarray(array), form, exif=exif))
        assert np.array_equal(images[0], expected)
        assert np.array_equal(images[1], expected)
        # Pillow turns TIFF files by itself.
        assert (
            "1 of 2 images of column 'photo': turned as the EXIF orientation says." in notes
        ) == (orientation > 1 and form != "TIFF")


def test_a_jpeg_is_turned_and_damaged_exif_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    exif = Image.Exif()
    exif[274] = 3
    half = np.zeros((16, 16), np.uint8)
    half[:8] = 255
    turned = encoded(Image.fromarray(half), "JPEG", exif=exif)
    assert decode(turned)[0][0, 0, 0, 0] < 10
    assert (
        decode(encoded(Image.fromarray(half), "JPEG", exif=b"Exif\0\0nonsense"))[0][0, 0, 0, 0]
        > 245
    )
    monkeypatch.setattr(Image.Image, "getexif", lambda _: struct.unpack("<I", b""))
    images, notes = decode(turned)
    assert images[0, 0, 0, 0] > 245
    assert "1 of 1 images of column 'photo': EXIF data unreadable, taken as it lies." in notes


@pytest.mark.parametrize(
    ("form", "second"), [("GIF", {}), ("PNG", {}), ("WEBP", {}), ("TIFF", {}), ("MPO", {})]
)
def test_several_frames_are_refused(form: str, second: dict[str, Any]) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:])
    with pytest.raises(CoterieError, match=r"^Row 1 of image column 'photo' has several frames"):
        decode(encoded(frames[0]), data)
    assert len(decode(encoded(frames[0], form, save_all=True))[0]) == 1


def test_modes_of_one_depth_mix_and_are_counted() -> None:
    grey, colour = Image.fromarray(GREY), Image.fromarray(COLOUR)
    images, notes = decode(
        *map(
            encoded, [grey, colour, colour.convert("RGBA"), grey.convert("LA"), colour.convert("P")]
        )
    )
    assert images.shape == (5, 3, H, W)
    assert sorted(notes) == [
        "1 of 5 images of column 'photo': grey, stored in three equal channels.",
        "1 of 5 images of column 'photo': palette replaced by its colours.",
        "2 of 5 images of column 'photo': alpha channel dropped (it is opaque throughout).",
    ]
