"""Binary: one of two classes, one of them the positive one.

Labels are 0 and 1, the output is a logit, the loss is the cross-entropy in which positives weigh
``pos_weight``. Metrics that need a threshold take 0 of the balanced logit; predictions shift it back
by log(pos_weight) and are probabilities of the positive class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from coterie.errors import CoterieError
from coterie.tasks._classes import numbers
from coterie.tasks._column import Column
from coterie.tasks._kind import Kind, register
from coterie.tasks._margins import Margin, cross_entropy_expansion

if TYPE_CHECKING:
    import pyarrow as pa

    from coterie.tasks._blocks import Block
    from coterie.tasks._tasks import Task, Tasks

NEGATIVE = frozenset(
    {
        "no",
        "false",
        "off",
        "absent",
        "negative",
        "neg",
        "inactive",
        "normal",
        "healthy",
        "benign",
        "control",
        "controls",
        "never",
        "none",
        "without",
        "unaffected",
        "other",
    }
)
_DENIALS = ("not ", "no ", "non-", "non ")
_FEWEST = 5


class BinaryMargin(Margin):
    """y z with y = -1 or 1."""

    def of(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """The logit, turned round for negatives."""
        return (2 * labels - 1) * outputs

    def expansion(self, margin: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ARG002
        """Cross-entropy."""
        return cross_entropy_expansion(margin)

    def changed(self, outputs: Tensor, labels: Tensor, change: Tensor) -> Tensor:
        """The change, turned round for negatives, is that of the logit."""
        return outputs + ((2 * labels - 1) * change).unsqueeze(-1)


class Binary(Kind):
    """One of two classes."""

    name = "binary"
    metric_name = "AUROC"
    has_classes = True
    has_positive = True
    margin = BinaryMargin()
    estimand = "class"

    def recognises(self, column: Column) -> bool:
        """Two declared classes, or two distinct values."""
        return (len(column.declared) or column.n_distinct) == 2

    def read(
        self, column: Column, positive: str | None = None
    ) -> tuple[tuple[str, ...], np.ndarray]:
        """Two classes, the positive one last.

        Raises:
            CoterieError: not two distinct values, or a positive class that is neither.
        """
        if column.n_distinct != 2:
            raise CoterieError(
                f"Target {column.name!r} has {column.n_distinct} distinct values; a binary target "
                "has two."
            )
        classes, codes = column.classes()
        if len(classes) > 2:
            present = np.unique(codes[codes >= 0])
            classes, codes = (
                [classes[code] for code in present],
                np.where(codes < 0, -1, np.searchsorted(present, codes)),
            )
        if not positive_last(column.name, classes, positive, declared=bool(column.declared)):
            classes, codes = classes[::-1], np.where(codes < 0, -1, 1 - codes)
        return tuple(classes), np.where(codes < 0, np.nan, codes)

    def fits(self, classes: Sequence[str]) -> bool:
        """Two, or no names for them."""
        return len(classes) in (0, 2)

    def scarce(self, values: np.ndarray) -> list[tuple[str, np.ndarray, int]]:
        """Five of each class."""
        return [
            ("positives", (values == 1).sum(0), _FEWEST),
            ("negatives", (values == 0).sum(0), _FEWEST),
        ]

    def pos_weight(self, values: np.ndarray) -> np.ndarray:
        """Negatives / positives."""
        positives, negatives = (values == 1).sum(0), (values == 0).sum(0)
        return np.where((positives > 0) & (negatives > 0), negatives / positives.clip(1), 1.0)

    def loss(self, outputs: Tensor, labels: Tensor, block: Block) -> Tensor:
        """Cross-entropy, positives weighted."""
        return F.binary_cross_entropy_with_logits(
            outputs, labels.expand_as(outputs), pos_weight=block.pos_weight, reduction="none"
        )

    def confidence(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """1 - abs(y - sigmoid(z)) (STG-MTL, section 1)."""
        return 1 - (labels - outputs.sigmoid()).abs()

    def constant(self, labels: Tensor, n_classes: int, pos_weight: float) -> Tensor:
        """The balanced logit of the share of positives."""
        counts = torch.bincount(labels.long(), minlength=n_classes).float().log().clamp(min=-30.0)
        return (counts[1:] - counts[:1]) + float(np.log(pos_weight))

    def said(self, outputs: Tensor, tasks: Tasks, position: int) -> Tensor:  # noqa: ARG002
        """Positive where the balanced logit is above 0."""
        logits = outputs[..., 0]
        return (logits > 0).to(logits).masked_fill(logits.isnan(), torch.nan)

    def log_probabilities(self, outputs: Tensor, tasks: Tasks, position: int) -> Tensor:
        """Of the negative and of the positive class."""
        logits = outputs[..., 0] - tasks.pos_weight[position].log()
        return torch.stack([F.logsigmoid(-logits), F.logsigmoid(logits)], dim=-1)

    def inverse_link(self, outputs: Tensor) -> Tensor:
        """Balanced probabilities."""
        return outputs.sigmoid()

    def link(self, means: Tensor) -> Tensor:
        """Logits."""
        return means.logit(eps=1e-7)

    def from_estimates(self, estimates: Tensor, pos_weight: Tensor) -> Tensor:
        """The balanced logit."""
        return estimates[:, 1:] - estimates[:, :1] + pos_weight.log()

    def predict(self, outputs: Tensor, tasks: Tasks, position: int) -> Tensor:
        """The probability of the positive class, without the balance of training."""
        return (outputs - tasks.pos_weight[position].log()).sigmoid()

    def meanings(self, task: Task) -> list[dict[str, str]]:
        """The probability of the positive class."""
        return [{"meaning": "probability", "class": (task.classes or ("0", "1"))[1]}]

    def described(self, task: Task, likelihood: str) -> dict[str, object]:  # noqa: ARG002
        """The probability of the positive class."""
        named = (
            {"positive class": task.classes[1], "negative class": task.classes[0]}
            if task.classes
            else {}
        )
        return {"holds": "probability of the positive class", **named}

    def columns(self, values: Tensor, task: Task) -> tuple[pa.Array, ...]:  # noqa: ARG002
        """The probability of the positive class."""
        return (numbers(values[:, 0].float()),)


def positive_last(
    name: str, classes: Sequence[str], positive: str | None = None, *, declared: bool = False
) -> bool:
    """Whether the second of two classes is the positive one.

    What the user says; else the second of declared classes; else the one that the other denies
    (``NEGATIVE``: no, inactive, normal, ...); else the second in ascending order: the larger
    number, true, or the later in the alphabet.

    Raises:
        CoterieError: ``positive`` is neither class.

    >>> positive_last("assay", ["active", "inactive"]), positive_last("sex", ["f", "m"])
    (False, True)
    >>> positive_last("sex", ["f", "m"], "f")
    False
    """
    if positive is not None:
        if positive not in classes:
            raise CoterieError(
                f"`positive` must be a class of {name!r}, {classes[0]!r} or {classes[1]!r}; found "
                f"{positive!r}."
            )
        return positive == classes[1]
    denied = [
        each.strip().lower() in NEGATIVE or each.lower().startswith(_DENIALS) for each in classes
    ]
    return declared or not denied[1] or denied[0]


Kind.BINARY = register(Binary())
