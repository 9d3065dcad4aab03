"""Checks of an engine of your own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from coterie.engines import Engine, Job
from coterie.errors import CoterieError
from coterie.evaluation import compare
from coterie.fitting import fit
from coterie.results import Grouping
from coterie.testing._checks import Suite, require
from coterie.testing._world import SETTINGS, content, require_unchanged, same, table
from coterie.training import Progress

_WORDS = "of this job"
_TRAINING = {**SETTINGS, "model_options": {"hidden": (4,)}}


def check_engine(
    subject: Engine, *, expected_failures: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Check a :class:`coterie.engines.Engine`.

    It runs some jobs of a moment, a fit of three blocks of rows and a comparison of two units. The
    checks, in order: *order*, *no jobs*, *errors*, *rows*, *units*; :func:`checks_of` tells what each
    one says.

    Args:
        subject: what to check.
        expected_failures: by check, the reason why it fails; such a check must fail.

    Returns:
        Names of the checks that hold.

    Raises:
        CheckFailed: one does not hold.

    >>> import coterie as ct
    >>> check_engine(ct.LocalEngine())
    ('order', 'no jobs', 'errors', 'rows', 'units')
    """
    return _SUITE.run(subject, expected_failures)


@dataclass(frozen=True)
class _Square:
    """A job that is done at once; one of a negative number fails."""

    number: int

    @property
    def name(self) -> str:
        return f"number {self.number}"

    def run(self, progress: Progress | None = None) -> int:  # noqa: ARG002
        if self.number < 0:
            raise CoterieError(_WORDS)
        return self.number**2


_SUITE = Suite("engine", lambda subject: subject)
_Run = Callable[[Sequence[Job[int]]], Iterable[int]]


@_SUITE.check
def order(engine: Engine) -> None:
    """Rows and units come in the order of their jobs, one result for each."""
    expected = [number**2 for number in range(5)]
    for run in (engine.rows, engine.units):
        found = list(run([_Square(number) for number in range(5)]))
        require(found == expected, f"the results {expected}", found)


@_SUITE.check
def no_jobs(engine: Engine) -> None:
    """Of no jobs there are no results."""
    for run in (engine.rows, engine.units):
        nothing: Sequence[Job[int]] = ()
        found = list(run(nothing))
        require(not found, "no results", found)


@_SUITE.check
def errors(engine: Engine) -> None:
    """What a job raises is raised, in its words."""
    for run in (engine.rows, engine.units):
        raised = _raised(run)
        require(
            isinstance(raised, CoterieError) and str(raised) == _WORDS,
            f"the CoterieError {_WORDS!r}",
            repr(raised),
        )


def _raised(run: _Run) -> Exception | None:
    try:
        list(run([_Square(1), _Square(-1)]))
    except Exception as error:  # whatever the engine makes of it
        return error
    return None


@_SUITE.check
def rows(engine: Engine) -> None:
    """The rows of a fit have the bits that they have on one engine here, in their places."""
    data = table(missing=1 / 3)
    weights = np.vstack([np.ones((1, 4)), np.eye(4)[:2], [[1.0, 1.0, 0.0, 0.0]]])
    here, there = (fit("mlp", data, weights, engine=each, **_TRAINING) for each in (None, engine))
    require_unchanged(content(here.stack), content(there.stack), "the models as trained here:")
    require(same(here.scores, there.scores), "the scores as of a training here", there.scores)


@_SUITE.check
def units(engine: Engine) -> None:
    """The units of a comparison have the bits that they have here."""
    data = table()
    halves = Grouping(tasks=data.tasks.names, membership=np.eye(2)[[0, 0, 1, 1]], method="halves")
    few: dict[str, Any] = {"seeds": 2, "repeats": 1, "draws": 1, "rivals": "tuned", **_TRAINING}
    here, there = (compare("mlp", data, halves, engine=each, **few) for each in (None, engine))
    require(here.scores.equals(there.scores), "the scores as of a comparison here", there.scores)
