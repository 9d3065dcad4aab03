"""Reliability of the arm to use: bins of several tasks together, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from coterie.results.reliability import Bin, Probabilities, Reliability, TaskReliability, pooled


def probabilities(error: float | None, *bins: Bin) -> Probabilities:
    return Probabilities(log_loss=0.5, brier=0.25, calibration_error=error, bins=bins)


def made(*names: str) -> Reliability:
    """Off by .1 before calibration and by .02 after it."""
    low, high = (
        Bin(predicted=0.1, observed=0.2, count=10),
        Bin(predicted=0.95, observed=0.9, count=30),
    )
    after = probabilities(0.02, low, high)
    return Reliability(
        arm="joint",
        tasks=tuple(
            TaskReliability(
                task=name,
                labels=40,
                calibrated=True,
                before=replace(after, calibration_error=0.1, log_loss=0.75),
                after=after,
                threshold=0.3,
                rule="where balanced accuracy on validation examples is highest",
            )
            for name in names
        ),
    )


def test_pooled_bins_are_those_of_all_examples_together():
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 50, 20)
    bins = [
        Bin(predicted=(i % 10 + 0.5) / 10, observed=float(rng.random()), count=int(count))
        for i, count in enumerate(counts)
    ]
    found = pooled([probabilities(None, *bins[:10]), probabilities(None, *bins[10:])])
    assert [each.count for each in found] == (counts[:10] + counts[10:]).tolist()
    came = sum(each.observed * each.count for each in bins)
    assert sum(each.observed * each.count for each in found) == pytest.approx(came)


def test_a_probability_of_one_is_in_the_last_bin():
    sure, nearly = (Bin(predicted=p, observed=1.0, count=1) for p in (1.0, 0.95))
    assert [each.count for each in pooled([probabilities(None, sure, nearly)])] == [2]


def test_it_is_told_in_a_sentence():
    assert made("a", "b").sentence == (
        "Probabilities of joint are off by .020 on test, .100 before calibration (expected "
        "calibration error, mean over 2 tasks)."
    )
    assert "mean" not in made("a").sentence


def test_rules_are_those_of_tasks_with_a_threshold():
    found = made("a", "b")
    (rule,) = found.rules
    assert rule.startswith("where balanced accuracy")
    numbers = tuple(replace(each, threshold=None, rule=None) for each in found.tasks)
    assert replace(found, tasks=numbers).rules == ()
