"""Kinds whose labels are classes."""

import numpy as np
import pandas as pd
import torch

from coterie.data.columns import TargetColumn
from coterie.tasks import Kind, Task
from coterie.tasks._classes import read_classes


def test_gaps_are_no_class():
    classes, codes = read_classes(TargetColumn(pd.Series(["b", None, "a"], name="y")))
    assert classes == ("a", "b")
    np.testing.assert_array_equal(codes, [1, np.nan, 0])


def test_the_likeliest_class_and_how_likely_it_is():
    task = Task(name="y", kind="multiclass", classes=("a", "b", "c"))
    values = torch.tensor([[0.25, 0.5, 0.25], [torch.nan, 0.5, 0.5]])
    said, share = Kind.MULTICLASS.columns(values, task)
    assert (said.to_pylist(), share.to_pylist()) == (["b", None], [0.5, None])
    assert Kind.MULTICLASS.meanings(task)[2] == {"meaning": "probability", "class": "c"}
    assert not Kind.ORDINAL.fits(("a",))
