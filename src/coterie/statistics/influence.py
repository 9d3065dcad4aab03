"""Metrics of arms on test examples, each with what every example contributes to it.

Shapes: ``A`` arms, ``n`` test examples. A metric gives ``(values (A,), contributions (A, n))``.
Contributions are estimated influence values over the number of labelled examples (Hampel 1974),
scaled so that the variance of ``values[a]`` over test samples is the sum of ``contributions[a] **
2`` with its small-sample factor. They sum to 0, and are linear: those of a difference of arms, or
of a mean over tasks, are the difference or the mean of contributions. Examples without a label (NaN)
contribute 0. What is not defined, as AUROC of one class, is NaN, as are contributions that one
example of a class cannot tell.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

Influence: TypeAlias = tuple[np.ndarray, np.ndarray]


def auroc(scores: np.ndarray, y: np.ndarray) -> Influence:
    """Area under the receiver operating characteristic: P(positive above negative), ties half.

    The variance is that of DeLong, DeLong and Clarke-Pearson (1988), from ranks in O(n log n) as in
    Sun and Xu (2014).

    Args:
        scores: (A, n), in any unit; only their order counts.
        y: 0 or 1, NaN = missing, (n,).

    >>> values, contributions = auroc(np.array([[0.1, 0.4, 0.35, 0.8]]), np.array([0, 0, 1, 1]))
    >>> values, (contributions**2).sum(1).round(4)
    (array([0.75]), array([0.125]))
    """
    scores, y = np.asarray(scores, dtype=np.float64), np.asarray(y)
    positive, negative = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    if not len(positive) or not len(negative):
        return _undefined(scores)
    of_class = np.concatenate([positive, negative])
    ranks = _midranks_among(scores[:, of_class], np.arange(len(of_class)) < len(positive))
    below = ranks[:, : len(positive)] / len(negative)
    above = 1 - ranks[:, len(positive) :] / len(positive)
    contributions = np.zeros_like(scores)
    contributions[:, positive], contributions[:, negative] = _deviations(below), _deviations(above)
    return below.mean(1), contributions


def mean(values: np.ndarray) -> Influence:
    """Mean of what was found for each example (A, n), NaN = missing.

    >>> values, contributions = mean(np.array([[1.0, 2.0, 3.0, np.nan]]))
    >>> values, (contributions**2).sum(1).round(4)
    (array([2.]), array([0.3333]))
    """
    values = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(values)
    number = known.sum(1, keepdims=True)
    filled = np.where(known, values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = filled.sum(1, keepdims=True) / number
        contributions = (filled - middle) / np.sqrt(number * (number - 1.0))
    missing = known | np.isnan(middle)
    return middle[:, 0], np.where(missing, contributions, 0.0)


def accuracy(hits: np.ndarray) -> Influence:
    """Share of hits: 1 or 0 for each example (A, n), NaN = missing.

    >>> accuracy(np.array([[1, 1, 0, 1]]))[0]
    array([0.75])
    """
    return mean(hits)


def balanced_accuracy(hits: np.ndarray, y: np.ndarray) -> Influence:
    """Mean over the classes that occur of the share of hits among their examples.

    Args:
        hits: 1 or 0, (A, n).
        y: the class of each example, NaN = missing, (n,).

    >>> balanced_accuracy(np.array([[1, 1, 0, 1]]), np.array([0, 0, 0, 1]))[0].round(4)
    array([0.8333])
    """
    hits, y = np.asarray(hits, dtype=np.float64), np.asarray(y, dtype=np.float64)
    classes = np.unique(y[~np.isnan(y)])
    if not len(classes):
        return _undefined(hits)
    values, contributions = np.zeros(len(hits)), np.zeros_like(hits)
    for each in classes:
        own = np.flatnonzero(y == each)
        values += hits[:, own].mean(1) / len(classes)
        contributions[:, own] = _deviations(hits[:, own]) / len(classes)
    return values, contributions


def r2(predictions: np.ndarray, y: np.ndarray) -> Influence:
    """Share of the variance of y among the test examples that predictions (A, n) explain.

    Args:
        predictions: (A, n), in the unit of y.
        y: (n,), NaN = missing.

    >>> r2(np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 2.0]]), np.array([1.0, 2.0, 3.0]))[0]
    array([1., 0.])
    """
    y = np.asarray(y, dtype=np.float64)
    known = ~np.isnan(y)
    middle = y[known].mean() if known.any() else np.nan
    return skill((np.asarray(predictions, dtype=np.float64) - y) ** 2, (y - middle) ** 2)


def skill(losses: np.ndarray, constant: np.ndarray) -> Influence:
    """1 - sum of losses / sum of those of a constant prediction: 1 is perfect, 0 no better than it.

    The contributions are those of a ratio by the delta method (Cochran 1977, section 6.3).

    Args:
        losses: (A, n), in any unit.
        constant: losses of the constant prediction in that unit, (n,), NaN = missing.

    >>> skill(np.array([[0.1, 0.3]]), np.array([0.5, 0.5]))[0].round(4)
    array([0.6])
    """
    losses, constant = np.asarray(losses, dtype=np.float64), np.asarray(constant, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(constant))
    total = constant[known].sum()
    if not total > 0:
        return _undefined(losses)
    left = losses[:, known].sum(1, keepdims=True) / total
    residuals = left * constant[known] - losses[:, known]
    contributions = np.zeros_like(losses)
    contributions[:, known] = _deviations(residuals) * len(known) / total
    return 1 - left[:, 0], contributions


def _midranks_among(scores: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """How many of the other class are below each score (A, n), ties half; NaN if one is NaN."""
    order = np.argsort(scores, axis=1)
    ordered, places = np.take_along_axis(scores, order, 1), np.arange(scores.shape[1])
    differs = np.diff(ordered, axis=1) != 0
    edge = np.ones((len(scores), 1), dtype=bool)
    # First and last place of the scores that each is tied with.
    first = np.maximum.accumulate(np.where(np.hstack([edge, differs]), places, 0), 1)
    last = np.where(np.hstack([differs, edge]), places, len(places))
    last = np.minimum.accumulate(last[:, ::-1], 1)[:, ::-1]
    is_positive = positive[order]
    positives = np.hstack([~edge, is_positive]).cumsum(1)
    twice = np.take_along_axis(positives, first, 1) + np.take_along_axis(positives, last + 1, 1)
    ranks = np.where(is_positive, first + last + 1 - twice, twice) / 2
    found = np.empty_like(scores)
    np.put_along_axis(found, order, ranks, 1)
    return np.where(np.isnan(ordered[:, -1:]), np.nan, found)


def _deviations(values: np.ndarray) -> np.ndarray:
    """What each of n values (A, n) contributes to their mean; NaN for one alone."""
    number = values.shape[1]
    if number < 2:
        return np.full_like(values, np.nan)
    return (values - values.mean(1, keepdims=True)) / np.sqrt(number * (number - 1.0))


def _undefined(like: np.ndarray) -> Influence:
    return np.full(len(like), np.nan), np.full(like.shape, np.nan)
