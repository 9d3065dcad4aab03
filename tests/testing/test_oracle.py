"""The oracle follows its rule."""

import numpy as np

from coterie.testing._oracle import RuleScores


def test_alone_a_task_scores_its_own_and_in_a_pair_what_the_other_does_for_it():
    oracle = RuleScores(4)
    np.testing.assert_allclose(np.diag(oracle.predict(np.eye(4))), oracle.alone)
    (pair,) = oracle.predict([[1.0, 0.0, 1.0, 0.0]])
    assert np.isnan(pair[[1, 3]]).all()
    np.testing.assert_allclose(pair[0], oracle.alone[0] + oracle.effects[2, 0])
    assert oracle.cost["trainings"] == 5


def test_another_order_is_the_same_rule():
    order = [2, 0, 1]
    rows = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    found = RuleScores(3, order).predict(rows[:, order])
    np.testing.assert_allclose(found, RuleScores(3).predict(rows)[:, order])
