"""Wide: as large as K models, whatever the encoder can be widened by."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import coterie as ct
from coterie.errors import CoterieError
from coterie.evaluation import RIVALS
from coterie.fitting import architecture_of
from coterie.methods import Given
from coterie.models import Architecture
from coterie.models.width import resized
from tests.evaluation.rivals.units import SMALL, halves, table, trained

WIDE = RIVALS["wide"]


def no_width(input_shape, scale=1.0):
    return nn.Sequential(nn.Linear(input_shape[0], 4), nn.ReLU())


def named_width(input_shape, width=4):
    return nn.Sequential(nn.Linear(input_shape[0], int(width)), nn.ReLU())


def test_an_encoder_without_such_an_option_is_left_out_and_why():
    data = table()
    told = WIDE.suits(data, model=no_width, settings=SMALL | {"model_options": {}}, baselines=())
    assert told is not None
    assert told.startswith("wide is left out: `model` ")
    assert "no option `width` or `hidden`" in told
    assert WIDE.suits(data, model=named_width, settings={}, baselines=()) is None
    with pytest.raises(CoterieError, match="no option `width` or `hidden`"):
        resized(Architecture(no_width, (5,), 4), 2)


def test_it_is_one_joint_fit_of_the_wider_network(tmp_path):
    case, trainings = trained(table())
    found = WIDE.train(case, trainings, seed=0)
    options = resized(Architecture("mlp", (5,), 4, SMALL["model_options"]), 2)
    same = ct.fit("mlp", case.data, seed=0, **SMALL | {"model_options": options})
    test = case.data.split.test
    torch.testing.assert_close(
        found.outputs(test), ct.predict(same.stack, case.data, test)[0], atol=1e-5, rtol=1e-4
    )
    assert found.cost["models"] == 1
    assert found.cost["model_steps"] == same.cost["model_steps"]
    assert found.cost["parameters"] == pytest.approx(
        trainings.cost(trainings.groups)["parameters"], rel=0.15
    )
    found.model().save(tmp_path / "model.safetensors")
    model = ct.GroupedModel.load(tmp_path / "model.safetensors")
    with torch.no_grad():
        torch.testing.assert_close(model(case.data.inputs[test]), found.outputs(test))


def test_beside_one_group_it_is_the_joint_model():
    case, trainings = trained(table(), n_groups=1)
    found = WIDE.train(case, trainings, seed=0)
    test = case.data.split.test
    (joint,) = trainings.predict([trainings.joint], test)
    torch.testing.assert_close(found.outputs(test), joint, atol=1e-5, rtol=1e-4)
    assert found.cost == trainings.cost(trainings.joint)


@pytest.mark.parametrize("sizes", [[0.5, 0.5], [0.5, 1.5]])
def test_wide_is_as_large_as_networks_of_several_sizes_together(sizes):
    data = table()
    case, trainings = trained(data, method=Given(replace(halves(data), network_sizes=sizes)))
    assert trainings.n_networks == sum(sizes)
    found = WIDE.train(case, trainings, seed=0)
    expected = sum(sizes) * architecture_of("mlp", data, case.settings).n_parameters
    assert found.cost["parameters"] == pytest.approx(expected, rel=0.15)
