"""The verb: what it takes, what it gives, and what it refuses before anything runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import coterie as ct
from coterie.distillation import check_distillable, select, teacher_scores
from coterie.errors import CoterieError
from tests.distillation.small import SHORT, of_pictures, of_table

CUT_OFF = """
import os, signal, sys
import coterie as ct
from tests.distillation.small import of_pictures
data, teacher = of_pictures()
stop = lambda done, *_: os.kill(os.getpid(), signal.SIGKILL) if done == 350 else None
ct.distill(teacher, data, 4, checkpoint=sys.argv[1], progress=stop, **{settings})
"""
LONG = {"iterations": 240, "round_iterations": 60, "batch_size": 6, "device": "cpu"}


def test_what_is_left_as_it_is_are_the_real_images():
    """The rival of every table: chosen by the teacher, not one pixel changed."""
    data, teacher = of_pictures()
    found = ct.distill(teacher, data, 4, iterations=0, device="cpu")
    train = data.split.train
    labels = data.targets[train, 0].long().numpy()
    scores = teacher_scores(teacher, data, train)
    chosen = select(scores, labels, 4).T.copy()
    at = train[torch.from_numpy(chosen)]
    expected = data.inputs[at.flatten()].permute(0, 2, 3, 1)
    np.testing.assert_array_equal(found.images, expected.numpy())
    np.testing.assert_array_equal(found.scores, scores[chosen.flatten()])
    np.testing.assert_array_equal(found.ids, data.ids[at.flatten().numpy()])
    assert found.iterations.tolist() == [0] * 12
    assert found.history["loss"].shape == (0,)


def test_distilled_images():
    data, teacher = of_pictures()
    before = teacher.stack.fingerprint()
    found = ct.distill(teacher, data, 4, **SHORT)
    assert (found.images.shape, found.images.dtype) == ((12, 8, 8, 3), np.uint8)
    # Rank by rank, one of each class.
    assert found.labels.tolist() == [0, 1, 2] * 4
    assert found.cells.tolist() == [0, 1, 2] * 4
    assert found.ranks.tolist() == np.repeat(range(4), 3).tolist()
    assert found.iterations.tolist() == np.repeat([8, 6, 4, 2], 3).tolist()
    assert found.teacher == teacher.stack.fingerprint() == before
    assert found.known.tolist() == [True]
    assert (found.settings["rule"], found.settings["iterations"]) == ("median", 8)
    # The labels of the teacher are those of what is stored, rounded pixels and all.
    stored = torch.from_numpy(found.images).permute(0, 3, 1, 2)
    with torch.no_grad():
        outputs = teacher.stack.model(0)(data.preprocessing.normalise(stored))
    np.testing.assert_allclose(found.outputs, outputs.numpy(), atol=1e-4)
    assert found.history["loss"].shape == (8,)
    assert np.isfinite(found.history["statistics"]).all()


def test_early_ranks_move_further_than_late_ones():
    data, teacher = of_pictures()
    real = ct.distill(teacher, data, 4, iterations=0, device="cpu")
    found = ct.distill(teacher, data, 4, **SHORT)
    moved = np.abs(found.images.astype(int) - real.images).mean((1, 2, 3)).reshape(4, 3).mean(1)
    assert (np.diff(moved) < 0).all()


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    data, teacher = of_pictures()
    for name in ("one", "other"):
        ct.distill(teacher, data, 3, **{**SHORT, "iterations": 6}).save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    third = ct.distill(teacher, data, 3, **{**SHORT, "iterations": 6}, seed=1)
    assert (third.images != ct.Distilled.load(tmp_path / "one").images).any()


def test_killed_it_goes_on_bit_for_bit(tmp_path):
    """In the second of two batches."""
    data, teacher = of_pictures()
    script = CUT_OFF.replace("{settings}", repr(LONG))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    killed = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        env=environment,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert sorted(each.name for each in tmp_path.iterdir()) == ["batch-0", "batch-1"]
    told: list[int] = []
    again = ct.distill(
        teacher, data, 4, checkpoint=tmp_path, progress=lambda done, *_: told.append(done), **LONG
    )
    assert told[0] == 240 + 101
    whole = ct.distill(teacher, data, 4, **LONG)
    np.testing.assert_array_equal(again.images, whole.images)
    np.testing.assert_array_equal(again.history["loss"], whole.history["loss"])
    with pytest.raises(CoterieError, match="belongs to a training with another lr"):
        ct.distill(teacher, data, 4, checkpoint=tmp_path, lr=0.1, **LONG)


def test_tables_with_tasks_of_all_kinds():
    data, teacher = of_table()
    found = ct.distill(teacher, data, 4, n_cells=6, **SHORT)
    assert found.inputs.shape == (24, 4)
    assert found.inputs.dtype == np.float32
    train = data.inputs[data.split.train]
    assert (found.inputs >= train.amin(0).numpy()).all()
    assert (found.inputs <= train.amax(0).numpy()).all()
    # Labels, and gaps, are those of the row that each started from.
    at = [data.ids.tolist().index(each) for each in found.ids]
    np.testing.assert_array_equal(found.targets, data.targets[at].numpy())
    assert np.isnan(found.targets[:, 1]).any()
    assert found.known.tolist() == [True, True, True, False]
    assert (found.outputs[:, 3] == 0).all()
    small = found.dataset(data)
    again = ct.fit("mlp", small, epochs=1, model_options={"hidden": (4,)}, device="cpu")
    assert again.scores.shape == (1, 4)


def test_what_the_teacher_does_not_know_has_no_part():
    """Other labels of the coin lead to the same examples."""
    data, teacher = of_table()
    coin = data.targets.clone()
    coin[:, 3] = 1 - coin[:, 3]
    rule = {"rule": "random", "n_cells": 1}
    one = ct.distill(teacher, data, 24, **rule, **SHORT)
    other = ct.distill(teacher, replace(data, targets=coin), 24, **rule, **SHORT)
    assert np.isnan(one.scores).all()
    np.testing.assert_array_equal(one.ids, other.ids)
    np.testing.assert_array_equal(one.inputs, other.inputs)
    assert (one.targets[:, 3] == 1 - other.targets[:, 3]).all()


def test_task_weights_say_what_counts():
    data, teacher = of_table()
    rule = {"rule": "random", "n_cells": 1}
    weights = [None, {"number": 0}, {"number": 0, "coin": 5}]
    plain, without, again = (
        ct.distill(teacher, data, 24, task_weights=each, **rule, **SHORT).inputs for each in weights
    )
    assert (plain != without).any()
    np.testing.assert_array_equal(without, again)


def test_float_images_stay_in_the_range_of_training():
    data = ct.load("digits", targets=["even"])
    teacher = ct.fit("mlp", data, epochs=3, model_options={"hidden": (16,)}, device="cpu")
    found = ct.distill(teacher, data, 3, lr=5.0, **SHORT)
    assert found.images.shape == (6, 8, 8, 1)
    assert found.images.min() == 0
    assert found.images.max() == 1


def test_by_a_data_map():
    data, _ = of_pictures()
    settings = {"lr": 0.01, "batch_size": 32, "model_options": {"width": 0.25}, "device": "cpu"}
    teacher = ct.fit("cnn", data, epochs=6, record=True, **settings)
    found = ct.distill(teacher, data, 4, rule="data_map", **SHORT)
    assert found.settings["rule"] == "data_map"
    at = [teacher.data_map.ids.tolist().index(each) for each in found.ids]
    np.testing.assert_allclose(found.scores, teacher.data_map.confidence[at, 0])
    with pytest.raises(CoterieError, match="'data_map' needs a teacher fitted with record=True"):
        ct.distill(of_pictures()[1], data, 4, rule="data_map", **SHORT)


def test_a_class_without_training_examples_is_named():
    """Cells after it would have the names of others."""
    rng = np.random.default_rng(0)
    part, label = np.repeat(["train", "validation", "test"], [60, 20, 20]), np.arange(100) % 4
    label[(part == "train") & (label == 1)] = 0
    frame = pd.DataFrame(
        {"x": rng.normal(size=100), "label": np.array(list("abcd"))[label], "part": part}
    )
    data = ct.load(frame, targets=["label"], split_column="part")
    teacher = ct.fit("mlp", data, epochs=1, model_options={"hidden": (4,)}, device="cpu")
    for run in (lambda: ct.distill(teacher, data, 3), lambda: check_distillable("mlp", data, 3)):
        with pytest.raises(CoterieError, match="there are of class 'b': 0 training examples"):
            run()


def test_examples_that_leave_a_task_one_label_are_refused_before_anything_runs():
    data, teacher = of_table()
    with pytest.raises(CoterieError, match="Task 'rare' would have one label only"):
        ct.distill(teacher, data, 1, n_cells=1, checkpoint="nothing is written", **SHORT)
    assert not Path("nothing is written").exists()


def numbers() -> ct.Dataset:
    rng = np.random.default_rng(0)
    return ct.load({"inputs": rng.normal(size=(60, 2)), "targets": {"b": rng.normal(size=60)}})


def plain(input_shape):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 8), torch.nn.ReLU())


def without_batch_norm() -> dict:
    data, _ = of_pictures()
    return {"teacher": ct.fit(plain, data, epochs=20, lr=0.01, batch_size=16, device="cpu")}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (lambda: {"per_class": 31}, "`per_class` = 31 is more than there are of class 'x': 30"),
        (
            lambda: {"iteration": 7},
            "`iteration` is not a setting of distill; .* mean `iterations`",
        ),
        (lambda: {"iterations": 7}, "`round_iterations` must divide `iterations`, 7; found 2"),
        (lambda: {"data": numbers()}, r"task with classes, .* its tasks are 'b' \(regression\)"),
        (lambda: {"rule": "middle"}, "`rule` must be one of 'median'"),
        (without_batch_norm, "`teacher` must have BatchNorm layers"),
        (lambda: {"teacher": "teacher"}, "`teacher` must be a Fit"),
        (lambda: {"data": "data"}, "`data` must be a Dataset"),
        (lambda: {"task_weights": {"d": 1}}, "`task_weights` must be one of 'c'; found 'd'"),
        (lambda: {"task_weights": {"c": -1}}, "finite numbers of at least 0; found -1 for 'c'"),
        (lambda: {"legacy": ["jpeg"]}, "`legacy` must be one of 'adam', 'batches'"),
        (lambda: {"checkpoint": 3}, "`checkpoint` must be a str or Path"),
    ],
)
def test_it_is_refused_before_anything_runs(changed, message):
    data, teacher = of_pictures()

    def no_progress(*_: object) -> None:
        raise AssertionError("it ran")

    given = {"teacher": teacher, "data": data, "per_class": 3, **SHORT, "progress": no_progress}
    with pytest.raises(CoterieError, match=message):
        ct.distill(**{**given, **changed()})


def test_without_the_statistics_any_model_will_do():
    data, _ = of_pictures()
    teacher = without_batch_norm()["teacher"]
    found = ct.distill(teacher, data, 2, bn_weight=0, **SHORT)
    assert (found.history["statistics"] == 0).all()


def test_streamed_data_are_refused():
    class Streamed(torch.utils.data.Dataset):
        def __len__(self):
            return 60

        def __getitem__(self, index):
            return torch.full((3,), float(index)), torch.tensor([float(index % 2)])

    data = ct.load(Streamed())
    teacher = ct.fit("mlp", data, epochs=1, model_options={"hidden": (4,)}, device="cpu")
    with pytest.raises(CoterieError, match="`data` is streamed"):
        ct.distill(teacher, data, 2)


@pytest.mark.parametrize(
    "settings",
    [{"legacy": ["adam", "batches"], "crop": "shared"}, {"precision": "bf16"}, {"restart": True}],
)
def test_other_ways_give_other_images(settings):
    data, teacher = of_pictures()
    usual = ct.distill(teacher, data, 4, **SHORT)
    other = ct.distill(teacher, data, 4, **SHORT, **settings)
    np.testing.assert_array_equal(usual.ids, other.ids)
    assert (usual.images != other.images).any()


def test_tasks_of_every_kind_together():
    """Each that is known draws the examples; their losses are on one scale."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 5))
    targets = {
        "binary": (x[:, 0] > 0) * 1,
        "multiclass": np.array(list("xyz"))[np.digitize(x[:, 1], [-0.5, 0.5])],
        "ordinal": np.digitize(x[:, 2], [-0.5, 0.5]),
        "count": rng.poisson(3 * np.exp(x[:, 3])),
        "regression": x[:, 4],
    }
    kinds = {"ordinal": "ordinal", "count": "count"}
    data = ct.load({"inputs": x, "targets": targets}, kinds=kinds)
    settings = {"epochs": 30, "lr": 0.01, "batch_size": 32, "device": "cpu"}
    teacher = ct.fit("mlp", data, model_options={"hidden": (32,)}, **settings)
    usual = {"iterations": 30, "round_iterations": 10, "device": "cpu", "rule": "random"}
    found = ct.distill(teacher, data, 4, **usual)
    assert found.known.all()
    assert found.history["loss"][0] < np.log(10)
    for name in targets:
        without = ct.distill(teacher, data, 4, task_weights={name: 0}, **usual)
        assert (without.inputs != found.inputs).any()
