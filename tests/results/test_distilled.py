"""Distilled examples: what they refuse, and the data sets that they become part of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import coterie as ct
from coterie.errors import CoterieError
from coterie.results import Distilled
from tests.results.made import distilled


def of(data: ct.Dataset, n: int = 6) -> Distilled:
    """The first training examples of a data set as if they had been distilled."""
    some = data.split.train[:n]
    inputs = data.inputs[some].numpy()
    return Distilled(
        tasks=data.tasks,
        preprocessing=data.preprocessing,
        inputs=inputs.transpose(0, 2, 3, 1) if inputs.ndim == 4 else inputs,
        targets=data.targets[some].numpy(),
        ids=data.ids[some.numpy()],
        cells=np.zeros(n, np.int64),
        ranks=np.arange(n),
        iterations=np.full(n, 2),
        scores=np.linspace(0, 1, n),
        outputs=np.zeros((n, data.tasks.n_outputs), np.float32),
        known=np.ones(len(data.tasks), bool),
        teacher="abc",
    )


def pictures(rng: np.random.Generator, n: int = 60) -> ct.Dataset:
    """Images of two colours, and one task of three classes."""
    images = rng.integers(0, 256, (n, 3, 5, 4), dtype=np.uint8)
    return ct.load({"inputs": images, "targets": {"c": np.array(["x", "y", "z"] * (n // 3))}})


def test_images_and_labels_are_told_apart_from_other_inputs():
    data = pictures(np.random.default_rng(0))
    found = of(data)
    some = data.split.train[:6]
    assert found.images.dtype == np.uint8
    np.testing.assert_array_equal(
        found.images[2, :, :, 1],
        data.inputs[some[2], 1].numpy(),
    )
    np.testing.assert_array_equal(found.labels, data.targets[some, 0].numpy())
    assert found.labels.dtype == np.int64
    with pytest.raises(CoterieError, match=r"no images but have shape \(2,\)"):
        _ = distilled().images
    with pytest.raises(CoterieError, match=r"classes of one task; found 'a' \(binary\), 'b'"):
        _ = distilled().labels


def test_only_the_training_part_of_the_data_set_is_replaced():
    data = pictures(np.random.default_rng(1))
    found = of(data, 6)
    new = found.dataset(data)
    assert len(new.split.train) == 6
    torch.testing.assert_close(new.inputs[new.split.train], data.inputs[data.split.train[:6]])
    for part in ("validation", "test"):
        here, there = getattr(new.split, part), getattr(data.split, part)
        assert torch.equal(new.inputs[here], data.inputs[there])
        assert torch.equal(new.targets[here], data.targets[there])
        np.testing.assert_array_equal(new.ids[here.numpy()], data.ids[there.numpy()])
    assert new.preprocessing == data.preprocessing
    assert ct.fit("mlp", new, epochs=1, model_options={"hidden": (4,)}).scores.shape == (1, 1)


def test_it_is_refused_beside_other_data():
    data, other = pictures(np.random.default_rng(0)), pictures(np.random.default_rng(1))
    with pytest.raises(CoterieError, match="`like` must be the data set that the examples were"):
        of(data).dataset(other)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ids": np.arange(2)}, "`ids` must have shape"),
        ({"targets": np.zeros((3, 3), np.float32)}, "T="),
        ({"outputs": np.zeros((3, 1), np.float32)}, "`outputs` must have 2 columns; found 1"),
        ({"inputs": np.zeros((3, 5), np.float32)}, r"must hold inputs of shape \(2,\)"),
        ({"inputs": np.zeros((3, 2), np.uint8)}, "numbers"),
        ({"inputs": np.float32(1)}, "must have shape"),
    ],
)
def test_what_does_not_fit_together_is_refused(changed, message):
    with pytest.raises(CoterieError, match=message):
        distilled(**changed)


def test_images_come_back_from_a_file_bit_for_bit(tmp_path):
    found = of(pictures(np.random.default_rng(0)))
    found = replace(found, history={"loss": np.array([1.0, 0.5])}, settings={"rule": "median"})
    found.save(tmp_path / "distilled.safetensors")
    again = Distilled.load(tmp_path / "distilled.safetensors")
    np.testing.assert_array_equal(again.images, found.images)
    np.testing.assert_array_equal(again.history["loss"], [1.0, 0.5])
    assert again.settings == {"rule": "median"}
