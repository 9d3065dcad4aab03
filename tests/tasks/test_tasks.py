"""Statistics of tasks: their types, through files and back; the mean loss of a part of the data."""

import json

import pytest
import torch

from coterie.tasks import Kind, Task, Tasks, example_losses, mean_losses, task_losses

TASKS = Tasks.plain(
    [
        Task(name="yes", kind=Kind.BINARY),
        Task(name="colour", kind=Kind.MULTICLASS, classes=("r", "g", "b")),
        Task(name="size", kind=Kind.REGRESSION),
    ]
)


def test_tasks_of_a_kind_are_found_by_kind_or_name():
    assert TASKS.of_kind(Kind.MULTICLASS) == TASKS.of_kind("multiclass") == [1]
    assert TASKS.of_kind(Kind.COUNT) == []


def test_blocks_made_while_validating_serve_training():
    tasks = Tasks.plain([*TASKS.items, Task(name="two", kind=Kind.BINARY)])
    outputs, targets = torch.zeros(4, 6, requires_grad=True), torch.ones(4, 4)
    with torch.inference_mode():
        task_losses(outputs, targets, tasks)
    task_losses(outputs, targets, tasks).sum().backward()
    assert outputs.grad is not None


def test_units_keep_float64_through_json():
    mean, std = (
        torch.tensor([0.0, 0.0, 1e6 + 1e-7]).double(),
        torch.tensor([1.0, 1.0, 1 / 3e9], dtype=torch.float64),
    )
    mean[2] += 1e-9
    tasks = Tasks(
        items=TASKS.items,
        pos_weight=TASKS.pos_weight,
        mean=mean,
        std=std,
        observed_share=TASKS.observed_share,
        loss_scale=TASKS.loss_scale,
    )
    again = Tasks.from_dict(json.loads(json.dumps(tasks.to_dict())))
    assert torch.equal(again.mean, mean)
    assert torch.equal(again.std, std)
    assert {again.mean.dtype, again.std.dtype} == {torch.float64}
    assert {again.pos_weight.dtype, again.observed_share.dtype, again.loss_scale.dtype} == {
        torch.float32
    }


@pytest.mark.parametrize("models", [(), (2,)])
def test_mean_loss_is_the_mean_over_observed_cells_in_batches_too(models):
    g = torch.Generator().manual_seed(0)
    outputs = torch.randn(*models, 50, 5, generator=g)
    targets = torch.stack([torch.randint(n, (50,), generator=g) for n in (2, 3, 5)], 1).float()
    targets[torch.rand(targets.shape, generator=g) < 0.6] = torch.nan
    targets[25:, 1] = torch.nan
    seen = ~targets.isnan()
    batches = (slice(0, 20), slice(20, 50))
    total = sum(example_losses(outputs[..., s, :], targets[s], TASKS).sum(-2) for s in batches)
    found = mean_losses(total, seen.sum(0), TASKS)
    for t in range(3):
        # All observed.
        alone = task_losses(outputs[..., seen[:, t], :], targets[seen[:, t]], TASKS)[..., t]
        torch.testing.assert_close(found[..., t], alone)
