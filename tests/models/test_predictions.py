"""The table of predictions: what stands in it where a model has no answer."""

import math

import numpy as np
import pyarrow as pa
import pytest
import torch

from coterie.metrics.calibration import Calibration
from coterie.models.predictions import described, prediction_table
from coterie.tasks import Kind, Task, Tasks

TASKS = Tasks.plain(
    [
        Task(name="yes", kind=Kind.BINARY),
        Task(name="colour", kind=Kind.MULTICLASS, classes=("red", "green", "blue")),
        Task(name="size", kind=Kind.REGRESSION),
    ]
)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nan_is_null_and_no_class(dtype):
    rows = [
        [0.25, 0.5, 0.125, 0.375, 7.0],
        [math.nan, math.nan, math.nan, math.nan, math.nan],
        [0.75, 0.125, math.nan, 0.5, 8.0],
    ]
    table = prediction_table(np.arange(3), torch.tensor(rows, dtype=dtype), TASKS)
    assert table.to_pydict() == {
        "id": [0, 1, 2],
        "yes": [0.25, None, 0.75],
        "colour": ["red", None, None],
        "colour probability": [0.5, None, None],
        "size": [7.0, None, 8.0],
    }
    types = {field.name: field.type for field in table.schema}
    assert (types["yes"], types["colour"], types["colour probability"]) == (
        pa.float32(),
        pa.string(),
        pa.float32(),
    )


def test_values_keep_every_digit():
    values = torch.tensor([[0.5, 1.0, 0.0, 0.0, 1e6 + 1 / 3]], dtype=torch.float64)
    assert prediction_table(np.arange(1), values, TASKS)["size"].to_pylist() == [1e6 + 1 / 3]


def test_thresholds_and_calibration_are_described():
    calibration = (Calibration(threshold=0.3, rule="prevalence"), Calibration(), None)
    found, without = described(TASKS, calibration), described(TASKS)
    assert found["yes"]["threshold"] == 0.3
    assert found["yes"]["threshold rule"] == "the share of positives among validation examples"
    calibrated = {name: each.get("calibrated on validation") for name, each in found.items()}
    assert calibrated == {"yes": True, "colour": True, "size": None}
    assert "threshold" not in found["colour"]
    assert without["yes"]["calibrated on validation"] is False
    assert "threshold" not in without["yes"]
