"""Arrays, tensors and their likes: inputs that come with their targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from coterie.data.pixels import is_image, pixels, rule_of, sentences
from coterie.errors import CoterieError, blame

if TYPE_CHECKING:
    import pandas as pd


def as_input(value: object, where: str = "An input of the dataset") -> Tensor:
    """Return one input of a map-style dataset as it is stored; ``where`` says which, for messages.

    Pillow images follow :mod:`coterie.data.pixels`, arrays and tensors :func:`stored`.

    Raises:
        CoterieError: an image that is refused, no numbers, or numbers that float32 does not hold.

    >>> as_input(np.zeros((1, 2, 2), dtype=np.uint16)).dtype
    torch.int32
    """
    if is_image(value):
        with _readable(where):
            # A copy: what Pillow gives is read-only.
            return torch.from_numpy(
                np.array(pixels(value, rule_of(value, where), where), order="C")
            )
    return stored(
        value if isinstance(value, Tensor) else _to_tensor(value, where), where, batched=False
    )


def example(name: object) -> str:
    """One example of a map-style dataset, for messages."""
    return f"Example {name} of the dataset"


class Survey:
    """What the inputs of a map-style dataset are like, by their headers.

    An image that was only opened is not decoded.
    """

    def __init__(self) -> None:
        self._first: tuple[object, ...] | None = None
        self._found: Counter[str] = Counter()
        self._n_images = 0

    def add(self, value: object, name: object) -> None:
        """Look at one input.

        Raises:
            CoterieError: an image that is refused, or inputs of another shape or depth than the
                first.
        """
        if is_image(value):
            with _readable(example(name)):
                rule = rule_of(value, example(name))
            # Which way it lies may be known only after decoding.
            kind = (f"{rule.bits}-bit images", *sorted(value.size))
            self._found[rule.note] += 1
            self._n_images += 1
        else:
            kind = ("arrays", *getattr(value, "shape", ()))
        self._first = self._first or kind
        if kind != self._first:
            first, found = (
                f"{sort} of {'x'.join(map(str, shape))}" for sort, *shape in (self._first, kind)
            )
            raise CoterieError(
                f"All inputs must be like the first, {first}; {example(name)} has {found}."
            )

    def notes(self) -> tuple[str, ...]:
        """What is done to images as they are read, with counts."""
        self._found.pop("", None)
        return sentences(self._found, self._n_images, "images of the dataset")


@contextmanager
def _readable(where: str) -> Iterator[None]:
    """What a program only opened is decoded here, and damaged files fail in every way there is."""
    try:
        yield
    except CoterieError:
        raise
    except Exception as error:
        raise CoterieError(
            f"{where} is no readable image ({error or type(error).__name__})."
        ) from error


def stored(tensor: Tensor, where: str, *, batched: bool) -> Tensor:
    """Return numbers as a data set stores them.

    Uint8 and uint16 images as uint8 and int32, all else as float32, unscaled.

    Images have the shape (C, H, W), with N before it if ``batched``.

    Raises:
        CoterieError: channels come last; values are not finite, or float32 does not hold them: they
            are too large, or are the levels of an image in whole numbers, which it would round.
    """
    if tensor.is_complex():
        raise CoterieError(f"{where} must hold real numbers; found {tensor.dtype}.")
    image, shape = tensor.dim() == 3 + batched, tuple(tensor.shape)
    pixels_of = tensor.dtype if image and tensor.dtype in (torch.uint8, torch.uint16) else None
    if image and (batched or pixels_of) and shape[-3] > 4 and shape[-1] in (1, 3, 4):
        order = "(N, C, H, W)" if batched else "(C, H, W)"
        raise CoterieError(
            f"Images must have shape {order}; found {shape} in {where}: move the channels to the "
            "front."
        )
    if pixels_of is not None:
        return (tensor if pixels_of == torch.uint8 else tensor.int()).contiguous()
    numbers = tensor.float().contiguous()
    if not (finite := numbers.isfinite()).all():
        place = (~finite).nonzero()[0].tolist()
        row = f" in row {place[0]}," if batched else " at"
        spot = (
            f"column {place[1]}"
            if batched and len(place) == 2
            else f"position {tuple(place[batched:])}"
        )
        found = tensor[tuple(place)].item()
        reason = (
            ""
            if tensor.dtype == torch.float32 or not isfinite(found)
            else ", which float32 does not hold,"
        )
        raise CoterieError(f"{where} must be finite; found {found}{reason}{row} {spot}.")
    if (
        image
        and not tensor.is_floating_point()
        and tensor.element_size() > 2
        and (numbers.abs() > 2**24).any()
    ):
        raise CoterieError(
            f"{where} holds images of {tensor.dtype} with levels beyond 2^24, which float32 "
            "rounds: scale them."
        )
    return numbers


def describe(value: object) -> str:
    """The type of a value, and the keys of a mapping, for messages."""
    keys = f" with keys {sorted(map(str, value))}" if isinstance(value, Mapping) else ""
    return f"{type(value).__module__}.{type(value).__qualname__}{keys}".removeprefix("builtins.")


def from_arrays(
    inputs: object, targets: object, names: Sequence[str] | None = None
) -> tuple[Tensor, pd.DataFrame]:
    """Return inputs as :func:`input_tensor` does, and targets as a frame.

    Raises:
        CoterieError: shapes or lengths that do not fit, inputs that are no finite numbers.

    >>> inputs, frame = from_arrays([[1.0], [2.0]], [0, 1])
    >>> inputs.shape, list(frame.columns)
    (torch.Size([2, 1]), ['target'])
    """
    tensor = input_tensor(inputs)
    frame = target_frame(targets, names)
    if len(tensor) != len(frame):
        raise CoterieError(
            f"`inputs` and `targets` must have the same length; found {len(tensor)} and "
            f"{len(frame)}."
        )
    return tensor, frame


def input_tensor(inputs: object) -> Tensor:
    """Return inputs that are taken as they are, checked.

    Images (N, C, H, W) of uint8 or int32, or float32 (N, ...).
    """
    tensor = inputs.detach().cpu() if isinstance(inputs, Tensor) else _to_tensor(inputs, "`inputs`")
    if tensor.dim() < 2:
        raise CoterieError(
            f"`inputs` must have shape (N, F) or (N, C, H, W); found {tuple(tensor.shape)}."
        )
    return stored(tensor, "`inputs`", batched=True)


def _to_tensor(values: object, where: str) -> Tensor:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise CoterieError(
            f"{where} must be one array; found {describe(values)} of unequal lengths."
        ) from error
    if array.dtype.kind not in "fiub":
        raise CoterieError(
            f"{where} must hold numbers (a tensor or an array); found an array of type "
            f"{array.dtype}."
        )
    native = np.float64 if array.dtype.itemsize > 8 else array.dtype.newbyteorder("=")
    return torch.from_numpy(np.require(array, dtype=native, requirements=["C", "W"]))


def target_frame(targets: object, names: Sequence[str] | None = None) -> pd.DataFrame:
    """Return targets as a frame with one column per task.

    ``target``, or ``task 0``, ``task 1``, ... if not named.
    """
    import pandas as pd

    if isinstance(targets, pd.DataFrame):
        frame = targets.reset_index(drop=True)
    elif isinstance(targets, Mapping):
        with blame("`targets` must be columns of one length"):
            frame = pd.DataFrame(targets)
    else:
        with blame("`targets` must be one array"):
            array = (
                targets.detach().cpu().numpy()
                if isinstance(targets, Tensor)
                else np.asarray(targets)
            )
        if array.ndim not in (1, 2):
            raise CoterieError(f"`targets` must have shape (N,) or (N, T); found {array.shape}.")
        frame = pd.DataFrame(array)
        frame.columns = (
            ["target"] if frame.shape[1] == 1 else [f"task {i}" for i in range(frame.shape[1])]
        )
    if names is not None:
        if len(names) != frame.shape[1]:
            raise CoterieError(
                f"`names` must name {frame.shape[1]} tasks; found {len(names)} names."
            )
        frame.columns = list(names)
    frame.columns = [str(name) for name in frame.columns]
    return frame
