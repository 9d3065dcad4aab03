"""Some rows of a fit as one job, and the fit of all rows from those of its jobs.

Shapes: ``M`` models, ``T`` tasks, ``E`` epochs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import Tensor

from coterie.data import Dataset
from coterie.fitting.recording import MapObserver
from coterie.identity import identity_or_name
from coterie.metrics import metric_names
from coterie.models import Architecture, ModelStack
from coterie.results import DataMap, Fit, History
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

    ``provider`` has their weights, ``rows`` are their numbers in the fit, ``seeds`` and ``starts``
    their seeds and initialisations, ``positions`` the examples that they train on; ``recorded``
    are those whose data map is kept, by their numbers in the fit.
    """

    architecture: Architecture
    data: Dataset
    config: TrainingConfig
    provider: WeightsProvider
    rows: tuple[int, ...]
    seeds: tuple[int, ...]
    starts: tuple[int, ...]
    positions: Tensor | list[Tensor]
    start: ModelStack | None = None
    recorded: tuple[int, ...] = ()
    snapshots: tuple[int, ...] = ()
    checkpoint: Path | None = None

    @property
    def name(self) -> str:
        """By its rows."""
        return f"row{'' if len(self.rows) == 1 else 's'} {', '.join(map(str, self.rows))}"

    def run(self, progress: Progress | None = None, watchers: Watchers = _NOBODY) -> TrainedRows:
        """Train the rows."""
        recorders = {row: self._recorder(row) for row in self.recorded}
        state = train(
            self._stack(),
            self.data,
            self.positions,
            self.provider,
            self.config,
            replace(watchers, keeping=list(recorders.values()), progress=progress),
            Checkpoint(self.checkpoint, {**self.config.to_dict(), **self._identity()}),
            self.own_seeds,
        )
        history, provider = state.history(), self.provider
        if isinstance(provider, StaticWeights):
            weights = provider.matrix
        else:
            weights = state.weighing.settled(state.steps - 1).cpu().numpy()
        maps = {row: recorder.data_map() for row, recorder in recorders.items()}
        fitted = Fit(
            tasks=self.data.tasks,
            weights=weights,
            scores=history.validation_score[history.best_epoch, np.arange(len(self.rows))],
            history=history,
            stack=state.stack,
            cost=_cost(state),
            config={"model": self.architecture.name, **self.config.to_dict()},
            data_map=next(iter(maps.values()), None),
            grouping=provider.result(),
            metric_names=metric_names(self.data.tasks),
        )
        return TrainedRows(fitted, maps)

    @property
    def own_seeds(self) -> tuple[int, ...] | None:
        """The seeds of the rows, where they are not all that of the settings."""
        return None if set(self.seeds) == {self.config.seed} else self.seeds

    def _stack(self) -> ModelStack:
        """The models before the first step."""
        if self.start is None:
            provider = self.provider
            stack = ModelStack.create(
                self.architecture,
                n_models=len(self.rows),
                seed=self.seeds,
                init=self.starts,
                stem=provider.stem if isinstance(provider, LearntWeights) else 0,
            )
            stack.fit_inputs(self.data)
        else:
            stack = self.start.select(range(len(self.rows)))
        stack.schema = self.data.schema
        return stack

    def _recorder(self, row: int) -> MapObserver:
        positions, at = self.positions, self.rows.index(row)
        seen = positions if isinstance(positions, Tensor) else positions[at]
        place = Place.of(self.config.device, self.config.precision)
        return MapObserver(self.data, seen, at, self.snapshots, place.device)

    def _identity(self) -> dict[str, object]:
        """What besides the settings must agree before a checkpoint is continued."""
        started = {} if self.start is None else {"start": self.start.fingerprint()}
        own = [
            (task.name, *(identity_or_name(each) or "" for each in (task.loss, task.metric)))
            for task in self.data.tasks
        ]
        return {
            "model": identity_or_name(self.architecture.model),
            "starts": list(self.starts),
            **({} if self.own_seeds is None else {"seeds": list(self.own_seeds)}),
            "data": self.data.fingerprint(),
            "losses and metrics": [each for each in own if each[1] or each[2]],
            "provider": type(self.provider).__qualname__,
            **self.provider.settings(),
            **started,
        }


@dataclass(frozen=True)
class TrainedRows:
    """The fit of some rows, and the maps recorded of them by the numbers of their rows."""

    fit: Fit
    maps: Mapping[int, DataMap]

    def of(self, rows: Sequence[int], seed: int) -> Fit:
        """The fit that some of the rows, all of one seed, would have been alone."""
        whole, listed = self.fit, np.asarray(rows)
        steps = np.asarray(whole.cost["steps"])
        own = steps[listed]
        return replace(
            whole,
            weights=whole.weights[listed],
            scores=whole.scores[listed],
            history=whole.history.of_rows(listed),
            stack=whole.stack.select(list(rows)),
            cost={
                **whole.cost,
                "seconds": whole.cost["seconds"] * float(own.sum() / steps.sum()),
                "model_steps": int(own.sum()),
                "steps": own.tolist(),
            },
            config={**whole.config, "seed": seed},
            data_map=next((self.maps[row] for row in rows if row in self.maps), None),
        )


def merged(
    jobs: Sequence[RowsJob], parts: Sequence[TrainedRows], weights: np.ndarray
) -> TrainedRows:
    """What all rows gave, in the order of ``weights`` (M, T), from what their jobs did."""
    if len(parts) == 1:
        return parts[0]
    back = np.argsort([row for job in jobs for row in job.rows])
    fits = [part.fit for part in parts]
    maps = {row: data_map for part in parts for row, data_map in part.maps.items()}
    history = History.side_by_side([each.history for each in fits]).of_rows(back)
    steps = np.concatenate([each.cost["steps"] for each in fits])[back].tolist()
    total = {name: sum(each.cost[name] for each in fits) for name in ("seconds", "model_steps")}
    whole = replace(
        fits[0],
        weights=weights,
        scores=np.concatenate([each.scores for each in fits])[back],
        history=history,
        stack=ModelStack.concatenate([each.stack for each in fits]).select(back.tolist()),
        cost={**fits[-1].cost, **total, "steps": steps},
        data_map=next(iter(maps.values()), None),
    )
    return TrainedRows(whole, maps)


def _cost(state: TrainingState) -> dict[str, Json]:
    steps = (state.trained * state.n_steps).tolist()
    stack, strategy = state.stack, state.stack.strategy
    at_once = f"vmap, {strategy.rows} rows at a time"
    return {
        "seconds": state.seconds,
        "model_steps": sum(steps) + state.weighing.provider.spent,
        "steps": steps,
        "parameters": stack.n_parameters,
        "strategy": strategy.kind if strategy.kind == "loop" else at_once,
        "strategy_reason": strategy.reason,
    }
