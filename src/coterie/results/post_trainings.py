"""Students of distilled examples, and what they score on real ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np

from coterie import codec
from coterie.codec import Layout
from coterie.errors import CoterieError
from coterie.files import path_of
from coterie.results.fits import Fit
from coterie.results.views import as_html

if TYPE_CHECKING:
    import pandas as pd

_FILE = "post_training.safetensors"


@dataclass(frozen=True, kw_only=True)
class _Scores(codec.Record, format="post-training"):
    """What is kept beside the fit."""

    seeds: Annotated[np.ndarray, Layout("iu S")]
    epochs: Annotated[np.ndarray, Layout("iu e")]
    scores: Annotated[np.ndarray, Layout("f S e T")]
    soft: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, repr=False)
class PostTraining:
    """S students, trained alike on distilled examples but for their seed.

    ``scores`` (S, e, T) is each task's metric on *test* examples after the ``epochs`` (e,), counted
    from 1, of which nothing was chosen. What counts is :attr:`last`; :attr:`best`, of the epoch that
    is best on test examples, is what papers of distillation report, and too high for that. ``fit``
    holds the students after their last epoch and their curves, ``soft`` names the tasks whose labels
    were the teacher's.

    Raises:
        CoterieError: scores of other students, epochs or tasks.
    """

    fit: Fit
    seeds: tuple[int, ...]
    epochs: np.ndarray
    scores: np.ndarray
    soft: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together."""
        expected = (len(self.seeds), len(self.epochs), len(self.fit.tasks))
        if self.scores.shape != expected or len(self.fit.weights) != len(self.seeds):
            raise CoterieError(
                f"`scores` must have shape (seeds, epochs, tasks), {expected}; found "
                f"{self.scores.shape}, and {len(self.fit.weights)} students."
            )

    @property
    def last(self) -> np.ndarray:
        """Scores after the last epoch, (S, T)."""
        return self.scores[:, -1]

    @property
    def best(self) -> np.ndarray:
        """Scores (S, T) of each student's best epoch, by their mean over tasks."""
        mean = self.scores.mean(2)
        return self.scores[np.arange(len(self.seeds)), mean.argmax(1)]

    @property
    def frame(self) -> pd.DataFrame:
        """The scores, a row for each task: mean and standard deviation over seeds of both kinds."""
        import pandas as pd

        columns = {
            f"{name}{what}": measure(scores)
            for name, scores in (("last", self.last), ("best", self.best))
            for what, measure in (("", _mean), (" sd", _deviation))
        }
        return pd.DataFrame(columns, pd.Index(list(self.fit.tasks.names), name="task"))

    @property
    def sentence(self) -> str:
        """Mean over tasks with its standard deviation over seeds, x 100, of both kinds."""
        last, best = (100 * scores.mean(1) for scores in (self.last, self.best))
        n_seeds = len(self.seeds)
        names = set(self.fit.metric_names)
        metric = names.pop() if len(names) == 1 else "score"
        over = f" over {n_seeds} seeds" if n_seeds > 1 else ""
        tasks = len(self.fit.tasks)
        return (
            f"{metric[0].upper()}{metric[1:]} on test examples{f', mean of {tasks} tasks' * (tasks > 1)}: "
            f"{_told(last)}{over} after the last epoch; the best epoch of each run, as papers report "
            f"it, {_told(best)}."
        )

    def save(self, folder: str | Path) -> None:
        """Write the fit and ``post_training.safetensors`` into a folder."""
        folder = path_of(folder, "folder")
        self.fit.save(folder)
        kept = _Scores(
            seeds=np.array(self.seeds, dtype=np.int64),
            epochs=np.asarray(self.epochs, dtype=np.int64),
            scores=self.scores,
            soft=self.soft,
        )
        codec.save(kept, folder / _FILE)

    @classmethod
    def load(cls, folder: str | Path, *, trust: bool = False) -> Self:
        """Read what :meth:`save` wrote; ``trust`` as in :meth:`coterie.Fit.load`.

        Raises:
            CoterieError: a damaged file, or an encoder that must be trusted.
        """
        folder = path_of(folder, "folder")
        fit = Fit.load(folder, trust=trust)
        kept = codec.load(_Scores, folder / _FILE, T=len(fit.tasks))
        return cls(
            fit=fit,
            seeds=tuple(kept.seeds.tolist()),
            epochs=kept.epochs,
            scores=kept.scores,
            soft=kept.soft,
        )

    def _repr_html_(self) -> str:
        return as_html(self, self.frame)

    def __repr__(self) -> str:
        return f"PostTraining({len(self.seeds)} students x {len(self.fit.tasks)} tasks: {self.sentence})"


def _mean(scores: np.ndarray) -> np.ndarray:
    return scores.mean(0)


def _deviation(scores: np.ndarray) -> np.ndarray:
    """Over seeds, NaN of one."""
    return scores.std(0, ddof=1) if len(scores) > 1 else np.full(scores.shape[1], np.nan)


def _told(values: np.ndarray) -> str:
    """Mean and standard deviation of values (S,).

    >>> _told(np.array([40.0, 42.0])), _told(np.array([40.0]))
    ('41.0 ± 1.4', '40.0')
    """
    deviation = f" ± {values.std(ddof=1):.1f}" if len(values) > 1 else ""
    return f"{values.mean():.1f}{deviation}"
