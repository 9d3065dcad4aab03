"""One interval for the noise of training and that of the test sample.

Shapes: ``S`` seeds on one split, ``n`` test examples, ``G`` groups of rows; a trailing axis ``...``
holds quantities that are judged side by side, such as tasks and their mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from scipy import stats

from coterie.errors import CoterieError, require_number


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean gain, its confidence interval, and where its uncertainty comes from.

    All but the counts and the level have the shape of the gain (...), in its unit or that squared;
    ``interval[i]`` is that of one. NaN where something cannot be told.

    Attributes:
        mean: the mean gain over seeds.
        low: lower end.
        high: upper end.
        p: two-sided p value of no gain.
        df: degrees of freedom of the standard error.
        error: the standard error.
        seed_variance: variance of one seed's gain through training, however large the test sample.
        interaction_variance: that of one seed's gain through the examples that this seed does
            better or worse on.
        example_variance: variance of the mean gain through the test examples that all seeds share.
        example_df: its degrees of freedom.
        seeds: S, or the number of splits.
        examples: n, or the number of groups.
        level: coverage that was asked for.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    df: np.ndarray
    error: np.ndarray
    seed_variance: np.ndarray
    interaction_variance: np.ndarray
    example_variance: np.ndarray
    example_df: np.ndarray
    seeds: int
    examples: int
    level: float

    def __getitem__(self, index: Any) -> Interval:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        each: dict[str, Any] = {
            name: value[index] for name, value in values.items() if isinstance(value, np.ndarray)
        }
        return replace(self, **each)


def interval(
    gains: np.ndarray,
    contributions: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    level: float = 0.95,
) -> Interval:
    """Interval of the mean gain over seeds and over the population of test examples.

    The training set is given. Seeds are tested on the same examples, so gains follow a two-way
    layout with random seeds, random examples and their interaction (Searle, Casella and McCulloch
    1992, chapter 4). The variance of the mean is V = s2 / S + max(E - I / S, 0): s2 is the variance
    of the gains over seeds, E that of their mean over examples, and I, the interaction, is in both.
    Degrees of freedom are Satterthwaite's (1946), those of E by the fourth moment of the
    contributions, so that few or few deciding examples count as few. Seeds that agree by chance
    cannot make the interval narrower than that over test examples alone.

    Args:
        gains: (S, ...).
        contributions: of each test example to each gain, (S, n, ...), see
            :mod:`coterie.statistics.influence`.
        groups: for each example the group of rows that it is drawn with, (n,): contributions are
            summed within groups. Examples are drawn one by one if left out.
        level: coverage.

    Returns:
        The interval, in the unit of the gains. It is unknown (NaN) from one seed, and where seeds
        and examples all agree on a gain other than 0; where nothing differs at all it is 0 to 0.

    Raises:
        CoterieError: shapes that do not fit; a level beyond 0 to 1.

    >>> gains = np.array([1.0, 2.0, 3.0])
    >>> certain = interval(gains, np.zeros((3, 50)))  # no noise of examples: Student's interval
    >>> round(float(certain.low), 3), round(float(certain.high), 3), float(certain.df)
    (-0.484, 4.484, 2.0)
    """
    require_number("level", level, least=0, below=1)
    gains = np.asarray(gains, dtype=np.float64)
    summed, n_seeds = _summed(np.asarray(contributions, dtype=np.float64), groups), len(gains)
    if summed.shape[:1] + summed.shape[2:] != gains.shape:
        raise CoterieError(
            f"`contributions` must have the shape of `gains` with the examples as second axis; "
            f"found {np.shape(contributions)} for gains of {gains.shape}."
        )
    shared = summed.mean(0)
    over_examples, example_df = (shared**2).sum(0), _example_df(shared)
    if n_seeds > 1:
        over_seeds = gains.var(0, ddof=1)
        interaction = ((summed - shared) ** 2).sum((0, 1)) / (n_seeds - 1)
    else:
        over_seeds = interaction = np.full(gains.shape[1:], np.nan)
    # The interaction is in both.
    twice = np.nan_to_num(interaction) / n_seeds
    example_variance = np.maximum(over_examples - twice, 0.0)
    variance, df = satterthwaite(over_seeds, interaction, example_variance, example_df, n_seeds)
    return of_student(
        mean=gains.mean(0),
        variances=(variance, np.where(np.isnan(variance), np.nan, example_variance + twice)),
        dfs=(df, example_df),
        seed_variance=np.maximum(over_seeds - interaction, 0.0),
        interaction_variance=interaction,
        example_variance=example_variance,
        example_df=example_df,
        seeds=n_seeds,
        examples=summed.shape[1],
        level=level,
    )


def satterthwaite(
    over_seeds: np.ndarray,
    interaction: np.ndarray,
    example_variance: np.ndarray,
    example_df: np.ndarray,
    seeds: int | np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Variance of the mean over so many seeds and its degrees of freedom (Satterthwaite 1946).

    ``over_seeds`` is the variance of one seed's gain, its interaction included. What is subtracted
    must not leave fewer degrees of freedom than the fewest among seeds and examples.

    >>> satterthwaite(np.array(1.0), np.array(0.0), np.array(0.0), np.array(9.0), 5)
    (array(0.2), array(4.))
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        twice, by_seeds = interaction / seeds, over_seeds / seeds
        variance = by_seeds + example_variance
        of_seeds, of_examples = seeds - 1.0, np.asarray(example_df)
        squares = (
            by_seeds**2 / of_seeds
            + ((example_variance + twice) ** 2 + twice**2 / of_seeds) / of_examples
        )
        df = np.maximum(variance**2 / squares, np.minimum(of_seeds, of_examples))
    return np.asarray(variance), np.asarray(df)


def of_student(
    *,
    mean: np.ndarray,
    variances: Sequence[np.ndarray],
    dfs: Sequence[np.ndarray],
    level: float,
    **components: Any,
) -> Interval:
    """The widest of Student's t intervals of a mean, by estimates of its variance.

    No variance at all is certainty if the mean is 0, and else too good to be believed: NaN.
    ``components`` are the other attributes of :class:`Interval`.
    """
    errors = np.sqrt(np.stack(np.broadcast_arrays(*variances)))
    agree = (errors <= 1e-12 * np.abs(mean)).all(0)
    errors, freedom = np.where(agree, np.nan, errors), np.stack(np.broadcast_arrays(*dfs))
    halves = errors * stats.t.ppf((1 + level) / 2, freedom)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = (2 * stats.t.sf(np.abs(mean) / errors, freedom)).max(0)
    widest = np.where(np.isnan(halves), -np.inf, halves).argmax(0)[None]
    half, error, df = (np.take_along_axis(each, widest, 0)[0] for each in (halves, errors, freedom))
    same = agree & (mean == 0)
    low, high = (np.where(same, 0.0, mean + side * half) for side in (-1, 1))
    return Interval(
        mean=mean,
        low=low,
        high=high,
        p=np.where(same, 1.0, p),
        df=np.where(agree, np.nan, df),
        error=np.where(same, 0.0, error),
        level=level,
        **components,
    )


def with_mean(
    gains: np.ndarray, contributions: np.ndarray, counted: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Gains (S, T + 1) and contributions (S, n, T + 1): the tasks and last the mean over them.

    Args:
        gains: (S, T), NaN = not defined.
        contributions: (S, n, T).
        counted: which tasks the mean is over, (T,) bool. All if left out, but those that have no
            gain or no contributions with some seed never count.

    >>> gains, _ = with_mean(np.array([[1.0, 3.0, np.nan]]), np.zeros((1, 9, 3)))
    >>> gains
    array([[ 1.,  3., nan,  2.]])
    """
    gains, contributions = np.asarray(gains, np.float64), np.asarray(contributions, np.float64)
    defined = np.isfinite(gains).all(0) & np.isfinite(contributions).all((0, 1))
    used = np.flatnonzero(defined if counted is None else defined & np.asarray(counted, bool))
    mean, of_mean = (
        each[..., used].mean(-1, keepdims=True)
        if len(used)
        else np.full((*each.shape[:-1], 1), np.nan)
        for each in (gains, contributions)
    )
    return np.append(gains, mean, -1), np.append(contributions, of_mean, -1)


