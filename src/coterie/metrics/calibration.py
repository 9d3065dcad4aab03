"""Whether probabilities are what they say, how to make them so, and from which one to say yes.

All of it is fitted on validation examples and read on others.

Shapes: ``n`` examples, ``T`` tasks, ``P`` output columns, ``K`` classes, ``...`` any leading
dimensions.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from coterie.errors import CoterieError, require_choice, require_whole
from coterie.tasks import Tasks

if TYPE_CHECKING:
    import pandas as pd

Rule = Literal["balanced accuracy", "half", "prevalence"]
RULES: dict[Rule, str] = {
    "balanced accuracy": "where balanced accuracy on validation examples is highest",
    "half": "one half, at which the fewest are wrong",
    "prevalence": "the share of positives among validation examples",
}
"""Where a threshold lies, in words."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What is done to the probabilities of one task.

    Of two classes the logit l becomes slope * l + offset (Platt 1999), of more the logarithms of
    probabilities are multiplied by the slope, which is 1 / temperature (Guo et al. 2017).
    ``threshold`` is the calibrated probability from which a binary task is said to be positive,
    ``rule`` where it lies (:func:`threshold`); of more classes the likeliest is said.
    """

    slope: float = 1.0
    offset: float = 0.0
    threshold: float = 0.5
    rule: Rule = "balanced accuracy"

    def to_dict(self) -> dict[str, object]:
        """Plain JSON types."""
        return asdict(self)

    def of(self, log_probabilities: Tensor) -> Tensor:
        """Calibrated probabilities (..., K) from logarithms of others.

        >>> Calibration(slope=0.5).of(torch.tensor([0.8, 0.2]).log()).round(decimals=3)
        tensor([0.6670, 0.3330])
        """
        # Nothing is written in place, which exported programs would lose.
        scaled = self.slope * log_probabilities
        return torch.cat([scaled[..., :-1], scaled[..., -1:] + self.offset], dim=-1).softmax(-1)


def calibrated(
    log_probabilities: np.ndarray, labels: np.ndarray, rule: Rule = "balanced accuracy"
) -> Calibration:
    """The calibration of least log loss, and the threshold by a rule.

    As one example would, a standard normal prior of log slope and offset holds these at 0: few
    examples, or classes that are told apart without a mistake, do not make probabilities of 0 and 1.

    Args:
        log_probabilities: of the classes, (n, K), not calibrated.
        labels: encoded, (n,), NaN = missing.
        rule: of the threshold, see :func:`threshold`.

    Raises:
        CoterieError: no label, or no such rule.

    >>> rng = np.random.default_rng(0)
    >>> logits = rng.normal(size=20000)
    >>> labels = rng.random(20000) < 1 / (1 + np.exp(-logits))
    >>> sure = np.stack([-np.logaddexp(0, 3 * logits), -np.logaddexp(0, -3 * logits)], axis=1)
    >>> round(calibrated(sure, labels.astype(float)).slope, 2)
    0.33
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax, softmax

    require_choice("rule", rule, RULES)
    known = ~np.isnan(labels) & np.isfinite(log_probabilities).all(1)
    if not known.any():
        raise CoterieError(
            "`labels` must hold at least one label of an example with probabilities to calibrate "
            "by; found none."
        )
    logs, codes = log_probabilities[known].astype(np.float64), labels[known].astype(np.int64)
    truth, binary = np.eye(logs.shape[1])[codes], logs.shape[1] == 2

    def loss(found: np.ndarray) -> tuple[float, np.ndarray]:
        slope, offset = np.exp(found[0]), found[1] if binary else 0.0
        scaled = slope * logs
        scaled[:, -1] += offset
        wrong = softmax(scaled, axis=1) - truth
        slopes = [slope * (wrong * logs).sum(), wrong[:, -1].sum()][: len(found)]
        value = (found**2).sum() / 2 - (truth * log_softmax(scaled, axis=1)).sum()
        return value, found + slopes

    log_slope, offset, *_ = (*minimize(loss, np.zeros(1 + binary), jac=True).x.tolist(), 0.0)
    slope = float(np.exp(log_slope))
    if not binary:
        return Calibration(slope=slope)
    positive = slope * (logs[:, 1] - logs[:, 0]) + offset
    return Calibration(
        slope=slope,
        offset=offset,
        threshold=threshold(1 / (1 + np.exp(-positive)), codes.astype(float), rule),
        rule=rule,
    )


