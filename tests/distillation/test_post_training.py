"""Students of distilled examples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import coterie as ct
from coterie.errors import CoterieError
from coterie.files import read_arrays, write_arrays
from coterie.metrics import scores
from coterie.models.encoders import ENCODERS
from tests.distillation.small import SHORT, of_pictures, of_table, pictures

QUICK = {
    "epochs": 6,
    "score_every": 4,
    "device": "cpu",
    "model_options": {"width": 0.25, "dropout": 0.0},
}


@pytest.fixture(scope="module")
def distilled():
    data, teacher = of_pictures()
    return ct.distill(teacher, data, 6, **SHORT)


@pytest.fixture(scope="module")
def students(distilled):
    data, teacher = of_pictures()
    return ct.post_train("cnn", distilled, teacher, data, seeds=2, **QUICK)


def test_what_is_kept_of_students(students):
    data, teacher = of_pictures()
    assert students.scores.shape == (2, 3, 1)
    assert students.epochs.tolist() == [1, 5, 6]
    assert students.metric_names == ("accuracy",)
    assert students.soft == ("c",)
    curves = students.fit.history
    assert curves.train_loss.shape == (6, 2, 1)
    assert np.isfinite(curves.validation_score[[0, 4, 5]]).all()
    assert np.isnan(curves.validation_score[[1, 2, 3]]).all()
    assert curves.best_epoch.tolist() == [5, 5]
    # The students themselves are those of the last epoch.
    test = data.split.test
    said = ct.predict(students.fit.stack, data, test)
    tasks = data.with_metric("accuracy").tasks
    np.testing.assert_allclose(scores(said, data.targets[test], tasks).numpy(), students.last)
    said = ct.predict(teacher.stack, data, test)
    np.testing.assert_allclose(scores(said, data.targets[test], tasks)[0].numpy(), students.teacher)


def test_a_student_depends_on_its_seed_alone(distilled, students):
    data, teacher = of_pictures()
    again = ct.post_train("cnn", distilled, teacher, data, seeds=[1], **QUICK)
    for name, tensor in again.fit.stack.state().items():
        assert torch.equal(tensor[0], students.fit.stack.state()[name][1])
    assert not np.array_equal(*students.fit.history.train_loss.swapaxes(0, 1))


def test_finished_students_are_kept(distilled, students, tmp_path):
    """Who was killed in the second goes on with it; the bytes are those of one go."""
    data, teacher = of_pictures()
    seen = []

    def killed(done, of, text):
        seen.append(text)
        if text.startswith("student 2: epoch 3"):
            raise KeyboardInterrupt

    asked = {"checkpoint": tmp_path, **QUICK}
    with pytest.raises(KeyboardInterrupt):
        ct.post_train("cnn", distilled, teacher, data, seeds=2, progress=killed, **asked)
    assert [file.name for file in tmp_path.iterdir()] == ["student-0"]
    seen.clear()
    again = ct.post_train(
        "cnn",
        distilled,
        teacher,
        data,
        seeds=2,
        progress=lambda *each: seen.append(each[2]),
        **asked,
    )
    assert {text.partition(":")[0] for text in seen} == {"student 2"}
    assert again.scores.tobytes() == students.scores.tobytes()
    for name in ("train_loss", "validation_score", "validation_loss"):
        mine, theirs = (getattr(each.fit.history, name) for each in (again, students))
        assert mine.tobytes() == theirs.tobytes()
    for name, tensor in again.fit.stack.state().items():
        assert torch.equal(tensor, students.fit.stack.state()[name])
    test = data.split.test
    said, theirs = (ct.predict(each.fit.stack, data, test) for each in (again, students))
    assert torch.equal(said, theirs)
    with pytest.raises(CoterieError, match="belongs to a training with another lr"):
        ct.post_train("cnn", distilled, teacher, data, seeds=2, **{**asked, "lr": 0.1})
    with pytest.raises(CoterieError, match="belongs to a training with another distilled"):
        ct.post_train("cnn", ct.subset(data, 18), teacher, data, seeds=2, batch_size=10, **asked)


def test_a_student_that_fits_no_more_is_refused(distilled, tmp_path):
    data, teacher = of_pictures()
    asked = {**QUICK, "epochs": 1, "seeds": 1, "checkpoint": tmp_path}
    ct.post_train("cnn", distilled, teacher, data, **asked)
    (file,) = tmp_path.rglob("*.safetensors")
    arrays, about = read_arrays(file)
    for wrong, message in (
        ({name: array for name, array in arrays.items() if name != "test"}, "test"),
        ({name: array[..., :0] for name, array in arrays.items()}, "Array"),
        ({name: array for name, array in arrays.items() if "head" not in name}, "head"),
    ):
        write_arrays(file, wrong, about)
        with pytest.raises(CoterieError, match=message) as told:
            ct.post_train("cnn", distilled, teacher, data, **asked)
        assert str(file) in str(told.value)


def test_the_random_state_of_the_caller_stays(distilled):
    data, teacher = of_pictures()
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    ct.post_train("cnn", distilled, teacher, data, seeds=1, **{**QUICK, "epochs": 1})
    assert torch.equal(before, torch.random.get_rng_state())


def test_real_examples_are_a_rival_under_the_same_recipe():
    data, teacher = of_pictures()
    small = ct.subset(data, 18)
    found = ct.post_train("cnn", small, teacher, data, seeds=1, **QUICK)
    assert found.fit.cost["steps"] == [6 * 2]  # 6 of a class are in batches of 10


def test_without_augmentation_a_student_learns_what_the_teacher_says():
    """On the examples themselves; an image is seen as it is stored."""
    data, teacher = of_pictures()
    plain = {"operations": 0, "crop": 1.0, "flip": False, "cutmix": False, "epochs": 40, "lr": 0.01}
    small = ct.subset(data, 30)
    found = ct.post_train("cnn", small, teacher, data, seeds=1, **{**QUICK, **plain})
    seen = small.split.train
    mine, theirs = (ct.predict(fit.stack, small, seen)[0] for fit in (found.fit, teacher))
    assert (mine.argmax(1) == theirs.argmax(1)).float().mean() > 0.9
    assert found.last.mean() > 0.8


@pytest.mark.parametrize("operations", [0, 4])
def test_a_student_of_16_bits_learns_as_one_of_8(operations):
    """Levels that are 257 times as high, of 257 times as many, are the same pictures."""
    found = []
    for factor, kind in ((1, np.uint8), (257, np.uint16)):
        data = pictures(dtype=kind, factor=factor)
        options = {"width": 0.25, "dropout": 0.0}
        teacher = ct.fit(
            "cnn", data, epochs=8, lr=0.01, batch_size=32, model_options=options, device="cpu"
        )
        how = {**QUICK, "epochs": 2, "operations": operations}
        small = ct.subset(data, 30, seed=0)
        found.append(ct.post_train("cnn", small, teacher, data, seeds=1, **how))
    eight, sixteen = (each.fit.history.train_loss for each in found)
    np.testing.assert_allclose(sixteen, eight, rtol=0.02)


def test_an_encoder_may_learn_at_a_rate_of_its_own(distilled):
    data, teacher = of_pictures()

    def eager(*args, **options):
        encoder = ENCODERS["cnn"](*args, **options)
        encoder.lr_scale = 3.0
        return encoder

    plain, scaled = (
        ct.post_train(model, distilled, teacher, data, seeds=1, **{**QUICK, "lr": lr}).fit.stack
        for model, lr in (("cnn", 0.003), (eager, 0.001))
    )
    for name, tensor in plain.parameters.items():
        torch.testing.assert_close(scaled.parameters[name], tensor)


def test_decay_is_for_weights_of_layers_only(distilled):
    """With a decay that leaves nothing of weights, biases and BatchNorm are what they are anyway."""
    data, teacher = of_pictures()
    short = {**QUICK, "epochs": 1, "lr": 1e-6}
    strong = ct.post_train("cnn", distilled, teacher, data, seeds=1, weight_decay=1e5, **short)
    none = ct.post_train("cnn", distilled, teacher, data, seeds=1, weight_decay=0.0, **short)
    moved = {
        name: (strong.fit.stack.parameters[name] - tensor).abs().max().item() > 1e-4
        for name, tensor in none.fit.stack.parameters.items()
    }
    assert moved == {name: none.fit.stack.parameters[name].dim() > 2 for name in moved}


def test_tables_are_learnt_task_by_task():
    """Own labels for the coin, the teacher's for what it knows, gaps included."""
    data, teacher = of_table()
    found = ct.post_train(
        "mlp",
        ct.distill(teacher, data, 10, **SHORT),
        teacher,
        data,
        seeds=2,
        epochs=40,
        lr=0.01,
        device="cpu",
        model_options={"hidden": (16,)},
    )
    assert found.soft == ("rare", "gaps", "number")
    assert found.tasks == data.tasks.names
    assert found.last.shape == (2, 4)
    assert found.last[:, 1].mean() > 0.3  # skill of AUROC


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "`epochs`"),
        ({"epoch": 3}, "`epoch` is not a setting of post_train; .* Did you mean `epochs`?"),
        ({"crop": 1.5}, "`crop` must be a share"),
        ({"temperature": 0}, "`temperature`"),
        ({"magnitude": 11}, "`magnitude`"),
        ({"seeds": 0}, "`seeds`"),
        ({"seeds": [1, 1]}, "`seeds` must be how many, or different"),
        ({"batch_size": 1}, "`batch_size`"),
        ({"device": "tpu"}, "`device`"),
        ({"metric": "R2"}, "`metric`"),
        ({"soft": "c"}, "`soft`"),
        ({"checkpoint": 3}, "`checkpoint`"),
    ],
)
def test_wrong_settings_are_named_before_anything_is_trained(distilled, wrong, message):
    data, teacher = of_pictures()
    with pytest.raises(CoterieError, match=message):
        ct.post_train("cnn", distilled, teacher, data, **wrong)


