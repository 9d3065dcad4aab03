"""Probabilities of an arm on test: of outputs made by hand, as scikit-learn has their losses."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from coterie.evaluation.reliability import probabilities, reliability_of
from coterie.metrics.calibration import RULES, Calibration
from coterie.tasks import Kind, Task, Tasks

from .made import binary, unit

N = 4000
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(N, 1))
LABELS = (RNG.random((N, 1)) < 1 / (1 + np.exp(-LOGITS))).astype(float)
RIGHT = Calibration(slope=1 / 3, offset=0.5, threshold=0.4)


def three_times(**about):
    """An arm that is three times as sure as it may be, and off by 1.5."""
    arms = {"random": LOGITS, "joint": 3 * (LOGITS - 0.5)}
    tasks = binary("a", **about)
    return unit(tasks, LABELS, arms, calibrations={"joint": (RIGHT,)}), tasks


def test_what_a_calibration_repairs_is_seen_before_and_after():
    found = reliability_of(*three_times(), "joint")
    (task,) = found.tasks
    assert (found.arm, task.labels, task.calibrated, task.threshold) == ("joint", N, True, 0.4)
    assert task.rule == RULES["balanced accuracy"]
    shares = {"before": 3 * (LOGITS - 0.5), "after": LOGITS}
    for when, logit in shares.items():
        p, seen = 1 / (1 + np.exp(-logit[:, 0])), getattr(task, when)
        assert seen.log_loss == pytest.approx(log_loss(LABELS[:, 0], p), rel=1e-5)
        # Of both classes, as Brier had it.
        assert seen.brier == pytest.approx(2 * brier_score_loss(LABELS[:, 0], p), rel=1e-5)
        assert sum(each.count for each in seen.bins) == N
    assert task.before.calibration_error > 0.1 > 0.03 > task.after.calibration_error
    assert not task.decided_at_threshold


def test_a_metric_at_a_threshold_is_told():
    (task,) = reliability_of(*three_times(metric="balanced accuracy"), "joint").tasks
    assert task.decided_at_threshold


def test_of_an_arm_without_a_calibration_nothing_is_known():
    assert reliability_of(*three_times(), "random") is None


def test_numbers_have_no_probabilities_and_tasks_without_labels_no_reliability():
    tasks = Tasks.plain(
        [
            Task(name="size", kind=Kind.REGRESSION),
            Task(name="which", kind=Kind.MULTICLASS, classes=("a", "b", "c")),
            Task(name="empty", kind=Kind.BINARY),
        ]
    )
    outputs = RNG.normal(size=(6, 5))
    targets = np.stack([np.arange(6.0), [0, 1, 2, 0, 1, np.nan], np.full(6, np.nan)], 1)
    made = unit(tasks, targets, {"joint": outputs}, calibrations={"joint": (None, None, None)})
    (task,) = reliability_of(made, tasks, "joint").tasks
    assert (task.task, task.labels, task.calibrated) == ("which", 5, False)
    assert (task.threshold, task.rule, task.before) == (None, None, task.after)
    alone = Tasks.plain([Task(name="size", kind=Kind.REGRESSION)])
    made = unit(alone, targets[:, :1], {"joint": outputs[:, :1]}, calibrations={"joint": (None,)})
    assert reliability_of(made, alone, "joint") is None


def test_bins_of_several_classes_are_of_the_likeliest():
    shares = np.array([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75], [0.125, 0.75, 0.125]])
    found = probabilities(shares, np.array([0, 2, 0]))
    bins = [(each.predicted, each.observed, each.count) for each in found.bins]
    assert bins == [(0.5, 1.0, 1), (0.75, 0.5, 2)]
    assert found.calibration_error == pytest.approx((0.5 + 2 * 0.25) / 3)


def test_what_is_no_number_is_left_out():
    shares = np.array([[np.nan, np.nan], [0.25, 0.75]])
    assert probabilities(shares, np.array([0, 1])) == probabilities(shares[1:], np.array([1]))
    assert probabilities(shares[:1], np.array([0])).log_loss is None
