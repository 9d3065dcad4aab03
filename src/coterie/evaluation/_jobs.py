"""One unit of a comparison as a job that an engine can run anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from coterie.data import Dataset
from coterie.errors import CoterieError
from coterie.evaluation.units import Plan, Unit, run_unit, unit_stage
from coterie.runs import Run
from coterie.training import Progress

_Entry = tuple[str, Sequence[str | Path], Mapping[str, object]]


@dataclass(frozen=True, repr=False)
class _Noted(Run):
    """A run whose stages are noted, for who holds it to enter them."""

    entries: list[_Entry] = field(default_factory=list)

    def complete(self, stage: str, files: Sequence[str | Path], **about: object) -> None:
        """Note a finished stage."""
        self.entries.append((stage, files, about))

    def drop_checkpoint(self, name: str) -> None:
        """Keep it until the stage is entered."""


@dataclass(frozen=True, eq=False)
class Finished:
    """A unit, and the stages of the run that it finished."""

    unit: Unit
    entries: Sequence[_Entry]

    def enter(self, run: Run) -> None:
        """Enter the stages, from which on nothing is continued."""
        for stage, files, about in self.entries:
            run.complete(stage, files, **about)
        run.drop_checkpoint(Path(unit_stage(self.unit.split, self.unit.seed)).name)


@dataclass(frozen=True, kw_only=True, eq=False)
class UnitJob:
    """Train and score all arms on one split, from one seed; files go to ``folder``, that of the run."""

    plan: Plan
    data: Dataset
    split: int
    seed: int
    train_seed: int
    folder: Path | None
    keep_model: bool

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
        run = None if self.folder is None else _Noted(self.folder, {})
        try:
            unit = run_unit(
                replace(self.plan, progress=_labelled(progress, self.name)),
                self.data,
                split=self.split,
                seed=self.seed,
                train_seed=self.train_seed,
                run=run,
                keep_model=self.keep_model,
            )
        except CoterieError as error:
            error.add_note(f"This was in {self.name}.")
            raise
        return Finished(unit, [] if run is None else run.entries)


def _labelled(progress: Progress | None, where: str) -> Progress | None:
    if progress is None:
        return None
    return lambda done, steps, text: progress(done, steps, f"{where}: {text}")
