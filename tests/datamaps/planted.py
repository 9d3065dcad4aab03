"""Maps whose groups are known."""

from __future__ import annotations

import numpy as np
import torch

from coterie.datamaps import DataMapRecorder
from coterie.results import DataMap


def planted_map(
    n_groups: int,
    n_tasks: int,
    n_examples: int = 200,
    *,
    noise: float = 0.1,
    epochs: int = 4,
    gaps: float = 0.0,
    seed: int = 0,
) -> DataMap:
    """Task t learns as group t % n_groups does, give or take ``noise`` in each epoch.

    A share ``gaps`` of cells is missing.
    """
    random = np.random.default_rng(seed)
    centres = random.uniform(0.2, 0.8, (n_groups, n_examples))
    missing = random.uniform(size=(n_examples, n_tasks)) < gaps
    recorder = DataMapRecorder(n_tasks, n_examples)
    for _ in range(epochs):
        values = centres[np.arange(n_tasks) % n_groups].T + random.normal(
            0, noise, (n_examples, n_tasks)
        )
        values = np.where(missing, np.nan, values.clip(0, 1))
        recorder.update(torch.arange(n_examples), torch.from_numpy(values))
        recorder.end_epoch()
    return recorder.data_map()


def map_of(
    confidence: np.ndarray,
    variability: np.ndarray | None = None,
    kinds: tuple[str, ...] | None = None,
) -> DataMap:
    """A map with these (N, T) values."""
    n, t = confidence.shape
    seen = ~np.isnan(confidence)
    variability = np.where(seen, 0.0, np.nan) if variability is None else variability
    return DataMap(
        tasks=tuple(f"task {i}" for i in range(t)),
        kinds=kinds or ("binary",) * t,
        ids=np.arange(n),
        epoch=1,
        confidence=confidence,
        variability=variability,
        correctness=confidence > 0.5,
        count=seen.astype(np.float32),
    )
