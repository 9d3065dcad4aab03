"""Log loss and Brier score of calibrated probabilities against scikit-learn; skill by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from coterie.metrics import METRICS
from coterie.tasks import Task, Tasks, statistic

COLOUR = Tasks.plain([Task(name="colour", kind="multiclass", classes=("r", "g", "b"))])


def value(name, outputs, labels, tasks):
    return METRICS[name].values(outputs[None], labels, tasks, 0).item()


def test_of_several_classes_they_are_scikit_learns():
    g = torch.Generator().manual_seed(0)
    outputs, labels = torch.randn(80, 3, generator=g), torch.randint(3, (80,), generator=g)
    shares, truth = outputs.double().softmax(1).numpy(), labels.numpy()
    found = value("log loss", outputs, labels.float(), COLOUR)
    assert found == pytest.approx(sk.log_loss(truth, shares), rel=1e-6)
    brier = ((shares - np.eye(3)[truth]) ** 2).sum(1).mean()
    assert value("Brier score", outputs, labels.float(), COLOUR) == pytest.approx(brier, rel=1e-6)
    priors = np.bincount(truth) / 80
    entropy = -(priors * np.log(priors)).sum()
    assert value("log-loss skill", outputs, labels.float(), COLOUR) == pytest.approx(
        1 - found / entropy
    )


def test_the_balance_of_a_training_is_taken_back():
    """A model that knows the share of positives only has no skill, whatever the weight of these."""
    labels = torch.tensor([1.0, 0.0, 0.0, 0.0])
    for weight in (1.0, 3.0):
        tasks = replace(
            Tasks.plain([Task(name="a", kind="binary")]),
            pos_weight=statistic("pos_weight", [weight]),
            priors=((0.75, 0.25),),
        )
        constant = tasks[0].kind.constant(labels, 2, weight).expand(4, 1)
        assert value("log-loss skill", constant, labels, tasks) == pytest.approx(0, abs=1e-6)
        entropy = -0.25 * math.log(0.25) - 0.75 * math.log(0.75)
        assert value("log loss", constant, labels, tasks) == pytest.approx(entropy, rel=1e-6)
        # Of two classes it is twice the squared error of the positive's probability.
        assert value("Brier score", constant, labels, tasks) == pytest.approx(2 * 0.25 * 0.75)


def test_skill_is_over_the_frequencies_in_training_where_they_are_known():
    outputs, labels = torch.zeros(2, 3), torch.tensor([0.0, 1.0])
    tasks = replace(COLOUR, priors=((0.9, 0.05, 0.05),))
    constant = -(math.log(0.9) + math.log(0.05)) / 2
    assert value("log-loss skill", outputs, labels, tasks) == pytest.approx(
        1 - math.log(3) / constant
    )
    # A class that training never had is a surprise, not an infinite one.
    absent = replace(COLOUR, priors=((0.9, 0.1, 0.0),))
    assert 0 < value("log-loss skill", outputs, torch.tensor([2.0, 2.0]), absent) < 1


def test_large_logits_and_nan():
    labels = torch.tensor([0.0, 1.0])
    sure = torch.tensor([[300.0, 0.0, 0.0], [300.0, 0.0, 0.0]])
    assert value("log loss", sure, labels, COLOUR) == pytest.approx(150)
    assert value("Brier score", sure, labels, COLOUR) == pytest.approx(1)
    sure[0, 0] = math.nan
    for name in ("log loss", "Brier score", "log-loss skill"):
        assert math.isnan(value(name, sure, labels, COLOUR))
