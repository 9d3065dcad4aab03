"""Batches: what order, what is in them, and what they do not depend on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from coterie.data import Batches, Dataset, blocks, load, supports
from coterie.errors import CoterieError
from tests.data.pictures import random_images


def _numbered(n: int = 60, t: int = 3) -> Dataset:
    targets = (np.arange(n)[:, None] + np.arange(t)) % 2
    return load({"inputs": np.arange(n)[:, None], "targets": targets})


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 59), batch_size=st.integers(2, 20), epoch=st.integers(0, 5))
def test_an_epoch_visits_every_position_once(n: int, batch_size: int, epoch: int) -> None:
    data = _numbered()
    positions = torch.arange(n) + 1
    batches = Batches(data, positions, batch_size=batch_size, seed=0)
    seen = list(batches.epoch(epoch))
    assert len(seen) == batches.n_steps
    assert sorted(torch.cat([batch.position for batch in seen]).tolist()) == list(range(n))
    assert n == 1 or min(len(batch.position) for batch in seen) > 1
    for batch in seen:
        assert torch.equal(batch.inputs[:, 0], positions[batch.position].float())
        assert torch.equal(batch.targets, data.targets[positions[batch.position]])
    assert torch.equal(torch.cat([batch.position for batch in batches.ordered()]), torch.arange(n))


def test_the_order_depends_on_seed_and_epoch() -> None:
    data = _numbered()
    order = lambda seed, epoch: torch.cat(  # noqa: E731
        [b.position for b in Batches(data, data.split.train, batch_size=8, seed=seed).epoch(epoch)]
    ).tolist()
    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_a_row_depends_on_its_own_support_only() -> None:
    data = _numbered()
    lists = [torch.arange(0, 20), torch.arange(10, 27), torch.arange(30, 50)]
    together = list(Batches(data, lists, batch_size=8, seed=3).epoch(2))
    assert len(together) == 3
    for row, support in enumerate(lists):
        alone = list(Batches(data, [support], batch_size=8, seed=3).epoch(2))
        for both, one in zip(together, alone, strict=True):
            assert both.inputs.shape == (3, 8, 1)
            assert torch.equal(both.inputs[row], one.inputs[0])
            assert torch.equal(both.targets[row], one.targets[0])
            assert torch.equal(both.inputs[row, :, 0], support[both.position[row]].float())
        visited = torch.cat([batch.position[row] for batch in together])
        assert set(visited.tolist()) == set(range(len(support)))
        assert visited[len(support) :].tolist() == visited[: 24 - len(support)].tolist()


def test_images_are_normalised_and_augmented_alike_for_all_models() -> None:
    data = load({"inputs": random_images(), "targets": np.arange(60) % 2})
    plain = next(Batches(data, data.split.train, batch_size=16, seed=0).epoch(0))
    assert torch.equal(
        plain.inputs, data.preprocessing.normalise(data.inputs[data.split.train[plain.position]])
    )
    augmented = Batches(
        data, data.split.train, batch_size=16, seed=0, augment=True, channels_last=True
    )
    first, again = next(augmented.epoch(0)).inputs, next(augmented.epoch(0)).inputs
    assert torch.equal(first, again)
    assert not torch.equal(first, plain.inputs)
    assert first.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(
        next(augmented.ordered()).inputs[0],
        data.preprocessing.normalise(data.inputs[data.split.train[0]]),
    )
    pair = Batches(data, [data.split.train, data.split.train], batch_size=12, seed=0, augment=True)
    for batch in pair.epoch(0):
        assert torch.equal(batch.inputs[0], batch.inputs[1])


class Pairs(torch.utils.data.Dataset):
    """The numbered images, one by one."""

    def __init__(self) -> None:
        self.images = random_images()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, list[int]]:
        return self.images[index], [index % 2]


@pytest.mark.parametrize("rows", [None, 2])
def test_streaming_gives_what_memory_gives(rows: int | None) -> None:
    held, streamed = load({"inputs": random_images(), "targets": np.arange(60) % 2}), load(Pairs())
    positions: Any = held.split.train if rows is None else [held.split.train] * rows
    before = torch.get_rng_state()
    pairs = [
        Batches(data, positions, batch_size=10, seed=1, augment=True) for data in (held, streamed)
    ]
    assert [batches.resident for batches in pairs] == [True, False]
    for one, other in zip(*(batches.epoch(0) for batches in pairs), strict=True):
        assert torch.equal(one.inputs, other.inputs)
        assert torch.equal(one.targets, other.targets)
    assert torch.equal(before, torch.get_rng_state())


def _with_gaps() -> Dataset:
    rows = np.random.default_rng(0).permutation(300)
    targets = np.stack(
        [rows % 2, np.where(rows < 100, np.nan, rows % 2), np.where(rows < 200, rows % 2, np.nan)],
        1,
    )
    return load({"inputs": rows[:, None], "targets": targets}, rare="drop")


def test_supports_are_the_labelled_examples() -> None:
    full, gaps = _numbered(), _with_gaps()
    assert torch.equal(supports(full, np.eye(3)), full.split.train)
    assert torch.equal(supports(gaps, torch.ones(2, 3)), gaps.split.train)
    found = supports(gaps, [[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    assert isinstance(found, list)
    assert [len(support) for support in found] == [
        (~gaps.targets[gaps.split.train, t].isnan()).sum() for t in (1, 2, 0)
    ]
    assert not gaps.targets[found[0], 1].isnan().any()


def test_blocks_can_be_trained_as_stacks() -> None:
    gaps = _with_gaps()
    found = blocks(gaps, np.concatenate([np.eye(3), np.ones((1, 3))]), 8)
    assert sorted(row for rows, _ in found for row in rows) == [0, 1, 2, 3]
    assert found[0][0] == [0, 3]
    for rows, positions in found:
        batch = next(Batches(gaps, positions, batch_size=8, seed=0).epoch(0))
        assert batch.inputs.shape == (
            (8, 1) if isinstance(positions, Tensor) else (len(rows), 8, 1)
        )


def test_errors() -> None:
    data = _numbered()
    for message, call in (
        ("`weights` must have shape \\(M, 3\\)", lambda: supports(data, np.eye(2))),
        ("Row 1 of `weights` is zero", lambda: supports(data, [[1, 0, 0], [0, 0, 0]])),
        (
            "same number of steps",
            lambda: Batches(data, [torch.arange(8), torch.arange(9)], batch_size=8, seed=0),
        ),
        ("`positions` is empty", lambda: Batches(data, torch.arange(0), batch_size=8, seed=0)),
        (
            "Support 1 is empty",
            lambda: Batches(data, [torch.arange(2), torch.arange(0)], batch_size=8, seed=0),
        ),
        (
            "`batch_size` must be at least 2",
            lambda: Batches(data, torch.arange(8), batch_size=1, seed=0),
        ),
        (
            "`augment` is for images",
            lambda: Batches(data, torch.arange(8), batch_size=2, seed=0, augment=True),
        ),
        (
            "`ordered` needs",
            lambda: Batches(data, [torch.arange(8)], batch_size=8, seed=0).ordered(),
        ),
    ):
        with pytest.raises(CoterieError, match=message):
            call()
