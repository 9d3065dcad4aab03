"""From any source to batches.

:func:`load` reads a source (a file, arrays, a frame, a dataset), decides which columns are inputs
and what kind of task each target is, splits the examples, and fits preprocessing and task
statistics on the training part. The :class:`Dataset` it returns holds encoded inputs and targets;
:class:`Batches` delivers them to a stack of models, gathered, augmented and normalised once for all
of them. Nothing here knows about models.
"""

from coterie.data.augment import flip_and_crop
from coterie.data.batches import Batch, Batches, blocks, steps_an_epoch, supports
from coterie.data.cells import MISSING
from coterie.data.dataset import Dataset, Split
from coterie.data.loading import load, read_inputs
from coterie.data.preprocessing import Preprocessing
from coterie.data.schema import Schema
from coterie.data.shares import check_share
from coterie.data.sources import read_source

__all__ = [
    "MISSING",
    "Batch",
    "Batches",
    "Dataset",
    "Preprocessing",
    "Schema",
    "Split",
    "blocks",
    "check_share",
    "flip_and_crop",
    "load",
    "read_inputs",
    "read_source",
    "steps_an_epoch",
    "supports",
]
