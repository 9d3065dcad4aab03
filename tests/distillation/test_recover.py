"""Examples on their way: who moves when, how far, and towards what."""

from __future__ import annotations

import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from coterie.distillation import (
    Bank,
    BatchNormStatistics,
    Objective,
    Recovery,
    Teachers,
    distance,
    recover,
)
from coterie.distillation.augmentation import random_resized_crop
from coterie.distillation.recover import parts
from coterie.errors import CoterieError
from coterie.seeds import torch_generator
from coterie.tasks import Kind, Task, Tasks
from coterie.training import Checkpoint
from coterie.training.device import Place
from tests.distillation.small import of_pictures, of_table

CPU = Place.of("cpu")


def whole(n_ranks: int, number: int = 0) -> tuple[Bank, Teachers, Objective]:
    """Real images, ``n_ranks`` of each of three classes, whose teacher is to be pleased."""
    data, teacher = of_pictures()
    train = data.split.train
    at = torch.stack([train[data.targets[train, 0] == c][:n_ranks] for c in range(3)], dim=1)
    ends = torch.tensor([0, 255], dtype=torch.uint8)[:, None, None, None].expand(2, 3, 1, 1)
    low, high = data.preprocessing.normalise(ends)
    bank = Bank(
        inputs=data.preprocessing.normalise(data.inputs[at.flatten()]).unflatten(0, at.shape),
        targets=data.targets[at],
        ranks=np.arange(n_ranks),
        low=low,
        high=high,
        number=number,
    )
    one = torch.ones(1)
    objective = Objective(tasks=data.tasks, weights=one, scale=one, bn_weight=0.01, first_bn=10.0)
    return bank, Teachers.of(teacher, data, CPU), objective


def run(
    n_ranks: int = 4,
    bank: Bank | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Callable[[int, int, str], None] | None = None,
    **settings,
) -> tuple[Tensor, Tensor, Bank]:
    """What becomes of real images."""
    found, teachers, objective = whole(n_ranks)
    bank = bank or found
    how = Recovery(**{"iterations": 8, "round_iterations": 2, "device": "cpu", **settings})
    schedule = how.schedule(int(bank.ranks[-1]) + 1)
    images, curves = recover(
        bank, teachers, objective, schedule, how, checkpoint=checkpoint, progress=progress
    )
    return images, curves, bank


def test_the_objective_is_cross_entropy_and_statistics():
    bank, teachers, objective = whole(4)
    inputs, targets = bank.inputs.flatten(0, 1), bank.targets.flatten(0, 1)
    with BatchNormStatistics() as noted:
        outputs = teachers.models[0](inputs)
    loss, told = objective.of(teachers, 0, inputs, targets)
    cross_entropy = F.cross_entropy(outputs, targets[:, 0].long())
    torch.testing.assert_close(told, torch.stack([cross_entropy, distance(noted.layers)]))
    torch.testing.assert_close(loss, told[0] + 0.01 * told[1])


def two_tasks(**changed) -> Objective:
    tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY), Task(name="b", kind=Kind.REGRESSION)])
    one = torch.ones(2)
    return Objective(
        **{
            "tasks": tasks,
            "weights": one,
            "scale": one,
            "bn_weight": 0.0,
            "first_bn": 1.0,
            **changed,
        }
    )


def test_missing_labels_are_passed_over_and_tasks_are_weighted():
    objective = two_tasks(scale=torch.tensor([2.0, 1.0]))
    outputs = torch.tensor([[0.0, 1.0], [5.0, 3.0]])
    targets = torch.tensor([[1.0, 0.0], [torch.nan, 1.0]])
    found = objective.of_tasks(outputs, targets, torch.tensor([1.0, 3.0]))
    # The only label of a: log 2. Squares of b: 1 and 4, mean 2.5.
    assert found.item() == pytest.approx((2 * np.log(2) + 3 * 2.5) / 4)


