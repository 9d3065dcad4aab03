"""From a recipe to a data set."""

import numpy as np
import pytest
import torch

from coterie.data.assembly import assemble
from coterie.data.recipes import Groups, Recipe
from coterie.data.targets import Labels
from coterie.errors import CoterieError
from coterie.tasks import Task

N = 200
YES = np.arange(N) % 2


def recipe(values=YES[:, None], **more):
    tasks = tuple(Task(name=f"t{i}", kind="binary") for i in range(values.shape[1]))
    labels = Labels(tasks=tasks, values=values.astype(np.float64))
    inputs = torch.arange(2.0 * N).reshape(N, 2)
    return Recipe(stored=inputs, labels=labels, ids=np.arange(N), **more)


def test_another_seed_is_another_split_of_the_same_examples():
    one, other = assemble(recipe(), 0), assemble(recipe(), 1)
    assert not torch.equal(one.split.train, other.split.train)
    assert torch.equal(one.resplit(1).split.train, other.split.train)
    for data in (one, other):
        parts = torch.cat([data.split.train, data.split.validation, data.split.test])
        assert parts.sort().values.tolist() == list(range(N))


def test_validation_is_cut_from_the_training_part_of_a_given_split():
    given = np.where(np.arange(N) < 160, 0, 2)
    data = assemble(recipe(given=given), 0)
    assert data.split.test.tolist() == list(range(160, N))
    assert (len(data.split.train), len(data.split.validation)) == (120, 40)
    assert data.rebuild is not None


def test_a_split_that_is_given_whole_or_by_time_cannot_be_drawn_again():
    given = np.repeat([0, 1, 2], [120, 40, 40])
    assert assemble(recipe(given=given), 0).rebuild is None
    data = assemble(recipe(times=np.arange(N)), 0)
    assert data.rebuild is None
    assert data.split.train.max() < data.split.validation.min()


def test_rare_tasks_stop_it_or_are_dropped():
    rare = np.stack([YES, np.arange(N) < 2], axis=1)
    with pytest.raises(CoterieError, match="Too rare for this split: 't1'"):
        assemble(recipe(rare), 0)
    data = assemble(recipe(rare, rare="drop"), 0)
    assert data.tasks.names == ("t0",)
    assert any(note.startswith("Dropped as too rare: 't1'") for note in data.notes)
    with pytest.raises(CoterieError, match="Every task is too rare"):
        assemble(recipe(rare[:, 1:], rare="drop"), 0)


def test_examples_without_a_label_are_in_no_part():
    values = np.where(np.arange(N)[:, None] < 10, np.nan, YES[:, None])
    data = assemble(recipe(values), 0)
    assert sum(map(len, (data.split.train, data.split.validation, data.split.test))) == N - 10
    assert "10 rows have no label and are not used." in data.notes


def test_a_part_that_is_empty_is_named_with_its_groups():
    codes = np.zeros(N, dtype=np.int64)
    groups = Groups(codes=codes, names=np.array(["all"]), what="groups", overlap=False)
    with pytest.raises(CoterieError, match="part is empty: 200 rows in 1 groups that stay whole"):
        assemble(recipe(groups=groups), 0)
