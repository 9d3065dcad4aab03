"""Curves of tasks on the models that serve them."""

from __future__ import annotations

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.results import Grouping, History
from coterie.results.histories import held, served


def test_a_task_is_followed_on_the_model_of_its_group() -> None:
    curve = np.arange(2 * 2 * 3, dtype=float).reshape(2, 2, 3)
    # Of three groups, the second serves no task, so that it has no model.
    grouping = Grouping(tasks=("a", "b", "c"), membership=np.eye(3)[[2, 0, 2]], method="mine")
    assert served(curve, grouping).tolist() == [
        [curve[0, 1, 0], curve[0, 0, 1], curve[0, 1, 2]],
        [curve[1, 1, 0], curve[1, 0, 1], curve[1, 1, 2]],
    ]


def test_a_best_epoch_that_there_is_not_is_refused() -> None:
    curve = np.zeros((2, 1, 1))
    with pytest.raises(CoterieError, match="`best_epoch` must count from 0 and lie within 2"):
        History(
            train_loss=curve,
            validation_loss=curve,
            validation_score=curve,
            learning_rate=np.zeros(2),
            best_epoch=np.array([2]),
        )


def history(*ends: int, best: list[int], rate: float = 0.1) -> History:
    """Models of one task that trained so many epochs, with losses 10 m + epoch."""
    n_epochs = max(ends)
    curve = np.full((n_epochs, len(ends), 1), np.nan)
    for row, end in enumerate(ends):
        curve[:end, row, 0] = 10 * row + np.arange(end)
    return History(
        train_loss=curve,
        validation_loss=curve + 100,
        validation_score=-curve,
        learning_rate=rate * (1 + np.arange(n_epochs)),
        best_epoch=np.array(best),
    )


def test_who_keeps_the_last_epoch_that_it_trained_was_at_its_limit() -> None:
    found = history(3, 2, 3, best=[2, 0, 1])
    assert found.stopped.tolist() == [3, 2, 3]
    assert found.at_limit.tolist() == [True, False, False]


def test_some_models_have_curves_as_long_as_the_longest_of_them() -> None:
    found = history(3, 2, 1, best=[2, 0, 0]).of_rows(np.array([2, 1]))
    assert found.validation_loss[..., 0].tolist()[0] == [120, 110]
    assert len(found.learning_rate) == len(found.train_loss) == 2
    assert found.stopped.tolist() == [1, 2]
    assert found.best_epoch.tolist() == [0, 0]


def test_trainings_side_by_side_are_as_long_as_the_longest() -> None:
    one, other = history(2, best=[1], rate=0.5), history(1, 3, best=[0, 2])
    found = History.side_by_side([one, other])
    assert found.stopped.tolist() == [2, 1, 3]
    assert found.best_epoch.tolist() == [1, 0, 2]
    np.testing.assert_array_equal(found.learning_rate, other.learning_rate)
    for rows, part in ((np.array([0]), one), (np.array([1, 2]), other)):
        again = found.of_rows(rows)
        for name in ("train_loss", "validation_loss", "validation_score"):
            np.testing.assert_array_equal(getattr(again, name), getattr(part, name))


def test_a_drawn_curve_stays_where_its_model_stopped() -> None:
    unknown = np.full((3, 1), np.nan)
    curve = np.hstack([np.array([[1.0, 4], [2, np.nan], [3, np.nan]]), unknown])
    np.testing.assert_array_equal(held(curve)[:, :2], [[1, 4], [2, 4], [3, 4]])
    assert np.isnan(held(curve)[:, 2]).all()
