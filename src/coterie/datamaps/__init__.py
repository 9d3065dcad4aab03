"""Data maps: how each task learns each training example.

A recorder watches one training run and keeps running statistics of the confidence in the true label, per task and example;
the finished map is a :class:`coterie.results.DataMap`. All that grouping needs of a map is the T x T matrix of distances
between its tasks, accumulated over chunks of examples, so maps may be far bigger than memory. Nothing here knows a model.
"""

from coterie.datamaps.recorder import DataMapRecorder
from coterie.datamaps.storage import as_type, open_map
from coterie.results import DataMap

__all__ = ["DataMap", "DataMapRecorder", "as_type", "open_map"]
