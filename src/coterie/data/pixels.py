"""One image to whole numbers, by a rule that depends on its mode alone.

Nothing is clipped or scaled by what one image holds.

======================================== ===========================================================
found (Pillow's mode)                    what becomes of it
======================================== ===========================================================
8-bit colour (RGB)                       as it is: uint8, three channels
8-bit grey (L)                           uint8, in three equal channels
one bit per pixel (1)                    0 and 255, in three equal channels
palette (P)                              its colours: uint8, three channels
CMYK                                     RGB by Pillow's formula; uint8, three channels
transparency (RGBA, LA, PA, tRNS)        dropped if every pixel is opaque, else refused: the look
                                         depends on a background
16-bit grey (I;16; PGM above 255 levels) int32, one channel, all 65,536 levels
16-bit colour, or more channels than     refused: Pillow would leave out half of it in silence
Pillow reads
floating point (F), 32-bit and signed    refused: no file says which value is white
whole numbers (I)
YCbCr, LAB, HSV and other modes          refused: they are not RGB, and Pillow's way there clips
several frames (GIF, APNG, WebP, TIFF,   refused
MPO)
files of other formats than PNG, JPEG,   refused
TIFF, GIF, WebP, BMP, PPM
fourth byte of 32-bit BMP                ignored: the format gives it no meaning
EXIF orientation                         applied
colour profile, gamma, resolution        ignored
======================================== ===========================================================
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, TypeGuard, TypeVar

import numpy as np

from coterie.errors import CoterieError

if TYPE_CHECKING:
    from PIL.Image import Image

_T = TypeVar("_T")


class Rule(NamedTuple):
    """How images of some modes are stored: bits per channel, and what a note says of them."""

    bits: int
    note: str


_ALPHA = Rule(8, "alpha channel dropped (it is opaque throughout)")
_FOURTH_BYTE = Rule(8, "32-bit BMP, whose fourth byte is ignored")
_GREY16 = Rule(16, "16-bit grey, all levels kept in one channel")
_RULES = {
    "RGB": Rule(8, ""),
    "L": Rule(8, "grey, stored in three equal channels"),
    "1": Rule(8, "one bit per pixel, read as 0 and 255 in three equal channels"),
    "P": Rule(8, "palette replaced by its colours"),
    "CMYK": Rule(8, "CMYK converted to RGB by Pillow's formula, without a colour profile"),
    **dict.fromkeys(("I;16", "I;16L", "I;16B", "I;16N"), _GREY16),
}
_NO_WHITE = "and no file says which is white: save it as 16-bit grey, or give arrays"
_REFUSED = {
    "F": f"holds floating-point numbers, {_NO_WHITE}",
    "I": f"holds 32-bit or signed whole numbers, {_NO_WHITE}",
}
TURNED = "turned as the EXIF orientation says"
_UNREAD = "EXIF data unreadable, taken as it lies"
_ORIENTATION = 274
_BITS, _WHITE_IS, _SAMPLES, _FORMAT = 258, 262, 277, 339  # tags of a TIFF file


def is_image(value: object) -> TypeGuard[Image]:
    """Whether the value is a Pillow image, without importing Pillow."""
    return hasattr(value, "convert") and hasattr(value, "getbands")


def rule_of(image: Image, where: str) -> Rule:
    """Return the rule for an image by its header: no pixel is decoded.

    Args:
        image: an image that Pillow opened or made.
        where: which image, for messages.

    Raises:
        CoterieError: the table above has it refused.

    >>> from PIL import Image
    >>> rule_of(Image.new("L", (2, 2)), "Row 0")
    Rule(bits=8, note='grey, stored in three equal channels')
    >>> rule_of(Image.new("HSV", (2, 2)), "Row 0")
    Traceback (most recent call last):
    ...
    coterie.errors.CoterieError: Row 0 is of mode HSV: convert it to RGB.
    """
    if getattr(image, "is_animated", False):
        raise CoterieError(f"{where} has several frames: give one of them, as an image of its own.")
    if lost := _left_out(image):
        raise CoterieError(f"{where} has {lost}.")
    deep = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM")
    if image.has_transparency_data:
        if deep:
            raise CoterieError(f"{where} is 16-bit grey with a transparent level: save it without.")
        return _ALPHA
    if image.format == "BMP" and any("X" in argument for argument in _arguments(image, str)):
        return _FOURTH_BYTE
    rule = _GREY16 if deep else _RULES.get(image.mode)
    if rule is None:
        raise CoterieError(
            f"{where} {_REFUSED.get(image.mode, f'is of mode {image.mode}: convert it to RGB')}."
        )
    return rule


def pixels(image: Image, rule: Rule, where: str, found: Counter[str] | None = None) -> np.ndarray:
    """Return an image as it is stored: (3, H, W) uint8, or (1, H, W) int32 with levels 0 to 65535.

    Args:
        image: an image that Pillow opened or made; it is not changed.
        rule: what :func:`rule_of` says about it.
        where: which image, for messages.
        found: counts what was done to the image, in words for a note.

    Raises:
        CoterieError: a pixel is transparent. A file that cannot be decoded raises whatever Pillow
            does.

    >>> from PIL import Image
    >>> image = Image.new("1", (3, 2), 1)
    >>> pixels(image, rule_of(image, "Row 0"), "Row 0")[:, 0, 0]
    array([255, 255, 255], dtype=uint8)
    """
    found = Counter() if found is None else found
    if rule.note:
        found[rule.note] += 1
    image = _upright(image, found)
    if rule.bits == 16:
        return np.asarray(image).astype(np.int32)[None]
    if rule is _ALPHA:
        # Pillow has no way from premultiplied grey to RGBA but through LA.
        image = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        if image.getextrema()[3][0] < 255:  # type: ignore[index]
            raise CoterieError(
                f"{where} has transparent pixels, whose look depends on a background: put it on "
                "one first."
            )
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB")).transpose(2, 0, 1)


def sentences(found: Counter[str], n_images: int, what: str) -> tuple[str, ...]:
    """Counts of what was done, as notes.

    >>> sentences(Counter({TURNED: 2}), 9, "images of column 'photo'")
    ("2 of 9 images of column 'photo': turned as the EXIF orientation says.",)
    """
    return tuple(f"{count} of {n_images} {what}: {note}." for note, count in found.items())


def _upright(image: Image, found: Counter[str]) -> Image:
    from PIL import ImageOps

    image.load()
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # damaged EXIF fails in every way there is; the pixels are as good as before
        found[_UNREAD] += 1
        return image
    if orientation not in range(2, 9):
        return image
    found[TURNED] += 1
    return ImageOps.exif_transpose(image)


def _left_out(image: Image) -> str:
    """What Pillow would leave out in silence as it decodes this file, or ""."""
    tags, n_bands = getattr(image, "tag_v2", None), len(image.getbands())
    if image.format == "TIFF" and tags is not None:
        samples = tags.get(_SAMPLES, 1)
        if samples > n_bands:
            return (
                f"{samples} channels, of which Pillow reads {n_bands}: give arrays, or save what "
                "counts as RGB"
            )
        if image.mode == "L" and 2 in tags.get(_FORMAT, ()):
            return "signed levels, which Pillow reads as unsigned: save it with levels 0 to 255"
        if image.mode.startswith("I;16") and tags.get(_WHITE_IS) == 0:
            return (
                "black as its highest level, which Pillow turns round for 8-bit images only: save "
                "it with white as the highest"
            )
        deep = max(tags.get(_BITS, (1,))) > 8 and n_bands > 1
    else:
        deep = image.mode in ("RGB", "RGBA") and _has_16_bits(image)
    if deep:
        return "16 bits per channel, of which Pillow reads 8: save it with 8, or as 16-bit grey"
    return ""


def _has_16_bits(image: Image) -> bool:
    """Whether a PNG or PPM file has 16 bits per channel, by what its decoder was told."""
    if image.format == "PNG":
        return any(mode.endswith(";16B") for mode in _arguments(image, str))
    return image.format == "PPM" and any(white > 255 for white in _arguments(image, int))


def _arguments(image: Image, kind: type[_T]) -> list[_T]:
    """What an opened file's decoder was told: raw modes (str), numbers.

    Nothing is left of them once it has decoded.
    """
    told = [
        tile[3] if isinstance(tile[3], tuple) else (tile[3],) for tile in getattr(image, "tile", ())
    ]
    return [argument for arguments in told for argument in arguments if isinstance(argument, kind)]
