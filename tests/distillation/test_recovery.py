"""Settings that cannot work are refused before anything runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.distillation import Recovery
from coterie.errors import CoterieError


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"bn_weight": -0.1}, "`bn_weight` must be a number of at least 0"),
        ({"first_bn": float("nan")}, "`first_bn`"),
        ({"crop": "batch"}, "`crop` must be one of 'image', 'shared'; found 'batch'"),
        ({"batch_size": 0}, "`batch_size` must be at least 1"),
        ({"legacy": ["adam", "jpeg"]}, "`legacy` must be one of 'adam', 'batches'; found 'jpeg'"),
        ({"legacy": "adam"}, "`legacy` must be a list"),
        ({"seed": -1}, "`seed` must be a whole number"),
        ({"device": "tpu"}, "`device` must be"),
        ({"precision": "fp16"}, "`precision` must be one of"),
        ({"iterations": 10, "round_iterations": 3}, "must divide"),
        ({"iterations": 11}, "`iterations` must be a multiple of a number from 2 to 8"),
        ({"iterations": -1}, "`iterations` must be a whole number of at least 0"),
    ],
)
def test_settings_are_checked(changed, message):
    with pytest.raises(CoterieError, match=message):
        Recovery(**changed)


def test_the_schedule_has_the_settings():
    schedule = Recovery(iterations=6, round_iterations=2, lr=0.1, restart=True).schedule(5)
    assert (schedule.per_class, schedule.n_rounds, schedule.lr, schedule.restart) == (
        5,
        3,
        0.1,
        True,
    )


@given(st.integers(0, 5000))
def test_a_round_is_an_eighth_or_as_near_as_divides(iterations):
    """The most rounds there can be up to eight; none that would be all at once unasked."""
    divisors = [n for n in range(1, 9) if n <= max(1, iterations) and iterations % n == 0]
    if divisors[-1] == 1 < iterations:
        with pytest.raises(CoterieError, match="`round_iterations` given"):
            Recovery(iterations=iterations)
    else:
        schedule = Recovery(iterations=iterations).schedule(3)
        assert schedule.n_rounds == (divisors[-1] if iterations else 1)
