"""What each arm would score with fewer labels.

Shapes: ``S`` shares of the labels, ``A`` arms, ``T`` tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, TypeVar

import numpy as np

from coterie.codec import Layout, Record, Size, settle, to_dict
from coterie.drawing import figures
from coterie.errors import CoterieError, is_listed, require_number, require_type
from coterie.results.views import as_html
from coterie.schema import Details, Json, distinct
from coterie.wording import count, listing, score, signed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Value = TypeVar("Value")


@dataclass(frozen=True)
class Estimate:
    """A value of each share and arm (S, A) with the ends of its 95 % interval, NaN if unknown."""

    value: Annotated[np.ndarray, Layout("f S A")]
    low: Annotated[np.ndarray, Layout("f S A")]
    high: Annotated[np.ndarray, Layout("f S A")]


@dataclass(frozen=True, kw_only=True, repr=False)
class LearningCurve(Record, format="learning curve"):
    """Scores on test of the same arms, trained with growing shares of the labels.

    ``shares`` (S,) rise; ``labels`` (S, T) are training labels of each task, ``rarest`` (S, T) of
    them those of its rarest class (all, of numbers), on the first split. ``score`` is the mean over
    the ``counted`` tasks of the ``metric``, from 0 to 1, ``gain`` points over the first of the
    ``arms``, joint, ``lead`` points over the best of the other arms, whose intervals hold for all
    arms of a share at once. ``outcomes`` judge the gains against the ``margin``, in points, as
    :func:`coterie.statistics.outcome` does, "unknown" without an interval, "same" of joint. ``task_scores``
    (S, A, T) are means over seeds and splits. ``roles`` say what each arm is.
    """

    tasks: Annotated[tuple[str, ...], Size("T")]
    arms: Annotated[tuple[str, ...], Size("A")]
    roles: Annotated[tuple[str, ...], Size("A")]
    metric: str
    margin: float
    shares: Annotated[np.ndarray, Layout("f S", listed=True)]
    labels: Annotated[np.ndarray, Layout("f S T")]
    rarest: Annotated[np.ndarray, Layout("f S T")]
    counted: Annotated[np.ndarray, Layout("b T", listed=True)]
    score: Estimate
    gain: Estimate
    lead: Estimate
    task_scores: Annotated[np.ndarray, Layout("f S A T")]
    outcomes: tuple[tuple[str, ...], ...]
    details: Details = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        settle(self)
        distinct(self.tasks)
        distinct(self.arms, "arms")
        require_type("metric", self.metric, str)
        require_number("margin", self.margin, least=0)
        require_type("details", self.details, dict)
        if (np.diff(self.shares) <= 0).any() or self.shares.min() <= 0:
            raise CoterieError(f"`shares` must rise from above 0; found {self.shares.tolist()}.")
        shape = len(self.shares), len(self.arms)
        for name in ("score", "gain", "lead"):
            require_type(name, found := getattr(self, name), Estimate)
            if any(np.shape(getattr(found, end)) != shape for end in ("value", "low", "high")):
                raise CoterieError(f"`{name}` must have a number for each share and arm, {shape}.")
        rows = self.outcomes if is_listed(self.outcomes) else ()
        if [len(row) if is_listed(row) else 0 for row in rows] != [shape[1]] * shape[0]:
            raise CoterieError("`outcomes` must have one word for each share and arm.")

    @property
    def labels_per_task(self) -> np.ndarray:
        """Training labels of a counted task on average, (S,)."""
        return self.labels[:, self.counted].mean(1)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Tasks that are not in the means."""
        return tuple(np.array(self.tasks, dtype=object)[~self.counted])

    @property
    def sentences(self) -> tuple[str, ...]:
        """Which arm is best where, and where others gain over joint, in plain words."""
        told = [self._best(), *(self._against_joint(arm) for arm in range(1, len(self.arms)))]
        if self.left_out:
            told.append(
                f"Left out of the means, as no arm surely learns them with the most labels: "
                f"{listing(self.left_out)}."
            )
        return tuple(told)

    @property
    def scores(self) -> pd.DataFrame:
        """Mean scores: share, labels a task, arm, score, low, high."""
        return self._frame(self.score, "score")

    @property
    def gains(self) -> pd.DataFrame:
        """Points over joint: share, labels a task, arm, gain, low, high, outcome."""
        frame = self._frame(self.gain, "gain")
        frame["outcome"] = [word for row in self.outcomes for word in row]
        return frame.loc[frame["arm"] != self.arms[0]].reset_index(drop=True)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw mean scores against labels, with 95 % intervals.

        Args:
            ax: axes to draw on, instead of a new figure.
        """
        lines = {
            arm: np.stack([self.score.value, self.score.low, self.score.high])[..., place]
            for place, arm in enumerate(self.arms)
        }
        return figures.scores_by_labels(
            lines,
            self.labels_per_task,
            what=f"mean {self.metric} on test",
            roles=dict(zip(self.arms, self.roles, strict=True)),
            ax=ax,
        )

    def to_dict(self) -> dict[str, Json]:
        """What is kept as JSON, the frames as rows, and what follows."""
        follows: dict[str, Json] = {
            "scores": _rows(self.scores),
            "gains": _rows(self.gains),
            "sentences": list(self.sentences),
        }
        return to_dict(self) | follows

    def contenders(self, share: int) -> list[str]:
        """The arms that are not surely worse than the best at a share, counted from 0."""
        leads = zip(self.arms, self.lead.value[share], self.lead.high[share], strict=True)
        # Arms that are alike to the last bit have no interval to speak of.
        return [arm for arm, value, high in leads if value >= 0 or not high <= 0]

    def _frame(self, found: Estimate, name: str) -> pd.DataFrame:
        import pandas as pd

        n_shares, n_arms = found.value.shape
        return pd.DataFrame(
            {
                "share": np.repeat(self.shares, n_arms),
                "labels": np.repeat(self.labels_per_task, n_arms),
                "arm": list(self.arms) * n_shares,
                name: found.value.ravel(),
                "low": found.low.ravel(),
                "high": found.high.ravel(),
            }
        )

    def _best(self) -> str:
        parts = []
        for names, places in _runs([tuple(self.contenders(i)) for i in range(len(self.shares))]):
            who = names[0]
            if len(names) > 1:
                some = f"{', '.join(names[:-1])} or {names[-1]}"
                who = f"{'any of them' if len(names) == len(self.arms) else some}, undecided,"
            parts.append(f"{who} {self._where(places)}")
        return f"Best of {listing(self.arms)} by mean {self.metric} (95 %): {'; '.join(parts)}."

    def _against_joint(self, arm: int) -> str:
        words = [row[arm] for row in self.outcomes]
        parts = [
            f"{word} with {self._percent(places)} ({self._points(arm, places)})"
            for word, places in _runs(words)
        ]
        return f"{self.arms[arm]} against {self.arms[0]}: {'; '.join(parts)}."

    def _where(self, places: Sequence[int]) -> str:
        labels = [count(self.labels_per_task[place]) for place in (places[0], places[-1])]
        told = labels[0] if len(places) == 1 else f"{labels[0]} to {labels[1]}"
        return f"with {self._percent(places)} ({told} labels a task)"

    def _percent(self, places: Sequence[int]) -> str:
        ends = [f"{100 * self.shares[place]:g}" for place in (places[0], places[-1])]
        return f"{ends[0]} %" if len(places) == 1 else f"{ends[0]} to {ends[1]} %"

    def _points(self, arm: int, places: Sequence[int]) -> str:
        gains = [signed(self.gain.value[place, arm]) for place in (places[0], places[-1])]
        return f"{gains[0]} points" if len(places) == 1 else f"{gains[0]} to {gains[1]} points"

    def _repr_html_(self) -> str:
        return as_html(self, self.scores)

    def __repr__(self) -> str:
        ends = ", ".join(
            f"{arm} {score(first)} to {score(last)}"
            for arm, first, last in zip(
                self.arms, self.score.value[0], self.score.value[-1], strict=True
            )
        )
        labels = f"{count(self.labels_per_task[0])} to {count(self.labels_per_task[-1])}"
        return f"LearningCurve({len(self.tasks)} tasks, {labels} labels a task: {ends})"


def _rows(frame: pd.DataFrame) -> list[Json]:
    return [
        {str(key): None if value != value else value for key, value in row.items()}
        for row in frame.to_dict("records")
    ]


def _runs(values: Sequence[Value]) -> list[tuple[Value, list[int]]]:
    """Equal neighbours together, with their places.

    >>> _runs(["a", "a", "b"])
    [('a', [0, 1]), ('b', [2])]
    """
    found = groupby(enumerate(values), key=lambda pair: pair[1])
    return [(value, [place for place, _ in same]) for value, same in found]
