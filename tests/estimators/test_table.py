"""An oracle that looks up."""

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.estimators import Estimator, TableScores
from coterie.results import ScoreTable
from tests.estimators.planted import setting_1


def test_rows_are_found_whatever_their_order_and_scale():
    table = setting_1("val")
    oracle = TableScores(table)
    order = np.random.default_rng(0).permutation(31)
    np.testing.assert_array_equal(oracle.predict(3.0 * table.subsets[order]), table.scores[order])
    assert oracle.predict(np.zeros((0, 5))).shape == (0, 5)
    assert isinstance(oracle, Estimator)


def test_a_row_is_counted_once():
    oracle = TableScores(setting_1("val"), steps_per_row=7)
    oracle.predict([[1, 1, 0, 0, 0], [1, 1, 0, 0, 0]])
    oracle.predict([[1, 1, 0, 0, 0], [0, 0, 0, 0, 1]])
    assert oracle.cost == {"model_steps": 14, "seconds": 0.0, "trainings": 2}


def test_the_full_size_network_answers():
    rows = [
        {"subset": "a", "task": "a", "value": value, "cost": cost}
        for value, cost in [(0.3, 0.5), (0.4, 1.0), (0.2, 0.25)]
    ]
    assert TableScores(ScoreTable.from_rows(rows)).predict([[1]]) == 0.4


def test_mistakes_are_named():
    table = ScoreTable.of(("a", "b", "c"), {("a",): [1], ("a", "b"): [1, 2]})
    with pytest.raises(CoterieError, match="no row 'b\\+c'; it has 2 subsets of 3 tasks"):
        TableScores(table).predict([[0, 1, 1]])
    with pytest.raises(CoterieError, match="must be 0/1"):
        TableScores(table).predict([[1, 2, 0]])
    with pytest.raises(CoterieError, match="row 0 is all zero"):
        TableScores(table).predict([[0, 0, 0]])
    twice = ScoreTable(
        tasks=("a", "b"),
        subsets=np.array([[True, False]] * 2),
        scores=np.array([[1, np.nan]] * 2),
        costs=np.ones(2),
    )
    with pytest.raises(CoterieError, match="'a' twice at cost 1"):
        TableScores(twice)
