"""Maps read without loading them, and maps of half the size."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from coterie.datamaps import DataMapRecorder, as_type, gram, open_map
from coterie.datamaps.storage import map_arrays
from coterie.errors import CoterieError
from coterie.files import write_arrays
from coterie.results import DataMap
from tests.datamaps.planted import planted_map
from tests.datamaps.test_recorder import assert_same


def recorded() -> DataMap:
    """Of 8 examples and 3 tasks, two epochs, the first kept."""
    recorder = DataMapRecorder(3, 8)
    recorder.snapshot(1)
    for seed in range(2):
        values = np.random.default_rng(seed).uniform(size=(8, 3)).astype(np.float32)
        recorder.update(torch.arange(8), torch.from_numpy(values))
        recorder.end_epoch()
    return recorder.data_map()


def test_an_opened_map_is_the_saved_one_and_lies_in_its_file(tmp_path):
    path = tmp_path / "map.safetensors"
    for dtype in ("float32", "float16"):
        data_map = as_type(recorded(), dtype)
        data_map.save(path)
        found = open_map(path)
        assert isinstance(found.confidence, np.memmap)
        assert found.confidence.dtype == dtype
        assert not found.confidence.flags.writeable
        assert [each.epoch for each in found.snapshots] == [1, 2]
        for one, other in zip(found.snapshots, DataMap.load(path).snapshots, strict=True):
            assert_same(one, other, rtol=0)


def test_a_map_may_be_opened_without_reading_it(tmp_path):
    path = tmp_path / "map.safetensors"
    recorded().save(path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(CoterieError, match="is damaged"):
        open_map(path)
    open_map(path, verify=False)


def test_damage_is_named(tmp_path):
    path = tmp_path / "map.safetensors"
    recorded().save(path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(CoterieError, match=r"map\.safetensors is damaged"):
        open_map(path)
    write_arrays(tmp_path / "other.safetensors", {"x": np.zeros(2)})
    with pytest.raises(CoterieError, match="is not a valid data map"):
        open_map(tmp_path / "other.safetensors")


def test_arrays_are_read_as_the_library_reads_them(tmp_path):
    wanted = {
        "a": np.full((2, 3), 0.5, dtype=np.float16),
        "empty": np.zeros((0, 4), dtype=np.float32),
        "b": np.arange(5),
    }
    write_arrays(tmp_path / "x.safetensors", wanted, {"note": "ü"})
    found, about = map_arrays(tmp_path / "x.safetensors")
    assert about == {"note": "ü"}
    assert set(found) == set(wanted)
    for name, array in wanted.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found[name], array)


def test_half_precision(tmp_path):
    data_map = planted_map(2, 4, 50, gaps=0.1)
    small = as_type(data_map, "float16")
    assert small.confidence.dtype == small.variability.dtype == np.float16
    assert_same(data_map, small, atol=1e-3)
    small.save(tmp_path / "map.safetensors")
    stored = open_map(tmp_path / "map.safetensors")
    np.testing.assert_allclose(gram(stored).distances2, gram(data_map).distances2, atol=1e-4)
    with pytest.raises(CoterieError, match="float16 or float32"):
        as_type(data_map, "int8")
