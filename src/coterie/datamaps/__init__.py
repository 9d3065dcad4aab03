"""Data maps: how each task learns each training example.

A recorder watches one training run and keeps running statistics of the confidence in the true
label, per task and example; the finished map is a :class:`coterie.results.DataMap`. All that
grouping needs of a map is the T x T matrix of distances between its tasks, accumulated over chunks
of examples, so maps may be far bigger than memory. Nothing here knows a model.
"""

from typing import TYPE_CHECKING

from coterie.datamaps.export import to_parquet
from coterie.datamaps.gram import Gram, classical_scaling, gram
from coterie.datamaps.recorder import DataMapRecorder
from coterie.datamaps.storage import as_type, open_map
from coterie.results import DataMap

if TYPE_CHECKING:
    from coterie.datamaps.callback import DataMapCallback

__all__ = [
    "DataMap",
    "DataMapCallback",
    "DataMapRecorder",
    "Gram",
    "as_type",
    "classical_scaling",
    "gram",
    "open_map",
    "to_parquet",
]


def __getattr__(name: str) -> object:
    """``DataMapCallback`` lives in a module that imports Lightning, which few users need."""
    if name == "DataMapCallback":
        from coterie.datamaps.callback import DataMapCallback

        return DataMapCallback
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
