"""Pooled: every label is an example, and the file is the same network for each task."""

import numpy as np
import pytest
import torch

import coterie as ct
from coterie.evaluation import RIVALS
from coterie.evaluation.rivals.pooled import pool, separated
from tests.evaluation.rivals.units import SMALL, mixed_kinds, table, trained

POOLED = RIVALS["pooled"]


def three_classes():
    """Labels of three classes or numbers, one task a row."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 4)).astype(np.float32)
    y = np.stack([np.digitize(x[:, t], (-0.5, 0.5)) for t in range(2)], axis=1).astype(float)
    y[np.arange(400) % 2 == 0, 0] = y[np.arange(400) % 2 == 1, 1] = np.nan
    return x, y


def test_every_label_is_an_example_of_its_part():
    data = table(disjoint=True)
    pooled = pool(data)
    known = ~data.targets.isnan()
    assert len(pooled) == int(known.sum()) == len(data)
    for part in ("train", "validation", "test"):
        positions, ours = getattr(pooled.split, part), getattr(data.split, part)
        assert len(positions) == int(known[ours].sum())
        names = pooled.inputs[positions][:, 5:]
        assert names.sum(1).eq(1).all()
        # The row and the task give the label back.
        task = names.argmax(1)
        torch.testing.assert_close(pooled.inputs[positions][:, :5], data.inputs[ours])
        assert (pooled.targets[positions, 0] == data.targets[ours, task]).all()
    labels = pooled.targets[pooled.split.train, 0]
    assert pooled.tasks.pos_weight.item() == pytest.approx(
        float((labels == 0).sum() / (labels == 1).sum())
    )


def test_rows_with_two_labels_are_two_examples():
    data = table()
    assert len(pool(data)) == data.targets.numel()


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_what_is_saved_is_the_one_network_told_each_task(kind, tmp_path):
    """Against the network itself, on inputs with the task in them."""
    data = table(disjoint=True)
    if kind != "binary":
        x, y = three_classes()
        given = {"inputs": x, "targets": y + (x[:, :2] if kind == "regression" else 0)}
        data = ct.load(given, kinds=dict.fromkeys(("task 0", "task 1"), kind))
    case, trainings = trained(data)
    found = POOLED.train(case, trainings, seed=0)
    pooled = pool(data)
    same = ct.fit("mlp", pooled, seed=0, **SMALL)
    assert found.cost["model_steps"] == same.cost["model_steps"]
    assert found.cost["models"] == 1
    model, test = same.stack.model(0), data.split.test
    outputs = found.outputs(test)
    for task, columns in enumerate(data.tasks.columns):
        told = torch.nn.functional.one_hot(torch.full((len(test),), task), len(data.tasks))
        with torch.no_grad():
            expected = model(torch.cat([data.inputs[test], told.float()], dim=1))
        # Unbalanced as it was trained, balanced as the task is.
        shift = (data.tasks.pos_weight[task] / pooled.tasks.pos_weight[0]).log()
        torch.testing.assert_close(outputs[:, columns], expected + shift, atol=1e-4, rtol=1e-4)
    found.model().save(tmp_path / "model.safetensors")
    again = ct.GroupedModel.load(tmp_path / "model.safetensors")
    with torch.no_grad():
        torch.testing.assert_close(again(data.inputs[test]), outputs)


def test_members_are_no_copies_that_share_memory():
    data = table(disjoint=True)
    case, trainings = trained(data)
    pooled = pool(data)
    stack = ct.fit("mlp", pooled, seed=0, **SMALL).stack
    before = {name: tensor.clone() for name, tensor in stack.state().items()}
    separated(stack, pooled.tasks, data, case)
    assert all(torch.equal(before[name], tensor) for name, tensor in stack.state().items())
    assert len(trainings.arms) > 1


@pytest.mark.parametrize(
    ("data", "model", "options", "why"),
    [
        (table(), "mlp", {}, "a row has labels of 4 tasks"),
        (table(disjoint=True), "mlp", {"hidden": ()}, "with at least one layer"),
        (table(disjoint=True), torch.nn.Identity, {}, "can only be told to `mlp`"),
        (table(disjoint=True), "mlp", {}, None),
    ],
)
def test_where_it_suits(data, model, options, why):
    told = POOLED.suits(data, model=model, settings={"model_options": options}, baselines=())
    assert (told is None) == (why is None)
    assert why is None or (why in told and told.startswith("pooled is left out: "))


def test_tasks_of_two_kinds_have_no_output_in_common():
    data = mixed_kinds()
    targets = data.targets.clone()
    targets[torch.arange(len(data))[:, None] % 3 != torch.arange(3)] = torch.nan
    from dataclasses import replace

    told = POOLED.suits(replace(data, targets=targets), model="mlp", settings={}, baselines=())
    assert told is not None
    assert "must all be binary" in told
