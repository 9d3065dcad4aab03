"""What teachers know, and who cannot be one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import coterie as ct
from coterie.distillation import Teachers, skills
from coterie.distillation.teachers import first_of
from coterie.errors import CoterieError
from coterie.training.device import Place
from tests.distillation.small import of_table, pictures

CPU = Place.of("cpu")


def test_a_coin_is_not_known():
    data, teacher = of_table()
    assert data.tasks.names[3] == "coin"
    assert Teachers.of(teacher, data, CPU).knows.tolist() == [[True, True, True, False]]


def test_skills_are_nan_where_a_model_was_not_trained():
    data, _ = of_table()
    weights = np.array([[1, 0, 0, 0], [0, 1, 1, 1]])
    found = skills(ct.fit("mlp", data, weights, epochs=1, device="cpu"))
    np.testing.assert_array_equal(np.isnan(found), weights == 0)


def test_who_knows_a_task_says_what_it_is():
    """Outputs are means over the models that know a task."""
    data, teacher = of_table()
    other = ct.fit(
        "mlp",
        data,
        [[1, 0, 0, 0]],
        epochs=15,
        lr=0.01,
        batch_size=32,
        model_options={"hidden": (16,)},
        device="cpu",
        seed=1,
    )
    both = replace(
        teacher,
        weights=np.concatenate([teacher.weights, other.weights]),
        scores=np.concatenate([teacher.scores, other.scores]),
        stack=ct.ModelStack.concatenate([teacher.stack, other.stack]),
    )
    inputs = data.inputs[:9]
    found = Teachers.of(both, data, CPU).outputs(inputs, batch_size=4)
    joint, single = (each.stack.model(0)(inputs).detach() for each in (teacher, other))
    torch.testing.assert_close(found[:, 0], (joint[:, 0] + single[:, 0]) / 2)
    torch.testing.assert_close(found[:, 1:3], joint[:, 1:3])
    assert (found[:, 3] == 0).all()
    assert first_of(both).stack.n_models == 1


def test_weights_take_no_gradient_and_the_stack_stays_as_it_was():
    data, teacher = of_table()
    before = teacher.stack.fingerprint()
    teachers = Teachers.of(teacher, data, CPU)
    assert not any(each.requires_grad for each in teachers.models[0].parameters())
    assert teacher.stack.trainable()
    assert teacher.stack.fingerprint() == before


def test_without_batch_norm_there_is_nothing_to_match():
    data, _ = of_table()
    plain = ct.fit(plain_encoder, data, epochs=10, lr=0.01, device="cpu")
    teachers = Teachers.of(plain, data, CPU)
    with pytest.raises(CoterieError, match=r"must have BatchNorm layers, .* model 0 has none"):
        teachers.require_batch_norm(data.input_shape)


def plain_encoder(input_shape: tuple[int, ...]) -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(input_shape[0], 16), torch.nn.ReLU())


def test_who_knows_nothing_is_no_teacher():
    data, teacher = of_table()
    ignorant = replace(teacher, scores=np.zeros_like(teacher.scores))
    with pytest.raises(CoterieError, match=r"must be better than chance .* model 0 is on none"):
        Teachers.of(ignorant, data, CPU)


def test_a_teacher_of_other_data_is_refused():
    _, teacher = of_table()
    with pytest.raises(CoterieError, match="`data` was not prepared as the model's own"):
        Teachers.of(teacher, pictures(), CPU)
    with pytest.raises(CoterieError, match="`teacher` must be a Fit"):
        Teachers.of("teacher", pictures(), CPU)  # type: ignore[arg-type]