def test_a_task_without_a_weight_or_a_label_has_no_part():
    objective, outputs = two_tasks(), torch.tensor([[0.3, np.inf], [0.1, 2.0]])
    targets = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    alone = objective.of_tasks(outputs, targets, torch.tensor([1.0, 0.0]))
    expected = F.binary_cross_entropy_with_logits(outputs[:, 0], targets[:, 0])
    torch.testing.assert_close(alone, expected)
    targets[:, 1] = torch.nan
    torch.testing.assert_close(objective.of_tasks(outputs, targets, torch.ones(2)), expected)
    assert objective.of_tasks(outputs, targets, torch.tensor([0.0, 1.0])) == 0


def test_the_loss_and_the_distance_of_statistics_fall():
    """From noise, in thirty steps."""
    bank, *_ = whole(4)
    noise = torch.randn(bank.inputs.shape, generator=torch.Generator().manual_seed(0))
    noise = noise.clamp(bank.low, bank.high)
    settings = {"least_area": 1.0, "flip": False, "lr": 0.1}
    _, curves, _ = run(
        bank=replace(bank, inputs=noise), iterations=30, round_iterations=30, **settings
    )
    assert curves[-1, 0] < curves[0, 0] / 5
    assert curves[-1, 1] < curves[0, 1] / 2


def test_who_waits_does_not_move_and_ranks_join_in_order(monkeypatch):
    """What the last group has moved is one round's worth; without that round, nothing."""
    bank, *_ = whole(4)
    seen: list[list[bool]] = []

    class Watched(Checkpoint):
        def write(self, arrays, about):
            moved = [
                not np.array_equal(arrays[str(g)][0], bank.inputs[g].numpy()) for g in range(4)
            ]
            seen.append(moved)

    monkeypatch.setattr(sys.modules[recover.__module__], "SAVED_EVERY", 1)
    run(checkpoint=Watched())
    joined = [1, 1, 2, 2, 3, 3, 4, 4]
    assert seen == [[group < n for group in range(4)] for n in joined]


def test_pixels_stay_within_the_levels_of_images():
    images, _, bank = run(lr=50.0)
    data, _ = of_pictures()
    assert (images >= bank.low).all()
    assert (images <= bank.high).all()
    levels = data.preprocessing.stored(images.flatten(0, 1))
    assert {0, 255} <= set(levels.unique().tolist())


def test_the_first_step_of_who_joins_late():
    """At most the learning rate; as released 1.58 times, for Adam counts steps for all together."""
    settings = {"iterations": 21, "round_iterations": 1, "bn_weight": 0.01, "n_ranks": 21}

    def steps(**legacy) -> Tensor:
        images, _, bank = run(**settings, **legacy)
        inside = (images[-1] > bank.low) & (images[-1] < bank.high)
        return ((images[-1] - bank.inputs[-1]).abs() / Recovery().schedule(1).lr)[inside]

    rate = Recovery(**{k: v for k, v in settings.items() if k != "n_ranks"}).schedule(21).rate(20)
    rate = rate / Recovery().lr
    count = 21
    longer = (0.5 / (1 - 0.5**count)) / (0.1 / (1 - 0.9**count)) ** 0.5
    assert longer == pytest.approx(1.5, abs=0.1)
    # Gradients of some pixels are smaller than Adam's epsilon; the largest step tells.
    assert steps().max().item() == pytest.approx(rate, rel=1e-2)
    assert steps(legacy=["adam"]).max().item() == pytest.approx(longer * rate, rel=1e-2)


