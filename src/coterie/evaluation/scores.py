"""The scores of all arms of a comparison side by side, with what each test example adds to them.

Shapes: ``U`` units (a split and a seed each), ``A`` arms (random draws averaged), ``n`` test
examples, ``T`` tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from scipy import stats

from coterie.errors import CoterieError
from coterie.evaluation.units import Unit
from coterie.metrics import Predictions, contributions, deciding, drawn_together, mean_name, n_wrong
from coterie.results.standings import mean_where_known
from coterie.statistics import Interval, interval, nadeau_bengio, simultaneous, with_mean
from coterie.tasks import Tasks

# One-sided 99 %: of many arms at chance, the best one looks a little better than that.
_LEARNT = 0.99
_OF_AN_OWN_METRIC = 1.0


@dataclass(frozen=True, kw_only=True)
class ArmScores:
    """Deciding metric of all arms, paired over units.

    ``scores`` and ``wrong``, the number of examples in the wrong class, are (U, A, T),
    ``validation`` (U, A) means over tasks. With one split ``contributions`` (U, n, A, T) is what
    each test example adds to the scores, and ``groups`` (n,) says which are drawn together, if not
    each for itself; with several both are None. ``splits`` (U,) is the split of each unit,
    ``overlap`` test / train examples, ``examples`` the test examples of a split. ``chance`` (T,) is
    what knows nothing of an example, NaN of a user's own metric, ``margins`` (T + 1,) the least
    gains worth having, in points, last that of the mean. ``counting`` (T,) are the tasks that count
    in means, if these are not those that are learnt.
    Standard errors of gains are ``inflation`` times as large, as a stop that depends on them asks for
    (:mod:`coterie.statistics.sequential`).
    """

    arms: tuple[str, ...]
    scores: np.ndarray
    wrong: np.ndarray
    validation: np.ndarray
    contributions: np.ndarray | None
    groups: np.ndarray | None
    splits: np.ndarray
    overlap: float
    examples: int
    chance: np.ndarray
    margins: np.ndarray
    metrics: tuple[str, ...]
    counting: np.ndarray | None = None
    inflation: float = 1.0

    @property
    def metric(self) -> str:
        """What the mean over tasks is of."""
        return mean_name(self.metrics)

    def learnt(self) -> np.ndarray:
        """Which tasks some arm predicts better than chance, (T,); all where none is."""
        found = np.asarray(self.better_than_chance().any(0))
        return found if found.any() else ~found

    @property
    def repeated(self) -> Literal["seed", "split"]:
        """What the repetitions are over which intervals are."""
        return "split" if self.contributions is None else "seed"

    def better_than_chance(self) -> np.ndarray:
        """Which arms predict which tasks better than chance, for all one knows, (A, T).

        By the lower end of an interval over test examples of these very models' mean score: what
        other seeds would have learnt does not matter here. Over splits, where there are several. A
        metric of a user's own has no known chance and counts as learnt.
        """
        above = (self.scores - self.chance).reshape(len(self.scores), -1)
        if self.contributions is None:
            found = self._interval(above, None, level=2 * _LEARNT - 1)
            low = found.low
        else:
            added = self.contributions.reshape(*self.contributions.shape[:2], -1)
            found = interval(above.mean(0)[None], added.mean(0)[None], groups=self.groups)
            reach = stats.t.ppf(_LEARNT, found.example_df)
            low = found.mean - reach * np.sqrt(found.example_variance)
        low = np.where(np.isnan(low), found.mean, low).reshape(self.scores.shape[1:])
        return (low > 0) | np.isnan(self.chance)

    def gains(self, first: int, second: int, *, level: float = 0.95) -> Interval:
        """Points by which an arm is better than another, (T + 1,), last the mean over tasks."""
        difference = 100 * (self.scores[:, first] - self.scores[:, second])
        added = (
            None
            if self.contributions is None
            else self.inflation
            * 100
            * (self.contributions[:, :, first] - self.contributions[:, :, second])
        )
        return self._interval(*self._with_mean(self._spread(difference), added), level=level)

    def mean_gains(self, arms: Sequence[int], reference: int) -> Interval:
        """Mean gains of several arms (C,) over one reference, which hold all at once."""
        means, added = self.means()
        difference = means[:, arms] - means[:, [reference]]
        if added is None:
            # Bonferroni's correction: splits overlap, so that little is known of correlations.
            level = 1 - 0.05 / len(arms)
            return self._interval(difference, None, level=level)
        return simultaneous(
            difference, added[..., arms] - added[..., [reference]], groups=self.groups
        )

    def differences(self, firsts: Sequence[int], seconds: Sequence[int]) -> Interval:
        """Mean gains (C,) of arms over others, each with an interval for itself."""
        means, added = self.means()
        gains = means[:, firsts] - means[:, seconds]
        contributed = None if added is None else added[..., firsts] - added[..., seconds]
        return self._interval(gains, contributed, level=0.95)

    def within_splits(self, firsts: Sequence[int], seconds: Sequence[int]) -> np.ndarray | None:
        """Variance (C,) of these gains over the seeds of a split; None where there is only one."""
        if self.contributions is not None:
            return None
        means, _ = self.means()
        gains = means[:, firsts] - means[:, seconds]
        splits, of_unit = np.unique(self.splits, return_inverse=True)
        left = gains - self.per_split(gains)[of_unit]
        return (left**2).sum(0) / (len(gains) - len(splits))

    def inflated(self, factor: float) -> ArmScores:
        """The same with standard errors that are so much larger."""
        return replace(self, inflation=factor)

    def means(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Mean scores over tasks in points (U, A), and contributions to them (U, n, A)."""
        counted = self.counted()
        means = self._spread(100 * mean_where_known(self.scores[..., counted], -1))
        if self.contributions is None:
            return means, None
        return means, self.inflation * 100 * self.contributions[..., counted].mean(-1)

    def counted(self) -> np.ndarray:
        """Which tasks count in means, (T,): learnt, and with a score everywhere."""
        if self.counting is not None:
            return self.counting
        return self.learnt() & self.defined()

    def defined(self) -> np.ndarray:
        """Which tasks have a score everywhere, (T,); all where none has."""
        found = np.asarray(np.isfinite(self.scores).all((0, 1)))
        return found if found.any() else ~found

    def mean_scores(self) -> Interval:
        """Mean scores over tasks in points, (A,), over training and test examples."""
        return self._interval(*self.means(), level=0.95)

    def per_split(self, values: np.ndarray) -> np.ndarray:
        """Means over the seeds of each split (S, ...) of (U, ...).

        Seeds of one split share its test examples, so they are not further repetitions.
        """
        return np.stack(
            [mean_where_known(values[self.splits == split], 0) for split in np.unique(self.splits)]
        )

    def _spread(self, values: np.ndarray) -> np.ndarray:
        """Values of units (U, ...) that lie off their mean so much further."""
        if self.inflation == 1:
            return values
        middle = values.mean(0)
        return middle + self.inflation * (values - middle)

    def _with_mean(
        self, difference: np.ndarray, added: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        counted = self.counted()
        if added is not None:
            return with_mean(difference, added, counted)
        mean = mean_where_known(difference[:, counted], -1)
        return np.append(difference, mean[:, None], -1), None

    def _interval(self, gains: np.ndarray, added: np.ndarray | None, *, level: float) -> Interval:
        if added is None:
            return nadeau_bengio(
                self.per_split(gains), overlap=self.overlap, examples=self.examples, level=level
            )
        return interval(gains, added, groups=self.groups, level=level)


def arm_scores(
    units: Sequence[Unit],
    tasks: Tasks,
    *,
    groups: np.ndarray | None = None,
    margin: float | None = None,
) -> ArmScores:
    """Put the units' scores side by side; draws of a random arm are averaged.

    Args:
        units: of one comparison.
        tasks: whose deciding metrics are read.
        groups: of all examples of the data (N,): test rows of one group are drawn together.
        margin: in points, instead of those of the metrics.
    """
    names = tuple(dict.fromkeys(name for name, _ in units[0].arms))
    scores, wrong, validation, added = [], [], [], []
    splits = np.array([unit.split for unit in units])
    several = len(set(splits.tolist())) > 1
    at = units[0].positions
    together = drawn_together(tasks, len(at), None if groups is None else groups[at])
    for unit in units:
        share = _averages_draws(unit, names)
        outputs, targets = torch.from_numpy(unit.outputs), torch.from_numpy(unit.targets)
        scores.append(share @ unit.primary)
        wrong.append(share @ n_wrong(outputs, targets, tasks))
        validation.append(share @ unit.validation)
        if not several:
            each = contributions(outputs, targets, tasks, together)
            added.append(np.einsum("ad,dnt->nat", share, each).astype(np.float32))
    metrics = deciding(tasks)
    own = [_OF_AN_OWN_METRIC if metric.margin is None else metric.margin for metric in metrics]
    margins = np.array(own) if margin is None else np.full(len(own), margin)
    return ArmScores(
        arms=names,
        scores=np.stack(scores),
        wrong=np.stack(wrong),
        validation=np.stack(validation),
        contributions=None if several else np.stack(added),
        groups=None if several else together,
        splits=splits,
        overlap=float(np.mean([unit.overlap for unit in units])) if several else 0.0,
        examples=len(units[0].positions),
        chance=_chance(units[0], tasks),
        margins=np.append(margins, margins.max()),
        metrics=tuple(metric.name for metric in metrics),
    )


def joined(parts: Sequence[ArmScores]) -> ArmScores:
    """The units of several as those of one; each has read its own with tasks of its own.

    Raises:
        CoterieError: they have other arms.
    """
    first = parts[0]
    if any(part.arms != first.arms for part in parts):
        raise CoterieError("The units to put together must have the same arms.")
    added = [part.contributions for part in parts if part.contributions is not None]
    return replace(
        first,
        scores=np.concatenate([part.scores for part in parts]),
        wrong=np.concatenate([part.wrong for part in parts]),
        validation=np.concatenate([part.validation for part in parts]),
        contributions=np.concatenate(added) if added else None,
        splits=np.concatenate([part.splits for part in parts]),
        chance=np.mean([part.chance for part in parts], axis=0),
    )


def _chance(unit: Unit, tasks: Tasks) -> np.ndarray:
    """What each task's deciding metric (T,) is of models that know nothing of an example."""
    outputs, targets = torch.from_numpy(unit.outputs), torch.from_numpy(unit.targets)
    found = np.full(len(tasks), np.nan)
    for t, (task, metric) in enumerate(zip(tasks, deciding(tasks), strict=True)):
        if not callable(task.metric):
            made = Predictions.of(outputs[..., tasks.columns[t]], targets[:, t], tasks, t)
            found[t] = 0.0 if metric.is_skill else metric.chance(made.priors)
    return found


def _averages_draws(unit: Unit, names: Sequence[str]) -> np.ndarray:
    """Matrix (A, draws of all arms) that averages the draws of each arm."""
    same = np.array([[arm == name for arm, _ in unit.arms] for name in names], dtype=np.float64)
    return same / same.sum(1, keepdims=True)
