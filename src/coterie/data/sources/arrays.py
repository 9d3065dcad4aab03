"""Inputs and targets as arrays, tensors or their likes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from coterie.data.arrays import from_arrays
from coterie.data.sources._raw import RawData, Reading
from coterie.data.sources._source import Source
from coterie.data.sources.frames import from_frame


class Arrays(Source):
    """``{"inputs": X, "targets": Y}``."""

    sentence = "{'inputs': X, 'targets': Y}"
    names_tasks = True

    def accepts(self, source: object) -> bool:
        """A mapping with these two keys."""
        return isinstance(source, Mapping) and set(source) == {"inputs", "targets"}

    def read(self, source: Mapping[str, object], how: Reading) -> RawData:
        """Inputs as they are, targets as the columns of a frame."""
        inputs, frame = from_arrays(source["inputs"], source["targets"], how.names)
        return replace(from_frame(frame, replace(how, image_column=None)), inputs=inputs)
