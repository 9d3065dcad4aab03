"""What a fit gives."""

import numpy as np
import pytest
import torch

import coterie as ct

SETTINGS = {"epochs": 1, "strategy": "loop", "model_options": {"hidden": (8,)}}


@pytest.fixture(scope="module")
def data() -> ct.Dataset:
    return ct.load("digits", targets=["even", "closed loop", "random"])


@pytest.fixture(scope="module")
def groups(data: ct.Dataset) -> ct.Grouping:
    return ct.Grouping(
        tasks=data.tasks.names,
        membership=np.array([[1.0, 0.0], [0.0, 1.0], [0.25, 0.75]]),
        method="by hand",
    )


def test_models_of_groups_predict_as_the_shares_of_their_rows(
    data: ct.Dataset, groups: ct.Grouping
) -> None:
    models = ct.fit("mlp", data, groups.weights(), **SETTINGS)
    inputs = data.inputs[data.split.test]
    logits = models.stack(data.preprocessing.normalise(inputs)).detach()
    expected = torch.einsum("tk,knt->nt", torch.from_numpy(groups.membership).float(), logits)
    with torch.no_grad():
        assert torch.allclose(models.grouped(groups)(inputs), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tasks": ("even", "loop", "random")}, "must be of the tasks of the fit"),
        ({"membership": np.ones((3, 1))}, "a group for each of 2 models; found 1"),
        ({"network_sizes": [1.0, 0.5]}, "networks of several sizes, and a fit is of one"),
    ],
)
def test_groups_of_others_are_refused(
    data: ct.Dataset, groups: ct.Grouping, change: dict, message: str
) -> None:
    models = ct.fit("mlp", data, groups.weights(), **SETTINGS)
    made = {"tasks": groups.tasks, "membership": groups.membership, "method": "by hand"} | change
    with pytest.raises(ct.CoterieError, match=message):
        models.grouped(ct.Grouping(**made))
    with pytest.raises(ct.CoterieError, match="the fit learnt none"):
        models.grouped()


def test_a_learnt_grouping_is_that_of_the_fit(data: ct.Dataset) -> None:
    search = ct.fit("mlp", data, ct.DifferentiableGrouping(2), **SETTINGS)
    assert torch.equal(search.grouped().membership, search.grouped(search.grouping).membership)


def test_a_fit_that_recorded_stands_for_its_map(data: ct.Dataset) -> None:
    joint = ct.fit("mlp", data, record=True, **SETTINGS)
    assert ct.group(joint, 2).groups == ct.group(joint.data_map, 2).groups
    with pytest.raises(ct.CoterieError, match="recorded no data map: fit with record=True"):
        ct.group(ct.fit("mlp", data, **SETTINGS), 2)
