"""Curves of tasks on the models that serve them."""

from __future__ import annotations

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.results import Grouping, History
from coterie.results.histories import served


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
