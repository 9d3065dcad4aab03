"""What an engine is asked, and what it is given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from coterie.errors import CoterieError, shown
from coterie.training import Progress

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Job(Protocol[R_co]):
    """A self-contained piece of work, which can be pickled, and so can its result."""

    @property
    def name(self) -> str:
        """How messages call it, such as "rows 0, 2" or "split 0, seed 1"."""
        ...

    def run(self, progress: Progress | None = None) -> R_co:
        """Do the work, here and now; the same bits wherever that is."""
        ...


class Engine(Protocol):
    """Runs jobs.

    Both methods answer with the results in the order of the jobs, each as soon as it and those
    before it are there; in which order, where and how many at a time the jobs run is the engine's
    matter. What a job raises is raised here, when its turn comes. ``progress`` is called as jobs say;
    an engine that runs them elsewhere may leave it.
    """

    def rows(self, jobs: Sequence[Job[R]], progress: Progress | None = None) -> Iterable[R]:
        """Run the blocks of rows of one fit."""
        ...

    def units(self, jobs: Sequence[Job[R]], progress: Progress | None = None) -> Iterable[R]:
        """Run the units of a comparison, each of them several fits."""
        ...


def carried_out(jobs: Sequence[Job[R]], results: Iterable[R]) -> Iterator[R]:
    """What an engine answered, if that is one result for each job.

    Raises:
        CoterieError: there are more or fewer.
    """
    count = 0
    for result in results:
        count += 1
        if count > len(jobs):
            break
        yield result
    if count != len(jobs):
        found = f"more than {len(jobs)}" if count > len(jobs) else count
        raise CoterieError(
            f"`engine` must give one result for each of {len(jobs)} jobs; found {found}."
        )


def require_engine(engine: Engine | None) -> None:
    """Refuse what runs no jobs.

    Raises:
        CoterieError: a method is missing.
    """
    if engine is not None and not all(
        callable(getattr(engine, method, None)) for method in ("rows", "units")
    ):
        raise CoterieError(f"`engine` must have methods rows and units; found {shown(engine)}.")
