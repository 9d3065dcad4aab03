"""Other families: what is asked of them, and what they are told to be."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch

from coterie.evaluation import RIVALS
from tests.evaluation.rivals.units import table, trained


@pytest.mark.parametrize("name", ["linear", "forest", "boosting"])
def test_a_family_is_fitted_by_its_name_and_predicts_at_positions(name, monkeypatch):
    asked = []
    data = table()
    found = SimpleNamespace(
        outputs=lambda data, positions: 2 * data.inputs[positions, :4],
        n_models=4,
        parameters=12,
        seconds=0.25,
        save=lambda path: path,
    )

    def fit(family, data, *, seed):
        asked.append((family, data, seed))
        return found

    fake = SimpleNamespace(fit=fit, suits=lambda family, _: f"{family} is left out: why.")
    monkeypatch.setitem(sys.modules, "coterie.families", fake)
    case, trainings = trained(data)
    rival = RIVALS[name]
    assert rival.suits(data, model="mlp", settings={}, baselines=()) == f"{name} is left out: why."
    made = rival.train(case, trainings, seed=3)
    assert asked == [(name, data, 3)]
    test = data.split.test
    assert torch.equal(made.outputs(test), 2 * data.inputs[test, :4])
    assert made.model() is found
    assert made.cost == {"models": 4, "parameters": 12, "model_steps": 0.0, "seconds": 0.25}
