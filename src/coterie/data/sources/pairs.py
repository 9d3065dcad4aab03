"""Map-style datasets of (input, target vector): targets are collected once, inputs are streamed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch.utils.data
from torch import Tensor

from coterie.data.arrays import Survey, describe, from_arrays, target_frame
from coterie.data.sources._raw import RawData, Reading
from coterie.data.sources._source import Source
from coterie.errors import CoterieError, blame


class _MapStyle(Protocol):
    def __len__(self) -> int: ...
    def __getitem__(self, position: int, /) -> object: ...


class Pairs(Source):
    """A map-style ``torch.utils.data.Dataset``."""

    sentence = "a map-style torch Dataset"
    names_tasks = True

    def accepts(self, source: object) -> bool:
        """Whatever has a length and gives items by their positions, but plain containers."""
        sized = hasattr(source, "__getitem__") and hasattr(source, "__len__")
        return sized and not isinstance(source, Mapping | str | list | tuple | np.ndarray | Tensor)

    def read(self, source: torch.utils.data.Dataset, how: Reading) -> RawData:
        """Its targets as columns; its inputs where they are.

        Raises:
            CoterieError: an example fails, is no pair, or has other inputs or targets than the
                first.
        """
        if isinstance(source, torch.utils.data.TensorDataset) and len(source.tensors) == 2:
            inputs, frame = from_arrays(*source.tensors, how.names)
            return RawData(frame=frame, inputs=inputs)
        vectors, notes = _collected(source)  # type: ignore[arg-type]  # it has a length
        frame = target_frame(np.stack(vectors), how.names)
        return RawData(frame=frame, inputs=source, notes=notes)


def _collected(pairs: _MapStyle) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """The target vectors of all examples, and notes on their inputs."""
    vectors, survey = [], Survey()
    for position in range(len(pairs)):
        with blame(f"`source` fails to give example {position}"):
            pair = pairs[position]
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise CoterieError(
                f"A dataset must yield (input, target vector); example {position} is "
                f"{describe(pair)}."
            )
        survey.add(pair[0], position)
        vectors.append(_target_vector(pair[1], position))
        if len(vectors[-1]) != len(vectors[0]):
            raise CoterieError(
                f"Every example must have as many targets as the first, {len(vectors[0])}; example "
                f"{position} has {len(vectors[-1])}."
            )
    if not vectors:
        raise CoterieError("`source` is empty: it has no rows.")
    return vectors, survey.notes()


def _target_vector(target: object, position: int) -> np.ndarray:
    try:
        return np.asarray(target, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError) as error:
        raise CoterieError(
            "A dataset must yield (input, target vector) with numbers as targets; example "
            f"{position} has {target!r:.80}. Number the classes, or give a frame."
        ) from error
