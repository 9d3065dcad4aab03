"""By what examples are ranked: teachers and data maps."""

import numpy as np
import pytest
import torch

import coterie as ct
from coterie.distillation import map_scores, teacher_scores
from coterie.errors import CoterieError
from tests.affinities.moments import KINDS, table

SMALL = {
    "epochs": 3,
    "batch_size": 32,
    "lr": 0.02,
    "device": "cpu",
    "model_options": {"hidden": (8,)},
}


@pytest.fixture(scope="module")
def mixed():
    return table(200, kinds=KINDS, missing=0.2)


@pytest.fixture(scope="module")
def teacher(mixed):
    return ct.fit("mlp", mixed, record=True, **SMALL)


def test_of_one_task_it_is_the_probability_of_the_true_class():
    data = table(200, kinds=("multiclass",))
    teacher = ct.fit("mlp", data, **SMALL)
    positions = data.split.validation
    probability = ct.predict(teacher.stack, data, positions)[0].softmax(-1)
    true = probability[torch.arange(len(positions)), data.targets[positions, 0].long()]
    np.testing.assert_allclose(teacher_scores(teacher, data, positions), true, rtol=1e-5)


def test_of_several_each_task_counts_alike_whatever_its_difficulty(mixed, teacher):
    """The scores of examples with all labels are sums of columns of mean 0 and deviation 1."""
    positions = mixed.split.train
    found = teacher_scores(teacher, mixed, positions)
    outputs = ct.predict(teacher.stack, mixed, positions)[0]
    logarithm = ct.confidence(outputs, mixed.targets[positions], mixed.tasks).double().log()
    columns = logarithm.numpy()
    columns = (columns - np.nanmean(columns, 0)) / np.nanstd(columns, 0)
    np.testing.assert_allclose(found, np.nanmean(columns, 1), rtol=1e-6)
    assert np.isfinite(found).all()


def test_places_in_a_map_are_found_by_id_and_are_means_over_observed_tasks(mixed, teacher):
    found = teacher.data_map
    backwards = found.ids[::-1]
    places = map_scores(found, backwards)
    np.testing.assert_allclose(places[::-1, 0], np.nanmean(found.confidence, 1), rtol=1e-6)
    np.testing.assert_allclose(places[::-1, 1], np.nanmean(found.variability, 1), rtol=1e-6)


def test_a_map_of_other_examples_is_refused(mixed, teacher):
    other = mixed.ids[mixed.split.test.numpy()]
    with pytest.raises(CoterieError, match=f"`data_map`.* {len(other)} are not in it, such as"):
        map_scores(teacher.data_map, other)


@pytest.mark.parametrize("weights", [np.eye(3), [[1, 1, 0]]])
def test_teachers_of_some_tasks_are_refused(mixed, weights):
    teacher = ct.fit("mlp", mixed, weights, **SMALL)
    with pytest.raises(CoterieError, match="`teacher` must be one model of all tasks"):
        teacher_scores(teacher, mixed, mixed.split.train)


def test_a_teacher_of_other_data_is_refused(teacher):
    data = ct.load("digits")
    with pytest.raises(CoterieError, match="not prepared as the model's own"):
        teacher_scores(teacher, data, data.split.train)
