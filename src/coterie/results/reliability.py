"""How far the probabilities of the arm to use can be believed, and from which one to say yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from coterie.schema import least
from coterie.wording import is_number, score


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Examples of like probabilities: the mean of what was predicted, and how often it came so."""

    predicted: float
    observed: float
    count: Annotated[int, least(1)]


@dataclass(frozen=True, kw_only=True)
class Probabilities:
    """How good the probabilities of one task are on test examples.

    ``log_loss`` in nats and ``brier`` (Brier 1950, from 0 to 2) are means over examples,
    ``calibration_error`` is the expected calibration error over ``bins``
    (:func:`coterie.metrics.calibration.expected_calibration_error`).
    """

    log_loss: float | None
    brier: float | None
    calibration_error: float | None
    bins: tuple[Bin, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TaskReliability:
    """The probabilities of one task ``before`` and ``after`` calibration on validation examples.

    Both are the same where there was nothing to calibrate by (``calibrated``). A binary task is said
    to be positive from the probability ``threshold`` on, which is where ``rule`` says; of more
    classes the likeliest is said, whose probabilities the bins are of. ``decided_at_threshold`` says
    whether the metric by which arms were compared depends on any threshold.
    """

    task: str
    labels: Annotated[int, least(1)]
    calibrated: bool
    before: Probabilities
    after: Probabilities
    threshold: float | None = None
    rule: str | None = None
    decided_at_threshold: bool = False


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """The probabilities of one ``arm`` on test examples, of its models from the first unit.

    Tasks that are numbers, or have no label on test, are not among its ``tasks``.
    """

    arm: str
    tasks: tuple[TaskReliability, ...]

    @property
    def rules(self) -> tuple[str, ...]:
        """By which rules there are thresholds, in words; none if no task is binary."""
        return tuple(dict.fromkeys(each.rule for each in self.tasks if each.rule is not None))

    @property
    def sentence(self) -> str:
        """How far probabilities are off, in plain words."""
        after, before = (
            mean_error([getattr(each, when) for each in self.tasks]) for when in ("after", "before")
        )
        over = f", mean over {len(self.tasks)} tasks" if len(self.tasks) > 1 else ""
        return (
            f"Probabilities of {self.arm} are off by {score(after)} on test, {score(before)} before "
            f"calibration (expected calibration error{over})."
        )


def mean_error(found: Sequence[Probabilities]) -> float:
    """Mean expected calibration error of tasks where it is known, else NaN."""
    known = [each.calibration_error for each in found if is_number(each.calibration_error)]
    return float(np.mean(known)) if known else float("nan")


def pooled(found: Sequence[Probabilities], n_bins: int = 10) -> tuple[Bin, ...]:
    """The bins of several tasks as those of one, lowest first.

    >>> one, other = (Probabilities(log_loss=None, brier=None, calibration_error=None, bins=(each,))
    ...               for each in (Bin(predicted=0.12, observed=0.0, count=1),
    ...                            Bin(predicted=0.18, observed=0.5, count=2)))
    >>> pooled([one, other])
    (Bin(predicted=0.16, observed=0.333..., count=3),)
    """
    cells: dict[int, list[Bin]] = {}
    for each in (one for probabilities in found for one in probabilities.bins):
        cells.setdefault(min(int(each.predicted * n_bins), n_bins - 1), []).append(each)
    return tuple(_together(cells[place]) for place in sorted(cells))


def _together(bins: Sequence[Bin]) -> Bin:
    counts = [each.count for each in bins]
    return Bin(
        predicted=float(np.average([each.predicted for each in bins], weights=counts)),
        observed=float(np.average([each.observed for each in bins], weights=counts)),
        count=sum(counts),
    )
