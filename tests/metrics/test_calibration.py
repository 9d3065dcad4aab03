"""Calibration against scikit-learn and known distortions; thresholds by brute force."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

from coterie.errors import CoterieError
from coterie.metrics.calibration import (
    Calibration,
    calibrated,
    calibrations,
    expected_calibration_error,
    reliability,
    threshold,
)
from coterie.tasks import Kind, Task, Tasks


def log_shares(logits):
    return torch.as_tensor(logits).double().log_softmax(-1).numpy()


def test_two_classes_are_a_logistic_regression_on_the_logit():
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=4000)
    labels = (rng.random(4000) < 1 / (1 + np.exp(-(0.4 * logits - 1)))).astype(float)
    found = calibrated(log_shares(np.stack([0 * logits, logits], 1)), labels)
    reference = LogisticRegression(C=1e9).fit(logits[:, None], labels)
    # The prior counts as one example does.
    assert found.slope == pytest.approx(reference.coef_.item(), abs=0.01)
    assert found.offset == pytest.approx(reference.intercept_.item(), abs=0.01)


def test_of_several_classes_the_temperature_is_found_and_no_class_changes():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(6000, 4))
    shares = np.exp(log_shares(logits))
    labels = (shares.cumsum(1) > rng.random((6000, 1))).argmax(1).astype(float)
    sure = torch.as_tensor(log_shares(3 * logits))
    found = calibrated(sure.numpy(), labels)
    assert found.slope == pytest.approx(1 / 3, abs=0.02)
    assert found.offset == 0
    after = found.of(sure)
    torch.testing.assert_close(after.sum(1), torch.ones(6000).double())
    assert torch.equal(after.argmax(1), sure.argmax(1))
    truth = torch.as_tensor(labels).long()[:, None]
    assert after.log().gather(1, truth).mean() > sure.gather(1, truth).mean()


def test_nothing_to_correct_is_left_as_it_is():
    log_probabilities = torch.tensor([[0.7, 0.3], [0.1, 0.9]]).log()
    torch.testing.assert_close(Calibration().of(log_probabilities), log_probabilities.exp())


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("n", [3, 30])
def test_classes_told_apart_without_a_mistake_stay_in_doubt(n, n_classes):
    labels = np.arange(float(n)) % n_classes
    sure = log_shares(4 * np.eye(n_classes)[labels.astype(int)])
    found = calibrated(sure, labels)
    assert 1 < found.slope < 2  # without the prior it would have no end
    assert abs(found.offset) < 0.1


def test_missing_labels_do_not_count_and_none_is_refused():
    rng = np.random.default_rng(0)
    logs, labels = log_shares(rng.normal(size=(60, 2))), np.arange(60.0) % 2
    gaps = np.where(np.arange(60) < 20, np.nan, labels)
    assert calibrated(logs, gaps) == calibrated(logs[20:], labels[20:])
    with pytest.raises(CoterieError, match="`labels` must hold at least one label"):
        calibrated(logs, np.full(60, np.nan))
    with pytest.raises(CoterieError, match="`rule` must be"):
        calibrated(logs, labels, "f1")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10), st.booleans()), min_size=2, max_size=20))
def test_no_threshold_has_a_better_balanced_accuracy(cells):
    scores, labels = np.array([s / 10 for s, _ in cells]), np.array([float(y) for _, y in cells])
    found = threshold(scores, labels)
    if len(set(labels)) == 1:
        assert found == 0.5
        return
    best = max(
        balanced_accuracy_score(labels, scores >= cut) for cut in np.linspace(-0.05, 1.05, 12)
    )
    assert balanced_accuracy_score(labels, scores >= found) == pytest.approx(best)
    assert threshold(scores, labels, "half") == 0.5
    assert threshold(scores, labels, "prevalence") == pytest.approx(labels.mean())


def test_reliability_is_scikit_learns_and_its_error_by_hand():
    rng = np.random.default_rng(0)
    shares = rng.random(500)
    labels = (rng.random(500) < shares**2).astype(float)
    table = reliability(shares, labels)
    observed, predicted = calibration_curve(labels, shares, n_bins=10)
    np.testing.assert_allclose(table["observed"], observed)
    np.testing.assert_allclose(table["predicted"], predicted)
    assert table["count"].sum() == 500
    by_hand = sum(
        abs(shares[mine].mean() - labels[mine].mean()) * mine.sum() / 500
        for mine in (np.floor(shares * 10) == k for k in range(10))
    )
    assert expected_calibration_error(table) == pytest.approx(by_hand)
    assert np.isnan(expected_calibration_error(reliability(np.zeros(0), np.zeros(0))))


TASKS = Tasks.plain(
    [
        Task(name="yes", kind=Kind.BINARY),
        Task(name="which", kind=Kind.MULTICLASS, classes=("a", "b", "c")),
        Task(name="size", kind=Kind.REGRESSION),
        Task(name="empty", kind=Kind.BINARY),
    ]
)


def test_each_task_is_calibrated_by_its_own_outputs_and_labels():
    rng = np.random.default_rng(0)
    n = 30_000
    logits = rng.normal(size=(n, 6))
    yes = rng.random(n) < 1 / (1 + np.exp(-logits[:, 0]))
    shares = np.exp(log_shares(logits[:, 1:4]))
    which = (shares.cumsum(1) > rng.random((n, 1))).argmax(1)
    targets = np.stack([yes, which, logits[:, 4], np.full(n, np.nan)], 1).astype(np.float32)
    targets[::7, 0] = np.nan
    distorted = torch.as_tensor(np.concatenate([4 * logits[:, :1] + 2, 2 * logits[:, 1:]], 1))
    found = calibrations(distorted, torch.as_tensor(targets), TASKS, "prevalence")
    yes_found, which_found, *none = found
    assert none == [None, None]
    # The logit was 4 l + 2: l is (that - 2) / 4.
    assert yes_found.slope == pytest.approx(1 / 4, abs=0.02)
    assert yes_found.offset == pytest.approx(-1 / 2, abs=0.07)
    assert which_found.slope == pytest.approx(1 / 2, abs=0.03)
    assert yes_found.rule == "prevalence"
    assert yes_found.threshold == pytest.approx(np.nanmean(targets[:, 0]))


def test_examples_without_a_probability_are_left_out():
    outputs, labels = torch.zeros(4, 6), torch.zeros(4, 4)
    outputs[:, 0], labels[:2, 0] = torch.tensor([2.0, 1.0, -1.0, -2.0]), 1.0
    some = outputs.clone()
    some[3, 0] = torch.nan
    (found, *_), (fewer, *_) = (
        calibrations(each, labels[:, :4], TASKS) for each in (outputs, some)
    )
    (without, *_) = calibrations(outputs[:3], labels[:3], TASKS)
    assert fewer == without != found
    assert calibrations(torch.full((4, 6), torch.nan), labels, TASKS)[0] is None


def test_an_unknown_rule_is_refused_even_without_classes():
    number = Tasks.plain([Task(name="size", kind=Kind.REGRESSION)])
    with pytest.raises(CoterieError, match="`rule` must be one of 'balanced accuracy'"):
        calibrations(torch.zeros(2, 1), torch.zeros(2, 1), number, "best")
