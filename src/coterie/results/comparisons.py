"""A comparison as a record.

Scores, gains with intervals and costs in tables, the groupings, and what was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self, TypedDict

import numpy as np
import pyarrow as pa

from coterie.codec import ELSEWHERE, As
from coterie.errors import CoterieError
from coterie.files import path_of
from coterie.results.about import About
from coterie.results.comparison_files import TABLES, read_comparison, told, write_comparison
from coterie.results.data_maps import DataMap
from coterie.results.findings import Finding
from coterie.results.found import Found
from coterie.results.groupings import Grouping
from coterie.results.headroom import Headroom
from coterie.results.histories import History, held, served
from coterie.results.learning_curves import LearningCurve
from coterie.results.plots import Plot
from coterie.results.recommendation import Recommendation, Standing
from coterie.results.reliability import Reliability
from coterie.results.standings import (
    METHODS,
    MethodRow,
    Regret,
    Spread,
    candidates,
    mean_where_known,
    proof,
    regret,
    run_means,
    spent,
    task_scores,
    unit_means,
)
from coterie.results.tables import CHOSEN, GAINS, MEAN, CostRow, GainRow, Part, parts_of
from coterie.results.views import as_html
from coterie.schema import OPEN, Details, Json
from coterie.tasks import unknown_kind
from coterie.wording import is_number

if TYPE_CHECKING:
    import pandas as pd


class _Config(TypedDict, total=False):
    """What others read of a comparison's configuration, where it is there."""

    groupings: dict[str, Json]


