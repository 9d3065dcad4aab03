"""How good estimated scores are, given the truth.

Scores of a joint model are close to those of any group, so an estimate may be within a few percent
of the truth and still know nothing about groups. What a choice of groups needs is the order of the
groups *within* each task: judge by :func:`within_target_correlation`, and show
:func:`relative_distance` beside that of the :func:`blind_baseline` only.

Shapes: ``R`` rows (subsets of tasks), ``T`` tasks.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.stats import rankdata

from coterie.errors import CoterieError

Kind = Literal["pearson", "spearman"]
_FLAT = 1e-9


def within_target_correlation(
    estimated: np.ndarray, true: np.ndarray, subsets: np.ndarray, kind: Kind = "pearson"
) -> float:
    """Correlation of estimated and true scores after centring each target.

    A target's cells are the rows in which it is trained with at least one other task. "pearson"
    pools the cells of all targets after each target's mean is subtracted from both; "spearman" is
    the mean over targets of the rank correlation. An estimate that does not tell a target's rows
    apart counts 0; NaN where the truth does not either.

    Args:
        estimated: (R, T).
        true: (R, T); cells that are NaN here are left out.
        subsets: (R, T), nonzero for the tasks of a row.
        kind: "pearson" or "spearman".

    Raises:
        CoterieError: shapes that differ, an unknown kind, or an estimate that is missing where the
            truth is known.

    >>> subsets = np.array([[1, 1, 0], [1, 0, 1], [1, 1, 1]])
    >>> true = np.array([[1.0, 3.0, np.nan], [2.0, np.nan, 5.0], [3.0, 4.0, 6.0]])
    >>> round(within_target_correlation(10 * true + [5, 0, 1], true, subsets), 6)
    1.0
    """
    if kind not in ("pearson", "spearman"):
        raise CoterieError(f"`kind` must be 'pearson' or 'spearman'; found {kind!r}.")
    estimated, true, used = _cells(estimated, true, subsets)
    used = used & (used.sum(axis=1, keepdims=True) > 1)
    columns = [
        (estimated[rows, t], true[rows, t]) for t, rows in enumerate(used.T) if rows.sum() > 1
    ]
    if kind == "spearman":
        found = [
            _cosine(_centred(_ranks(guess)), _centred(_ranks(truth))) for guess, truth in columns
        ]
        known = [value for value in found if not np.isnan(value)]
        return float(np.mean(known)) if known else float("nan")
    nothing = [np.zeros(0)]
    guesses = [_centred(guess) for guess, _ in columns]
    truths = [_centred(truth) for _, truth in columns]
    return _cosine(np.concatenate(nothing + guesses), np.concatenate(nothing + truths))


def relative_distance(estimated: np.ndarray, true: np.ndarray) -> float:
    """Frobenius norm of the error relative to that of the truth, over the cells that it knows.

    Raises:
        CoterieError: shapes that differ, or an estimate that is missing where the truth is known.

    >>> relative_distance(np.array([[3.0, 3.0]]), np.array([[3.0, 4.0]]))
    0.2
    """
    estimated, true, used = _cells(estimated, true, ~np.isnan(true))
    return float(np.linalg.norm((estimated - true)[used]) / np.linalg.norm(true[used]))


def blind_baseline(joint: np.ndarray, subsets: np.ndarray) -> np.ndarray:
    """The guess (R, T) that no subset differs from the joint model; NaN outside a subset.

    Args:
        joint: its scores (T,).
        subsets: (R, T), nonzero for the tasks of a row.

    >>> blind_baseline(np.array([0.5, 0.7]), np.array([[1, 0], [1, 1]])).tolist()
    [[0.5, nan], [0.5, 0.7]]
    """
    return np.where(np.asarray(subsets) > 0, np.asarray(joint, dtype=np.float64), np.nan)


def served_score(serves: np.ndarray, scores: np.ndarray) -> float:
    """Total over the tasks of the scores (R, T) in the rows that serve them, ``serves`` (T,).

    Raises:
        CoterieError: a task is served by a row that does not exist or does not train it.

    >>> served_score(np.array([0, 1]), np.array([[0.5, np.nan], [0.6, 0.7]]))
    1.2
    """
    scores, serves = np.asarray(scores, dtype=np.float64), np.asarray(serves)
    if serves.shape != (scores.shape[1],) or ((serves < 0) | (serves >= len(scores))).any():
        raise CoterieError(
            f"`serves` must name one of {len(scores)} rows for each of {scores.shape[1]} tasks; "
            f"found {serves}."
        )
    found = scores[serves, np.arange(len(serves))]
    if np.isnan(found).any():
        task = int(np.isnan(found).argmax())
        raise CoterieError(
            f"`serves` gives task {task} to row {serves[task]}, which has no score for it."
        )
    return float(found.sum())


def _cells(
    estimated: np.ndarray, true: np.ndarray, subsets: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    estimated, true, subsets = (np.asarray(a, dtype=np.float64) for a in (estimated, true, subsets))
    if not estimated.shape == true.shape == subsets.shape or true.ndim != 2:
        raise CoterieError(
            "`estimated`, `true` and `subsets` must agree in shape (R, T); found "
            f"{estimated.shape}, {true.shape} and {subsets.shape}."
        )
    used = (subsets > 0) & ~np.isnan(true)
    missing = np.argwhere(used & np.isnan(estimated))
    if len(missing):
        row, task = missing[0]
        raise CoterieError(
            f"`estimated` is missing where the truth is known: row {row}, task {task}."
        )
    return estimated, true, used


def _centred(values: np.ndarray) -> np.ndarray:
    """Differences from the mean; those that are rounding only are none."""
    return (
        np.zeros_like(values)
        if np.ptp(values) <= _FLAT * np.abs(values).max()
        else values - values.mean()
    )


def _ranks(values: np.ndarray) -> np.ndarray:
    return rankdata(_centred(values))


def _cosine(estimated: np.ndarray, true: np.ndarray) -> float:
    if not (true**2).sum() > 0:
        return float("nan")
    size = np.sqrt((estimated**2).sum() * (true**2).sum())
    return float(estimated @ true / size) if size > 0 else 0.0
