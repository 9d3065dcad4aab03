"""The engine that everything runs on unless another one is given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from coterie.engines.protocol import Job, R
from coterie.training import Progress


@dataclass(frozen=True)
class LocalEngine:
    """Runs jobs one after the other, in this process.

    >>> import coterie as ct
    >>> ct.fit("mlp", ct.load("digits"), epochs=1, engine=ct.LocalEngine()).scores.shape
    (1, 14)
    """

    def rows(self, jobs: Sequence[Job[R]], progress: Progress | None = None) -> Iterator[R]:
        """The results, in order."""
        return (job.run(progress) for job in jobs)

    def units(self, jobs: Sequence[Job[R]], progress: Progress | None = None) -> Iterator[R]:
        """The results, in order."""
        return (job.run(progress) for job in jobs)
