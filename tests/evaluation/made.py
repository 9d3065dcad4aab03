"""Units of comparisons made by hand: outputs of arms on test examples, without any training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from coterie.evaluation.units import Unit
from coterie.metrics import scores, with_metric
from coterie.results.tables import SCORES
from coterie.tasks import Kind, Task, Tasks


def binary(*names: str, metric: Any = None) -> Tasks:
    tasks = Tasks.plain([Task(name=name, kind=Kind.BINARY) for name in names])
    return with_metric(tasks, metric)


def unit(
    tasks: Tasks,
    targets: np.ndarray,
    outputs: Mapping[str, np.ndarray | Sequence[np.ndarray]],
    *,
    validation: Mapping[str, float] | None = None,
    costs: Mapping[str, Mapping[str, float]] | None = None,
    **about: Any,
) -> Unit:
    """Of arms by name: outputs (n, P), or a list of these, one for each draw."""
    draws = [
        (name, draw, each)
        for name, given in outputs.items()
        for draw, each in enumerate(given if isinstance(given, list) else [given])
    ]
    found = np.stack([each for *_, each in draws]).astype(np.float32)
    labels = torch.tensor(targets, dtype=torch.float32)
    usual = {"models": 1, "parameters": 10, "model_steps": 5, "seconds": 1.0}
    given: dict[str, Any] = {
        "split": 0,
        "seed": 0,
        "positions": np.arange(len(targets)),
        "scores": SCORES.empty_table(),
        "found": {},
        "histories": {},
        "data_map": None,
        "overlap": 0.25,
        **about,
    }
    return Unit(
        arms=tuple((name, draw) for name, draw, _ in draws),
        primary=scores(torch.from_numpy(found), labels, tasks).numpy(),
        outputs=found,
        targets=labels.numpy(),
        validation=np.array([(validation or {}).get(name, 0.5) for name, *_ in draws]),
        costs=[{"arm": name, **usual, **(costs or {}).get(name, {})} for name, *_ in draws],
        **given,
    )


def answers(targets: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """Logits of binary tasks that are right where ``hits`` (n, T)."""
    return np.where(hits, 1.0, -1.0) * (2 * targets - 1)
