"""The verb itself.

Shapes: ``M`` models, ``T`` tasks, ``N`` training examples, ``E`` epochs, ``P`` output columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack, cast

import numpy as np
from torch import Tensor, nn

from coterie.data import Dataset, blocks
from coterie.engines import Engine, LocalEngine, carried_out, require_engine
from coterie.errors import CoterieError, require_type
from coterie.fitting.arguments import (
    Matrix,
    check_snapshots,
    check_start,
    check_types,
    make_config,
    make_provider,
    recorded_row,
)
from coterie.fitting.job import RowsJob, TrainedRows, merged
from coterie.metrics import Choice
from coterie.models import Architecture, ModelStack
from coterie.models.architecture import initialisations
from coterie.results import Fit
from coterie.training import (
    Observer,
    Probe,
    Progress,
    StaticWeights,
    TrainingConfig,
    Watchers,
    WeightsProvider,
)
from coterie.training.config import FitSettings, TrainingSettings

Model = str | Callable[..., nn.Module]

# A parameter in training: itself, its gradient, two means of Adam's, the state that is kept.
_BYTES_A_PARAMETER = 5 * 4
BLOCK_BYTES = 2**31


def fit(
    model: Model,
    data: Dataset,
    weights: Matrix | WeightsProvider | None = None,
    *,
    init: str | Sequence[int] | None = None,
    start: ModelStack | None = None,
    metric: Choice | Mapping[str, Choice] | None = None,
    record: bool | int = False,
    snapshots: Sequence[int] = (),
    observers: Sequence[Observer] = (),
    probes: Sequence[Probe] = (),
    checkpoint: str | Path | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
    **settings: Unpack[FitSettings],
) -> Fit:
    """Train M models as one stack, model m minimising sum_t W[m, t] L_t / sum_t W[m, t].

    With ``reduction="sum"`` that sum is not divided.

    Args:
        model: "mlp", "tabm", "cnn", "convnet", "resnet18", "resnet34", "resnet50", "module:factory" or a
            callable ``factory(input_shape) -> encoder`` giving (B, F).
        data: what :func:`coterie.load` returned.
        weights: W (M, T), or a provider that yields it each step; one row of ones if left out.
        init: "independent" (the default), "shared", or M integers that name the initialisations.
        start: continue from these M trained models instead of from an initialisation; a frozen stem
            stays as it is.
        metric: by which models are compared (scores, and the epoch that is kept): the name of one of
            :mod:`coterie.metrics` or a function for all tasks, or a mapping from task to one. By
            default what the tasks have: AUROC (binary), log-loss skill, R2, ...
        record: record the data map of the only model, or of the row given as a number: of the
            epochs up to the one that the row keeps, or of all with ``keep="last"``.
        snapshots: epochs (counted from 1) after which the map is kept too; the map is then of all
            epochs. There is none after the row has stopped.
        observers: watch every training batch, see :class:`coterie.training.Observer`.
        probes: try steps from the state of the training now and then, see
            :class:`coterie.training.Probe`.
        checkpoint: folder for one checkpoint an epoch; a training found there is continued, bit for
            bit on a CPU.
        engine: where the rows are trained, :class:`coterie.LocalEngine` by default. What is watched
            by objects of this process (observers, probes, a provider of weights) is trained here.
        progress: called with (steps done, all steps, text).
        **settings: fields of :class:`coterie.training.TrainingConfig`: epochs, lr, batch_size,
            optimiser, seed, ...

    Raises:
        CoterieError: a setting, the weights or the model are wrong, or a loss stopped being finite.

    >>> import coterie as ct
    >>> ct.fit("mlp", ct.load("digits"), epochs=1, model_options={"hidden": (8,)}).scores.shape
    (1, 14)
    """
    require_type("data", data, Dataset)
    data = data.with_metric(metric)
    check_types(checkpoint, start, progress, observers=observers, probes=probes)
    require_engine(engine)
    config = make_config(settings)
    provider = make_provider(weights, len(data.tasks), config.reduction)
    recorded = recorded_row(record, provider.n_rows)
    snapshots = check_snapshots(snapshots, config.epochs)
    if snapshots and recorded is None:
        raise CoterieError("`snapshots` are kept of a recorded map; give `record=True` too.")
    whole = _all_rows(
        model,
        data,
        config,
        provider,
        seeds=(config.seed,) * provider.n_rows,
        starts=tuple(initialisations(provider.init if init is None else init, provider.n_rows)),
        start=start,
        recorded=() if recorded is None else (recorded,),
        snapshots=snapshots,
        checkpoint=None if checkpoint is None else Path(checkpoint),
    )
    check_start(start, whole.architecture, provider.n_rows)
    watchers = Watchers(observers=tuple(observers), probes=tuple(probes))
    if not isinstance(provider, StaticWeights):
        return whole.run(progress, watchers).fit
    if watchers.all:
        return _only(_separate(whole, provider, len(whole.rows))).run(progress, watchers).fit
    return _trained(whole, provider, engine, progress).fit


@dataclass(frozen=True, kw_only=True)
class OneSeed:
    """Rows of one seed, to be trained beside those of others: as for :func:`coterie.fit`."""

    seed: int
    weights: Matrix | None = None
    init: str | Sequence[int] | None = None
    start: ModelStack | None = None


def fit_seeds(
    model: Model,
    data: Dataset,
    parts: Sequence[OneSeed],
    *,
    record: bool = False,
    snapshots: Sequence[int] = (),
    checkpoint: Path | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
    **settings: Unpack[TrainingSettings],
) -> list[Fit]:
    """The fits of several seeds, trained as one stack; each is to rounding what it is alone.

    ``record`` keeps the data map of the first row of each.

    >>> import coterie as ct
    >>> data, small = ct.load("digits"), {"epochs": 1, "model_options": {"hidden": (8,)}}
    >>> both = fit_seeds("mlp", data, [OneSeed(seed=0), OneSeed(seed=1)], **small)
    >>> alone = ct.fit("mlp", data, seed=1, **small)
    >>> bool(abs(both[1].scores - alone.scores).max() < 1e-6)
    True
    """
    config, n_tasks = make_config({**settings, "seed": parts[0].seed}), len(data.tasks)
    own = [make_provider(part.weights, n_tasks, config.reduction) for part in parts]
    sizes = [provider.n_rows for provider in own]
    first = np.cumsum([0, *sizes]).tolist()
    provider = StaticWeights(
        np.concatenate([cast(StaticWeights, each).matrix for each in own]),
        n_tasks=n_tasks,
        reduction=config.reduction,
    )
    starts = [part.start for part in parts if part.start is not None]
    whole = _all_rows(
        model,
        data,
        config,
        provider,
        seeds=tuple(
            part.seed for part, size in zip(parts, sizes, strict=True) for _ in range(size)
        ),
        starts=tuple(
            start
            for part, each in zip(parts, own, strict=True)
            for start in initialisations(part.init or each.init, each.n_rows)
        ),
        start=ModelStack.concatenate(starts) if starts else None,
        recorded=tuple(first[:-1]) if record else (),
        snapshots=check_snapshots(snapshots, config.epochs),
        checkpoint=checkpoint,
    )
    trained = _trained(whole, provider, engine, progress)
    return [
        trained.of(range(first[number], first[number + 1]), part.seed)
        for number, part in enumerate(parts)
    ]


def _all_rows(
    model: Model, data: Dataset, config: TrainingConfig, provider: WeightsProvider, **own: Any
) -> RowsJob:
    """All rows as one job, before they are separated."""
    return RowsJob(
        architecture=Architecture.of(model, data.input_shape, data.tasks, config.model_options),
        data=data,
        config=config,
        provider=provider,
        rows=tuple(range(provider.n_rows)),
        positions=data.split.train,
        **own,
    )


def _trained(
    whole: RowsJob, provider: StaticWeights, engine: Engine | None, progress: Progress | None
) -> TrainedRows:
    """Train rows that nobody watches, in blocks."""
    jobs = _separate(whole, provider, _rows_of_a_block(whole))
    parts = (LocalEngine() if engine is None else engine).rows(jobs, progress)
    return merged(jobs, list(carried_out(jobs, parts)), provider.matrix)


def _only(jobs: Sequence[RowsJob]) -> RowsJob:
    """The job of a training that is watched."""
    if len(jobs) > 1:
        raise CoterieError(
            "`observers` and `probes` need models that all train on the same examples; labels are "
            "missing."
        )
    return jobs[0]


def _rows_of_a_block(whole: RowsJob) -> int:
    """How many rows are not too large for one stack; those that learn a stem are never parted."""
    start = whole.start
    if len(whole.rows) == 1 or (start is not None and start.couples_rows):
        return len(whole.rows)
    return max(1, BLOCK_BYTES // (whole.architecture.n_parameters * _BYTES_A_PARAMETER))


def _separate(whole: RowsJob, provider: StaticWeights, most: int) -> list[RowsJob]:
    """One job for each block of rows that can share a stack, of at most so many.

    A row's batches depend on its own examples only, never on its neighbours.
    """
    found = blocks(whole.data, provider.matrix, whole.config.batch_size)
    start = whole.start
    together = len(found) == 1 and isinstance(found[0][1], Tensor)
    if start is not None and start.couples_rows and not together:
        raise CoterieError(
            "`start` has a stem that learns, which needs models that all train on the same "
            "examples."
        )
    cut = [
        (
            rows[at : at + most],
            positions if isinstance(positions, Tensor) else positions[at : at + most],
        )
        for rows, positions in found
        for at in range(0, len(rows), most)
    ]
    if len(cut) == 1:
        return [replace(whole, positions=cut[0][1])]
    return [_block(whole, provider, number, *each) for number, each in enumerate(cut)]


def _block(
    whole: RowsJob,
    provider: StaticWeights,
    number: int,
    rows: Sequence[int],
    positions: Tensor | list[Tensor],
) -> RowsJob:
    """Some of the rows."""
    folder = whole.checkpoint
    return replace(
        whole,
        provider=provider.select(rows),
        rows=tuple(rows),
        seeds=tuple(whole.seeds[row] for row in rows),
        starts=tuple(whole.starts[row] for row in rows),
        positions=positions,
        start=None if whole.start is None else whole.start.select(rows),
        recorded=tuple(row for row in whole.recorded if row in rows),
        checkpoint=None if folder is None else folder / f"block-{number}",
    )
