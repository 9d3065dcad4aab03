"""Accuracies, F1 and kappa against scikit-learn and by hand; what a prediction of NaN is."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from coterie.metrics import METRICS
from coterie.tasks import Task, Tasks

YES = Tasks.plain([Task(name="yes", kind="binary")])
COLOUR = Tasks.plain([Task(name="colour", kind="multiclass", classes=tuple("rgby"))])
GRADE = Tasks.plain([Task(name="grade", kind="ordinal", classes=("low", "mid", "high"))])


def value(name, outputs, labels, tasks=YES):
    outputs = torch.as_tensor(outputs, dtype=torch.float32)
    outputs = outputs[:, None] if outputs.dim() == 1 else outputs
    return METRICS[name].values(outputs[None], torch.tensor(labels), tasks, 0).item()


def test_balanced_accuracy_counts_each_class_alike():
    logits, labels = [1.0, -1.0, -1.0, -1.0, 1.0, -1.0], [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    assert value("balanced accuracy", logits, labels) == pytest.approx((0.5 + 0.75) / 2)
    assert value("accuracy", logits, labels) == pytest.approx(4 / 6)
    assert value("F1", logits, labels) == pytest.approx(1 / 2)
    assert value("balanced accuracy", logits[:2], labels[:2]) == 0.5  # one class alone
    assert math.isnan(value("F1", logits[2:], labels[2:]))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=25))
def test_of_several_classes_they_are_scikit_learns(cells):
    truth, said = np.array(cells).T
    outputs, labels = np.eye(4)[said], truth.astype(np.float32)
    assert value("accuracy", outputs, labels, COLOUR) == pytest.approx(np.mean(truth == said))
    shares = sk.recall_score(truth, said, labels=np.unique(truth), average="macro")
    assert value("balanced accuracy", outputs, labels, COLOUR) == pytest.approx(shares)


@pytest.mark.parametrize("column", range(4))
def test_nan_is_wrong_whatever_the_label(column):
    outputs = torch.eye(4)
    outputs[0, column] = math.nan
    assert value("accuracy", outputs, [0.0, 1.0, 2.0, 3.0], COLOUR) == 0.75
    for label in (0.0, 1.0):
        assert value("accuracy", [math.nan, 1.0], [label, 1.0]) == 0.5
    labels = [1.0, 1.0, 0.0]
    assert value("F1", [1.0, 1.0, math.nan], labels) == value("F1", [1.0, 1.0, 1.0], labels)
    assert value("F1", [1.0, math.nan, -1.0], labels) == value("F1", [1.0, -1.0, -1.0], labels)


def test_a_far_miss_is_worse_than_a_near_one_and_one_class_throughout_is_undefined():
    low, mid, high = [-20.0, 0.0], [20.0, 20.0], [20.0, -20.0]
    labels = [0.0, 1.0, 2.0, 0.0]
    kappa = lambda *said: value("quadratic-weighted kappa", list(said), labels, GRADE)  # noqa: E731
    right, near, far = (kappa(low, mid, high, last) for last in (low, mid, high))
    assert right == 1 > near > far
    assert far == pytest.approx(
        sk.cohen_kappa_score([0, 1, 2, 0], [0, 1, 2, 2], weights="quadratic")
    )
    assert kappa(mid, mid, mid, mid) == pytest.approx(0)
    assert math.isnan(value("quadratic-weighted kappa", [low] * 4, [0.0] * 4, GRADE))
    assert math.isnan(kappa(low, mid, high, [math.nan, 0.0]))
