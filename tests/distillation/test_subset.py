"""A smaller training part, and all else as it was."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import coterie as ct
from coterie.distillation import codes_of, teacher_scores
from coterie.errors import CoterieError
from tests.affinities.moments import KINDS, table

SMALL = {
    "epochs": 2,
    "batch_size": 32,
    "lr": 0.02,
    "device": "cpu",
    "model_options": {"hidden": (8,)},
}
RULES = ("stratified", "random", "median", "top", "low", "data_map")


@pytest.fixture(scope="module")
def digits():
    return ct.load("digits")


@pytest.fixture(scope="module")
def teacher(digits):
    return ct.fit("mlp", digits, record=True, **SMALL)


def kept(data):
    return data.split.train.tolist()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("n", [1077, 203, 60])
def test_every_rule_keeps_as_many_training_examples_and_all_else(digits, teacher, rule, n):
    teaching = {"teacher": teacher, "data_map": teacher.data_map}
    small = ct.subset(digits, n, rule=rule, **teaching)
    assert len(set(kept(small))) == n
    assert set(kept(small)) < set(kept(digits))
    for part in ("validation", "test"):
        assert torch.equal(getattr(small.split, part), getattr(digits.split, part))
    assert small.inputs is digits.inputs
    assert small.targets is digits.targets
    assert small.schema.difference(digits.schema) == ""
    assert small.notes[-1] == f"{n} of 1078 training examples are kept, by the rule {rule!r}."
    assert kept(ct.subset(digits, n, rule=rule, **teaching)) == kept(small)


@pytest.mark.parametrize("rule", ["stratified", "random"])
def test_the_seed_draws(digits, rule):
    one, other = (ct.subset(digits, 50, rule=rule, seed=seed) for seed in (0, 1))
    assert kept(one) != kept(other)


def test_a_stratified_part_has_the_shares_of_classes_to_a_label(digits):
    small, codes = ct.subset(digits, 100), codes_of(digits)
    rows = np.isin(digits.split.train, small.split.train)
    shares = codes.mean(0), codes[rows].mean(0)
    by_chance = np.sqrt(shares[0] * (1 - shares[0]) / 100)
    assert (np.abs(shares[0] - shares[1]) < by_chance).mean() > 0.8
    assert np.abs(shares[0][:10] - shares[1][:10]).max() < 0.025  # one-vs-rest of 10 digits


def test_top_takes_the_certain_and_low_the_doubtful_of_every_cell(digits, teacher):
    scores = dict(
        zip(kept(digits), teacher_scores(teacher, digits, digits.split.train), strict=True)
    )
    low, median, top = (
        np.mean([scores[p] for p in kept(ct.subset(digits, 100, rule=rule, teacher=teacher))])
        for rule in ("low", "median", "top")
    )
    assert low < median < top
    everything = np.sort(list(scores.values()))
    assert abs(median - np.median(everything)) < 0.3 * everything.std()


def test_statistics_are_those_of_the_part_that_is_left():
    data = table(400, kinds=KINDS, missing=0.3)
    small = ct.subset(data, 60)
    targets = small.targets[small.split.train]
    binary = targets[:, 0][~targets[:, 0].isnan()]
    assert small.tasks.pos_weight[0] == pytest.approx(
        float((binary == 0).sum() / (binary == 1).sum())
    )
    np.testing.assert_allclose(small.tasks.observed_share, (~targets.isnan()).float().mean(0))
    assert small.tasks.priors[0] == pytest.approx([1 - binary.mean().item(), binary.mean().item()])
    assert torch.equal(small.tasks.mean, data.tasks.mean)
    assert torch.equal(small.tasks.std, data.tasks.std)
    assert not torch.equal(small.tasks.loss_scale, data.tasks.loss_scale)


def test_it_trains_and_predicts_beside_models_of_all_the_data(digits):
    small = ct.subset(digits, 100)
    joint = ct.fit("mlp", small, **SMALL)
    assert joint.cost["model_steps"] == 2 * 4  # of at most 32 examples
    assert ct.predict(joint.stack, digits, digits.split.test).shape == (1, 359, 14)


def test_another_split_has_a_part_of_its_own(digits):
    small = ct.subset(digits, 80)
    again = small.resplit(7)
    whole = digits.resplit(7)
    assert len(kept(again)) == 80
    assert set(kept(again)) < set(kept(whole))
    assert torch.equal(again.split.test, whole.split.test)


def test_another_split_is_refused_where_the_teacher_has_seen_its_test_part(digits, teacher):
    with pytest.raises(CoterieError, match="`resplit`"):
        ct.subset(digits, 80, rule="median", teacher=teacher).resplit(7)


def test_disjoint_parts_are_kept_apart(digits):
    with pytest.raises(CoterieError, match=r"examples of another part; \d+ is in test"):
        digits.with_train(torch.cat([digits.split.train[:9], digits.split.test[:1]]))
    with pytest.raises(CoterieError, match="an example twice"):
        digits.with_train(digits.split.train[[0, 0, 1]])


def test_a_task_that_would_lose_a_class_is_named(digits):
    positions = digits.split.train
    no_zero = positions[digits.targets[positions, 0] == 0]
    with pytest.raises(CoterieError, match="Task 'digit 0' would have one label only"):
        digits.with_train(no_zero)
    unlabelled = digits.targets.clone()
    unlabelled[positions[:200], 3] = torch.nan
    with pytest.raises(CoterieError, match="Task 'digit 3' would have no label in the training"):
        replace(digits, targets=unlabelled).with_train(positions[:200])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rule": "best"}, "`rule` must be one of .*'stratified'"),
        ({"rule": "median"}, "`rule` 'median' needs `teacher`"),
        ({"rule": "data_map"}, "`rule` 'data_map' needs `data_map`"),
        ({"n": 1079}, "`n` must be .*1078"),
        ({"n": 0}, "`n`"),
        ({"n": 2, "rule": "random"}, "one label only in the training part: take more"),
        ({"teacher": 3, "rule": "top"}, "`teacher`"),
    ],
)
def test_what_cannot_be_kept_is_refused(digits, arguments, message):
    with pytest.raises(CoterieError, match=message):
        ct.subset(digits, **{"n": 100, **arguments})


@pytest.fixture(scope="module")
def disjoint():
    """Ten tasks, each with examples of its own, of which a fifth is positive."""
    targets = np.full((2000, 10), np.nan)
    targets[np.arange(2000), np.arange(2000) % 10] = np.arange(2000) // 10 % 5 == 0
    inputs = np.random.default_rng(0).normal(size=(2000, 3))
    return ct.load({"inputs": inputs, "targets": targets}, split=(0.4, 0.3, 0.3))


@given(st.integers(0, 10**6), st.integers(40, 120))
@settings(deadline=None, max_examples=20)
def test_tasks_with_examples_of_their_own_all_keep_both_labels(disjoint, seed, n):
    """Drawn from all, some would lose their few positives."""
    small = ct.subset(disjoint, n, seed=seed)
    labels = small.targets[small.split.train]
    for column in labels.T:
        assert set(column[~column.isnan()].tolist()) == {0, 1}
