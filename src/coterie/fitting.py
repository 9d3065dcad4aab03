"""The verb ``fit``.

Train a stack of models under a weight matrix, and record a data map on the way if asked.

Shapes: ``M`` models, ``T`` tasks, ``N`` training examples, ``E`` epochs, ``P`` output columns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from numbers import Integral
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from torch import Tensor, nn

from coterie.data import Dataset, blocks
from coterie.datamaps import DataMapRecorder
from coterie.errors import CoterieError, is_listed, require_type, shown
from coterie.identity import identity_or_name
from coterie.models import Architecture, ModelStack
from coterie.models.architecture import initialisations
from coterie.results import Fit, History
from coterie.tasks import confidence
from coterie.training import (
    Observer,
    Probe,
    Progress,
    StaticWeights,
    TrainingConfig,
    WeightsProvider,
    train,
)
from coterie.training.config import FitSettings, spelled
from coterie.training.device import Place

Model = str | Callable[..., nn.Module]
_CALLED = {"observers": ("on_batch", "on_epoch_end"), "probes": ("every", "on_step")}


def fit(
    model: Model,
    data: Dataset,
    weights: np.ndarray | Tensor | Sequence[Sequence[float]] | WeightsProvider | None = None,
    *,
    init: str | Sequence[int] | None = None,
    start: ModelStack | None = None,
    record: bool | int = False,
    snapshots: Sequence[int] = (),
    observers: Sequence[Observer] = (),
    probes: Sequence[Probe] = (),
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
    **settings: Unpack[FitSettings],
) -> Fit:
    """Train M models as one stack, model m minimising sum_t W[m, t] L_t / sum_t W[m, t].

    Args:
        model: "mlp", "cnn", "resnet18", "module:factory" or a callable ``factory(input_shape) ->
            encoder`` giving (B, F).
        data: what :func:`coterie.load` returned.
        weights: W (M, T), or a provider that yields it each step; one row of ones if left out.
        init: "independent" (the default), "shared", or M integers that name the initialisations.
        start: continue from these M trained models instead of from an initialisation; a frozen stem
            stays as it is.
        record: record the data map of the only model, or of the row given as a number.
        snapshots: epochs (counted from 1) after which the map is kept too; the map after the last
            epoch always is.
        observers: watch every training batch, see :class:`coterie.training.Observer`.
        probes: try steps from the state of the training now and then, see
            :class:`coterie.training.Probe`.
        checkpoint: folder for one checkpoint an epoch; a training found there is continued, bit for
            bit on a CPU.
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
    _check_types(checkpoint, start, progress, observers=observers, probes=probes)
    config = make_config(settings)
    n_tasks = len(data.tasks)
    provider = (
        weights
        if isinstance(weights, WeightsProvider)
        else StaticWeights(_matrix(weights, n_tasks), n_tasks=n_tasks)
    )
    recorded = _recorded_row(record, provider.n_rows)
    snapshots = check_snapshots(snapshots, config.epochs)
    if snapshots and recorded is None:
        raise CoterieError("`snapshots` are kept of a recorded map; give `record=True` too.")
    job = _Job(
        architecture=Architecture(
            model, data.input_shape, data.tasks.n_outputs, config.model_options
        ),
        data=data,
        config=config,
        snapshots=snapshots,
        observers=tuple(observers),
        probes=tuple(probes),
        progress=progress,
        start=start,
    )
    starts = initialisations(provider.init if init is None else init, provider.n_rows)
    folder = None if checkpoint is None else Path(checkpoint)
    _check_start(start, job.architecture, provider.n_rows)
    if not isinstance(provider, StaticWeights):
        return job.run(provider, starts, data.split.train, recorded, folder)
    # A row's batches depend on its own examples only, never on its neighbours.
    stacks = blocks(data, provider.matrix, config.batch_size)
    together = len(stacks) == 1 and isinstance(stacks[0][1], Tensor)
    if start is not None and start.couples_rows and not together:
        raise CoterieError(
            "`start` has a stem that learns, which needs models that all train on the same "
            "examples."
        )
    if len(stacks) == 1:
        return job.run(provider, starts, stacks[0][1], recorded, folder)
    return _fit_apart(job, provider, starts, stacks, recorded, folder)


