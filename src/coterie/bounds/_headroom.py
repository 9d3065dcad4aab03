"""The verb itself.

Shapes: ``S`` seeds, ``R`` rows, ``T`` tasks.
"""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Unpack

import numpy as np

from coterie.bounds.limits import DRAWS, Limits, limits
from coterie.bounds.rows import balanced_rows
from coterie.data import Dataset
from coterie.engines import Engine
from coterie.errors import CoterieError, require_number, require_type, require_whole
from coterie.fitting import Model, fit
from coterie.metrics import deciding
from coterie.results import Headroom
from coterie.training import Progress, within
from coterie.training.config import TrainingSettings

POINTS = 100.0
ROWS = 32
SEEDS = 5
_MOST = 10_000


def headroom(
    model: Model,
    data: Dataset,
    n_groups: int,
    *,
    rows: int = ROWS,
    seeds: int = SEEDS,
    seed: int = 0,
    margin: float | None = None,
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
    engine: Engine | None = None,
    **settings: Unpack[TrainingSettings],
) -> Headroom:
    """Bound what any grouping into K models can gain over one joint model, before grouping.

    Trains the joint model, every task alone and balanced random subsets of the tasks, on several
    seeds, each seed as one stack from one initialisation, and reads the scores on validation. A
    random-effects model of them says how good the best partition into at most K groups can be, see
    :func:`coterie.bounds.limits`; the best score seen would say far too much.

    Args:
        model: as for :func:`coterie.fit`.
        data: what :func:`coterie.load` returned, of at least 2 tasks.
        n_groups: K.
        rows: random subsets, of about T / K tasks; 16 to 64 are usual. All subsets, where there are
            no more.
        seeds: S, at least 2: without, nothing tells noise from what a subset does.
        seed: the first of the seeds, and of the subsets.
        margin: what would be worth having, in points, mean over tasks; by default the margin of the
            metric (AUROC .5, R2 and skills 1).
        checkpoint: folder for one checkpoint per seed; trainings found there are continued.
        progress: called with (steps done, all steps, text).
        engine: as for :func:`coterie.fit`.
        **settings: fields of :class:`coterie.training.TrainingConfig`: epochs, lr, batch_size, ...

    Raises:
        CoterieError: fewer than 2 tasks or seeds, more groups than tasks, a setting that cannot
            work, or tasks without a score.

    >>> import coterie as ct
    >>> data = ct.load("digits", targets=["even", "digit 3", "random"])
    >>> small = {"epochs": 1, "model_options": {"hidden": (8,)}}
    >>> found = ct.headroom("mlp", data, 2, seeds=2, **small)
    >>> found.subsets.shape, found.low <= found.estimate <= found.bound
    ((7, 3), True)
    """
    require_type("data", data, Dataset)
    n_tasks = len(data.tasks)
    if n_tasks < 2:
        raise CoterieError(f"Groups need at least 2 tasks; found {n_tasks}.")
    require_whole("n_groups", n_groups, 2, n_tasks)
    margin = usual_margin(data) if margin is None else margin
    check_counts(rows, seeds, margin)
    require_whole("seed", seed, 0)
    if checkpoint is not None:
        require_type("checkpoint", checkpoint, str, Path)
    subsets = np.concatenate(
        [
            np.ones((1, n_tasks), dtype=bool),
            np.eye(n_tasks, dtype=bool),
            balanced_rows(n_tasks, n_groups, rows, seed),
        ]
    )
    started, scores, steps = perf_counter(), [], 0.0
    for number in range(seeds):
        fitted = fit(
            model,
            data,
            subsets.astype(np.float64),
            init="shared",
            seed=seed + number,
            checkpoint=None if checkpoint is None else Path(checkpoint) / f"seed-{seed + number}",
            progress=within(progress, number, seeds, f"headroom, seed {number + 1} of {seeds}"),
            engine=engine,
            **settings,
        )
        scores.append(np.asarray(fitted.scores, dtype=np.float64))
        steps += float(fitted.cost["model_steps"])
    spent = {"seconds": perf_counter() - started, "model_steps": steps}
    return _headroom(data.tasks.names, np.stack(scores), subsets, n_groups, margin, seed, spent)


def usual_margin(data: Dataset) -> float:
    """The largest margin of the metrics by which models of these tasks are compared."""
    return max(1.0 if each.margin is None else each.margin for each in deciding(data.tasks))


def check_counts(rows: object, seeds: object, margin: object) -> None:
    """Refuse numbers that cannot work.

    Raises:
        CoterieError: naming the argument.
    """
    require_whole("rows", rows, 1, _MOST)
    require_whole("seeds", seeds, 2, _MOST)
    require_number("margin", margin, least=0)


def _headroom(
    tasks: tuple[str, ...],
    scores: np.ndarray,
    subsets: np.ndarray,
    n_groups: int,
    margin: float,
    seed: int,
    spent: dict[str, float],
) -> Headroom:
    gaps = ~np.isfinite(scores[:, subsets]).all(axis=0)
    if gaps.any():
        name = tasks[np.argwhere(subsets)[np.argmax(gaps), 1]]
        raise CoterieError(
            f"Task {name!r} has no score on the validation examples: exclude it, or split anew."
        )
    found = limits(POINTS * scores, subsets, n_groups, seed=seed)
    return Headroom(
        tasks=tasks,
        n_groups=n_groups,
        margin=float(margin),
        low=found.low,
        estimate=found.estimate,
        bound=found.bound,
        overlapping_bound=found.overlapping_bound,
        joint=found.measured.joint,
        single=found.measured.single,
        subset_variance=found.measured.spread,
        seed_variance=found.measured.noise,
        pairs_met=_pairs_met(found.measured.rows),
        subsets=subsets,
        scores=scores,
        details={**_components(found), "draws": DRAWS, "seed": seed, "cost": spent},
    )


def _components(found: Limits) -> dict[str, object]:
    """Medians of the standard deviations, in points."""
    names = ("co_members", "size", "subset")
    medians = np.median(found.draws.components, axis=0)
    sds = {name: float(value) for name, value in zip(names, medians, strict=True)}
    return {"sd": {**sds, "seed": float(np.sqrt(found.measured.noise.mean()))}}


def _pairs_met(rows: np.ndarray) -> float:
    """Share of the pairs of tasks that are together in a row; all of two tasks, which need none."""
    n_tasks = rows.shape[1]
    if n_tasks == 2:
        return 1.0
    together = rows.T.astype(int) @ rows
    return float((together[np.triu_indices(n_tasks, 1)] > 0).mean())
