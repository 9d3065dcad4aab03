"""A kind that the package does not know.

A share between 0 and 1, with the cross-entropy of its logit.
"""

import numpy as np
import torch
import torch.nn.functional as F

from coterie.errors import CoterieError
from coterie.tasks import KINDS, Kind, Numbers, Task, Tasks, register


class Share(Numbers):
    name = "share"
    metric_name = "R2"

    def read(self, column, positive=None):
        classes, values = super().read(column)
        if (wrong := (values < 0) | (values > 1)).any():
            cell, row = column.first(wrong)
            raise CoterieError(
                f"Target {column.name!r} must hold shares; found {cell} in row {row}."
            )
        return classes, values

    def loss(self, outputs, labels, block):
        return F.binary_cross_entropy_with_logits(
            outputs, labels.expand_as(outputs), reduction="none"
        )

    def confidence(self, outputs, labels):
        return 1 - (labels - outputs.sigmoid()).abs()

    def constant(self, labels, n_classes, pos_weight):
        return labels.mean().logit().view(1)

    def predict(self, outputs, tasks, position):
        return outputs.double().sigmoid()


SHARE = register(Share())


def labels_of(kind, n, n_classes, generator):
    """Encoded labels (n,) such as a task of this kind may have."""
    if kind.has_classes:
        return torch.randint(n_classes, (n,), generator=generator).float()
    if kind == "count":
        return torch.poisson(torch.full((n,), 1.5), generator=generator) / 1.5
    return (
        torch.rand(n, generator=generator)
        if kind == "share"
        else torch.randn(n, generator=generator)
    )


def column_of(kind, n, seed=0):
    """Labels (n,) as a source may hold them, of which the inputs (n, 4) tell something."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    if kind == "ordinal":
        sizes = np.array(["small", "middle", "large", "huge"])[
            np.digitize(x[:, 0] + 0.3 * rng.normal(size=n), (-0.8, 0.2, 1.2))
        ]
        return x, pd.Series(
            pd.Categorical(sizes, categories=["small", "middle", "large", "huge"], ordered=True)
        )
    if kind == "count":
        return x, pd.Series(rng.poisson(np.exp(1 + 0.7 * x[:, 1])))
    return x, pd.Series(1 / (1 + np.exp(-x[:, 2] - 0.2 * rng.normal(size=n))))


ALL = list(KINDS.values())
SIZES = (3, 5, 2)  # classes of the tasks of one kind, which are padded to the widest


def tasks_of(*kinds, sizes=SIZES):
    """One task of each size and kind; a binary task has two classes."""
    return Tasks.plain(
        [
            Task(name=f"{kind} {size}", kind=kind, classes=classes(kind, size))
            for size in sizes
            for kind in kinds
        ]
    )


def classes(kind, size):
    return tuple("abcdefg"[: 2 if kind.has_positive else size]) if kind.has_classes else ()


TASKS = Tasks.plain(
    [
        Task(name="yes", kind=Kind.BINARY),
        Task(name="colour", kind=Kind.MULTICLASS, classes=("r", "g", "b")),
        Task(name="size", kind=Kind.REGRESSION),
    ]
)