def test_other_data_are_refused(distilled):
    data, teacher = of_pictures()
    other, stranger = of_table()
    for wrong in (
        lambda: ct.post_train("cnn", distilled, stranger, data),
        lambda: ct.post_train("cnn", distilled, teacher, other),
        lambda: ct.post_train("cnn", other, teacher, data),
        lambda: ct.post_train("cnn", distilled.inputs, teacher, data),
        lambda: ct.post_train("cnn", distilled, "cnn", data),
    ):
        with pytest.raises(CoterieError):
            wrong()


def test_a_loss_that_breaks_is_told(distilled):
    data, teacher = of_pictures()
    with pytest.raises(CoterieError, match=r"Student of seed 0: the loss is not finite"):
        ct.post_train("cnn", distilled, teacher, data, seeds=1, lr=1e30, **QUICK)


def test_progress_is_told_over_all_students(distilled):
    data, teacher = of_pictures()
    seen = []
    ct.post_train(
        "cnn",
        distilled,
        teacher,
        data,
        seeds=2,
        progress=lambda *each: seen.append(each),
        **{**QUICK, "epochs": 2},
    )
    assert [each[:2] for each in seen] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert seen[-1][2] == "student 2: epoch 2 of 2"


def test_a_record_without_its_parts_is_refused(students):
    with pytest.raises(CoterieError, match=r"`scores` must have shape \(seeds, epochs, tasks\)"):
        replace(students, seeds=(0,))