@dataclass(frozen=True, kw_only=True)
class _Job:
    """Everything that the blocks of one fit share."""

    architecture: Architecture
    data: Dataset
    config: TrainingConfig
    snapshots: tuple[int, ...]
    observers: tuple[Observer, ...]
    probes: tuple[Probe, ...]
    progress: Progress | None
    start: ModelStack | None = None

    def run(
        self,
        provider: WeightsProvider,
        starts: Sequence[int],
        positions: Tensor | list[Tensor],
        recorded: int | None,
        checkpoint: Path | None,
    ) -> Fit:
        """Train rows that share their examples, or at least their number of steps."""
        config, data = self.config, self.data
        place = Place.of(config.device, config.precision)
        if self.start is None:
            stack = ModelStack.create(
                self.architecture,
                n_models=provider.n_rows,
                seed=config.seed,
                init=starts,
                stem=provider.stem,
            )
        else:
            stack = self.start.select(range(provider.n_rows))
        stack.schema = data.schema
        recorder = None
        if recorded is not None:
            seen = positions if isinstance(positions, Tensor) else positions[recorded]
            recorder = MapObserver(data, seen, recorded, self.snapshots, place.device)
        stack, state = train(
            stack,
            data,
            positions,
            provider,
            config,
            place,
            observers=[*self.observers, *([recorder] if recorder else [])],
            probes=self.probes,
            identity=self._identity(provider, starts),
            checkpoint=checkpoint,
            progress=self.progress,
        )
        history = state.history()
        used = provider.settled(state.steps - 1).detach().cpu().numpy()
        strategy = stack.strategy
        return Fit(
            tasks=data.tasks,
            weights=provider.matrix if isinstance(provider, StaticWeights) else used,
            scores=history.validation_score[history.best_epoch, np.arange(provider.n_rows)],
            history=history,
            stack=stack,
            cost={
                "seconds": state.seconds,
                "model_steps": state.steps * provider.n_rows,
                "parameters": stack.n_parameters,
                "strategy": strategy.kind
                if strategy.kind == "loop"
                else f"vmap, {strategy.rows} rows at a time",
                "strategy_reason": strategy.reason,
            },
            config={"model": self.architecture.name, **config.to_dict()},
            data_map=None if recorder is None else recorder.recorder.data_map(),
            grouping=provider.result(),
        )

    def _identity(self, provider: WeightsProvider, starts: Sequence[int]) -> dict[str, Any]:
        """What besides the settings must agree before a checkpoint is continued."""
        started = {} if self.start is None else {"start": _hash(self.start)}
        own = [
            (task.name, *(identity_or_name(each) or "" for each in (task.loss, task.metric)))
            for task in self.data.tasks
        ]
        return {
            "model": identity_or_name(self.architecture.model),
            "starts": list(starts),
            "data": self.data.fingerprint(),
            "losses and metrics": [each for each in own if each[1] or each[2]],
            "provider": type(provider).__qualname__,
            **provider.settings(),
            **started,
        }


