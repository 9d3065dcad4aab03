"""Features of tasks, chunk by chunk of examples.

(confidence, variability) of every snapshot, or their ranks.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from coterie.errors import CoterieError
from coterie.results import DataMap
from coterie.seeds import numpy_generator

# The largest sample standard deviation of values in [0, 1], reached by two of them.
MOST_VARIABLE = np.sqrt(0.5)
N_BLOCKS = 20
_CHUNK_CELLS = 1 << 22
_IN_MEMORY = 1 << 28


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Features of some examples of one block in one snapshot: 0 where not ``observed``.

    All of shape (n, T), float64.
    """

    snapshot: int
    block: int
    confidence: np.ndarray
    variability: np.ndarray
    observed: np.ndarray


class Features:
    """The features of all tasks of a map, read in chunks and assigned to blocks of examples.

    Blocks are the unit that bootstraps resample: about 20 of them, drawn by a seeded permutation of
    the examples. Tasks of mixed kinds have different chance levels, so their features are ranks
    within the task, scaled to [0, 1].

    Args:
        data_map: the map, possibly memory-mapped.
        chunk: examples read at a time; by default as many as 4 million cells.
        seed: draws the blocks.
        centred: whether each feature's mean over a task's observed examples is subtracted.
    """

    def __init__(
        self,
        data_map: DataMap,
        *,
        chunk: int | None = None,
        seed: int = 0,
        centred: bool = False,
    ) -> None:
        check_map(data_map)
        self.n_examples, self.n_tasks = data_map.confidence.shape
        self.ranked = len(set(data_map.kinds)) > 1
        self.variability_limit = 1.0 if self.ranked else float(MOST_VARIABLE)
        self.n_snapshots = len(data_map.snapshots)
        self.n_blocks = min(N_BLOCKS, self.n_examples)
        self.chunk = chunk or max(1, _CHUNK_CELLS // self.n_tasks)
        self._block = numpy_generator(seed, "blocks").permutation(self.n_examples) % self.n_blocks
        pairs = [(s.confidence, s.variability) for s in data_map.snapshots]
        self._pairs = [(_ranks(c), _ranks(v)) for c, v in pairs] if self.ranked else pairs
        self._centred, self._seed = centred, seed

    def __iter__(self) -> Iterator[Chunk]:
        for snapshot, (confidence, variability) in enumerate(self._pairs):
            middles = (
                [self._means(part) for part in (confidence, variability)] if self._centred else ()
            )
            for start in range(0, self.n_examples, self.chunk):
                rows = slice(start, start + self.chunk)
                c, v = (
                    np.array(part[rows], dtype=np.float64) for part in (confidence, variability)
                )
                observed = ~np.isnan(c)
                for part, middle in zip((c, v), middles, strict=False):
                    part -= middle
                np.nan_to_num(c, copy=False)
                np.nan_to_num(v, copy=False)
                for block in range(self.n_blocks):
                    mine = self._block[rows] == block
                    yield Chunk(
                        snapshot=snapshot,
                        block=block,
                        confidence=c[mine],
                        variability=v[mine],
                        observed=observed[mine],
                    )

    def sample(self, most: int) -> np.ndarray:
        """Features of at most so many examples drawn at random, (2 S, n, T), NaN where not observed.

        They are not centred.
        """
        rows = numpy_generator(self._seed, "sample").permutation(self.n_examples)[:most]
        rows.sort()
        return np.array([part[rows] for pair in self._pairs for part in pair], dtype=np.float64)

    def _means(self, values: np.ndarray) -> np.ndarray:
        """Mean of each task over its observed examples, (T,), 0 where it has none."""
        total, count = np.zeros((2, self.n_tasks))
        for start in range(0, self.n_examples, self.chunk):
            part = np.asarray(values[start : start + self.chunk], dtype=np.float64)
            total += np.nansum(part, axis=0)
            count += (~np.isnan(part)).sum(axis=0)
        return total / count.clip(1)


def check_map(data_map: DataMap) -> None:
    """Refuse a map that cannot be grouped, naming why.

    Raises:
        CoterieError: fewer than two tasks, or tasks never observed.
    """
    n, t = data_map.confidence.shape
    if t < 2:
        raise CoterieError(f"`data_map` must have at least 2 tasks to group; found {t}.")
    seen = np.zeros(t, dtype=bool)
    step = max(1, _CHUNK_CELLS // t)
    for start in range(0, n, step):
        seen |= ~np.isnan(data_map.confidence[start : start + step]).all(axis=0)
        if seen.all():
            return
    never = [name for name, known in zip(data_map.tasks, seen, strict=True) if not known]
    raise CoterieError(
        f"`data_map` has tasks that were never observed: {', '.join(never)}. Leave them out."
    )


def _ranks(values: np.ndarray) -> np.ndarray:
    """Mid-ranks within each task over its observed examples, in (0, 1), (N, T) float32.

    A scratch file when big.
    """
    n, t = values.shape
    if values.size * 4 > _IN_MEMORY:
        with tempfile.TemporaryFile() as file:
            ranks: np.ndarray = np.memmap(file, np.float32, "w+", shape=(n, t))
    else:
        ranks = np.empty((n, t), dtype=np.float32)
    step = max(1, _CHUNK_CELLS // n)
    for start in range(0, t, step):
        columns = np.asarray(values[:, start : start + step], dtype=np.float64)
        count = (~np.isnan(columns)).sum(axis=0).clip(1)
        ranks[:, start : start + step] = (
            rankdata(columns, axis=0, nan_policy="omit") - 0.5
        ) / count
    return ranks
