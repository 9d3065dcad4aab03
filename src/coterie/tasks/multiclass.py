"""Multi-class: one of K classes without an order.

Labels are class indexes, the outputs are K logits, the loss is the cross-entropy; predictions are K
probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from coterie.errors import CoterieError
from coterie.tasks._classes import Classes, likeliest, read_classes
from coterie.tasks._column import Column
from coterie.tasks._kind import Kind, register
from coterie.tasks._margins import Margin, cross_entropy_expansion

if TYPE_CHECKING:
    from coterie.tasks._blocks import Block
    from coterie.tasks._tasks import Tasks

MAX_CLASSES = 20
LABELS_PER_CLASS = 5


class MulticlassMargin(Margin):
    """z_y - logsumexp of the other logits, which stays exact where p rounds to 0 or 1."""

    def of(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Over all other logits together."""
        mine, others = _apart(outputs, labels)
        return mine - others.logsumexp(-1)

    def expansion(self, margin: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ARG002
        """Cross-entropy."""
        return cross_entropy_expansion(margin)

    def changed(self, outputs: Tensor, labels: Tensor, change: Tensor) -> Tensor:
        """The change is that of the true class's logit."""
        true_class = F.one_hot(labels.long(), outputs.shape[-1])
        return outputs + true_class * change.unsqueeze(-1)


class Multiclass(Classes):
    """One of K classes without an order."""

    name = "multiclass"
    metric_name = "log-loss skill"
    margin = MulticlassMargin()
    estimand = "class"

    def recognises(self, column: Column) -> bool:
        """Declared classes, categories, text, or at most ``MAX_CLASSES`` whole numbers.

        Raises:
            CoterieError: text with so many distinct values that they can hardly be classes.
        """
        if column.declared or column.categorical:
            return True
        n_stray = column.stray.sum()
        if not n_stray:
            # Whole numbers with gaps arrive as floats: the kind may not depend on how numbers are
            # stored.
            whole = not (column.numbers[np.isfinite(column.numbers)] % 1).any()
            return whole and column.n_distinct <= MAX_CLASSES
        if 2 * n_stray < column.n_labels:
            return False
        if column.n_distinct > max(MAX_CLASSES, column.n_labels / LABELS_PER_CLASS):
            raise CoterieError(
                f"Target {column.name!r} is text with {column.n_distinct} distinct values in "
                f"{column.n_labels} labels; up to {MAX_CLASSES}, or one in {LABELS_PER_CLASS} "
                "labels, can be classes. Exclude it, or say "
                f"kinds={{{column.name!r}: 'multiclass'}}."
            )
        return True

    def read(
        self,
        column: Column,
        positive: str | None = None,  # noqa: ARG002
    ) -> tuple[tuple[str, ...], np.ndarray]:
        """The classes, as declared or in ascending order."""
        return read_classes(column)

    def width(self, classes: Sequence[str]) -> int:
        """A logit of each class."""
        return len(classes)

    def loss(self, outputs: Tensor, labels: Tensor, block: Block) -> Tensor:  # noqa: ARG002
        """Cross-entropy."""
        return -_log_probability(outputs, labels)

    def confidence(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Softmax probability of the true class."""
        return _log_probability(outputs, labels).exp()

    def constant(self, labels: Tensor, n_classes: int, pos_weight: float) -> Tensor:  # noqa: ARG002
        """Logarithms of how often the classes are."""
        return torch.bincount(labels.long(), minlength=n_classes).float().log().clamp(min=-30.0)

    def said(self, outputs: Tensor, tasks: Tasks, position: int) -> Tensor:  # noqa: ARG002
        """The class of the highest logit."""
        return likeliest(outputs)

    def log_probabilities(self, outputs: Tensor, tasks: Tasks, position: int) -> Tensor:  # noqa: ARG002
        """Log-softmax."""
        return outputs.log_softmax(-1)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Softmax."""
        return outputs.softmax(-1)

    def inverse_link(self, outputs: Tensor) -> Tensor:
        """Probabilities."""
        return self.probabilities(outputs)

    def link(self, means: Tensor) -> Tensor:
        """Their logarithms."""
        return means.clamp_min(1e-7).log()


def _log_probability(outputs: Tensor, labels: Tensor) -> Tensor:
    """Of the true class, (..., B, n).

    Tasks are padded to the widest, so that all are one softmax.
    """
    true_class = labels.long().expand(outputs.shape[:-1]).unsqueeze(-1)
    return outputs.log_softmax(-1).gather(-1, true_class).squeeze(-1)


def _apart(outputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The logit of the true class, (B, n), and those of the others, (B, n, C).

    These have minus infinity in the place of the first.
    """
    true_class = labels.long().unsqueeze(-1)
    its_own = torch.arange(outputs.shape[-1], device=outputs.device) == true_class
    return outputs.gather(-1, true_class).squeeze(-1), outputs.masked_fill(its_own, -torch.inf)


Kind.MULTICLASS = register(Multiclass())
