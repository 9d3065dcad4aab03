"""How far a comparison is, told as it goes."""

from __future__ import annotations

import re

import pytest

import coterie as ct
from tests.evaluation.rivals.units import SMALL, halves, table

FEW = {**SMALL, "epochs": 2, "repeats": 1, "draws": 1}


@pytest.fixture(scope="module")
def told():
    data, said = table(), []
    methods = {"halves": halves(data), "dmtg": ct.Learn(ct.DifferentiableGrouping(2))}
    ct.compare(
        "mlp",
        data,
        methods,
        seeds=2,
        rivals=["tuned", "forest"],
        progress=lambda *each: said.append(each),
        **FEW,
    )
    return said


def test_it_is_said_what_is_trained_and_which_part_of_all_it_is(told):
    parts = [
        "joint (1 of 6)",
        "finding groups, halves (2 of 6)",
        "finding groups, dmtg (3 of 6)",
        r"\d+ models of grouped, single, random, ensemble (4 of 6)",
        "tuned (5 of 6)",
        "forest (6 of 6)",
    ]
    wanted = [
        f"split 0, seed {seed} ({seed + 1} of 2): {part}".replace("(", r"\(").replace(")", r"\)")
        for seed in (0, 1)
        for part in parts
    ]
    found = list(dict.fromkeys(text.rpartition(": ")[0] for _, _, text in told))
    assert len(found) == len(wanted)
    for pattern, text in zip(wanted, found, strict=True):
        assert re.fullmatch(pattern, text), text
    # What trains a network tells its epochs; what only begins is told too.
    assert {text.partition("seed 0 (1 of 2): ")[2] for _, _, text in told} >= {
        "joint (1 of 6): epoch 2 of 2",
        "finding groups, dmtg (3 of 6): epoch 1 of 2",
        "tuned (5 of 6): epoch 2 of 2",
        "forest (6 of 6): begins",
    }


def test_a_person_sees_it_advance(told):
    shares = [done / steps for done, steps, _ in told]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert all(isinstance(done, int) and isinstance(steps, int) for done, steps, _ in told)
    # Of two seeds of six parts each the last one, a forest that tells nothing but its beginning.
    assert shares[-1] == pytest.approx(11 / 12)


def test_one_unit_is_not_counted_and_a_finished_one_not_trained(tmp_path):
    data = table()
    settings = {"run": tmp_path / "run", "rivals": "none", "baselines": (), **FEW}
    first, again = [], []
    for said in (first, again):
        ct.compare(
            "mlp",
            data,
            halves(data),
            seeds=1,
            progress=lambda *each, said=said: said.append(each[2]),
            **settings,
        )
    assert first[0] == "split 0, seed 0: joint (1 of 3): begins"
    assert again == []
