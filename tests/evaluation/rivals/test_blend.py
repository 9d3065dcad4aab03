"""Blends: weights that are best on validation, and outputs that are averages."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.evaluation import RIVALS
from coterie.evaluation.rivals.blend import best_shares
from coterie.tasks import Kind, Task, Tasks, example_losses
from tests.evaluation.rivals.units import mixed_kinds, table, trained

TASKS = Tasks.plain(
    [Task(name="a", kind=Kind.REGRESSION), Task(name="b", kind=Kind.BINARY)],
)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_no_other_weight_of_the_grid_has_less_loss(seed):
    rng = torch.Generator().manual_seed(seed)
    one, other = torch.randn(2, 40, 2, generator=rng)
    targets = torch.randint(0, 2, (40, 2), generator=rng).float()
    shares = best_shares(one, other, targets, TASKS)
    for task in range(2):
        grid = np.linspace(0, 1, 21)
        losses = [
            float(example_losses(w * one + (1 - w) * other, targets, TASKS)[:, task].sum())
            for w in grid
        ]
        assert losses[round(20 * float(shares[task]))] == pytest.approx(min(losses), rel=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_two_that_agree_and_tasks_without_labels_are_left_with_the_first(seed):
    outputs = torch.randn(9, 2, generator=torch.Generator().manual_seed(seed))
    nobody = torch.full((9, 2), torch.nan)
    assert best_shares(outputs, outputs + 1, nobody, TASKS).tolist() == [1, 1]
    assert best_shares(outputs, outputs, torch.zeros(9, 2), TASKS).tolist() == [1, 1]


@pytest.mark.parametrize("data", [table(), mixed_kinds()], ids=str)
@pytest.mark.parametrize(("name", "role"), [("blend", "grouped"), ("blend_single", "single")])
def test_outputs_are_averages_of_the_two(name, role, data):
    case, trainings = trained(data)
    found = RIVALS[name].train(case, trainings, seed=0)
    pair = [trainings.joint, *trainings.of(role)]
    validation, test = data.split.validation, data.split.test
    shares = best_shares(*trainings.predict(pair, validation), data.targets[validation], data.tasks)
    widths = torch.tensor([task.width for task in data.tasks])
    share = torch.from_numpy(shares).float().repeat_interleave(widths)
    one, other = trainings.predict(pair, test)
    torch.testing.assert_close(
        found.outputs(test), share * one + (1 - share) * other, atol=1e-5, rtol=1e-4
    )
    both = [trainings.cost(each)["model_steps"] for each in pair]
    assert found.cost["model_steps"] == pytest.approx(sum(both))
    assert found.model().membership.sum(1).numpy() == pytest.approx(1)


def test_single_models_that_are_not_trained_cannot_be_averaged():
    def suits(name, baselines):
        return RIVALS[name].suits(table(), model="mlp", settings={}, baselines=baselines)

    assert suits("blend_single", ["random"]) == (
        "blend_single is left out: single-task models are not trained."
    )
    assert suits("blend_single", ["single"]) is None
    assert suits("blend", []) is None
