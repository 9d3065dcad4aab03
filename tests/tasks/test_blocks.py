"""Blocks of tasks of one kind."""

import torch

from coterie.tasks import Kind, Task, Tasks, task_losses
from tests.tasks.own import TASKS


def test_blocks_made_while_validating_serve_training():
    tasks = Tasks.plain([*TASKS.items, Task(name="two", kind=Kind.BINARY)])
    outputs, targets = torch.zeros(4, 6, requires_grad=True), torch.ones(4, 4)
    with torch.inference_mode():
        task_losses(outputs, targets, tasks)
    task_losses(outputs, targets, tasks).sum().backward()
    assert outputs.grad is not None