class MapObserver:
    """Feeds a recorder with the confidences of one row, from the forward pass that trains it.

    ``positions`` (N,) are the examples that the row trains on; the map names them by their ids.
    """

    def __init__(
        self,
        data: Dataset,
        positions: Tensor,
        row: int,
        snapshots: Sequence[int] = (),
        device: torch.device | str = "cpu",
    ) -> None:
        self.row = row
        self.met = np.zeros(len(positions), dtype=bool)
        self.tasks = data.tasks.to(device)
        self.recorder = DataMapRecorder(
            len(data.tasks),
            len(positions),
            names=data.tasks.names,
            kinds=[task.kind.value for task in data.tasks],
            ids=data.ids[positions.numpy()],
            device=device,
        )
        for epoch in snapshots:
            self.recorder.snapshot(epoch)

    def on_batch(self, position: Tensor, outputs: Tensor, targets: Tensor) -> None:
        """Record one batch."""
        found = confidence(
            outputs[self.row], targets[self.row] if targets.dim() == 3 else targets, self.tasks
        )
        if position.dim() == 2:
            # A row with few examples meets some of them twice to fill its last batch; an epoch
            # counts once.
            unique, first = np.unique(position[self.row].cpu().numpy(), return_index=True)
            first = first[~self.met[unique]]
            self.met[unique] = True
            position, found = position[self.row][first], found[first]
        self.recorder.update(position, found)

    def on_epoch_end(self, epoch: int) -> None:  # noqa: ARG002
        """Close the epoch."""
        self.met[:] = False
        self.recorder.end_epoch()

    def state(self) -> dict[str, np.ndarray]:
        """The recorder's state."""
        return self.recorder.state()

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Continue recording."""
        self.recorder.restore(arrays)


def make_config(settings: Mapping[str, Any]) -> TrainingConfig:
    """Training settings from keywords; an unknown one is answered with the closest.

    Raises:
        CoterieError: an unknown name or a value that cannot work.
    """
    settings, known = spelled(settings), [field.name for field in fields(TrainingConfig)]
    for name in settings:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f" Did you mean `{close[0]}`?" if close else ""
            raise CoterieError(
                f"`{name}` is not a setting of fit; there are {', '.join(known)}.{hint}"
            )
    return TrainingConfig(**settings)


def _fit_apart(
    job: _Job,
    provider: StaticWeights,
    starts: Sequence[int],
    stacks: Sequence[tuple[list[int], Tensor | list[Tensor]]],
    recorded: int | None,
    folder: Path | None,
) -> Fit:
    """Train rows that cannot share a stack, each block as one of its own, and put the rows back in order."""
    if job.observers or job.probes:
        raise CoterieError(
            "`observers` and `probes` need models that all train on the same examples; labels are "
            "missing."
        )
    parts = [
        replace(job, start=None if job.start is None else job.start.select(rows)).run(
            StaticWeights(provider.matrix[rows], n_tasks=provider.matrix.shape[1]),
            [starts[row] for row in rows],
            positions,
            rows.index(recorded) if recorded in rows else None,
            None if folder is None else folder / f"block-{number}",
        )
        for number, (rows, positions) in enumerate(stacks)
    ]
    return _merge(parts, [row for rows, _ in stacks for row in rows], provider.matrix)


def _merge(parts: Sequence[Fit], rows: Sequence[int], weights: np.ndarray) -> Fit:
    """One fit from blocks whose models are, in order, the ``rows`` of the whole."""
    back = np.argsort(rows)

    def joined(name: str, axis: int) -> np.ndarray:
        return np.concatenate([getattr(part.history, name) for part in parts], axis=axis).take(
            back, axis=axis
        )

    history = History(
        train_loss=joined("train_loss", 1),
        validation_loss=joined("validation_loss", 1),
        validation_score=joined("validation_score", 1),
        best_epoch=joined("best_epoch", 0),
        learning_rate=parts[0].history.learning_rate,
    )
    total = {name: sum(part.cost[name] for part in parts) for name in ("seconds", "model_steps")}
    maps = [part.data_map for part in parts if part.data_map is not None]
    return replace(
        parts[0],
        weights=weights,
        scores=np.concatenate([part.scores for part in parts])[back],
        history=history,
        stack=ModelStack.concatenate([part.stack for part in parts]).select(back.tolist()),
        cost={**parts[-1].cost, **total},
        data_map=maps[0] if maps else None,
    )


def _check_types(checkpoint: Any, start: Any, progress: Any, **lists: Any) -> None:
    if checkpoint is not None:
        require_type("checkpoint", checkpoint, str, Path)
    if start is not None:
        require_type("start", start, ModelStack)
    if progress is not None and not callable(progress):
        raise CoterieError(
            "`progress` must be called with (steps done, all steps, text); found "
            f"{shown(progress)}."
        )
    for name, methods in _CALLED.items():
        value = lists[name]
        if not is_listed(value) or not all(
            hasattr(each, method) for each in value for method in methods
        ):
            raise CoterieError(
                f"`{name}` must be a list of objects with {', '.join(methods)}; found "
                f"{shown(value)}."
            )


def _check_start(start: ModelStack | None, architecture: Architecture, n_rows: int) -> None:
    if start is None:
        return
    if start.architecture != architecture or start.n_models != n_rows:
        raise CoterieError(
            f"`start` must hold {n_rows} models of the same architecture, one for each row of the "
            f"weights; found {start!r}."
        )


def _matrix(weights: Any, n_tasks: int) -> Any:
    if weights is None:
        return np.ones((1, n_tasks))
    return weights.detach().cpu() if isinstance(weights, Tensor) else weights


def _hash(stack: ModelStack) -> str:
    digest = hashlib.sha256()
    for tensor in stack.state().values():
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _recorded_row(record: bool | int, n_models: int) -> int | None:
    if record is False:
        return None
    if record is True:
        if n_models > 1:
            raise CoterieError(
                f"`record=True` needs one model; there are {n_models}. Give the number of the row "
                "to record."
            )
        return 0
    if not isinstance(record, Integral) or not 0 <= record < n_models:
        raise CoterieError(
            f"`record` must be a row of the weights, 0 to {n_models - 1}; found {record}."
        )
    return int(record)


def check_snapshots(snapshots: Any, epochs: int) -> tuple[int, ...]:
    """The epochs after which a map is kept.

    Raises:
        CoterieError: they are no epochs of the training.
    """
    listed = list(snapshots) if is_listed(snapshots) else None
    if listed is None or any(
        isinstance(each, bool) or not isinstance(each, Integral) for each in listed
    ):
        raise CoterieError(
            f"`snapshots` must be a list of epochs, counted from 1; found {shown(snapshots)}."
        )
    wrong = [epoch for epoch in listed if not 1 <= epoch <= epochs]
    if wrong:
        raise CoterieError(f"`snapshots` must be epochs from 1 to {epochs}; found {wrong[0]}.")
    return tuple(map(int, listed))