@dataclass(frozen=True, kw_only=True, repr=False)
class ComparisonRecord:
    """Joint, single-task, random, ensemble and grouped training, scored on the test part.

    Tables are pandas frames; ``scores_table`` and so on are the same as they are kept, Arrow.

    ``scores`` [arm, role, of, seed, split, draw, task, metric, value]: the full set of metrics.
    ``gains`` [arm, role, of, reference, reference_role, task, metric, gain, low, high, p, p_holm,
    training_se, examples_se, margin, outcome, more_seeds, more_examples, relative_gain]: points (x
    100) of the deciding metric, paired over seeds and splits, draws averaged, 95 % interval over
    training noise and test examples; the task "mean" is the unweighted mean over tasks that some
    arm learns, of skills where tasks have several metrics; relative gains are shares of the
    reference's error; what cannot be told is null. ``costs`` [arm, role, of, models, parameters,
    model_steps, seconds, latency]: of one repetition on average, and groups found on a data map pay
    for its recording. ``role`` says what an arm is, one
    of ``roles``, which have a sentence each and are in the order in which to read of them; ``of``
    names the grouping that it belongs to, null where to none or to several. ``found`` has for each
    method what it found, one entry per unit, and ``about`` says what the method is. ``findings``
    judge the groupings. ``standings`` has every arm against the best, those of the fewest models
    and parameters first, and ``recommendation`` says which to use, ``reliability`` how far the
    probabilities of the one that is left can be believed. Log loss and Brier score in ``scores`` are
    of probabilities before they are calibrated. ``headroom`` bounds what any grouping can gain, if
    that was asked, and ``learning_curve`` says what arms score with fewer labels. ``agreement`` is
    the adjusted Rand index between methods, averaged over units. ``data_map`` and ``history`` are those of the first unit.
    """

    tasks: tuple[str, ...]
    kinds: tuple[Annotated[str, unknown_kind], ...]
    metric_names: tuple[str, ...]
    scores_table: Annotated[pa.Table, ELSEWHERE]
    gains_table: Annotated[pa.Table, ELSEWHERE]
    costs_table: Annotated[pa.Table, ELSEWHERE]
    found: Annotated[Mapping[str, list[Found]], ELSEWHERE]
    about: Annotated[Mapping[str, About], ELSEWHERE] = field(default_factory=dict)
    data_map: Annotated[DataMap | None, ELSEWHERE] = None
    history: Annotated[Mapping[str, History], ELSEWHERE] = field(default_factory=dict)
    stability: Annotated[Details, As(dict[str, dict[str, Json]])] = field(default_factory=dict)
    agreement: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    standings: tuple[Standing, ...] = ()
    recommendation: Recommendation | None = None
    reliability: Reliability | None = None
    headroom: Annotated[Headroom | None, ELSEWHERE] = None
    learning_curve: Annotated[LearningCurve | None, ELSEWHERE] = None
    roles: Mapping[str, str] = field(default_factory=dict)
    config: Annotated[Details, As(Annotated[_Config, OPEN])] = field(default_factory=dict)

    @property
    def scores(self) -> pd.DataFrame:
        """Every metric of every task, arm, seed, split and draw, as a frame."""
        return self.scores_table.to_pandas()

    @property
    def gains(self) -> pd.DataFrame:
        """Gains with intervals of every pair of arms that was compared, as a frame."""
        return self.gains_table.to_pandas()

    @property
    def costs(self) -> pd.DataFrame:
        """What each arm takes, as a frame."""
        return self.costs_table.to_pandas()

    @property
    def methods_frame(self) -> pd.DataFrame:
        """:attr:`methods_table` as a frame."""
        return self.methods_table.to_pandas()

    @property
    def plot(self) -> Plot:
        """Pictures: ``plot(ax=None)`` of costs and scores, ``plot.gains(ax=None)``."""
        return Plot(self)

    @cached_property
    def gain_rows(self) -> list[GainRow]:
        """The rows of ``gains``."""
        return self.gains_table.to_pylist()

    @cached_property
    def cost_rows(self) -> list[CostRow]:
        """The rows of ``costs``."""
        return self.costs_table.to_pylist()

    def mean_gains(self) -> list[GainRow]:
        """The rows of ``gains`` for the mean over tasks."""
        return [row for row in self.gain_rows if row["task"] == MEAN]

    def gain(self, arm: str, reference: str, task: str = MEAN) -> GainRow:
        """The row of ``gains`` for one pair of arms and one task.

        Raises:
            CoterieError: there is no such row; the pairs that exist are named.
        """
        for row in self.gain_rows:
            if (row["arm"], row["reference"], row["task"]) == (arm, reference, task):
                return row
        pairs = dict.fromkeys(
            f"{row['arm']!r} against {row['reference']!r}" for row in self.gain_rows
        )
        raise CoterieError(
            f"No gain of {arm!r} against {reference!r} for task {task!r}; there are "
            f"{', '.join(pairs)}."
        )

    @property
    def outcome(self) -> str | None:
        """Whether it is "decided" what to use, or "undecided"; None where nothing is recommended."""
        return None if self.recommendation is None else self.recommendation.outcome

    @property
    def verdict(self) -> tuple[str, ...]:
        """The recommendation, then the findings, in plain sentences."""
        first = () if self.recommendation is None else self.recommendation.sentences
        return (*first, *(finding.sentence for finding in self.findings))

    @cached_property
    def arms(self) -> Mapping[str, Part]:
        """What each arm is: its ``role``, and the grouping ``of`` which it is."""
        return parts_of(self.scores_table)

    @cached_property
    def groupings(self) -> Mapping[str, list[Grouping]]:
        """The groupings that each method found, one per unit."""
        return {name: [each.grouping for each in found] for name, found in self.found.items()}

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the groupings themselves, without that which stands for the choice."""
        return tuple(name for name in self.found if name != CHOSEN)

    @cached_property
    def run_means(self) -> Mapping[str, Mapping[tuple[int, int, int], float]]:
        """Mean over tasks of the task's own metric on test, by arm and (seed, split, draw)."""
        return run_means(self.scores_table, dict(zip(self.tasks, self.metric_names, strict=True)))

    @cached_property
    def unit_means(self) -> Mapping[str, Mapping[tuple[int, int], float]]:
        """Mean over tasks and draws of the task's own metric on test, by arm and (seed, split)."""
        return {arm: unit_means(runs) for arm, runs in self.run_means.items()}

    @cached_property
    def task_scores(self) -> Mapping[tuple[str, str, str], Spread]:
        """Mean and deviation over runs of every metric on test, by arm, task and metric."""
        return task_scores(self.scores_table)

    def task_curves(self, arm: str, field: str) -> np.ndarray:
        """One of the curves of a :class:`History` for each task (E, T), of the first unit.

        On the model of the task's own group, else the mean of all models that train it. NaN for
        random groups that overlap: whose task is whose is not kept. A model that has stopped stays
        where it was.
        """
        curve = held(np.asarray(getattr(self.history[arm], field), dtype=np.float64))
        if groupings := self.groupings.get(arm):
            return served(curve, groupings[0])
        shared = bool((np.isfinite(curve).sum(axis=1) > 1).any())
        if self.arms[arm].role == "random" and shared:
            return np.full(curve[:, 0].shape, np.nan)
        return mean_where_known(curve, axis=1)

    def mean_score(self, arm: str) -> Spread:
        """Mean over tasks and runs of each task's own metric, and its standard deviation over runs.

        NaN where unknown.

        A run is a seed, split and draw; an arm that is not there has none.
        """
        return Spread.of(list(self.run_means.get(arm, {}).values()))

    @cached_property
    def best(self) -> str | None:
        """The method with the best mean score on test, which looks better than it is.

        It was picked on these scores.
        """
        known = [name for name in self.methods if self.unit_means.get(name)]
        means = {name: float(np.mean(list(self.unit_means[name].values()))) for name in known}
        return max(means, key=means.__getitem__, default=None)

    def regret(self, arm: str) -> Regret:
        """``score``, and points below :attr:`best` on the same units, with their deviation."""
        means = self.unit_means
        return regret(means.get(arm, {}), means.get(self.best or "", {}), itself=arm == self.best)

    @cached_property
    def methods_table(self) -> pa.Table:
        """What each method spent, how good its groups are, and whether they are proven best.

        ``kind`` says how it comes to groups: "affinity", "selection", "data map", "learnt", "given"
        or "other"; ``candidates`` from which rows it selected. ``model_steps`` and ``seconds`` were
        spent on measuring beyond the joint training, ``with_joint`` are steps that include it:
        means over repetitions, null for groups that were given. ``score``, ``regret`` and
        ``regret_sd`` are those of :meth:`regret`. ``proven`` counts the repetitions on which the
        groups are the best by the method's own estimates, ``gap`` bounds by which share others
        could be better.
        """
        return pa.Table.from_pylist(self.method_rows, schema=METHODS)

    @cached_property
    def method_rows(self) -> list[MethodRow]:
        """The rows of :attr:`methods_table`."""
        joint = next((r["model_steps"] for r in self.cost_rows if r["arm"] == "joint"), None)
        rows: list[MethodRow] = []
        for name in self.methods:
            found, about = self.found[name], self.about[name]
            given = about.family == "given"
            steps, seconds = (
                None if given else spent(found, what) for what in ("model_steps", "seconds")
            )
            rows.append(
                {
                    "method": name,
                    "kind": about.family,
                    "candidates": candidates(found[0]),
                    "model_steps": steps,
                    "seconds": seconds,
                    "with_joint": joint + steps if is_number(steps) and is_number(joint) else None,
                    **self.regret(name),
                    **proof(found),
                }
            )
        return rows

    def to_dict(self) -> dict[str, object]:
        """Everything but the data map and the curves, as plain JSON types."""
        tables = {name: getattr(self, f"{name}_table").to_pylist() for name in TABLES}
        return {**told(self), **tables}

    def save(self, folder: str | Path) -> list[Path]:
        """Write tables as Parquet, arrays as safetensors and the rest as JSON.

        Returns the files.
        """
        return write_comparison(self, path_of(folder, "folder"))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            CoterieError: there is none in ``folder``, or a file is damaged.
        """
        return cls(**read_comparison(cls, path_of(folder, "folder")))

    def _repr_html_(self) -> str:
        columns = ["arm", "reference", "metric", "gain", "low", "high", "p"]
        rows = pa.Table.from_pylist(self.mean_gains(), schema=GAINS)
        said = "".join(f"<li>{escape(sentence)}</li>" for sentence in self.verdict)
        return f"{as_html(self, rows.select(columns).to_pandas())}\n<ul>{said}</ul>"

    def __repr__(self) -> str:
        first = next(iter(self.verdict), "")
        return f"{type(self).__name__}({', '.join(self.found)} on {len(self.tasks)} tasks: {first})"
