"""Kinds, codes and statistics of targets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.data.encoding import long_form
from coterie.data.targets import Labels, measure, rare_tasks
from coterie.errors import CoterieError
from coterie.tasks import Kind, Task

cells = st.one_of(st.just(np.nan), st.sampled_from([0.0, 1.0]))
number = st.one_of(st.just(np.nan), st.integers(-1000, 1000).map(float))


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(cells, number), max_size=40))
def test_statistics_ignore_missing_cells_and_other_parts(rows: list[tuple[float, float]]) -> None:
    train = np.array([(0.0, -3.0), (1.0, 5.0), (np.nan, np.nan), *rows])
    values = np.concatenate([train, [[1.0, 1e6], [0.0, np.nan]]])
    kinds = (
        Task(name="b", kind=Kind.BINARY, classes=("0", "1")),
        Task(name="r", kind=Kind.REGRESSION),
    )
    tasks, targets = measure(Labels(tasks=kinds, values=values), np.arange(len(train)))
    binary, regression = (column[~np.isnan(column)] for column in train.T)
    assert tasks.pos_weight[0].item() == pytest.approx((binary == 0).sum() / (binary == 1).sum())
    assert tasks.mean.tolist() == pytest.approx([0, regression.mean()])
    assert tasks.std.tolist() == pytest.approx([1, regression.std()])
    assert tasks.observed_share.tolist() == pytest.approx(
        [len(binary) / len(train), len(regression) / len(train)]
    )
    assert (targets.isnan().numpy() == np.isnan(values)).all()
    assert tasks.loss_scale[0].item() == pytest.approx(
        2 * (binary == 0).mean() * np.log(2), rel=1e-4
    )
    assert tasks.loss_scale[1].item() == pytest.approx(1, rel=1e-4)


def test_the_scale_of_classes_is_their_entropy_and_own_losses_are_not_balanced() -> None:
    kinds = (
        Task(name="c", kind=Kind.MULTICLASS, classes=("a", "b", "c")),
        Task(
            name="o",
            kind=Kind.BINARY,
            classes=("0", "1"),
            loss=lambda z, y: (z[..., 0].sigmoid() - y).square(),
        ),
    )
    values = np.array([[0, 0], [0, 0], [1, 0], [2, 1]], dtype=float)
    tasks, _ = measure(Labels(tasks=kinds, values=values), np.arange(4))
    assert tasks.loss_scale.tolist() == pytest.approx([1.5 * np.log(2), 0.1875], rel=1e-5)
    assert tasks.pos_weight.tolist() == [1, 1]


def test_balance_off_and_one_kind_leave_losses_alone() -> None:
    values = np.array([[0.0], [0.0], [1.0]])
    tasks, _ = measure(
        Labels(tasks=(Task(name="b", kind=Kind.BINARY),), values=values),
        np.arange(3),
        balance=False,
    )
    assert (tasks.pos_weight.item(), tasks.loss_scale.item()) == (1, 1)


def test_tasks_without_information_in_train_are_named() -> None:
    kinds = (Task(name="r", kind=Kind.REGRESSION),)
    with pytest.raises(CoterieError, match="'r' has no label in the training part"):
        measure(Labels(tasks=kinds, values=np.array([[np.nan], [1.0]])), np.array([0]))
    with pytest.raises(CoterieError, match="'r' is constant in the training part"):
        measure(Labels(tasks=kinds, values=np.array([[2.0], [2.0], [1.0]])), np.array([0, 1]))


def test_rare_tasks_are_described() -> None:
    values = np.stack(
        [np.arange(60) % 2, np.arange(60) < 3, np.where(np.arange(60) < 40, np.nan, 1.5)], axis=1
    ).astype(float)
    kinds = (*(Task(name=n, kind=Kind.BINARY) for n in "ab"), Task(name="r", kind=Kind.REGRESSION))
    problems = rare_tasks(Labels(tasks=kinds, values=values), np.repeat([0, 1, 2], 20))
    assert problems == ["", "3 positives in train", "0 labels in train"]


def test_tasks_must_have_plain_names() -> None:
    with pytest.raises(CoterieError, match="`task_column` 'who' holds lists or structures"):
        long_form(pd.Series([0, 1], name="y"), pd.Series([[1], [2]], name="who"))
