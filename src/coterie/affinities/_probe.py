"""What all probes that measure an affinity have in common.

When, at what price, how it is summed up and kept.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from time import perf_counter
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from coterie.affinities._bench import Bench
from coterie.affinities._course import Course
from coterie.affinities._running import Running
from coterie.affinities._steps import Trial, require_joint
from coterie.errors import CoterieError, require_choice, require_whole
from coterie.results import About, Affinity
from coterie.training import Moment
from coterie.training.work import Work


@dataclass(kw_only=True, eq=False)
class AffinityProbe(ABC):
    """Measures a (T, T) matrix before every ``every``-th step of a joint training.

    It keeps the running mean and variance of what it measured. ``until="best"`` counts only what
    was measured up to the end of the epoch with the lowest validation loss, whichever epoch the
    model keeps; that may be few measurements.

    Pass it to ``fit(..., probes=[probe])``, or let :func:`coterie.affinity` do so. It continues
    from a checkpoint with the training. Batched work is cut so that it takes at most ``memory``
    bytes beside the T gradients themselves.

    Raises:
        CoterieError: a setting that cannot work.
    """

    every: int = 10
    memory: int = 2**30
    until: Literal["best", "last"] = "last"
    name: ClassVar[str]
    about: ClassVar[About] = About(family="affinity")

    course: Course = field(init=False, repr=False, default_factory=Course)
    best_epoch: int | None = field(init=False, repr=False, default=None)
    work: Work = field(init=False, repr=False, default_factory=Work)
    seconds: float = field(init=False, repr=False, default=0.0)
    measurements: int = field(init=False, repr=False, default=0)
    tasks: tuple[str, ...] = field(init=False, repr=False, default=())
    _bench: Bench | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        require_whole("every", self.every, 1)
        require_whole("memory", self.memory, 1)
        require_choice("until", self.until, ("best", "last"))

    @abstractmethod
    def price(self, n_tasks: int) -> Work:
        """What one measurement takes at most, with as many scoring examples as training ones."""

    @abstractmethod
    def measure(self, trial: Trial) -> Tensor:
        """One measurement (T, T), [source, target], NaN where there is none."""

    @property
    def key(self) -> dict[str, object]:
        """What tells it from other probes, see :func:`coterie.identity.identity`."""
        return {"is": self.name, **self._settings()}

    def details(self) -> dict[str, object]:
        """What the affinity shows besides; plain JSON types."""
        return {}

    def on_step(self, moment: Moment) -> None:
        """Measure once; the training is left as it is, to the last bit."""
        require_joint(moment, self.name)
        if self.tasks and self.tasks != moment.tasks.names:
            raise CoterieError(
                f"This {self.name!r} has measured other tasks already; make a new one for each "
                "training."
            )
        self.tasks = moment.tasks.names
        device = moment.stack.device
        started = _clock(device)
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            if self._bench is None or self._bench.data is not moment.data:
                self._bench = Bench.of(moment)
            values = self.measure(Trial(moment, self._bench, self.memory, self.work))
        self.course.add(values.double().cpu().numpy(), moment.epoch)
        self.measurements += 1
        self.seconds += _clock(device) - started

    def on_end(self, best_epoch: int) -> None:
        """Learn which epoch was best."""
        self.best_epoch = best_epoch

    @property
    def running(self) -> Running:
        """Everything measured so far."""
        return self.course.running

    @property
    def counted(self) -> Running:
        """What of it counts."""
        return self.course.until(self._end)

    @property
    def _end(self) -> int | None:
        return self.best_epoch if self.until == "best" else None

    def affinity(self, training: Mapping[str, float] | None = None) -> Affinity:
        """The affinity measured so far, or up to the best epoch once the training is over.

        Its ``details`` say how it moved: ``drift`` is the agreement of the first half of what
        counts with the second, ``agreement_by_epoch`` that of each epoch that was measured, those
        after the best one too, with the affinity. Agreement is the correlation of pairs within
        their targets, 1 where nothing moved.

        Args:
            training: cost (``seconds``, ``model_steps``) of the training that it rode on, to be
                added to the probe's own.

        Raises:
            CoterieError: nothing was measured.
        """
        if not self.measurements:
            raise CoterieError(
                f"{self.name!r} measured nothing: the training ended before step {self.every}, its "
                "first."
            )
        own = {"model_steps": self.work.model_steps, "seconds": self.seconds}
        return Affinity(
            tasks=self.tasks,
            matrix=self.counted.mean_or_nan(),
            method=self.name,
            counts=self.counted.count.copy(),
            stderr=self.counted.stderr(),
            cost={name: spent + (training or {}).get(name, 0) for name, spent in own.items()},
            details={
                **self._settings(),
                "measurements": self.measurements,
                "lookaheads": self.work.lookaheads,
                "beyond_training": own,
                "best_epoch": self.best_epoch,
                "drift": self.course.drift(self._end),
                "agreement_by_epoch": self.course.agreements(self._end),
                **self.details(),
            },
        )

    def state(self) -> dict[str, np.ndarray]:
        """What a checkpoint must hold."""
        spent = [
            self.measurements,
            self.work.forwards,
            self.work.backwards,
            self.work.lookaheads,
            self.seconds,
        ]
        about = json.dumps([self.name, self._settings(), self.tasks])
        return {
            **self.course.state(),
            "spent": np.array(spent, dtype=np.float64),
            "about": np.frombuffer(about.encode(), dtype=np.uint8),
        }

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Continue from a checkpoint.

        Raises:
            CoterieError: the checkpoint was written without this probe, or with other settings of
                it.
        """
        name, settings, tasks = (
            json.loads(arrays["about"].tobytes()) if "about" in arrays else (None, None, ())
        )
        if name != self.name or settings != self._settings():
            raise CoterieError(
                f"The checkpoint belongs to a training on which {self.name!r} with these settings "
                "did not ride: it cannot be measured from the middle. Use the same settings to "
                "continue it, or another folder."
            )
        self.tasks = tuple(tasks)
        self.course.restore(arrays)
        measurements, forwards, backwards, lookaheads, self.seconds = (
            float(value) for value in arrays["spent"]
        )
        self.measurements, self.work = int(measurements), Work(forwards, backwards, int(lookaheads))

    def _settings(self) -> dict[str, object]:
        """What was chosen, but for the memory, on which no result depends beyond rounding."""
        return {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.init and each.name != "memory"
        }


def mask(values: Tensor, sources: Tensor, targets: Tensor) -> Tensor:
    """NaN in the rows (sources) and columns (targets) of (T, T) that have no label.

    Both masks are (T,) bool.
    """
    return values.masked_fill(~(sources[:, None] & targets), torch.nan)


def _clock(device: torch.device) -> float:
    """Seconds, once the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return perf_counter()
