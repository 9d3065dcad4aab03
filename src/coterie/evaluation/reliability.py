"""Whether the probabilities of an arm are what they say, on test examples.

Shapes: ``n`` test examples, ``K`` classes.
"""

from __future__ import annotations

import numpy as np
import torch

from coterie.evaluation.metrics import finite
from coterie.evaluation.units import Unit
from coterie.metrics import deciding
from coterie.metrics.calibration import (
    RULES,
    Calibration,
    expected_calibration_error,
    reliability,
)
from coterie.results.reliability import Bin, Probabilities, Reliability, TaskReliability
from coterie.tasks import Tasks

# What a probability of 0 in float64 is taken for, so that one mistake is not an infinite loss.
_LEAST = 1e-15


def reliability_of(unit: Unit, tasks: Tasks, arm: str) -> Reliability | None:
    """The probabilities of an arm before and after its calibration on validation.

    None where the unit kept no calibration of the arm, or no task has classes and test labels.
    """
    if arm not in unit.calibrations:
        return None
    outputs = torch.from_numpy(unit.outputs[[name for name, _ in unit.arms].index(arm)]).double()
    found = []
    for t, (task, metric, calibration) in enumerate(
        zip(tasks, deciding(tasks), unit.calibrations[arm], strict=True)
    ):
        labels = unit.targets[:, t]
        known = ~np.isnan(labels)
        if not task.kind.has_classes or not known.any():
            continue
        logs = task.kind.log_probabilities(outputs[:, tasks.columns[t]], tasks, t)[known]
        before, after = (
            probabilities(each.of(logs).numpy(), labels[known].astype(np.int64))
            for each in (Calibration(), calibration or Calibration())
        )
        is_binary = calibration is not None and logs.shape[1] == 2
        found.append(
            TaskReliability(
                task=task.name,
                labels=int(known.sum()),
                calibrated=calibration is not None,
                before=before,
                after=after,
                threshold=calibration.threshold if calibration and is_binary else None,
                rule=RULES[calibration.rule] if calibration and is_binary else None,
                decided_at_threshold=metric.role == "threshold",
            )
        )
    return Reliability(arm=arm, tasks=tuple(found)) if found else None


def probabilities(shares: np.ndarray, codes: np.ndarray) -> Probabilities:
    """How good probabilities of one task are.

    Bins are of the positive class where there are two, else of the likeliest.

    Args:
        shares: of the classes, (n, K).
        codes: the true ones, (n,).

    >>> found = probabilities(np.array([[0.5, 0.5], [0.1, 0.9]]), np.array([0, 1]))
    >>> round(found.log_loss, 3), round(found.brier, 3), round(found.calibration_error, 3)
    (0.399, 0.26, 0.3)
    """
    known = np.isfinite(shares).all(1)
    shares, codes = shares[known], codes[known]
    if not len(codes):
        return Probabilities(log_loss=None, brier=None, calibration_error=None)
    truth = np.eye(shares.shape[1])[codes]
    said = np.ones_like(codes) if shares.shape[1] == 2 else shares.argmax(1)
    table = reliability(shares[np.arange(len(said)), said], (said == codes).astype(float))
    return Probabilities(
        log_loss=float(-np.log((truth * shares).sum(1).clip(min=_LEAST)).mean()),
        brier=float(((shares - truth) ** 2).sum(1).mean()),
        calibration_error=finite(expected_calibration_error(table)),
        bins=tuple(
            Bin(predicted=float(predicted), observed=float(observed), count=int(count))
            for predicted, observed, count in table.to_numpy()
        ),
    )
