"""Other families: fitted by their name, on the data of the unit, with its seed."""

from __future__ import annotations

import pytest
import torch

import coterie as ct
from coterie import families
from coterie.evaluation import RIVALS
from tests.evaluation.rivals.units import table, trained

NAMES = ("linear", "forest", "boosting")


@pytest.mark.parametrize("name", NAMES)
def test_a_family_is_fitted_by_its_name_and_predicts_at_positions(name, tmp_path):
    case, trainings = trained(data := table())
    made = RIVALS[name].train(case, trainings, seed=3)
    expected = families.fit(name, data, seed=3)
    test = data.split.test
    outputs = made.outputs(test)
    assert outputs.shape == (len(test), data.tasks.n_outputs)
    assert torch.equal(outputs, expected.outputs(data, test))
    made.model().save(file := tmp_path / "model.safetensors")
    assert torch.equal(families.load_model(file).outputs(data, test), outputs)
    assert made.history is None
    assert made.cost == {
        "models": expected.n_models,
        "parameters": expected.parameters,
        "model_steps": 0,
        "seconds": pytest.approx(made.model().seconds),
    }


@pytest.mark.parametrize("name", NAMES)
def test_they_are_for_tables(name):
    given = {"model": "cnn", "settings": {}, "baselines": ()}
    assert RIVALS[name].suits(table(), **given) is None
    told = RIVALS[name].suits(ct.load("digits", limit=700), **given)
    assert told.startswith(f"{name} is left out: ")
