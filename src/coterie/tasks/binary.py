"""Binary: one of two classes, one of them the positive one.

Labels are 0 and 1, the output is a logit, the loss is the cross-entropy in which positives weigh
``pos_weight``. Metrics are at threshold 0 of the balanced logit; predictions shift it back by
log(pos_weight) and are probabilities of the positive class.

The sums are positives, positives that are hit, negatives, negatives that are hit. A prediction of
NaN is a miss.
"""

from __future__ import annotations

import math
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

    def lead(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """The margin."""
        return self.of(outputs, labels)

    def expansion(self, margin: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ARG002
        """Cross-entropy."""
        return cross_entropy_expansion(margin)

    def outcome(self, margin: Tensor, lead: Tensor, change: Tensor, labels: Tensor) -> Tensor:  # noqa: ARG002
        """Hits. A logit of exactly 0 is read as the negative class."""
        lead = lead + change
        return ((lead > 0) | ((lead == 0) & (labels == 0))).to(lead)

    def outputs(self, margin: Tensor, labels: Tensor) -> Tensor:
        """The logit."""
        return (2 * labels - 1) * margin


class Binary(Kind):
    """One of two classes."""

    name = "binary"
    metric_name = "balanced accuracy"
    has_classes = True
    has_positive = True
    hits = True
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

    def outcome(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Hits."""
        # NaN compares false: neither a missing label nor a prediction of NaN is a hit. Truth values
        # spare a slow promotion to float of the largest tensor.
        return (((outputs > 0) & (labels == 1)) | ((outputs <= 0) & (labels == 0))).float()

    def statistics(self, outcome: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        """Positives, positives hit, negatives, negatives hit."""
        # NaN is neither 1 nor 0: a missing label falls out of both.
        positive, negative = (labels == 1).float(), (labels == 0).float()
        return positive, positive * outcome, negative, negative * outcome

    def metric(self, sums: Sequence[Tensor], block: Block) -> Tensor:  # noqa: ARG002
        """Balanced accuracy; the share of hits of the one class if the other is absent."""
        positives, positives_hit, negatives, negatives_hit = sums[:4]
        return torch.stack([positives_hit / positives, negatives_hit / negatives], dim=-1).nanmean(
            -1
        )

    def wrong(self, sums: Sequence[Tensor]) -> Tensor:
        """Misses."""
        return sums[0] - sums[1] + sums[2] - sums[3]

    def metrics(
        self,
        outputs: Tensor,
        labels: Tensor,
        truth: Tensor,  # noqa: ARG002
        primary: float,
        tasks: Tasks,  # noqa: ARG002
        position: int,  # noqa: ARG002
    ) -> dict[str, object]:
        """Accuracy, balanced accuracy, F1, AUROC, average precision.

        The threshold of the first three is 0 of the balanced logit.
        """
        from torchmetrics.functional.classification import (
            binary_accuracy,
            binary_auroc,
            binary_average_precision,
            binary_f1_score,
        )

        if not len(labels):
            return dict.fromkeys(
                ("accuracy", "balanced accuracy", "F1", "AUROC", "average precision"), math.nan
            )
        scores, labels = outputs[:, 0], labels.long()
        said_yes = torch.where(scores.isnan(), 1 - labels, (scores > 0).long())
        ranked = 0 < int(labels.sum()) < len(labels) and not scores.isnan().any()
        # Only the order counts, and ties: a sigmoid would tie large logits at 1.
        places = scores.unique(return_inverse=True)[1]
        chance = places.double() / len(places)
        return {
            "accuracy": binary_accuracy(said_yes, labels),
            "balanced accuracy": primary,
            "F1": binary_f1_score(said_yes, labels) if labels.any() else math.nan,
            "AUROC": binary_auroc(chance, labels) if ranked else math.nan,
            "average precision": binary_average_precision(chance, labels) if ranked else math.nan,
        }

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
        """The calibrated probability of the positive class."""
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