def calibrations(
    outputs: Tensor, targets: Tensor, tasks: Tasks, rule: Rule = "balanced accuracy"
) -> tuple[Calibration | None, ...]:
    """The calibration of each task by its outputs on validation examples, whatever gave them.

    None for numbers, and for tasks without a label there: these are left as they are.

    Args:
        outputs: as a network gives them, (n, P).
        targets: encoded labels, (n, T), NaN = missing.
        tasks: the tasks.
        rule: of thresholds, see :func:`threshold`.

    Raises:
        CoterieError: no such rule.

    >>> from coterie.tasks import Kind, Task
    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY), Task(name="b", kind=Kind.REGRESSION)])
    >>> labels = torch.tensor([[0.0, 1.0], [1.0, 2.0]])
    >>> [each is None for each in calibrations(torch.tensor([[-3.0, 1.0], [3.0, 1.0]]), labels, tasks)]
    [False, True]
    """
    require_choice("rule", rule, RULES)
    found: list[Calibration | None] = []
    for t, (task, columns) in enumerate(zip(tasks, tasks.columns, strict=True)):
        if not task.kind.has_classes:
            found.append(None)
            continue
        logs = task.kind.log_probabilities(outputs[:, columns].double(), tasks, t)
        usable = ~targets[:, t].isnan() & logs.isfinite().all(1)
        found.append(
            calibrated(logs.cpu().numpy(), targets[:, t].cpu().numpy(), rule)
            if usable.any()
            else None
        )
    return tuple(found)


def threshold(
    probabilities: np.ndarray, labels: np.ndarray, rule: Rule = "balanced accuracy"
) -> float:
    """The probability from which a binary task is said to be positive.

    Args:
        probabilities: of the positive class, calibrated, (n,).
        labels: 0 or 1, (n,), NaN = missing.
        rule: "balanced accuracy" takes the threshold at which it is highest, half-way between two
            examples, and of several the one closest to the share of positives; "half" is 0.5, at
            which the fewest are wrong; "prevalence" is the share of positives. One class alone has
            no threshold of its own: it is 0.5.

    Raises:
        CoterieError: no such rule.

    >>> threshold(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.0, 0.0, 1.0, 1.0]))
    0.25
    """
    require_choice("rule", rule, RULES)
    known = ~np.isnan(labels)
    scores, positive = probabilities[known], labels[known] == 1
    if rule == "half" or positive.all() or not positive.any():
        return 0.5
    prevalence = float(positive.mean())
    if rule == "prevalence":
        return prevalence
    values = np.unique(scores)
    cuts = np.concatenate([[0.0], (values[1:] + values[:-1]) / 2, [1.0]])
    hit, kept = (np.sort(scores[mine]) for mine in (positive, ~positive))
    sensitivity = 1 - np.searchsorted(hit, cuts) / len(hit)
    specificity = np.searchsorted(kept, cuts) / len(kept)
    both = sensitivity + specificity
    best = cuts[both >= both.max() - 1e-12]
    return float(best[np.abs(best - prevalence).argmin()])


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = 10) -> pd.DataFrame:
    """Mean of predicted probabilities beside how often it came so, in bins of equal width.

    Args:
        probabilities: of the positive class, or of the class that is said, (n,).
        labels: 1 where it came so, else 0, (n,), NaN = missing.
        bins: their number.

    Returns:
        Columns predicted, observed, count; a row for each bin that holds examples.

    Raises:
        CoterieError: no number of bins.

    >>> reliability(np.array([0.1, 0.2, 0.9]), np.array([0.0, 1.0, 1.0]), bins=2)
       predicted  observed  count
    0       0.15       0.5      2
    1       0.90       1.0      1
    """
    import pandas as pd

    require_whole("bins", bins, 1)
    known = ~(np.isnan(labels) | np.isnan(probabilities))
    scores, came = probabilities[known].astype(np.float64), labels[known].astype(np.float64)
    place = np.minimum((scores * bins).astype(np.int64), bins - 1)
    cells = pd.DataFrame({"predicted": scores, "observed": came}).groupby(place)
    return cells.agg(
        predicted=("predicted", "mean"), observed=("observed", "mean"), count=("observed", "size")
    ).reset_index(drop=True)


def expected_calibration_error(table: pd.DataFrame) -> float:
    """Mean over examples of the distance between predicted and observed of their bin.

    NaN without any (Naeini, Cooper and Hauskrecht, AAAI 2015). It grows with the number of bins and
    falls with that of examples, also of probabilities that are right.

    Args:
        table: what :func:`reliability` gave.

    >>> table = reliability(np.array([0.1, 0.2, 0.9]), np.array([0.0, 1.0, 1.0]), bins=2)
    >>> round(expected_calibration_error(table), 3)
    0.267
    """
    if table.empty:
        return float("nan")
    predicted, observed, count = (
        table[name].to_numpy() for name in ("predicted", "observed", "count")
    )
    return float(np.average(np.abs(predicted - observed), weights=count))
