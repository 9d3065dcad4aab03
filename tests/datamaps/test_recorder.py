"""The streaming recorder against batch statistics."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.datamaps import DataMapRecorder
from coterie.errors import CoterieError
from coterie.results import DataMap


def record(values: np.ndarray, *, batch: int = 3, seed: int = 0, **options) -> DataMapRecorder:
    """Record trajectories (E, N, T) in shuffled batches."""
    random = np.random.default_rng(seed)
    recorder = DataMapRecorder(values.shape[2], values.shape[1], **options)
    for epoch in values:
        for index in np.array_split(random.permutation(len(epoch)), -(-len(epoch) // batch)):
            recorder.update(torch.from_numpy(index), torch.from_numpy(epoch[index]))
        recorder.end_epoch()
    return recorder


def trajectories(seed: int, epochs: int, n: int, t: int, gaps: float) -> np.ndarray:
    random = np.random.default_rng(seed)
    values = random.uniform(size=(epochs, n, t)).astype(np.float32)
    return np.where(random.uniform(size=values.shape) < gaps, np.nan, values).astype(np.float32)


def assert_same(a: DataMap, b: DataMap, **tolerance: float) -> None:
    for x, y in zip(a.snapshots, b.snapshots, strict=True):
        assert x.epoch == y.epoch
        for name in ("confidence", "variability", "correctness", "count"):
            np.testing.assert_allclose(
                getattr(x, name), getattr(y, name), err_msg=name, **tolerance
            )


sizes = st.tuples(
    st.integers(0, 99),
    st.integers(1, 6),
    st.integers(1, 7),
    st.integers(1, 4),
    st.sampled_from([0.0, 0.3, 0.9]),
)


@given(sizes)
@settings(max_examples=40, deadline=None)
def test_streaming_is_batch_statistics(size):
    values = trajectories(*size)
    found = record(values, seed=size[0]).data_map()
    count = (~np.isnan(values)).sum(0)
    mean = np.where(count, np.nansum(values, axis=0) / count.clip(1), np.nan)
    spread = np.sqrt(np.nansum((values - mean) ** 2, axis=0) / (count - 1).clip(1))
    np.testing.assert_array_equal(found.count, count)
    np.testing.assert_allclose(found.confidence, mean, atol=1e-6)
    np.testing.assert_allclose(found.variability, np.where(count, spread, np.nan), atol=1e-6)
    np.testing.assert_allclose(
        found.correctness, np.where(count, (values > 0.5).sum(0) / count.clip(1), np.nan), atol=1e-6
    )


def test_by_hand():
    recorder = DataMapRecorder(1, 2, names=["cat"], ids=["a", "b"])
    for value in (0.2, 0.4, 0.9):
        recorder.update(torch.tensor([1]), torch.tensor([[value]]))
        recorder.end_epoch()
    found = recorder.data_map()
    assert (found.tasks, found.epoch, found.ids.tolist()) == (("cat",), 3, ["a", "b"])
    np.testing.assert_allclose(found.confidence.ravel(), [np.nan, 0.5], rtol=1e-6)
    np.testing.assert_allclose(found.variability.ravel(), [np.nan, np.sqrt(0.13)], rtol=1e-6)
    np.testing.assert_allclose(found.correctness.ravel(), [np.nan, 1 / 3], rtol=1e-6)
    assert found.count.ravel().tolist() == [0, 3]


def test_float32_holds_over_many_epochs():
    values = 0.9 + 1e-3 * torch.rand(500, generator=torch.Generator().manual_seed(0))
    recorder = DataMapRecorder(1, 1)
    for value in values:
        recorder.update(torch.tensor([0]), value.reshape(1, 1))
    assert recorder.data_map().variability[0, 0] == pytest.approx(
        float(values.double().std()), rel=1e-3
    )


def test_an_example_may_come_twice_in_a_batch():
    once, twice = DataMapRecorder(1, 3), DataMapRecorder(1, 3)
    values = torch.tensor([[0.1], [0.2], [0.5], [0.6]])
    index = torch.tensor([0, 0, 2, 0])
    twice.update(index, values)
    for i, value in zip(index, values, strict=True):
        once.update(i[None], value[None])
    assert_same(twice.data_map(), once.data_map())


@given(sizes)
@settings(max_examples=20, deadline=None)
def test_masked_cells_have_no_influence(size):
    values = trajectories(*size)
    by_nan, by_mask = record(values), DataMapRecorder(values.shape[2], values.shape[1])
    for epoch in values:
        whole = torch.from_numpy(np.nan_to_num(epoch, nan=0.77))
        by_mask.update(torch.arange(len(epoch)), whole, observed=torch.from_numpy(~np.isnan(epoch)))
        by_mask.end_epoch()
    assert_same(by_nan.data_map(), by_mask.data_map(), rtol=0)


@given(sizes)
@settings(max_examples=20, deadline=None)
def test_merge_of_disjoint_cells_is_exact(size):
    values = trajectories(*size)
    mine = np.random.default_rng(1).uniform(size=values.shape[1:]) < 0.5
    a, b = record(np.where(mine, values, np.nan)), record(np.where(mine, np.nan, values))
    a.merge(b)
    assert_same(a.data_map(), record(values).data_map(), rtol=0)


@given(sizes)
@settings(max_examples=20, deadline=None)
def test_merge_is_associative_and_holds_for_shared_cells(size):
    seed, epochs, *rest = size
    parts = [trajectories(seed + i, epochs, *rest) for i in range(3)]
    a, b, c = (record(part) for part in parts)
    left, right, tail = record(parts[0]), record(parts[0]), record(parts[1])
    left.merge(b)
    left.merge(c)
    tail.merge(c)
    right.merge(tail)
    assert_same(left.data_map(), right.data_map(), atol=2e-6)
    whole = record(np.concatenate(parts))
    whole.epoch = a.epoch
    assert_same(left.data_map(), whole.data_map(), atol=2e-6)


def test_merge_refuses_others():
    recorder = DataMapRecorder(2, 3)
    with pytest.raises(CoterieError, match="n_examples"):
        recorder.merge(DataMapRecorder(2, 4))
    with pytest.raises(CoterieError, match="names"):
        recorder.merge(DataMapRecorder(2, 3, names=["a", "b"]))
    with pytest.raises(CoterieError, match="kinds"):
        recorder.merge(DataMapRecorder(2, 3, kinds=["binary", "regression"]))
    with pytest.raises(CoterieError, match=r"same ids: 1 at position 1; found 7 \(1 differ\)"):
        recorder.merge(DataMapRecorder(2, 3, ids=[0, 7, 2]))
    with pytest.raises(CoterieError, match="same ids: 0 at position 0; found a"):
        recorder.merge(DataMapRecorder(2, 3, ids=["a", "b", "c"]))
    other = record(trajectories(0, 1, 3, 2, 0.0))
    other.snapshot(1)
    with pytest.raises(CoterieError, match="snapshots"):
        recorder.merge(other)


def test_snapshots_asked_before_or_at_their_epoch():
    values = trajectories(0, 4, 6, 2, 0.2)
    recorder = DataMapRecorder(2, 6)
    recorder.snapshot(1)
    for epoch, part in enumerate(values, start=1):
        recorder.update(torch.arange(6), torch.from_numpy(part))
        recorder.end_epoch()
        if epoch == 3:
            recorder.snapshot(3)
    found = recorder.data_map()
    assert [s.epoch for s in found.snapshots] == [1, 3, 4]
    for snapshot in found.snapshots:
        np.testing.assert_array_equal(
            snapshot.confidence, record(values[: snapshot.epoch]).data_map().confidence
        )
    with pytest.raises(CoterieError, match="4 epochs have ended"):
        recorder.snapshot(2)


def test_snapshots_are_forgotten():
    recorder = record(trajectories(0, 4, 6, 2, 0.2)[:2])
    recorder.snapshot(2)
    recorder.snapshot(3)
    recorder.forget()
    recorder.update(torch.arange(6), torch.full((6, 2), 0.5))
    recorder.end_epoch()
    recorder.end_epoch()
    assert [each.epoch for each in recorder.data_map().snapshots] == [4]


def test_state_restores_everything_and_is_a_copy():
    values = trajectories(3, 4, 6, 2, 0.2)
    recorder = DataMapRecorder(2, 6)
    for epoch in (1, 3):
        recorder.snapshot(epoch)
    other = DataMapRecorder(2, 6)
    for epoch, part in enumerate(values, start=1):
        recorder.update(torch.arange(6), torch.from_numpy(part))
        recorder.end_epoch()
        if epoch == 2:
            saved = recorder.state()
    other.restore(saved)
    for part in values[2:]:
        other.update(torch.arange(6), torch.from_numpy(part))
        other.end_epoch()
    assert_same(recorder.data_map(), other.data_map(), rtol=0)
    with pytest.raises(CoterieError, match=r"shape \(5, 4, 2\)"):
        DataMapRecorder(2, 5).restore(saved)


@pytest.mark.parametrize(
    ("index", "values", "observed", "message"),
    [
        ([0, 3], [[0.5], [0.5]], None, "`index` must lie in 0 .. 2"),
        ([-1], [[0.5]], None, "`index` must lie"),
        ([0.0], [[0.5]], None, "vector of integers"),
        ([[0]], [[0.5]], None, "vector of integers"),
        ([0], [[0.5, 0.5]], None, r"`confidence` must have shape \(1, 1\)"),
        ([0], [[1.5]], None, r"must lie in \[0, 1\]"),
        ([0], [[float("inf")]], None, r"must lie in \[0, 1\]"),
        ([0], [[0.5]], [[1.0]], "`observed` must be bool"),
    ],
)
def test_bad_updates_are_refused_and_leave_no_trace(index, values, observed, message):
    recorder = DataMapRecorder(1, 3)
    with pytest.raises(CoterieError, match=message):
        recorder.update(
            torch.tensor(index),
            torch.tensor(values),
            None if observed is None else torch.tensor(observed),
        )
    assert recorder.data_map().count.sum() == 0


def test_bad_sizes_are_refused():
    with pytest.raises(CoterieError, match="at least 1"):
        DataMapRecorder(0, 3)
    with pytest.raises(CoterieError, match="`names` must have 2 entries; found 1"):
        DataMapRecorder(2, 3, names=["a"])


def test_nothing_of_the_graph_is_kept():
    values = torch.full((2, 1), 0.5, requires_grad=True)
    recorder = DataMapRecorder(1, 2)
    recorder.update(torch.arange(2), values * 1.0)
    assert not recorder._state.requires_grad


def test_map_saves_and_loads(tmp_path):
    recorder = record(trajectories(0, 3, 5, 2, 0.5), ids=list("vwxyz"))
    recorder.snapshot(3)
    found = recorder.data_map()
    found.save(tmp_path / "map.safetensors")
    loaded = DataMap.load(tmp_path / "map.safetensors")
    assert_same(found, loaded, rtol=0)
    assert loaded.ids.tolist() == list("vwxyz")


@pytest.mark.parametrize(("n_tasks", "limit_ms"), [(10, 1.0), (1000, 15.0)])
def test_cost_of_an_update(n_tasks, limit_ms):
    recorder, values = DataMapRecorder(n_tasks, 2000), torch.rand(128, n_tasks)
    index = [torch.randperm(2000)[:128] for _ in range(20)]
    threads, times = torch.get_num_threads(), []
    # All in this thread, whose own time does not depend on what else the machine does.
    torch.set_num_threads(1)
    for rows in index:
        start = time.thread_time()
        recorder.update(rows, values)
        times.append(time.thread_time() - start)
    torch.set_num_threads(threads)
    assert min(times) * 1e3 < limit_ms