def test_as_released_it_is_a_plain_loop():
    """One tensor of all pixels, hooks, one crop for all, and Adam that counts for all together."""
    images, curves, bank = run(n_ranks=4, crop="shared", legacy=["adam"])
    _, teachers, _ = whole(4)
    schedule = Recovery(iterations=8, round_iterations=2).schedule(4)
    model, terms = teachers.models[0], []

    def hook(layer: torch.nn.Module, args: tuple[Tensor, ...], _: Tensor) -> None:
        channels = args[0].transpose(0, 1).flatten(1)
        terms.append(
            (layer.running_var - channels.var(1, unbiased=False)).norm()
            + (layer.running_mean - channels.mean(1)).norm()
        )

    layers = [each for each in model.modules() if isinstance(each, torch.nn.BatchNorm2d)]
    handles = [layer.register_forward_hook(hook) for layer in layers]
    pixels = bank.inputs.flatten(0, 1).clone().requires_grad_()
    labels = bank.targets.flatten().long()
    adam = torch.optim.Adam([pixels], lr=0.25, betas=(0.5, 0.9))
    for iteration in range(8):
        terms.clear()
        adam.param_groups[0]["lr"] = schedule.rate(iteration)
        n_active = 3 * schedule.active(iteration)
        seen = random_resized_crop(
            pixels[:n_active],
            (schedule.area(iteration), 1.0),
            torch_generator(0, "crop", 0, iteration),
            shared=True,
        )
        adam.zero_grad()
        loss = F.cross_entropy(model(seen), labels[:n_active])
        (loss + 0.01 * (sum(terms) + 9 * terms[0])).backward()
        adam.step()
        with torch.no_grad():
            pixels.clamp_(bank.low, bank.high)
        torch.testing.assert_close(curves[iteration, 0], loss.detach(), rtol=1e-3, atol=1e-4)
    for handle in handles:
        handle.remove()
    # Adam divides by the size of gradients: where there is none, rounding decides.
    apart = (images.flatten(0, 1) - pixels.detach()).abs()
    assert apart.quantile(0.99) < 1e-2


def test_with_a_restart_late_groups_move_further():
    plain, _, bank = run(n_ranks=4)
    restarted, _, _ = run(n_ranks=4, restart=True)
    moved = [(each[-1] - bank.inputs[-1]).abs().mean() for each in (plain, restarted)]
    assert moved[1] > 3 * moved[0]


@pytest.mark.parametrize(
    "settings", [{}, {"crop": "shared"}, {"legacy": ["adam"]}, {"restart": True}]
)
def test_what_is_drawn_depends_on_the_seed_alone(settings):
    one, other, third = (run(seed=seed, **settings)[0] for seed in (0, 0, 1))
    assert torch.equal(one, other)
    assert not torch.equal(one, third)


def test_banks_of_one_seed_draw_apart():
    one, *_ = whole(4)
    assert not torch.equal(run(bank=one)[0], run(bank=replace(one, number=1))[0])


@pytest.mark.parametrize("settings", [{}, {"legacy": ["adam"]}])
def test_what_was_cut_off_goes_on_bit_for_bit(tmp_path, settings):
    settings = {"iterations": 240, "round_iterations": 60, **settings}

    def stop(done: int, *_: object) -> None:
        if done == 150:
            raise KeyboardInterrupt

    uncut, curves, _ = run(**settings)
    checkpoint = Checkpoint(tmp_path, {"seed": 0})
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint=checkpoint, progress=stop, **settings)
    told: list[int] = []
    again, all_curves, _ = run(
        checkpoint=checkpoint, progress=lambda done, *_: told.append(done), **settings
    )
    assert told[0] == 101
    assert torch.equal(again, uncut)
    assert torch.equal(all_curves, curves)
    # What is done is read.
    told.clear()
    assert torch.equal(
        run(checkpoint=checkpoint, progress=lambda done, *_: told.append(done), **settings)[0],
        uncut,
    )
    assert told == []


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    run(checkpoint=Checkpoint(tmp_path, {"seed": 0}))
    with pytest.raises(CoterieError, match="belongs to a training with another seed"):
        run(checkpoint=Checkpoint(tmp_path, {"seed": 1}))
    with pytest.raises(CoterieError, match=r"checkpoint\.safetensors .*`curves`"):
        run(checkpoint=Checkpoint(tmp_path, {"seed": 0}), iterations=10)


