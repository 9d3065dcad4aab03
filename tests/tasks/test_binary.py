"""Binary tasks by hand."""

import math

import pandas as pd
import pytest
import torch

from coterie.data.columns import TargetColumn
from coterie.errors import CoterieError
from coterie.tasks import Kind, Task, Tasks, example_losses, statistic
from coterie.tasks.binary import positive_last

BINARY = Kind.BINARY


def test_positives_weigh_more():
    tasks = Tasks.plain([Task(name="a", kind=BINARY), Task(name="b", kind=BINARY)])
    tasks = Tasks(**{**vars(tasks), "pos_weight": statistic("pos_weight", [3.0, 1.0])})
    z = 1.5
    found = example_losses(torch.full((2, 2), z), torch.tensor([[1.0, 1.0], [0.0, 0.0]]), tasks)
    yes, no = math.log1p(math.exp(-z)), math.log1p(math.exp(z))
    torch.testing.assert_close(found, torch.tensor([[3 * yes, yes], [no, no]]))


def test_predictions_take_the_balance_back():
    tasks = Tasks.plain([Task(name="a", kind=BINARY)])
    tasks = Tasks(**{**vars(tasks), "pos_weight": statistic("pos_weight", [4.0])})
    # The balanced logit of a share of 1 / 5 is 0.
    assert BINARY.predict(torch.zeros(1, 1), tasks, 0).item() == pytest.approx(0.2)
    assert BINARY.constant(torch.tensor([1.0, 0, 0, 0, 0]), 2, 4.0).item() == pytest.approx(
        0.0, abs=1e-6
    )


def test_each_class_must_be_there_five_times():
    values = torch.tensor([[0, 1, 1, 1, torch.nan, torch.nan]]).T.numpy()
    assert [(what, counts.tolist(), least) for what, counts, least in BINARY.scarce(values)] == [
        ("positives", [3], 5),
        ("negatives", [1], 5),
    ]


@pytest.mark.parametrize(
    ("classes", "positive", "declared", "last"),
    [
        (["active", "inactive"], None, False, False),
        (["active", "inactive"], None, True, True),
        (["active", "inactive"], "inactive", False, True),
        (["a", "not a"], None, False, False),
        (["never", "none"], None, False, True),
        (["0", "1"], None, False, True),
    ],
)
def test_the_positive_class_comes_last(classes, positive, declared, last):
    assert positive_last("y", classes, positive, declared=declared) is last


def test_three_values_are_refused_and_declared_classes_need_not_all_be_seen():
    with pytest.raises(CoterieError, match="'y' has 3 distinct values; a binary target has two"):
        BINARY.read(TargetColumn(pd.Series([1, 2, 3], name="y")))
    cells = pd.Categorical(["lo", "hi", None], categories=["lo", "mid", "hi"], ordered=True)
    classes, values = BINARY.read(TargetColumn(pd.Series(cells, name="y")))
    assert classes == ("lo", "hi")
    assert values[:2].tolist() == [0, 1]