def _summed(contributions: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Contributions (S, G, ...) of groups, with the factor of their small number."""
    if groups is None:
        return contributions
    groups = np.asarray(groups)
    if groups.shape != contributions.shape[1:2]:
        raise CoterieError(
            f"`groups` must name a group for each of the {contributions.shape[1]} test examples; "
            f"found an array of shape {groups.shape}."
        )
    labels, of_row = np.unique(groups, return_inverse=True)
    if len(labels) < 2:
        return np.full_like(contributions[:, :1], np.nan)
    summed = np.zeros((len(labels), len(contributions), *contributions.shape[2:]))
    np.add.at(summed, of_row, contributions.swapaxes(0, 1))
    return summed.swapaxes(0, 1) * np.sqrt(len(labels) / (len(labels) - 1))


def _example_df(contributions: np.ndarray) -> np.ndarray:
    """Degrees of freedom (...) of the sum of squares over examples of contributions (n, ...).

    2 E**2 / var(E), with the variance of a sum of squares from its terms: n for Gaussian
    contributions, about the number of deciding ones where most are 0. Never more than the number
    that differ from 0, less one.
    """
    squares = contributions**2
    deciding = (squares > 0).sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = squares.sum(0)
        spread = np.maximum((squares**2).sum(0) - total**2 / deciding, 0.0)
        df = np.minimum(2 * total**2 / spread, deciding - 1.0)
    return np.where(np.isnan(total), np.nan, np.maximum(np.nan_to_num(df), 1.0))
