"""Units of a comparison as jobs that an engine can run anywhere."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from coterie.data import Dataset
from coterie.evaluation._repetitions import Repetition, told
from coterie.evaluation._unit import Finished, Plan, checkpoints_of, make_probes, noting, run_units
from coterie.fitting import make_config
from coterie.models import Architecture
from coterie.models.strategy import batches_well
from coterie.training import Progress, within
from coterie.training.device import Place

# Every seed has its own order of the examples, which is held for all rows at once.
MOST_TOGETHER = 2**17


@dataclass(frozen=True, kw_only=True, eq=False)
class UnitsJob:
    """Train and score all arms on a split, with each of some seeds; files go to the run's ``folder``.

    The first of them is number ``number``, counted from 0, of ``of`` units.
    """

    plan: Plan
    data: Dataset
    repetitions: Sequence[Repetition]
    folder: Path | None
    number: int = 0
    of: int = 1

    def left(self, done: Container[str]) -> Self | None:
        """What is left of it where some stages are done; None if nothing is.

        A stack that was stopped is continued whole, and its finished units stay as they are.
        """
        kept = [each.stage in done for each in self.repetitions]
        if not any(kept):
            return self
        if all(kept):
            return None
        stopped = self.folder is not None and checkpoints_of(self.repetitions, self.folder).exists()
        repetitions = [
            replace(each, is_kept=is_kept)
            for each, is_kept in zip(self.repetitions, kept, strict=True)
            if stopped or not is_kept
        ]
        return replace(self, repetitions=repetitions)

    @property
    def name(self) -> str:
        """By split and seeds."""
        return told(self.repetitions)

    def run(self, progress: Progress | None = None) -> list[Finished]:
        """Do it; an error says in a note which unit it was."""
        size = len(self.repetitions)
        last = self.number + size
        which = f"{self.number + 1}" if size == 1 else f"{self.number + 1} to {last}"
        called = self.name if self.of == 1 else f"{self.name} ({which} of {self.of})"
        here = within(progress, self.number, self.of, called, size=size)
        with noting(*self.repetitions):
            return run_units(
                replace(self.plan, progress=here), self.data, self.repetitions, self.folder
            )


def seeds_together(plan: Plan, data: Dataset) -> bool:
    """Whether the seeds of a split are trained as one stack, as far as model and settings decide it.

    That is where rows are executed together at all, and nothing is drawn for, or tried on, a whole
    batch.
    """
    config = make_config(plan.settings)
    own = config.augment or config.compile or make_probes(plan.methods, seed=0)
    if own or config.strategy == "loop" or len(data.split.train) > MOST_TOGETHER:
        return False
    if config.strategy == "vmap":
        return True
    work = Architecture.of(plan.model, data.input_shape, data.tasks, config.model_options).workload
    device = Place.of(config.device, config.precision).device
    return batches_well(work, min(config.batch_size, len(data.split.train)), device)
