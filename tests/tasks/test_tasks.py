"""Statistics of tasks: their types, through files and back; the mean loss of a part of the data."""

import json

import torch

from coterie.tasks import Kind, Tasks
from tests.tasks.own import TASKS


def test_tasks_of_a_kind_are_found_by_kind_or_name():
    assert TASKS.of_kind(Kind.MULTICLASS) == TASKS.of_kind("multiclass") == [1]
    assert TASKS.of_kind(Kind.COUNT) == []


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
