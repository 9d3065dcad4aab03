"""Settings that cannot work are refused before anything runs."""

from __future__ import annotations

import pytest

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
