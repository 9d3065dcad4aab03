"""Ordinal tasks.

Cumulative logits by hand, the kappa against scikit-learn, classes in their order.
"""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import accuracy_score, cohen_kappa_score, log_loss, mean_absolute_error

from coterie.data.columns import TargetColumn
from coterie.data.encoding import encode_column
from coterie.data.targets import Labels, measure
from coterie.errors import CoterieError
from coterie.evaluation import all_metrics
from coterie.tasks import Kind, Task, Tasks, confidence, example_losses

ORDINAL = Kind.ORDINAL
THREE = Task(name="grade", kind=ORDINAL, classes=("low", "mid", "high"))


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_three_classes_by_hand():
    first, gap = 0.4, -1.3
    second = first - math.log1p(math.exp(gap))
    by_hand = [1 - sigmoid(first), sigmoid(first) - sigmoid(second), sigmoid(second)]
    outputs = torch.tensor([[first, gap]]).expand(3, 2)
    labels = torch.tensor([[0.0], [1.0], [2.0]])
    torch.testing.assert_close(ORDINAL.probabilities(outputs[0]), torch.tensor(by_hand))
    losses = example_losses(outputs, labels, Tasks.plain([THREE]))
    torch.testing.assert_close(losses[:, 0], -torch.tensor(by_hand).log())
    torch.testing.assert_close(confidence(outputs, labels, THREE)[:, 0], torch.tensor(by_hand))
    torch.testing.assert_close(
        ORDINAL.inverse_link(outputs)[0], torch.tensor([sigmoid(first), sigmoid(second)])
    )


def test_two_classes_are_a_logit():
    two = Tasks.plain([Task(name="a", kind=ORDINAL, classes=("no", "yes"))])
    binary = Tasks.plain([Task(name="a", kind=Kind.BINARY)])
    outputs, targets = torch.linspace(-4, 4, 9)[:, None], (torch.arange(9) % 2).float()[:, None]
    torch.testing.assert_close(
        example_losses(outputs, targets, two), example_losses(outputs, targets, binary)
    )


def test_probabilities_are_a_distribution_whatever_the_outputs():
    for scale in (1.0, 30.0, 1000.0):
        outputs = scale * torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
        found = ORDINAL.probabilities(outputs)
        assert found.shape == (200, 5)
        torch.testing.assert_close(found.sum(1), torch.ones(200), rtol=1e-5, atol=1e-5)


def test_the_best_constant_is_the_frequencies_and_its_loss_their_entropy():
    shares = torch.tensor([0.5, 0.1, 0.25, 0.15])
    labels = torch.repeat_interleave(torch.arange(4), (shares * 100).round().long()).float()
    outputs = ORDINAL.constant(labels, 4, 1.0)
    torch.testing.assert_close(ORDINAL.probabilities(outputs), shares)
    tasks, _ = measure(
        Labels(
            tasks=(
                Task(name="o", kind=ORDINAL, classes=tuple("abcd")),
                Task(name="r", kind=Kind.REGRESSION),
            ),
            values=np.stack([labels.numpy(), np.arange(100.0)], axis=1),
        ),
        np.arange(100),
    )
    assert tasks.loss_scale[0].item() == pytest.approx(
        -(shares * shares.log()).sum().item(), rel=1e-5
    )
    absent = ORDINAL.constant(torch.tensor([0.0, 0, 2]), 3, 1.0)
    torch.testing.assert_close(
        ORDINAL.probabilities(absent), torch.tensor([2 / 3, 0, 1 / 3]), rtol=0, atol=1e-5
    )


def test_metrics_agree_with_scikit_learn():
    tasks = Tasks.plain([Task(name="o", kind=ORDINAL, classes=tuple("abcde"))])
    g = torch.Generator().manual_seed(0)
    outputs, targets = (
        2 * torch.randn(300, 4, generator=g),
        torch.randint(5, (300, 1), generator=g).float(),
    )
    targets[::7] = torch.nan
    seen = ~targets[:, 0].isnan()
    said, true = ORDINAL.probabilities(outputs)[seen].argmax(1).numpy(), targets[seen, 0].numpy()
    kappa = cohen_kappa_score(true, said, weights="quadratic")
    rows = {row["metric"]: row["value"] for row in all_metrics(outputs, targets, tasks)}
    assert next(iter(rows)) == "quadratic-weighted kappa"
    expected = {
        "quadratic-weighted kappa": kappa,
        "accuracy": accuracy_score(true, said),
        "MAE": mean_absolute_error(true, said),
        "log loss": log_loss(true, ORDINAL.probabilities(outputs.double())[seen].numpy()),
    }
    assert {name: rows[name] for name in expected} == pytest.approx(expected, rel=1e-6)


def test_classes_keep_the_order_that_is_declared():
    sizes = pd.Categorical(
        ["mid", "low", None, "mid"], categories=["low", "mid", "high"], ordered=True
    )
    task, codes = encode_column(pd.Series(sizes, name="size"), ORDINAL)
    assert task.classes == ("low", "mid", "high")
    np.testing.assert_array_equal(codes, [1, 0, np.nan, 1])
    task, codes = encode_column(pd.Series([10, 9, 30, 9], name="stars"), ORDINAL)
    assert (task.classes, codes.tolist()) == (("9", "10", "30"), [1, 0, 2, 0])


def test_text_without_an_order_is_refused():
    with pytest.raises(
        CoterieError, match=r"'size' must hold numbers; .*'low' in row 0.*ordered categories"
    ):
        ORDINAL.read(TargetColumn(pd.Series(["low", "high", "mid"], name="size")))
    with pytest.raises(CoterieError, match="`positive` names a class of 'y', which has 3 classes"):
        encode_column(pd.Series([1, 2, 3], name="y"), ORDINAL, "1")