def test_examples_that_are_lost_are_refused():
    bank, *_ = whole(4)
    broken = bank.inputs.clone()
    broken[0, 0, 0, 0, 0] = torch.nan
    with pytest.raises(CoterieError, match="examples are not finite at iteration 8"):
        run(bank=replace(bank, inputs=broken))


def test_teachers_take_turns():
    """The second has no say in the first iteration, and has one in the second."""
    bank, teachers, objective = whole(2)
    other = replace(
        teachers,
        models=(teachers.models[0], _shaken(teachers.models[0])),
        knows=teachers.knows.expand(2, -1),
        columns=teachers.columns.expand(2, -1),
    )

    def found(who: Teachers, iterations: int) -> Tensor:
        how = Recovery(iterations=iterations, round_iterations=iterations, device="cpu")
        return recover(bank, who, objective, how.schedule(2), how)[0]

    assert torch.equal(found(teachers, 1), found(other, 1))
    assert not torch.equal(found(teachers, 2), found(other, 2))


def _shaken(model: torch.nn.Module) -> torch.nn.Module:
    copy = deepcopy(model)
    with torch.no_grad():
        for parameter in copy.parameters():
            parameter.mul_(-1)
    return copy


def test_columns_of_tables_are_matched_too():
    """Layers of one dimension: a batch far from training comes nearer."""
    data, teacher = of_table()
    train = data.split.train[:12]
    low, high = data.inputs[data.split.train].aminmax(dim=0)
    bank = Bank(
        inputs=(data.inputs[train] / 4 + 1).clamp(low, high).view(3, 4, -1),
        targets=data.targets[train].view(3, 4, -1),
        ranks=np.arange(3),
        low=low,
        high=high,
    )
    one = torch.ones(4)
    objective = Objective(tasks=data.tasks, weights=one, scale=one, bn_weight=1.0, first_bn=10.0)
    how = Recovery(iterations=40, round_iterations=40, lr=0.05, device="cpu")
    _, curves = recover(bank, Teachers.of(teacher, data, CPU), objective, how.schedule(3), how)
    assert curves[-1, 1] < curves[0, 1] / 2


def test_half_precision_is_near():
    data, teacher = of_pictures()
    bank, exact, objective = whole(4)
    half = Teachers.of(teacher, data, Place.of("cpu", "bf16"))
    inputs, targets = bank.inputs.flatten(0, 1), bank.targets.flatten(0, 1)
    told = [objective.of(each, 0, inputs, targets)[1] for each in (exact, half)]
    torch.testing.assert_close(told[1][1], told[0][1], rtol=0.01, atol=0)


@given(
    st.integers(1, 40), st.integers(1, 12), st.integers(1, 60), st.sampled_from([(), ("batches",)])
)
def test_every_rank_of_every_class_is_in_one_batch(n_classes, per_class, size, legacy):
    found = parts(n_classes, per_class, Recovery(batch_size=size, legacy=legacy))
    times = np.zeros((per_class, n_classes), int)
    for ranks, classes in found:
        times[np.ix_(ranks, classes)] += 1
        assert (np.diff(ranks) > 0).all()
        if not legacy:
            assert len(ranks) * len(classes) <= size
            assert len(classes) == n_classes or len(ranks) == 1
    assert (times == 1).all()


def test_batches_hold_all_classes_while_there_is_room():
    assert all(len(classes) == 100 for _, classes in parts(100, 50, Recovery()))
    sizes = [(len(ranks), len(classes)) for ranks, classes in parts(200, 50, Recovery())]
    assert sizes == [(2, 200)] * 25
    released = parts(10, 50, Recovery(legacy=["batches"]))
    assert [classes.tolist() for _, classes in released] == [[i, i + 1] for i in range(0, 10, 2)]
    assert len(parts(10, 10, Recovery(legacy=["batches"]))) == 1
    assert len(parts(10, 200, Recovery(legacy=["batches"]))) == 10
