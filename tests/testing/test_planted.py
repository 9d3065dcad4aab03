"""Planted groups are worth what is said of them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import coterie as ct
from coterie.errors import CoterieError
from coterie.statistics import nadeau_bengio
from coterie.testing import REGIMES, planted

MEASURED = Path(__file__).parents[2] / "benchmarks" / "results" / "planted.json"


@pytest.mark.parametrize("regime", REGIMES)
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(regime):
    one, again, other = planted(regime, 1), planted(regime, 1), planted(regime, 2)
    assert one.data.fingerprint() == again.data.fingerprint() != other.data.fingerprint()
    assert (
        one.groups == again.groups == (("a1", "a2", "a3"), ("b1", "b2", "b3"), ("c1", "c2", "c3"))
    )


def test_regimes_differ_in_their_inputs_too():
    inputs = [planted(regime).data.inputs[:100] for regime in REGIMES]
    assert not any(torch.equal(one, other) for i, one in enumerate(inputs) for other in inputs[:i])


def test_disjoint_examples_have_one_label_each_and_tasks_of_a_group_one_function():
    found = planted("disjoint examples", n_groups=2, per_group=2)
    assert (~found.data.targets.isnan()).sum(1).tolist() == [1] * len(found.data)
    whole = planted("agreeing heads").data.targets
    assert not whole.isnan().any()


def test_numbers_of_groups_and_tasks_are_as_asked_for():
    found = planted("no structure", n_groups=2, per_group=4)
    assert found.groups == (("a1", "a2", "a3", "a4"), ("b1", "b2", "b3", "b4"))
    assert found.data.tasks.names == sum(found.groups, ())
    assert found.grouping.weights().sum(1).tolist() == [4, 4]


def test_gains_are_those_that_were_measured():
    measured = json.loads(MEASURED.read_text())
    for regime in REGIMES:
        found = planted(regime)
        assert {name: vars(gain) for name, gain in found.gain.items()} == measured["gains"][regime]
        assert json.loads(json.dumps(found.settings)) == measured["settings"][regime]


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
def test_without_structure_no_grouping_pays():
    interval = nadeau_bengio(gains("no structure", range(100, 110)))
    assert (interval.low <= 0).all()
    assert (interval.high < 0.6).all()
