"""Some rows of a fit as one job, and the fit of all rows from those of its jobs.

Shapes: ``M`` models, ``T`` tasks, ``E`` epochs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import Tensor

from coterie.data import Dataset
from coterie.fitting.recording import MapObserver
from coterie.identity import identity_or_name
from coterie.metrics import metric_names
from coterie.models import Architecture, ModelStack
from coterie.results import Fit, History
from coterie.schema import Json
from coterie.training import (
    Checkpoint,
    LearntWeights,
    Progress,
    StaticWeights,
    TrainingConfig,
    Watchers,
    WeightsProvider,
    train,
)
from coterie.training.device import Place
from coterie.training.state import TrainingState

_NOBODY = Watchers()


@dataclass(frozen=True, kw_only=True)
class RowsJob:
    """Rows of a fit that are trained as one stack.

    They share their examples, or at least their number of steps.

    ``provider`` has their weights, ``rows`` are their numbers in the fit, ``starts`` their
    initialisations, ``positions`` the examples that they train on; ``recorded`` counts within the
    rows.
    """

    architecture: Architecture
    data: Dataset
    config: TrainingConfig
    provider: WeightsProvider
    rows: tuple[int, ...]
    starts: tuple[int, ...]
    positions: Tensor | list[Tensor]
    start: ModelStack | None = None
    recorded: int | None = None
    snapshots: tuple[int, ...] = ()
    checkpoint: Path | None = None

    @property
    def name(self) -> str:
        """By its rows."""
        return f"row{'' if len(self.rows) == 1 else 's'} {', '.join(map(str, self.rows))}"

    def run(self, progress: Progress | None = None, watchers: Watchers = _NOBODY) -> Fit:
        """Train the rows."""
        recorder = self._recorder()
        observers = [*watchers.observers, *([] if recorder is None else [recorder])]
        state = train(
            self._stack(),
            self.data,
            self.positions,
            self.provider,
            self.config,
            Watchers(observers=observers, probes=watchers.probes, progress=progress),
            Checkpoint(self.checkpoint, {**self.config.to_dict(), **self._identity()}),
        )
        history, provider = state.history(), self.provider
        if isinstance(provider, StaticWeights):
            weights = provider.matrix
        else:
            weights = state.weighing.settled(state.steps - 1).cpu().numpy()
        return Fit(
            tasks=self.data.tasks,
            weights=weights,
            scores=history.validation_score[history.best_epoch, np.arange(len(self.rows))],
            history=history,
            stack=state.stack,
            cost=_cost(state),
            config={"model": self.architecture.name, **self.config.to_dict()},
            data_map=None if recorder is None else recorder.recorder.data_map(),
            grouping=provider.result(),
            metric_names=metric_names(self.data.tasks),
        )

    def _stack(self) -> ModelStack:
        """The models before the first step."""
        if self.start is None:
            provider = self.provider
            stack = ModelStack.create(
                self.architecture,
                n_models=len(self.rows),
                seed=self.config.seed,
                init=self.starts,
                stem=provider.stem if isinstance(provider, LearntWeights) else 0,
            )
            stack.fit_inputs(self.data)
        else:
            stack = self.start.select(range(len(self.rows)))
        stack.schema = self.data.schema
        return stack

    def _recorder(self) -> MapObserver | None:
        if self.recorded is None:
            return None
        positions = self.positions
        seen = positions if isinstance(positions, Tensor) else positions[self.recorded]
        place = Place.of(self.config.device, self.config.precision)
        return MapObserver(self.data, seen, self.recorded, self.snapshots, place.device)

    def _identity(self) -> dict[str, object]:
        """What besides the settings must agree before a checkpoint is continued."""
        started = {} if self.start is None else {"start": _hash(self.start)}
        own = [
            (task.name, *(identity_or_name(each) or "" for each in (task.loss, task.metric)))
            for task in self.data.tasks
        ]
        return {
            "model": identity_or_name(self.architecture.model),
            "starts": list(self.starts),
            "data": self.data.fingerprint(),
            "losses and metrics": [each for each in own if each[1] or each[2]],
            "provider": type(self.provider).__qualname__,
            **self.provider.settings(),
            **started,
        }


def merged(jobs: Sequence[RowsJob], parts: Sequence[Fit], weights: np.ndarray) -> Fit:
    """The fit of all rows, in the order of ``weights`` (M, T), from those of its jobs."""
    if len(parts) == 1:
        return parts[0]
    back = np.argsort([row for job in jobs for row in job.rows])

    history = History.side_by_side([part.history for part in parts]).of_rows(back)
    steps = np.concatenate([part.cost["steps"] for part in parts])[back].tolist()
    total = {name: sum(part.cost[name] for part in parts) for name in ("seconds", "model_steps")}
    maps = [part.data_map for part in parts if part.data_map is not None]
    return replace(
        parts[0],
        weights=weights,
        scores=np.concatenate([part.scores for part in parts])[back],
        history=history,
        stack=ModelStack.concatenate([part.stack for part in parts]).select(back.tolist()),
        cost={**parts[-1].cost, **total, "steps": steps},
        data_map=maps[0] if maps else None,
    )


def _cost(state: TrainingState) -> dict[str, Json]:
    steps = (state.trained * state.n_steps).tolist()
    stack, strategy = state.stack, state.stack.strategy
    at_once = f"vmap, {strategy.rows} rows at a time"
    return {
        "seconds": state.seconds,
        "model_steps": sum(steps),
        "steps": steps,
        "parameters": stack.n_parameters,
        "strategy": strategy.kind if strategy.kind == "loop" else at_once,
        "strategy_reason": strategy.reason,
    }


def _hash(stack: ModelStack) -> str:
    digest = hashlib.sha256()
    for tensor in stack.state().values():
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
