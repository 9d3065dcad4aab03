"""Planted groups are there, and worth what is said of them."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import coterie as ct
from coterie.errors import CoterieError
from coterie.results import Affinity
from coterie.statistics import nadeau_bengio
from coterie.testing import REGIMES, planted

MEASURED = Path(__file__).parents[3] / "benchmarks" / "results" / "planted.json"
UNGROUPED = ("no structure", "unequal difficulty")
OF_INPUTS = tuple(each for each in REGIMES if each not in {*UNGROUPED, "flipped labels"})


@pytest.mark.parametrize("regime", REGIMES)
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(regime):
    one, again, other = planted(regime, 1), planted(regime, 1), planted(regime, 2)
    assert one.data.fingerprint() == again.data.fingerprint() != other.data.fingerprint()
    assert one.data.tasks.names == ("a1", "a2", "a3", "b1", "b2", "b3", "c1", "c2", "c3")


def test_regimes_differ_in_their_inputs_too():
    inputs = [planted(regime).data.inputs[:100] for regime in REGIMES]
    assert not any(
        torch.equal(one, other)
        for i, one in enumerate(inputs)
        for other in inputs[:i]
        if one.shape == other.shape
    )


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize(("n_groups", "per_group"), [(2, 4), (1, 2), (3, 1)])
def test_numbers_of_groups_and_tasks_are_as_asked_for(regime, n_groups, per_group):
    found = planted(regime, n_groups=n_groups, per_group=per_group)
    assert len(found.data.tasks) == n_groups * per_group
    assert found.data.tasks.names[:per_group] == tuple(f"a{t + 1}" for t in range(per_group))
    assert found.grouping.weights().shape == (n_groups, n_groups * per_group)
    if regime != "overlapping groups":
        assert [len(group) for group in found.groups] == [per_group] * n_groups


@pytest.mark.parametrize("regime", REGIMES)
def test_every_task_has_both_answers_in_every_part(regime):
    found = planted(regime, 3).data
    for part in (found.split.train, found.split.validation, found.split.test):
        share = found.targets[part].nanmean(0)
        assert ((share > 0.1) & (share < 0.9)).all()


def test_disjoint_examples_have_one_label_each():
    found = planted("disjoint examples", n_groups=2, per_group=2)
    assert (~found.data.targets.isnan()).sum(1).tolist() == [1] * len(found.data)


def test_few_labels_train_and_choose_and_all_of_them_judge():
    data = planted("few labels", 2).data
    for part, n_labels in (
        (data.split.train, 40),
        (data.split.validation, 20),
        (data.split.test, 800),
    ):
        labels = data.targets[part]
        assert (~labels.isnan()).sum(0).tolist() == [n_labels] * 9
        assert (part is data.split.test) or labels.nansum(0).tolist() == [n_labels / 2] * 9


def test_unequal_tasks_differ_within_every_group_by_as_much():
    targets = planted("unequal tasks", 4).data.targets.numpy()
    labelled = np.sort((~np.isnan(targets)).mean(0).reshape(3, 3), axis=1)
    assert np.abs(labelled - [0.4, 0.7, 1.0]).max() < 0.05
    assert np.nanmean(targets, axis=0).reshape(3, 3).std(1).min() > 0.03


def test_the_last_task_of_a_group_is_in_the_next_one_too():
    grouping = planted("overlapping groups").grouping
    assert grouping.weights().tolist() == [
        [1, 1, 1, 0, 0, 0, 0, 0, 1],
        [0, 0, 1, 1, 1, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 1, 1, 1, 1],
    ]
    assert grouping.membership[2].tolist() == [0.5, 0.5, 0]
    assert grouping.membership[4].tolist() == [0, 1, 0]


def test_flipped_labels_are_of_real_digits_whose_pixels_are_in_another_order():
    pixels, _ = load_digits(return_X_y=True)
    seen = planted("flipped labels", 5).data.inputs.flatten(1).numpy() * 16
    assert np.allclose(np.sort(seen, axis=1), np.sort(pixels, axis=1))
    assert not np.isclose(seen, pixels).all(1).any()


def sides(targets):
    """Targets (N, T) as -1 and 1, and 0 where they are missing."""
    return np.nan_to_num(2 * targets - 1)


def readings(inputs, targets):
    """Which directions of the inputs tell of a task, (T, F, F), whatever its sign.

    From first and second moments of the inputs with the labels.
    """
    y = sides(targets) / np.abs(sides(targets)).sum(0)
    y = y - y.mean(0) * (y != 0)
    first = inputs.T @ y
    second = np.einsum("nf,ng,nt->tfg", inputs, inputs, y)
    outer = np.einsum("ft,gt->tfg", first, first) + second @ second
    return outer / np.linalg.norm(outer, axis=(1, 2), keepdims=True)


def alignment(found):
    """How much two tasks read the same directions, (T, T)."""
    test = found.data.split.test if found.regime == "few labels" else slice(None)
    read = readings(found.data.inputs[test].numpy(), found.data.targets[test].numpy())
    return np.einsum("ifg,jfg->ij", read, read)


def recovered(found, affinity):
    """Whether groups of that affinity are the true ones, over the tasks in one of them only."""
    names = found.data.tasks.names
    alone = found.grouping.membership.max(1) == 1
    kept = tuple(name for name, is_alone in zip(names, alone, strict=True) if is_alone)
    source = Affinity(tasks=kept, matrix=affinity[np.ix_(alone, alone)], method="oracle")
    labels = ct.group(source, found.grouping.n_groups, method="hierarchical").labels
    true = found.grouping.labels[alone]
    return np.array_equal(labels[:, None] == labels, true[:, None] == true)


@pytest.mark.parametrize("regime", OF_INPUTS)
def test_the_directions_that_tasks_read_tell_their_groups(regime):
    tables = [planted(regime, seed) for seed in range(5)]
    assert sum(recovered(table, alignment(table)) for table in tables) >= 4


@pytest.mark.parametrize("seed", range(3))
def test_flips_of_a_group_cancel(seed):
    found, digit = planted("flipped labels", seed), load_digits(return_X_y=True)[1]
    y = sides(found.data.targets.numpy())
    # Two tasks of a group agree or differ on a digit whatever the context.
    by_digit = [
        np.abs(y[digit == each].T @ y[digit == each]) / (digit == each).sum() for each in range(10)
    ]
    assert recovered(found, np.mean(by_digit, axis=0))
    for group in range(3):
        tasks = range(3 * group, 3 * group + 3)
        assert all(np.mean(by_digit, axis=0)[i, j] == 1 for i, j in combinations(tasks, 2))


@pytest.mark.parametrize("regime", UNGROUPED)
def test_without_structure_tasks_of_a_group_read_no_more_alike_than_others(regime):
    found = [planted(regime, seed) for seed in range(12)]
    same = found[0].grouping.labels[:, None] == found[0].grouping.labels
    off = ~np.eye(9, dtype=bool)
    aligned = [alignment(each) for each in found]
    above = [each[same & off].mean() - each[~same].mean() for each in aligned]
    interval = nadeau_bengio(np.array(above)[:, None])
    assert interval.low[0] < 0 < interval.high[0]


def test_difficulty_is_unequal_only_where_it_is_said_to_be():
    def explained(regime):
        """Squared correlation of each label with its best linear function, (T,)."""
        found = planted(regime, 1).data
        x, y = found.inputs.numpy(), sides(found.targets.numpy())
        return 1 - np.var(y - x @ np.linalg.lstsq(x, y, rcond=None)[0], axis=0) / np.var(y, axis=0)

    assert np.ptp(explained("unequal difficulty")) > 0.4
    assert np.ptp(explained("no structure")) < 0.4


def test_gains_are_those_that_were_measured():
    measured = json.loads(MEASURED.read_text())
    assert set(measured["gains"]) == set(REGIMES)
    for regime in REGIMES:
        found = planted(regime)
        assert {name: vars(gain) for name, gain in found.gain.items()} == measured["gains"][regime]
        assert found.headroom == measured["headroom"][regime]["bound"]
        assert json.loads(json.dumps(dict(found.settings))) == measured["settings"][regime]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"regime": "chaos"}, "`regime` must be one of 'agreeing heads'"),
        ({"n_groups": 0}, "`n_groups`"),
        ({"seed": -1}, "`seed`"),
    ],
)
def test_what_cannot_be_planted_is_refused(arguments, message):
    with pytest.raises(CoterieError, match=message):
        planted(**{"regime": "no structure", **arguments})


def gains(regime, seeds):
    """True groups against random ones and against the joint model, (tables, 2), in points."""
    found = []
    for seed in seeds:
        table = planted(regime, seed)
        true, n_tasks = table.grouping.weights(), len(table.data.tasks)
        mixed = true[:, np.random.default_rng(seed).permutation(n_tasks)]
        rows = np.concatenate([true, mixed, np.ones((1, n_tasks))])
        scores = ct.fit("mlp", table.data, rows, init="shared", seed=seed, **table.settings).scores
        served = [np.nanmax(part, axis=0).mean() for part in (scores[:3], scores[3:6], scores[6:])]
        found.append([served[0] - served[1], served[0] - served[2]])
    return 100 * np.array(found)


@pytest.mark.slow
@pytest.mark.parametrize("regime", ["agreeing heads", "conflicting heads"])
def test_true_groups_beat_random_ones_and_joint(regime):
    interval = nadeau_bengio(gains(regime, range(100, 110)))
    assert (interval.low > 0).all()


@pytest.mark.slow
def test_shared_functions_of_disjoint_examples_beat_random_groups():
    assert nadeau_bengio(gains("disjoint examples", range(100, 108))).low[0] > 0


@pytest.mark.slow
@pytest.mark.parametrize("regime", UNGROUPED)
def test_without_structure_no_grouping_pays(regime):
    interval = nadeau_bengio(gains(regime, range(100, 110)))
    assert (interval.low <= 0).all()
    assert (interval.high < 0.6).all()
