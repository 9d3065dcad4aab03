"""Tasks: what is to be predicted, of which kind, and their losses and confidences.

A kind of target is one file: :mod:`~coterie.tasks.binary`, :mod:`~coterie.tasks.multiclass`,
:mod:`~coterie.tasks.regression`, :mod:`~coterie.tasks.ordinal`, :mod:`~coterie.tasks.count`. It
says how labels are encoded, what the outputs are, the loss, the confidence, the metrics and the
predictions; the rest of the library asks it, and knows no kind by name. A kind of your own is a
subclass of :class:`Kind`, of which :func:`register` makes an object known.
"""

from coterie.tasks._classes import Classes
from coterie.tasks._column import Column
from coterie.tasks._kind import KINDS, Kind, kind_named, register, unknown_kind
from coterie.tasks._margins import Margin
from coterie.tasks._numbers import Numbers

# isort: off
# Where a user does not say what a target is, kinds are asked in this order; regression takes
# whatever is left.
from coterie.tasks.binary import Binary
from coterie.tasks.multiclass import Multiclass
from coterie.tasks.regression import Regression

from coterie.tasks.ordinal import Ordinal
from coterie.tasks.count import Count

# isort: on
from coterie.tasks._averages import Link, averaged, to_means, to_outputs
from coterie.tasks._blocks import Block, Blocks, by_kind
from coterie.tasks._losses import (
    confidence,
    example_losses,
    mean_losses,
    member_losses,
    task_losses,
)
from coterie.tasks._tasks import Task, TaskFunction, Tasks, statistic

__all__ = [
    "KINDS",
    "Binary",
    "Block",
    "Blocks",
    "Classes",
    "Column",
    "Count",
    "Kind",
    "Link",
    "Margin",
    "Multiclass",
    "Numbers",
    "Ordinal",
    "Regression",
    "Task",
    "TaskFunction",
    "Tasks",
    "averaged",
    "by_kind",
    "confidence",
    "example_losses",
    "kind_named",
    "mean_losses",
    "member_losses",
    "register",
    "statistic",
    "task_losses",
    "to_means",
    "to_outputs",
    "unknown_kind",
]
