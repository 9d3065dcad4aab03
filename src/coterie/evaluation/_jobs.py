"""One unit of a comparison as a job that an engine can run anywhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from coterie.data import Dataset
from coterie.errors import CoterieError
from coterie.evaluation._unit import Finished, Plan, run_unit
from coterie.evaluation.units import unit_stage
from coterie.training import Progress, within


@dataclass(frozen=True, kw_only=True, eq=False)
class UnitJob:
    """Train and score all arms on one split, from one seed; files go to the run's ``folder``.

    It is number ``number``, counted from 0, ``of`` so many.
    """

    plan: Plan
    data: Dataset
    split: int
    seed: int
    train_seed: int
    folder: Path | None
    is_first: bool
    number: int = 0
    of: int = 1

    @property
    def name(self) -> str:
        """By split and seed."""
        return f"split {self.split}, seed {self.seed}"

    @property
    def stage(self) -> str:
        """Name of its stage in a run."""
        return unit_stage(self.split, self.seed)

    def run(self, progress: Progress | None = None) -> Finished:
        """Do it; an error says in a note which unit it was."""
        told = self.name if self.of == 1 else f"{self.name} ({self.number + 1} of {self.of})"
        try:
            return run_unit(
                replace(self.plan, progress=within(progress, self.number, self.of, told)),
                self.data,
                split=self.split,
                seed=self.seed,
                train_seed=self.train_seed,
                folder=self.folder,
                is_first=self.is_first,
            )
        except CoterieError as error:
            error.add_note(f"This was in {self.name}.")
            raise
