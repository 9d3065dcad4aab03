"""Another training part: what is measured anew, and what stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.data import load
from coterie.data.targets import Labels, measure
from coterie.data.training_part import with_training
from coterie.errors import CoterieError


def mixed():
    """A binary task with a positive in five, a regression and classes, some labels missing."""
    rng = np.random.default_rng(0)
    n = 200
    numbers = rng.normal(5, 3, n)
    numbers[::7] = np.nan
    targets = {
        "a": (np.arange(n) % 5 == 0).astype(int),
        "b": numbers,
        "c": np.array(["x", "y", "z"])[rng.integers(0, 3, n)],
    }
    return load({"inputs": rng.normal(size=(n, 3)), "targets": targets})


def test_balance_and_shares_are_those_of_the_new_part_and_units_those_of_the_old():
    data = mixed()
    train = data.split.train
    labels = data.targets[train]
    few = torch.cat([train[labels[:, 0] == 1][:5], train[labels[:, 0] == 0][:10]])
    new = with_training(data, data.inputs[few], data.targets[few], data.ids[few.numpy()])
    assert new.tasks.pos_weight[0] == 2
    share = (~data.targets[few, 1].isnan()).float().mean()
    assert new.tasks.observed_share.tolist() == pytest.approx([1, share.item(), 1])
    assert torch.equal(new.tasks.mean, data.tasks.mean)
    assert new.tasks.loss_scale[0] != data.tasks.loss_scale[0]
    # In their own units, numbers are what they were.
    np.testing.assert_allclose(
        new.in_units(new.split.train)[:, 1], data.in_units(few)[:, 1], rtol=1e-6
    )
    np.testing.assert_array_equal(new.in_units(new.split.test), data.in_units(data.split.test))


def test_a_task_without_a_label_is_named():
    data = mixed()
    some = data.split.train[:20]
    targets = data.targets[some].clone()
    targets[:, 1] = torch.nan
    with pytest.raises(CoterieError, match="Task 'b' would have no label"):
        with_training(data, data.inputs[some], targets, data.ids[some.numpy()])


def test_inputs_of_another_shape_are_refused():
    data = mixed()
    with pytest.raises(CoterieError, match=r"`inputs` must hold inputs of shape \(3,\)"):
        with_training(data, torch.zeros(2, 4), data.targets[:2], np.arange(2))


def test_ids_of_another_type_become_texts():
    data = mixed()
    few = data.split.train[:20]
    new = with_training(
        data, data.inputs[few], data.targets[few], np.array([f"made {i}" for i in range(20)])
    )
    assert new.ids[0] == "made 0"
    assert new.ids[20] == str(data.ids[data.split.validation[0]])


@given(st.integers(0, 999), st.integers(20, 100))
@settings(deadline=None, max_examples=20)
def test_a_part_of_the_data_is_what_loading_it_alone_would_measure(seed, n):
    """But for units, which stay."""
    data = mixed()
    chosen = np.random.default_rng(seed).permutation(len(data.split.train))[:n]
    part = data.with_train(data.split.train[torch.from_numpy(chosen)])
    labels = Labels(tasks=data.tasks.items, values=data.in_units(torch.arange(200)).numpy())
    alone, _ = measure(labels, part.split.train.numpy())
    for name in ("pos_weight", "observed_share"):
        torch.testing.assert_close(getattr(part.tasks, name), getattr(alone, name))
    assert part.tasks.priors == alone.priors
    torch.testing.assert_close(part.tasks.loss_scale[[0, 2]], alone.loss_scale[[0, 2]])
    with pytest.raises(CoterieError, match="`resplit`"):
        part.resplit(1)


def test_weights_of_positives_stay_out_where_they_were():
    data = mixed()
    plain = replace(data, tasks=replace(data.tasks, pos_weight=torch.ones(3)))
    assert (plain.with_train(data.split.train[:30]).tasks.pos_weight == 1).all()
    assert data.with_train(data.split.train[:30]).tasks.pos_weight[0] > 1


def test_the_same_training_part_changes_nothing():
    data = mixed()
    same = data.with_train(data.split.train.flip(0))
    assert same.fingerprint() == data.fingerprint()
