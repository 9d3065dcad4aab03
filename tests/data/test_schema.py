"""What a model was trained on, beside other data."""

from dataclasses import replace

import numpy as np
import pytest

from coterie.data import Schema, load
from coterie.data.schema import schema_of
from coterie.errors import CoterieError
from coterie.tasks import Tasks


def data(targets, inputs=None):
    inputs = np.random.default_rng(0).normal(size=(150, 2)) if inputs is None else inputs
    return load({"inputs": inputs, "targets": targets})


BINARY = {"a": np.arange(150) % 2, "b": np.arange(150) % 4 < 2}
NUMBER = {"a": np.arange(150) % 2, "b": np.sqrt(np.arange(150))}


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (data({"a": BINARY["a"]}), "its tasks are 'a'; the model's are 'a', 'b'"),
        (data(NUMBER), "task 'b' is regression there, binary in the model"),
        (data({**BINARY, "a": BINARY["a"] + 1}), "classes of task 'a' are '1', '2'; the model's"),
        (data(BINARY, np.zeros((150, 3)) + np.arange(3)), r"have shape \(3,\); the model's \(2,\)"),
    ],
)
def test_the_first_difference_is_named(other, said):
    schema = data(BINARY).schema
    with pytest.raises(CoterieError, match=said):
        schema.require(other)


def test_units_differ_beyond_rounding_only():
    schema = data(NUMBER).schema
    tasks = schema.tasks
    near = replace(tasks, std=tasks.std * (1 + 1e-9))
    far = replace(tasks, std=tasks.std * 2)
    assert schema.difference(Schema(near, schema.preprocessing)) == ""
    assert schema.difference(Schema(far, schema.preprocessing)) == "task 'b' is scaled otherwise"


def test_what_has_a_schema_is_taken_for_it():
    found = data(BINARY)
    assert schema_of(found).difference(schema_of(found.schema)) == ""
    with pytest.raises(CoterieError, match=r"`like` must be a Fit, .* found int without a schema"):
        schema_of(3)
    with pytest.raises(CoterieError, match="`preprocessing` must be a Preprocessing"):
        Schema(Tasks.plain(found.tasks.items), "none")
