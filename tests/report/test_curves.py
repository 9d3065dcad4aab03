"""Learning curves of tasks on the models that serve them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from coterie.report import curves

from .synthetic import comparison, found_by, hard


def test_learning_curves_follow_the_model_that_serves_each_task() -> None:
    made = comparison(("a", "b", "c"), n_groups=2, n_epochs=4, recorded=False)
    score, labels = made.history["grouped"].validation_score, made.groupings["grouped"][0].labels
    expected = np.mean([score[:, labels[t], t] for t in range(3)], axis=0)
    assert curves.over_tasks(made, "grouped", "validation_score") == pytest.approx(expected)
    single = made.history["single"].validation_score
    assert curves.over_tasks(made, "single", "validation_score") == pytest.approx(
        np.mean(single[:, range(3), range(3)], axis=1)
    )
    assert np.isnan(curves.over_tasks(made, "random (grouped)", "validation_score")).all()


def test_groups_without_tasks_have_no_model_and_no_curve() -> None:
    made = comparison(("t0", "t1", "t2"), n_groups=2, n_epochs=4, recorded=False)
    sparse = replace(made, **found_by({"grouped": [hard([0, 2, 2], 3)]}))
    score = made.history["grouped"].validation_score
    expected = np.mean([score[:, 0, 0], score[:, 1, 1], score[:, 1, 2]], axis=0)
    assert curves.over_tasks(sparse, "grouped", "validation_score") == pytest.approx(expected)
