"""How long steps are, what scores them, and that every moment counts alike."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from coterie.affinities import AuxiliaryGain, Lookahead, TransferGain
from coterie.affinities._stepping import normalised
from coterie.data import Batches
from coterie.errors import CoterieError
from tests.affinities.moments import KINDS, ByHand, measured, moment_of, smooth, table

PROBES = [
    Lookahead,
    TransferGain,
    lambda **s: TransferGain(pairs="first-order", **s),
    AuxiliaryGain,
]
RAW = {"normalise": False}


def validation(data):
    positions = data.split.validation
    return next(Batches(data, positions, batch_size=len(positions), seed=0).ordered())


def test_equals_the_definition_written_out_on_the_validation_part():
    moment = moment_of(table(), lr=0.3)
    hand, scored = ByHand(moment), validation(moment.data)
    expected = np.empty((3, 3))
    for source in range(3):
        shared = 0.5 * hand.step(source, moment.batch)[0]
        expected[source] = (1 - hand.losses(scored, (shared, 0, 0)) / hand.losses(scored)) / 0.3
    found = measured(Lookahead(step=0.5, batch_size=1000, normalise=False), moment)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-5)
    off = np.where(np.eye(3, dtype=bool), np.nan, expected)
    np.testing.assert_allclose(
        measured(Lookahead(step=0.5, batch_size=1000), moment),
        expected / np.sqrt(np.nanmean(off**2, axis=0)),
        rtol=2e-3,
        atol=1e-4,
    )


def test_short_steps_tell_the_slope_and_long_ones_the_curvature():
    """L(A - s u) = L - s a + s^2 b in each target, whose a and b steps of three lengths tell."""
    moment = moment_of(table(), lr=4.0)
    hand, scored = ByHand(moment), validation(moment.data)
    half, whole, short = (
        measured(Lookahead(step=s, batch_size=1000, **RAW), moment) for s in (0.5, 1, 0.01)
    )
    slope = 4 * half - whole
    np.testing.assert_allclose(short / 0.01, slope, rtol=0.05, atol=0.02)
    x = scored.inputs.double().numpy()
    moved = [x @ hand.step(i, moment.batch)[0].T @ hand.C.T for i in range(3)]
    curved = np.mean(np.square(moved), axis=1) / hand.losses(scored) / moment.learning_rate
    np.testing.assert_allclose(slope - whole, curved, rtol=0.02, atol=0.01)
    # Curvature never helps: what a long step harms is not what a short one does.
    assert (curved > 0).all()
    assert (np.sign(whole) != np.sign(short)).any()


@pytest.mark.parametrize("make", PROBES)
def test_the_length_of_steps_alone_is_only_a_scale_once_they_are_short(make):
    moment = moment_of(table(200, kinds=KINDS), smooth, batch_size=60, warm=3, lr=1e-2)
    one, other = (measured(make(step=s, **RAW), moment) for s in (0.2, 0.1))
    np.testing.assert_allclose(one, 2 * other, rtol=0.1, atol=0.05 * np.abs(one).max())
    assert np.abs(one).max() > 0


@pytest.mark.parametrize("make", PROBES)
def test_the_part_that_scores_is_the_one_asked_for(make):
    part = {}
    for name in ("train", "validation"):
        data = table(kinds=KINDS)
        before = measured(make(scored_on=name), moment_of(data, smooth))
        data.targets[data.split.validation] = data.targets[data.split.validation].flip(0)
        part[name] = before, measured(make(scored_on=name), moment_of(data, smooth))
    np.testing.assert_array_equal(*part["train"])
    assert not np.allclose(*part["validation"])


@given(st.integers(0, 2**32 - 1))
def test_normalised_values_have_length_one_and_keep_their_signs(seed):
    rng = np.random.default_rng(seed)
    gains = torch.from_numpy(rng.normal(size=(4, 4)) * 10.0 ** rng.integers(-9, 9, 4))
    gains[0, 1] = torch.nan
    found = normalised(gains)
    off = found.masked_fill(torch.eye(4, dtype=torch.bool), torch.nan)
    np.testing.assert_allclose(off.square().nanmean(0), np.ones(4))
    assert torch.equal(found.sign().nan_to_num(), gains.sign().nan_to_num())
    scales = torch.from_numpy(10.0 ** rng.integers(-3, 3, 4))
    np.testing.assert_allclose(normalised(gains * scales), found)


def test_nothing_gained_stays_nothing():
    assert torch.equal(normalised(torch.zeros(3, 3)), torch.zeros(3, 3))
    assert normalised(torch.full((3, 3), torch.nan)).isnan().all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"step": 0}, "`step` must be"),
        ({"step": "own"}, "`step` must be"),
        ({"scored_on": "test"}, "`scored_on` must be one of 'validation', 'train'; found 'test'"),
        ({"until": 3}, "`until` must be one of 'best', 'last'; found 3"),
    ],
)
@pytest.mark.parametrize("make", PROBES)
def test_settings_that_cannot_work_are_named(make, wrong, message):
    with pytest.raises(CoterieError, match=message):
        make(**wrong)


def test_what_overflowed_has_no_part_in_the_unit_of_the_rest():
    gains = torch.tensor([[0.0, torch.inf], [-torch.inf, 0.0], [0.2, 3.0]])
    gains = torch.nn.functional.pad(gains, (0, 1))
    found = normalised(gains)
    assert found[1, 0].isnan()
    assert found[0, 1].isnan()
    torch.testing.assert_close(found[2, :2], torch.tensor([1.0, 1.0]))
