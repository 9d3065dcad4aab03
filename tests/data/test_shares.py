"""A share of the labels: nested, of every task, whole groups, and never of the test part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import coterie as ct
from coterie.data import Dataset
from coterie.data.shares import kept_share
from coterie.data.targets import Labels
from coterie.errors import CoterieError
from coterie.tasks import Task

SHARES = (0.05, 0.1, 0.2, 0.5, 1.0)


def labels(values: np.ndarray, kind: str = "binary") -> Labels:
    tasks = tuple(Task(name=f"t{i}", kind=kind) for i in range(values.shape[1]))
    return Labels(tasks=tasks, values=values.astype(np.float64))


def kept(of: Labels, share: float, seed: int = 0, groups: np.ndarray | None = None) -> np.ndarray:
    return kept_share(of, share, np.random.default_rng(seed), groups)


def table(n: int = 400, seed: int = 0, **more: object) -> Dataset:
    rng = np.random.default_rng(seed)
    x = rng.normal(3.0, 2.0, size=(n, 3)).astype(np.float32)
    noisy = x + rng.normal(size=(n, 3))
    y = np.stack([noisy[:, 0] > 3, noisy[:, 1] > 5], axis=1).astype(float)
    return ct.load({"inputs": x, "targets": y}, names=["even", "rare"], **more)


@given(
    values=st.integers(2, 5).flatmap(
        lambda n_tasks: st.lists(
            st.tuples(*[st.sampled_from([0.0, 1.0, np.nan])] * n_tasks), min_size=1, max_size=60
        )
    ),
    seed=st.integers(0, 20),
    n_groups=st.none() | st.integers(1, 10),
)
@settings(max_examples=150, deadline=None)
def test_shares_are_nested_keep_every_class_and_whole_groups(
    values: list[tuple[float, ...]], seed: int, n_groups: int | None
) -> None:
    of = labels(np.array(values))
    groups = None if n_groups is None else np.arange(len(values)) * 7 % n_groups
    before = np.zeros(len(values), dtype=bool)
    for share in SHARES:
        now = kept(of, share, seed, groups)
        assert (now | ~before).all()
        for column in of.values.T:
            known = column[~np.isnan(column)]
            assert set(column[now][~np.isnan(column[now])]) == set(known)
        if groups is not None:
            assert not set(groups[now]) & set(groups[~now])
        before = now
    assert before.all()


@given(seed=st.integers(0, 50), share=st.sampled_from(SHARES[:-1]))
def test_tasks_of_their_own_examples_each_keep_their_share(seed: int, share: float) -> None:
    owner = np.repeat([0, 1, 2], [200, 100, 40])
    values = np.where(owner[:, None] == np.arange(3), np.arange(340)[:, None] % 4 == 0, np.nan)
    now = kept(labels(values), share, seed)
    for task, column in enumerate(values.T):
        for value in (0, 1):
            here = column == value
            assert abs(now[here].sum() - share * here.sum()) <= 1, (task, value)


@given(seed=st.integers(0, 50))
def test_halves_of_numbers_keep_their_share(seed: int) -> None:
    values = np.random.default_rng(seed).exponential(size=(200, 1))
    now, above = kept(labels(values, "regression"), 0.1, seed), values[:, 0] > np.median(values)
    assert abs(now[above].sum() - 10) <= 1
    assert abs(now[~above].sum() - 10) <= 1


def test_two_numbers_stay_even_if_most_are_the_largest() -> None:
    values = np.array([[5.0]] * 30 + [[1.0]])
    assert kept(labels(values, "regression"), 0.05)[-1]
    assert set(values[kept(labels(values, "regression"), 0.05), 0]) == {1.0, 5.0}


def test_other_seeds_keep_other_labels_of_every_example_as_often() -> None:
    of = labels(np.random.default_rng(0).integers(0, 2, size=(200, 4)))
    often = np.mean([kept(of, 0.2, seed) for seed in range(400)], axis=0)
    # Binomial, three in a thousand beyond 3 s.d.
    assert (np.abs(often - 0.2) > 3 * np.sqrt(0.16 / 400)).mean() < 0.05
    assert often.mean() == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("share", SHARES[:-1])
def test_the_test_part_is_untouched_and_all_else_measured_on_what_is_left(share: float) -> None:
    data = table()
    few = data.with_share(share)
    assert torch.equal(few.split.test, data.split.test)
    assert set(few.split.train.tolist()) < set(data.split.train.tolist())
    assert set(few.split.validation.tolist()) < set(data.split.validation.tolist())
    for part in ("train", "validation"):
        all_of_it = len(getattr(data.split, part))
        # At most one example of each class more.
        assert 0 <= len(getattr(few.split, part)) - share * all_of_it + 2 <= 6
    assert few.tasks.names == data.tasks.names
    positives = few.targets[few.split.train].mean(0)
    assert few.tasks.pos_weight.tolist() == pytest.approx(((1 - positives) / positives).tolist())
    assert few.fingerprint() != data.fingerprint()
    assert any(note.startswith(f"{100 * share:g} % of the labels") for note in few.notes)


def test_preprocessing_is_fitted_on_what_is_left() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=200), "y": np.arange(200) % 2})
    few = ct.load(frame, targets=["y"]).with_share(0.1)
    [column] = few.preprocessing.numeric
    assert column.mean == pytest.approx(frame["x"].iloc[few.split.train.numpy()].mean())


def test_all_labels_are_the_data_themselves() -> None:
    data = table()
    assert data.with_share(1).fingerprint() == data.fingerprint()
    assert data.with_share(0.1).with_share(1).fingerprint() == data.fingerprint()


def test_a_resplit_of_a_share_is_a_share_of_the_resplit() -> None:
    data = table()
    few = data.with_share(0.2, seed=3)
    assert few.resplit(5).fingerprint() == data.resplit(5).with_share(0.2, seed=3).fingerprint()
    assert torch.equal(few.resplit(5).split.test, data.resplit(5).split.test)


def test_a_metric_stays_with_a_share() -> None:
    few = table().with_metric("F1").with_share(0.2)
    assert [task.metric for task in few.tasks] == ["F1", "F1"]


def test_groups_of_rows_stay_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=600),
            "who": np.arange(600) // 6,
            "y": rng.integers(0, 2, size=600),
        }
    )
    data = ct.load(frame, targets=["y"], group_column="who")
    few = data.with_share(0.1)
    at = few.split.train.numpy()
    assert (np.unique(np.arange(600)[at] // 6, return_counts=True)[1] == 6).all()


def test_a_given_split_has_shares_too() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=200), "y": np.arange(200) % 2})
    frame["fold"] = np.repeat(["train", "validation", "test"], [120, 40, 40])
    few = ct.load(frame, targets=["y"], split_column="fold").with_share(0.1)
    assert repr(few.split) == "Split(12 train, 4 validation, 40 test)"
    assert few.rebuild is None


@pytest.mark.parametrize("wrong", [0, -0.1, 1.1, float("nan"), True, "half", None])
def test_what_is_no_share_is_refused(wrong: object) -> None:
    with pytest.raises(CoterieError, match="`share` must lie above 0 and be at most 1"):
        table().with_share(wrong)  # pyright: ignore[reportArgumentType]


def test_data_that_load_did_not_make_have_none() -> None:
    data = table()
    made = Dataset(**{**vars(data), "fewer": None})
    with pytest.raises(CoterieError, match="made by load"):
        made.with_share(0.5)
