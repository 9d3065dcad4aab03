"""Students of distilled examples, and what they score on real ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np

from coterie.codec import ELSEWHERE, Layout, Record, Size, settle
from coterie.errors import CoterieError, require_list, require_texts, require_type
from coterie.metrics import mean_name
from coterie.results.fits import Fit
from coterie.results.views import as_html

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, repr=False)
class PostTraining(Record, format="post-training"):
    """S students, trained alike on distilled examples but for their seed.

    ``scores`` (S, e, T) is each task's metric on *test* examples after the ``epochs`` (e,), counted
    from 1, of which nothing was chosen. What counts is :attr:`last`; :attr:`best`, of the epoch that
    is best on test examples, is what papers of distillation report, and too high for that. ``soft``
    names the tasks whose labels were the teacher's, ``teacher`` (T,) is what it scores itself on the same
    test examples. ``fit`` holds the students after their last epoch
    and their curves; it is saved by itself.

    Raises:
        CoterieError: scores of other students, epochs or tasks.

    >>> found = PostTraining(
    ...     tasks=("a",), metric_names=("accuracy",), seeds=(0, 1), epochs=np.array([1, 2]), soft=("a",),
    ...     scores=np.array([[[0.4], [0.3]], [[0.2], [0.5]]]),
    ... )
    >>> found.last.ravel(), found.best.ravel()
    (array([0.3, 0.5]), array([0.4, 0.5]))
    """

    tasks: Annotated[tuple[str, ...], Size("T")]
    metric_names: Annotated[tuple[str, ...], Size("T")]
    seeds: tuple[int, ...]
    epochs: Annotated[np.ndarray, Layout("iu e")]
    scores: Annotated[np.ndarray, Layout("f S e T")]
    soft: tuple[str, ...]
    teacher: Annotated[np.ndarray | None, Layout("f T")] = None
    fit: Annotated[Fit | None, ELSEWHERE] = None

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together."""
        settle(self)
        object.__setattr__(self, "seeds", require_list("seeds", self.seeds, int))
        object.__setattr__(self, "soft", require_texts("soft", self.soft))
        if self.fit is not None:
            require_type("fit", self.fit, Fit)
        expected = (len(self.seeds), max(1, len(self.epochs)), len(self.tasks))
        if self.scores.shape != expected:
            raise CoterieError(
                f"`scores` must have shape (seeds, epochs, tasks), {expected}; found "
                f"{self.scores.shape}."
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
        return pd.DataFrame(columns, pd.Index(list(self.tasks), name="task"))

    @property
    def sentence(self) -> str:
        """Mean over tasks with its standard deviation over seeds, x 100, of both kinds."""
        last, best = (100 * scores.mean(1) for scores in (self.last, self.best))
        metric, n_seeds, tasks = mean_name(self.metric_names), len(self.seeds), len(self.tasks)
        over = f" over {n_seeds} seeds" if n_seeds > 1 else ""
        return (
            f"{metric[0].upper()}{metric[1:]} on test examples{f', mean of {tasks} tasks' * (tasks > 1)}: "
            f"{_told(last)}{over} after the last epoch; the best epoch of each run, as papers report "
            f"it, {_told(best)}.{self._of_teacher}"
        )

    @property
    def _of_teacher(self) -> str:
        if self.teacher is None or np.isnan(self.teacher).any():
            return ""
        return f" The teacher, which saw all examples: {100 * self.teacher.mean():.1f}."

    def _repr_html_(self) -> str:
        return as_html(self, self.frame)

    def __repr__(self) -> str:
        return (
            f"PostTraining({len(self.seeds)} students x {len(self.tasks)} tasks: {self.sentence})"
        )


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
