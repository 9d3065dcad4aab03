"""Loss weights that follow, while the models train, what auxiliary tasks do for the main ones.

Shapes: ``M`` main tasks and models, ``T`` tasks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from coterie.affinities._bench import Bench
from coterie.affinities._running import Running, helpful_shares
from coterie.affinities._steps import Trial
from coterie.data import Dataset
from coterie.errors import CoterieError, require_positive, require_texts, require_whole
from coterie.labels import unlike
from coterie.results import About, Grouping
from coterie.training import Moment, WeightsProvider
from coterie.training.work import Work

_MEMORY = 2**30
_USUAL: Mapping[str, object] = {"every": 10, "least": 5, "total": None, "batch_size": 1024}


class AdaptiveWeights(WeightsProvider):
    """A weights provider: each main task has a model, whose auxiliary tasks weigh what they help.

    Model m minimises L_m + sum_a w(a, m) L_a, divided by the sum of its weights as static ones are.
    At first all auxiliaries weigh alike, ``total`` / (T - 1). Before every ``every``-th step candidate
    steps are tried on copies of each model, as in :class:`coterie.affinities.AuxiliaryGain`: with
    u_t the optimiser's step along the gradient of L_t alone, at its first weight,

        E(a, m) = mean so far of 1 - L_m(theta - u_m - u_a) / L_m(theta - u_m),

    theta with all heads, L_m on held-out examples. Once a model was measured ``least`` times,

        w(a, m) = total max(0, E(a, m)) / sum_b max(0, E(b, m)),

    0 for all where none helps. An auxiliary is *dropped* for good, and no longer tried, when it was
    measured ``least`` times and the 95 % t interval of its mean lies below 0; measurements along one
    training are not independent, so this is a rule of thumb.

    The examples that move weights are those of the *validation* part, at most ``batch_size`` of them
    each time, drawn anew: those that choose epochs and groups. On the examples that train, a network
    that memorises has no use of auxiliaries. The test part is not read. The scores of a
    :class:`coterie.Fit` are on the same validation part, and so a little too good: compare on the
    test part. A model keeps the epoch that is best for its main task.

    The definition is our own. Adaptive co-training by an "effectiveness of auxiliary task" is
    described by X. Wang, F. Du, D. Zhao and C. Liu (J. Intelligent Manufacturing 36(7), 2025), whose
    formulas are not public; this is not theirs. Weights by alignment of gradients with the main
    task's are those of Lin et al. (Adaptive auxiliary task weighting, NeurIPS 2019).

    Args:
        main: name of the main task, or names; one model each. With all tasks the fit has a
            ``grouping`` of one group a task.
        every: steps between measurements. More of them than there are steps leaves the weights as
            they are at first.
        least: measurements before weights move, and before an auxiliary is dropped.
        total: what the auxiliaries' weights sum to, in units of the main task's; T - 1 by default, so
            that all starts as joint training does.
        batch_size: validation examples that score a measurement, at most.

    Raises:
        CoterieError: a setting that cannot work.

    >>> import coterie as ct
    >>> data = ct.load("digits", targets=["even", "digit 3", "digit 8"])
    >>> few = {"epochs": 2, "model_options": {"hidden": (8,)}}
    >>> fit = ct.fit("mlp", data, AdaptiveWeights("even", every=2), **few)
    >>> fit.weights.shape, fit.weights.sum()
    ((1, 3), np.float32(1.0))
    """

    name: ClassVar[str] = "adaptive"
    about: ClassVar[About] = About(
        family="learnt",
        measures="a model for each main task, whose auxiliary tasks are weighted, while it trains, "
        "by what they add to its steps, on validation examples",
    )

    def __init__(
        self,
        main: str | Sequence[str],
        *,
        every: int = 10,
        least: int = 5,
        total: float | None = None,
        batch_size: int = 1024,
    ) -> None:
        self.main = require_texts("main", [main] if isinstance(main, str) else main)
        if not self.main or len(set(self.main)) < len(self.main):
            raise CoterieError(
                f"`main` must name at least one task, each once; found {list(self.main)}."
            )
        for name, value, fewest in (
            ("every", every, 1),
            ("least", least, 2),
            ("batch_size", batch_size, 2),
        ):
            require_whole(name, value, fewest)
        if total is not None:
            require_positive("total", total)
        self.every, self.least, self.total, self.batch_size = every, least, total, batch_size
        self.n_rows = len(self.main)

    def prepare(
        self,
        data: Dataset,
        n_steps: int,  # noqa: ARG002
        seed: int,  # noqa: ARG002
        device: torch.device | str = "cpu",  # noqa: ARG002
    ) -> None:
        """Forget what was measured, and start from equal weights of the auxiliaries.

        Raises:
            CoterieError: a main task that there is not.
        """
        self.tasks = data.tasks.names
        if unknown := [name for name in self.main if name not in self.tasks]:
            raise CoterieError(
                f"`main` must name tasks of the data, {', '.join(self.tasks)}; found "
                f"{unknown[0]!r}."
            )
        self.columns = [self.tasks.index(name) for name in self.main]
        self.judged = torch.eye(len(self.tasks))[self.columns]
        self.running, self.work = Running(), Work()
        self.running.allocate(len(self.tasks))
        self._bench: Bench | None = None
        self._weights = self._current()

    def weights(self, step: int) -> Tensor:  # noqa: ARG002
        """W (M, T) by what was measured so far; rows sum to 1."""
        return self._weights

    def on_step(self, moment: Moment) -> None:
        """Measure each model that still trains; the training is left as it is, to the last bit."""
        device = moment.stack.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            if self._bench is None:
                # Batches are drawn from all training examples, also those without any label.
                self._bench = replace(Bench.of(moment), share=None)
            for place, row in enumerate(moment.rows.tolist()):
                trial = Trial(moment, self._bench, _MEMORY, self.work, place)
                self.running.add(self._measured(trial, self.columns[row]))
        self._weights = self._current()

    def gains(self) -> np.ndarray:
        """E so far at [auxiliary, main], (T, T), NaN where nothing was measured."""
        return self.running.mean_or_nan()

    def dropped(self) -> np.ndarray:
        """Pairs [auxiliary, main] that are no longer tried, (T, T) bool."""
        return self.running.harmful(self.least)

    @property
    def spent(self) -> float:
        """Optimiser steps of one model that measuring took."""
        return self.work.model_steps

    def result(self) -> Grouping | None:
        """A group for each task, served by its own model, if all tasks are main ones.

        The rows that train are the weights as they ended; ``details`` has the gains (T, T) and what
        was dropped.
        """
        if set(self.main) != set(self.tasks):
            return None
        return Grouping(
            tasks=self.tasks,
            membership=np.eye(len(self.tasks))[self.columns].T,
            row_weights=self._weights.double().numpy(),
            method=self.name,
            details={
                "gains": [[None if np.isnan(e) else float(e) for e in row] for row in self.gains()],
                "dropped": [
                    [self.tasks[auxiliary], self.tasks[main]]
                    for auxiliary, main in np.argwhere(self.dropped())
                ],
            },
        )

    def settings(self) -> Mapping[str, object]:
        """All arguments."""
        return {"main": list(self.main), **{name: getattr(self, name) for name in _USUAL}}

    @property
    def label(self) -> str:
        """A short name that tells providers apart, by what is unusual about them."""
        return f"{self.name}{unlike(_USUAL, self.settings())}"

    def state(self) -> dict[str, np.ndarray]:
        """What was measured, and what that took."""
        work = self.work
        spent = np.array([work.forwards, work.backwards, work.lookaheads], dtype=np.float64)
        return {**self.running.state(), "spent": spent}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Continue from a checkpoint."""
        self.running.restore(arrays)
        forwards, backwards, lookaheads = arrays["spent"].tolist()
        self.work = Work(forwards, backwards, int(lookaheads))
        self._weights = self._current()

    def _measured(self, trial: Trial, main: int) -> np.ndarray:
        """Gains (T, T) of one model in the column of its main task, NaN elsewhere."""
        gains = np.full((trial.n_tasks, trial.n_tasks), np.nan)
        batch = trial.scoring_batch(self.batch_size, "validation")
        wanted = trial.observed(trial.batch).cpu() & ~torch.from_numpy(self.dropped()[:, main])
        wanted[main] = False
        if not wanted.any() or not trial.observed(batch)[main]:
            return gains
        first = self._first(main)
        own = first * torch.eye(trial.n_tasks)[main]
        added = (first * torch.eye(trial.n_tasks))[wanted]
        steps = trial.steps(trial.gradients(heads=True))
        losses = trial.losses_after(torch.cat([own[None], own + added]), steps, batch)
        trial.work.lookaheads += len(losses)
        before, after = losses[:, main].double().cpu().split([1, len(added)])
        gains[wanted.numpy(), main] = 1 - after / before
        return gains

    @property
    def _total(self) -> float:
        """What the auxiliaries of a main task of weight 1 weigh together."""
        return len(self.tasks) - 1.0 if self.total is None else self.total

    def _first(self, main: int) -> Tensor:
        """Weights (T,) of a model before anything was measured."""
        others = max(len(self.tasks) - 1, 1)
        first = torch.full((len(self.tasks),), self._total / others)
        first[main] = 1.0
        return first / first.sum()

    def _current(self) -> Tensor:
        """W (M, T) by what was measured so far."""
        shares = torch.from_numpy(helpful_shares(self.running.mean))
        known = self.running.count.max(axis=0) >= self.least
        rows = []
        for main in self.columns:
            row = self._first(main)
            if known[main]:
                row = self._total * shares[:, main]
                row[main] = 1.0
                row = (row / row.sum()).float()
            rows.append(row)
        return torch.stack(rows)
