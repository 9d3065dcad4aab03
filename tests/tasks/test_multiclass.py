"""Multi-class tasks by hand."""

import math

import pandas as pd
import pytest
import torch

from coterie.data.columns import TargetColumn
from coterie.tasks import Kind, Task, Tasks, example_losses

MULTICLASS = Kind.MULTICLASS


def test_the_loss_is_the_cross_entropy_of_the_own_columns():
    tasks = Tasks.plain(
        [
            Task(name="a", kind=MULTICLASS, classes=("x", "y")),
            Task(name="b", kind=MULTICLASS, classes=("x", "y", "z")),
        ]
    )
    outputs = torch.tensor([[0.0, math.log(3), 0.0, math.log(2), math.log(5)]])
    found = example_losses(outputs, torch.tensor([[1.0, 2.0]]), tasks)
    torch.testing.assert_close(found, -torch.tensor([[3 / 4, 5 / 8]]).log())


def test_the_best_constant_is_the_frequencies_and_absent_classes_are_unlikely():
    outputs = MULTICLASS.constant(torch.tensor([0.0, 0, 2, 2, 2, 0, 0, 2]), 3, 1.0)
    torch.testing.assert_close(outputs.softmax(0), torch.tensor([0.5, 0.0, 0.5]))


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        (["a", "b", "c"], True),
        ([1, 2, 3], True),
        ([1.0, 2.0, None], True),
        ([1, 2.5, 3], False),
        (range(21), False),
        (pd.Categorical([1.5, 2.5, 3.5]), True),
        ([1, 2, 3, 4, "x"], False),
    ],
)
def test_what_looks_like_classes(values, answer):
    assert MULTICLASS.recognises(TargetColumn(pd.Series(values, name="y"))) == answer


def test_a_margin_is_the_logit_of_the_true_class():
    outputs = torch.randn(6, 1, 4, generator=torch.Generator().manual_seed(0)).double()
    labels = torch.tensor([[0.0], [1], [2], [3], [0], [1]])
    margin = MULTICLASS.margin.of(outputs, labels)
    p = outputs.softmax(-1).gather(-1, labels.long().unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(margin.sigmoid(), p)
    loss, slope, curvature = MULTICLASS.margin.expansion(margin, labels)
    torch.testing.assert_close(loss, -p.log())
    torch.testing.assert_close(slope, p - 1)
    torch.testing.assert_close(curvature, p * (1 - p))


def test_a_change_of_the_margin_is_one_of_the_outputs():
    g = torch.Generator().manual_seed(0)
    outputs, change = torch.randn(6, 4, generator=g).double(), torch.randn(5, 6, generator=g)
    labels = torch.tensor([0.0, 1, 2, 3, 0, 1])
    found = MULTICLASS.margin.changed(outputs, labels, change.double())
    assert found.shape == (5, 6, 4)
    for one, by in zip(found, change, strict=True):
        margins = (MULTICLASS.margin.of(each[:, None], labels[:, None]) for each in (one, outputs))
        torch.testing.assert_close(next(margins), next(margins) + by[:, None].double())
