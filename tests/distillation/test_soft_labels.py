"""A teacher's labels: which are used, and how far students are from them."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from coterie.distillation import Teachers, soft_losses
from coterie.distillation.soft_labels import Labels
from coterie.errors import CoterieError
from coterie.tasks import Task, Tasks, task_losses
from coterie.training.device import Place
from tests.distillation.small import of_pictures, of_table

CPU = Place.of("cpu")
KINDS = Tasks.plain(
    [
        Task(name="binary", kind="binary", classes=("no", "yes")),
        Task(name="multiclass", kind="multiclass", classes=("a", "b", "c")),
        Task(name="ordinal", kind="ordinal", classes=("1", "2", "3")),
        Task(name="regression", kind="regression"),
        Task(name="count", kind="count"),
    ]
)
ALL = range(len(KINDS))


def outputs(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(
        *shape, KINDS.n_outputs, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    ).float()


@given(st.integers(0, 1000), st.floats(1, 40))
def test_who_says_the_same_is_not_corrected(seed, temperature):
    """Of every kind the loss is least, and of classes 0, where student and teacher agree."""
    said = outputs(seed, 4)
    at_teacher = soft_losses(said, said, KINDS, ALL, temperature)
    elsewhere = soft_losses(said + outputs(seed + 1, 4), said, KINDS, ALL, temperature)
    assert (elsewhere >= at_teacher - 1e-6).all()
    assert at_teacher[:3].abs().max() < 1e-6
    moved = said.clone().requires_grad_()
    soft_losses(moved, said, KINDS, ALL, temperature).sum().backward()
    assert moved.grad is not None
    assert moved.grad.abs().max() < 1e-6


def test_of_classes_it_is_the_divergence_at_the_temperature():
    """As torch has it, of logits divided by 20; a binary task has the logits 0 and z."""
    student, teacher = outputs(0, 7), outputs(1, 7)
    found = soft_losses(student, teacher, KINDS, [0, 1], 20.0)
    for position, columns in ((0, slice(0, 1)), (1, slice(1, 4))):
        z_s, z_t = student[:, columns] / 20, teacher[:, columns] / 20
        if position == 0:
            z_s, z_t = F.pad(z_s, (1, 0)), F.pad(z_t, (1, 0))
        log_q, p = z_s.log_softmax(1), z_t.softmax(1)
        torch.testing.assert_close(
            found[position], F.kl_div(log_q, p, reduction="batchmean"), atol=1e-7, rtol=1e-4
        )


def test_of_numbers_it_is_the_loss_with_the_teacher_for_a_label():
    student, teacher = outputs(0, 7), outputs(1, 7)
    found = soft_losses(student, teacher, KINDS, [3], 20.0)
    expected = (student[:, 6] - teacher[:, 6]).square().mean()
    torch.testing.assert_close(found[0], expected)


def test_members_are_told_apart():
    student, teacher = outputs(0, 3, 7), outputs(1, 7)
    found = soft_losses(student, teacher, KINDS, ALL, 20.0)
    assert found.shape == (3, 5)
    torch.testing.assert_close(found[1], soft_losses(student[1], teacher, KINDS, ALL, 20.0))


def labels_of(data, teacher, soft=None, share=None):
    share = torch.ones(len(data.tasks)) if share is None else share
    teachers = Teachers.of(teacher, data, CPU)
    return Labels.of(teachers, data.tasks, soft=soft, share=share, temperature=20.0)


def test_a_coin_keeps_its_own_labels():
    data, teacher = of_table()
    assert labels_of(data, teacher).soft == ("rare", "gaps", "number")
    assert labels_of(data, teacher, soft=["gaps"]).soft == ("gaps",)


@pytest.mark.parametrize(
    ("soft", "lacking", "message"),
    [
        (["coin"], None, r"`soft` must name tasks that the teacher knows, .*; found 'coin'"),
        (["nothing"], None, "found 'nothing'"),
        (None, 3, "Nothing tells students about task 'coin'"),
        ([], 0, "Nothing tells students about task 'rare'"),
    ],
)
def test_who_is_told_nothing_is_named(soft, lacking, message):
    data, teacher = of_table()
    share = torch.ones(4)
    if lacking is not None:
        share[lacking] = 0
    with pytest.raises(CoterieError, match=message):
        labels_of(data, teacher, soft, share)


def test_a_step_mixes_both_kinds_of_labels():
    """Hard losses by the shares of an image, soft ones at the scale of the temperature."""
    data, teacher = of_table()
    told = labels_of(data, teacher, soft=["rare", "number"])
    positions = data.split.train[:9]
    inputs, targets = data.inputs[positions].float(), data.targets[positions]
    student = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
    mixed = [(0.75, targets), (0.25, targets.flip(0))]
    found = told.losses(student, inputs, mixed)
    own = 0.75 * task_losses(student, targets, data.tasks, torch.ones(4))
    own += 0.25 * task_losses(student, targets.flip(0), data.tasks, torch.ones(4))
    torch.testing.assert_close(found[[1, 3]], own[[1, 3]])
    soft = soft_losses(student, told.teachers.say(inputs), data.tasks, [0, 2], 20.0)
    scale = data.tasks.loss_scale
    torch.testing.assert_close(found[0], 400 * soft[0] / scale[0])
    torch.testing.assert_close(found[2], soft[1] / scale[2])


def test_a_single_task_of_classes_is_as_published():
    """Without the temperature's square: ln 3 is the largest loss that there can be, nearly."""
    data, teacher = of_pictures()
    told = labels_of(data, teacher)
    inputs = data.preprocessing.normalise(data.inputs[data.split.train[:9]])
    student = torch.zeros(9, 3)
    found = told.losses(student, inputs, [(1.0, data.targets[:9])])
    expected = soft_losses(student, told.teachers.say(inputs), data.tasks, [0], 20.0)
    torch.testing.assert_close(found, expected)
    assert 0 < found.item() < math.log(3)


@given(st.integers(0, 1000), st.floats(1, 40))
def test_tasks_that_are_read_at_once_are_as_each_alone(seed, temperature):
    """Two of each kind, those of a kind apart from each other."""
    twice = Tasks.plain([*KINDS.items, *KINDS.items])
    student, teacher = (torch.cat([outputs(s, 3), outputs(s + 1, 3)], -1) for s in (seed, seed + 9))
    found = soft_losses(student, teacher, twice, range(len(twice)), temperature)
    alone = [
        soft_losses(student, teacher, twice, [each], temperature) for each in range(len(twice))
    ]
    torch.testing.assert_close(found, torch.cat(alone), atol=1e-6, rtol=1e-5)
    backwards = soft_losses(student, teacher, twice, range(len(twice))[::-1], temperature)
    torch.testing.assert_close(backwards, found.flip(0), atol=1e-6, rtol=1e-5)
