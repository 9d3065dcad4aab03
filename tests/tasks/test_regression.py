"""Regression tasks by hand."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from coterie.data.columns import TargetColumn
from coterie.data.targets import Labels, measure
from coterie.errors import CoterieError
from coterie.metrics import METRICS
from coterie.tasks import Kind, Task, confidence

REGRESSION = Kind.REGRESSION


def test_from_units_to_units():
    values = np.array([[10.0], [20.0], [60.0], [np.nan]])
    tasks, targets = measure(
        Labels(tasks=(Task(name="a", kind=REGRESSION),), values=values), np.arange(4)
    )
    mean, std = 30.0, math.sqrt((400 + 100 + 900) / 3)
    assert (tasks.mean.item(), tasks.std.item()) == (pytest.approx(mean), pytest.approx(std))
    torch.testing.assert_close(
        targets[:3, 0].double() * std + mean,
        torch.tensor([10.0, 20, 60]).double(),
        rtol=1e-6,
        atol=1e-5,
    )
    found = REGRESSION.predict(torch.tensor([[2.0]]), tasks, 0)
    assert (found.item(), found.dtype) == (pytest.approx(mean + 2 * std), torch.float64)


def test_loss_and_confidence_are_those_of_the_standardised_residual():
    task = Task(name="a", kind=REGRESSION)
    assert confidence(torch.tensor([[3.0]]), torch.tensor([[1.0]]), task).item() == pytest.approx(
        math.exp(-2)
    )
    assert REGRESSION.loss(torch.tensor([[3.0]]), torch.tensor([[1.0]]), None).item() == 4


def test_rmse_is_in_units():
    values = np.array([[0.0], [100.0]])
    tasks, targets = measure(
        Labels(tasks=(Task(name="a", kind=REGRESSION),), values=values), np.arange(2)
    )
    for name, expected in (("RMSE", 50.0), ("MAE", 50.0), ("R2", 0.0)):
        found = METRICS[name].values(torch.zeros(1, 2, 1), targets[:, 0], tasks, 0)
        assert found.item() == pytest.approx(expected)


def test_what_is_no_number_is_refused():
    for cells, message in (
        ([1, "x", 3, 4], "found the text 'x' in row 1"),
        ([1.0, np.inf], "infinite value in row 1"),
    ):
        with pytest.raises(CoterieError, match=message):
            REGRESSION.read(TargetColumn(pd.Series(cells, name="y")))
    assert not REGRESSION.fits(("a", "b"))
