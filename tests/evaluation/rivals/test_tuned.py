"""Tuned: copies of the joint model that go on from where it was kept."""

import numpy as np
import pytest
import torch

import coterie as ct
from coterie.evaluation import RIVALS
from coterie.evaluation.rivals import tuned
from tests.evaluation.rivals.units import SMALL, mixed_kinds, table, trained

TUNED = RIVALS["tuned"]


@pytest.mark.parametrize("data", [table(), table(disjoint=True), mixed_kinds()], ids=str)
def test_each_task_has_a_copy_trained_on_by_its_own_loss(data):
    case, trainings = trained(data)
    found = TUNED.train(case, trainings, seed=0)
    settings = SMALL | {"lr": SMALL["lr"] / 10}
    test = data.split.test
    expected = torch.empty(len(test), data.tasks.n_outputs)
    for task, columns in enumerate(data.tasks.columns):
        alone = ct.fit(
            "mlp", data, np.eye(len(data.tasks))[[task]], start=case.joint.stack, seed=0, **settings
        )
        expected[:, columns] = ct.predict(alone.stack, data, test)[0][:, columns]
    torch.testing.assert_close(found.outputs(test), expected, atol=1e-4, rtol=1e-3)
    joint = trainings.cost(trainings.joint)
    assert found.cost["models"] == len(data.tasks)
    assert found.cost["model_steps"] > joint["model_steps"]
    assert found.history is not None
    assert found.history.train_loss.shape[1:] == (len(data.tasks), len(data.tasks))


def test_copies_begin_as_the_joint_model(monkeypatch):
    monkeypatch.setattr(tuned, "LR_SHARE", 1e-12)
    case, trainings = trained(table(), epochs=1, optimiser="sgd")
    found = TUNED.train(case, trainings, seed=0)
    # In evaluation mode BatchNorm has gone on averaging: only what learns is the same.
    joint = dict(case.joint.stack.model(0).named_parameters())
    for member in found.model().members:
        for name, parameter in member.named_parameters():
            torch.testing.assert_close(parameter, joint[name], atol=1e-6, rtol=1e-5)
