"""Files that hold whole epochs only, and maps read without loading them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import coterie
from coterie.datamaps import DataMapRecorder, as_type, gram, open_map
from coterie.datamaps.storage import create_arrays, map_arrays
from coterie.errors import CoterieError
from coterie.files import read_arrays, write_arrays
from coterie.results import DataMap
from tests.datamaps.planted import planted_map
from tests.datamaps.test_recorder import assert_same

N, T = 8, 3


def values(epoch: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(epoch).uniform(size=(N, T)).astype(np.float32))


def run_epochs(recorder: DataMapRecorder, until: int) -> DataMapRecorder:
    while recorder.epoch < until:
        now = values(recorder.epoch + 1)
        recorder.update(torch.arange(N // 2), now[: N // 2])
        recorder.update(torch.arange(N // 2, N), now[N // 2 :])
        recorder.end_epoch()
    return recorder


def wanted(*snapshots: int, until: int = 4) -> DataMap:
    recorder = DataMapRecorder(T, N)
    for epoch in snapshots:
        recorder.snapshot(epoch)
    return run_epochs(recorder, until).data_map()


def test_folder_gives_the_same_map_as_memory(tmp_path):
    recorder = DataMapRecorder(T, N, folder=tmp_path)
    recorder.snapshot(2)
    found = run_epochs(recorder, 4).data_map()
    assert isinstance(found.confidence, np.memmap)
    assert_same(found, wanted(2), rtol=0)
    assert_same(DataMap.load(tmp_path / "data_map.safetensors"), wanted(2), rtol=0)
    assert sorted(p.name for p in tmp_path.glob("epoch-*")) == [
        "epoch-2.safetensors",
        "epoch-4.safetensors",
    ]


def test_an_abandoned_epoch_leaves_no_trace(tmp_path):
    first = DataMapRecorder(T, N, folder=tmp_path)
    first.snapshot(2)
    first.snapshot(3)
    run_epochs(first, 2)
    first.update(torch.arange(N // 2), values(3)[: N // 2])
    again = DataMapRecorder(T, N, folder=tmp_path)
    assert again.epoch == 2
    assert_same(again.data_map(), wanted(until=2), rtol=0)
    assert_same(run_epochs(again, 4).data_map(), wanted(2, 3), rtol=0)


def test_a_snapshot_cannot_be_changed_by_later_updates(tmp_path):
    recorder = run_epochs(DataMapRecorder(T, N, folder=tmp_path), 1)
    recorder.snapshot(1)
    assert_same(run_epochs(recorder, 3).data_map(), wanted(1, until=3), rtol=0)


ENDLESS = """
import sys
import numpy as np
import torch
from coterie.datamaps import DataMapRecorder

recorder = DataMapRecorder(3, 8, folder=sys.argv[1])
recorder.snapshot(2)
while True:
    numbers = np.random.default_rng(recorder.epoch + 1).uniform(size=(8, 3))
    now = torch.from_numpy(numbers.astype(np.float32))
    for rows in (torch.arange(4), torch.arange(4, 8)):
        recorder.update(rows, now[rows])
    recorder.end_epoch()
"""


def test_killed_at_any_moment_it_continues(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(coterie.__file__).parents[1])}
    child = subprocess.Popen([sys.executable, "-c", ENDLESS, str(tmp_path)], env=environment)
    published = tmp_path / "epoch-2.safetensors"
    deadline = time.monotonic() + 60
    while not published.exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(0.03 * np.random.default_rng().uniform())
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    again = DataMapRecorder(T, N, folder=tmp_path)
    assert again.epoch >= 2
    until = again.epoch + 2
    assert_same(run_epochs(again, until).data_map(), wanted(2, until=until), rtol=0)


def test_a_folder_of_another_recorder_is_refused(tmp_path):
    run_epochs(DataMapRecorder(T, N, folder=tmp_path), 1)
    before = (tmp_path / "epoch-1.safetensors").read_bytes()
    with pytest.raises(CoterieError, match="other tasks or another number of examples"):
        DataMapRecorder(T + 1, N, folder=tmp_path)
    with pytest.raises(CoterieError, match="other tasks"):
        DataMapRecorder(T, N, names=list("abc"), folder=tmp_path)
    assert (tmp_path / "epoch-1.safetensors").read_bytes() == before


def test_damage_is_named(tmp_path):
    run_epochs(DataMapRecorder(T, N, folder=tmp_path), 1)
    path = tmp_path / "epoch-1.safetensors"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(CoterieError, match=r"epoch-1\.safetensors is damaged"):
        DataMapRecorder(T, N, folder=tmp_path)
    write_arrays(tmp_path / "other.safetensors", {"x": np.zeros(2)})
    with pytest.raises(CoterieError, match="is not a valid data map"):
        open_map(tmp_path / "other.safetensors")


def test_state_of_a_folder_restores_into_memory(tmp_path):
    recorder = run_epochs(DataMapRecorder(T, N, folder=tmp_path), 2)
    other = DataMapRecorder(T, N)
    other.restore(recorder.state())
    assert_same(run_epochs(other, 4).data_map(), wanted(), rtol=0)


def test_arrays_are_plain_safetensors(tmp_path):
    layout = {
        "a": (np.dtype(np.float16), (2, 3)),
        "empty": (np.dtype(np.float32), (0, 4)),
        "b": (np.dtype(np.int64), (5,)),
    }
    with create_arrays(tmp_path / "x.safetensors", layout, {"note": "ü"}) as arrays:
        arrays["a"][:] = 0.5
        arrays["b"][:] = range(5)
    for read in (read_arrays, map_arrays):
        found, about = read(tmp_path / "x.safetensors")
        assert about == {"note": "ü"}
        assert {name: (a.dtype, a.shape) for name, a in found.items()} == layout
        assert found["b"].tolist() == [0, 1, 2, 3, 4]
        assert (found["a"] == 0.5).all()


def test_a_failed_write_leaves_nothing(tmp_path):
    with (
        pytest.raises(RuntimeError),
        create_arrays(tmp_path / "x.safetensors", {"a": (np.dtype(np.float32), (2,))}),
    ):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_half_precision_in_memory_and_on_disk(tmp_path):
    data_map = planted_map(2, 4, 50, gaps=0.1)
    small, stored = (
        as_type(data_map, "float16"),
        as_type(data_map, "float16", tmp_path / "map.safetensors"),
    )
    assert small.confidence.dtype == stored.variability.dtype == np.float16
    assert_same(small, stored, rtol=0)
    assert_same(data_map, small, atol=1e-3)
    assert_same(DataMap.load(tmp_path / "map.safetensors"), stored, rtol=0)
    np.testing.assert_allclose(gram(stored).distances2, gram(data_map).distances2, atol=1e-4)
    with pytest.raises(CoterieError, match="float16 or float32"):
        as_type(data_map, "int8")
