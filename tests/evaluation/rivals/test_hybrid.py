"""Hybrid: joint unless another model leads it by more than a standard error."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.evaluation import RIVALS
from coterie.evaluation.rivals.hybrid import picked
from coterie.tasks import Kind, Task, Tasks
from tests.evaluation.rivals.units import table, trained

HYBRID = RIVALS["hybrid"]
REGRESSION = Tasks.plain([Task(name=name, kind=Kind.REGRESSION) for name in "ab"])


def test_a_lead_within_its_error_is_no_reason_to_leave_joint():
    """Of models that err alike half lead, a sixth by more than a standard error; who is right does."""
    rng = torch.Generator().manual_seed(0)
    many = Tasks.plain([Task(name=str(i), kind=Kind.REGRESSION) for i in range(90)])
    truth = torch.randn(300, 90, generator=rng)
    joint, alike, right = (
        truth + scale * torch.randn(300, 90, generator=rng) for scale in (1.0, 1.0, 0.1)
    )
    leads = (joint - truth).square().mean(0) > (alike - truth).square().mean(0)
    left = picked(torch.stack([joint, alike]), truth, many).astype(bool)
    assert 36 < int(leads.sum()) < 54
    assert 5 < left.sum() < 26
    assert leads.numpy()[left].all()
    assert (picked(torch.stack([joint, alike, right]), truth, many) == 2).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_it_is_not_left_where_nothing_differs(seed):
    """Of equal models none leads."""
    rng = torch.Generator().manual_seed(seed)
    truth, joint = torch.randn(2, 60, 2, generator=rng)
    assert picked(torch.stack([joint] * 3), truth, REGRESSION).tolist() == [0, 0]


def test_tasks_without_labels_stay_joint():
    truth = torch.randn(50, 2, generator=torch.Generator().manual_seed(1))
    outputs = torch.stack([truth + 3, truth])
    nobody = truth.clone()
    nobody[:, 0] = torch.nan
    assert picked(outputs, nobody, REGRESSION).tolist() == [0, 1]


def test_a_metric_of_ones_own_has_an_error_too():
    own = Task(name="b", kind=Kind.REGRESSION, metric=lambda o, y: -(o[:, 0] - y).abs().mean())
    tasks = Tasks.plain([REGRESSION[0], own])
    rng = torch.Generator().manual_seed(1)
    truth, noise = torch.randn(2, 50, 2, generator=rng)
    assert picked(torch.stack([truth + 3, truth]), truth, tasks).tolist() == [1, 1]
    # Better on the whole, by one example of fifty.
    better = truth + noise
    better[0] = truth[0]
    assert picked(torch.stack([truth + noise, better]), truth, tasks).tolist() == [0, 0]


def test_each_task_is_predicted_by_the_model_that_was_picked():
    case, trainings = trained(table(), model_options={"hidden": (1,)}, epochs=20)
    data = case.data
    validation, test = data.split.validation, data.split.test
    arms = [trainings.joint, trainings.groups, *trainings.of("single")]
    picks = picked(trainings.predict(arms, validation), data.targets[validation], data.tasks)
    # One hidden unit is too few for all tasks together.
    assert picks.any()
    found = HYBRID.train(case, trainings, seed=0)
    outputs = trainings.predict(arms, test)
    expected = torch.stack([outputs[pick, :, task] for task, pick in enumerate(picks)], dim=1)
    torch.testing.assert_close(found.outputs(test), expected, atol=1e-5, rtol=1e-4)
    served = {
        int(row)
        for task, pick in enumerate(picks)
        for row in arms[pick].rows[arms[pick].arm.serves[task] > 0]
    }
    assert found.cost["models"] == len(served)
    everything = np.unique(np.concatenate([arm.paid for arm in arms]))
    fits = trainings.fits
    per_row = [
        f.cost["model_steps"] / f.stack.n_models for f in fits for _ in range(f.stack.n_models)
    ]
    assert found.cost["model_steps"] == sum(np.array(per_row)[everything])
