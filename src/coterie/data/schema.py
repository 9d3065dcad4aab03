"""What a model was trained on: its tasks and how its inputs are made.

New data are read by it, never by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from coterie.data.columns import some
from coterie.data.preprocessing import Preprocessing
from coterie.errors import CoterieError, require_type
from coterie.tasks import Tasks

if TYPE_CHECKING:
    from coterie.data.dataset import Dataset


@dataclass(frozen=True, eq=False)
class Schema:
    """``tasks`` with their classes and units, and ``preprocessing``.

    ``Fit``, ``GroupedModel`` and ``Dataset`` have one.

    >>> from coterie.data import load
    >>> data = load("digits", targets=["even"])
    >>> data.schema.difference(load("digits", targets=["even", "random"]).schema)
    "its tasks are 'even', 'random'; the model's are 'even'"
    """

    tasks: Tasks
    preprocessing: Preprocessing

    def __post_init__(self) -> None:
        """Refuse what is neither."""
        require_type("tasks", self.tasks, Tasks)
        require_type("preprocessing", self.preprocessing, Preprocessing)

    def difference(self, other: Schema) -> str:
        """What ``other``, a data set's schema, has otherwise than this model's, in words.

        "" if they agree.
        """
        names, theirs = self.tasks.names, other.tasks.names
        if names != theirs:
            return f"its tasks are {_listed(theirs)}; the model's are {_listed(names)}"
        for task, mine, found in zip(names, self.tasks, other.tasks, strict=True):
            if mine.kind != found.kind:
                return f"task {task!r} is {found.kind} there, {mine.kind} in the model"
            if mine.classes != found.classes:
                return (
                    f"the classes of task {task!r} are {_listed(found.classes)}; the model's are "
                    f"{_listed(mine.classes)}"
                )
        for position in (
            position for position, task in enumerate(self.tasks) if not task.kind.has_classes
        ):
            units = [
                (float(tasks.mean[position]), float(tasks.std[position]))
                for tasks in (self.tasks, other.tasks)
            ]
            if not np.allclose(*units, rtol=1e-6, atol=0):
                return f"task {names[position]!r} is scaled otherwise"
        mine, found = self.preprocessing, other.preprocessing
        if mine.feature_names != found.feature_names:
            theirs, names = _listed(found.feature_names), _listed(mine.feature_names)
            return f"its inputs are {theirs}; the model's are {names}"
        if tuple(mine.input_shape) != tuple(found.input_shape):
            shape, own = tuple(found.input_shape), tuple(mine.input_shape)
            return f"its inputs have shape {shape}; the model's {own}"
        return "" if mine == found else "its inputs are scaled otherwise"

    def require(self, data: Dataset) -> None:
        """Refuse a data set that was prepared otherwise.

        Raises:
            CoterieError: other tasks, classes, units, columns or scaling.
        """
        if difference := self.difference(data.schema):
            raise CoterieError(
                f"`data` was not prepared as the model's own: {difference}. Read the file with the "
                "model's schema: load(file, like=model)."
            )


def schema_of(like: object) -> Schema:
    """The schema of a fit, a grouped model or a data set.

    Raises:
        CoterieError: it has none.
    """
    found = like if isinstance(like, Schema) else getattr(like, "schema", None)
    if not isinstance(found, Schema):
        raise CoterieError(
            f"`like` must be a Fit, a GroupedModel or a Dataset; found {type(like).__name__} "
            "without a schema."
        )
    return found


def _listed(names: tuple[str, ...]) -> str:
    return some([repr(name) for name in names], 5)
