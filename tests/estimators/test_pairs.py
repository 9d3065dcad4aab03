"""HOA: pair averages by hand, on the published table, and as an affinity."""

from itertools import combinations

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.estimators import PairScores, TableScores
from coterie.estimators.judge import served_score
from coterie.results import ScoreTable
from tests.estimators.planted import PlantedScores, every_subset, setting_1

BY_HAND = {
    ("a",): [9],
    ("b",): [8],
    ("c",): [7],
    ("a", "b"): [1, 2],
    ("a", "c"): [3, 5],
    ("b", "c"): [4, 6],
}


def fitted():
    return PairScores().fit(TableScores(ScoreTable.of(("a", "b", "c"), BY_HAND)))


def test_three_tasks_by_hand():
    found = fitted().predict([[1, 0, 0], [0, 1, 1], [1, 1, 1], [0.2, 0, 7]])
    nan = np.nan
    np.testing.assert_array_equal(found, [[9, nan, nan], [nan, 4, 6], [2, 3, 5.5], [3, nan, 5]])


def test_affinity_is_source_by_target():
    affinity = fitted().affinity()
    np.testing.assert_array_equal(affinity.matrix, [[9, 2, 5], [1, 8, 6], [3, 4, 7]])
    assert affinity.method == "pairs"
    assert affinity.cost["trainings"] == 6


def test_only_singles_and_pairs_are_asked_for_and_counted():
    oracle = PlantedScores(np.ones((5, 5)))
    pairs = PairScores().fit(oracle)
    assert sorted(int(row.sum()) for row in oracle.asked) == [1] * 5 + [2] * 10
    assert pairs.cost == {"model_steps": 150, "seconds": 0.0, "trainings": 15}
    assert pairs.trainings(5) == 15
    pairs.predict(every_subset(5))
    oracle.predict(np.eye(5))
    assert pairs.cost["trainings"] == 15


def test_exact_where_a_group_is_the_mean_of_its_pairs():
    rng = np.random.default_rng(0)
    oracle = PlantedScores(rng.normal(size=(6, 6)), base=rng.normal(size=6), mean=True)
    rows = every_subset(6)
    np.testing.assert_allclose(
        PairScores().fit(oracle).predict(rows), oracle.predict(rows), atol=1e-12
    )


def test_published_setting_1():
    """Averages worked out from the table of Standley et al. by hand.

    Sdn, and normals in the group of all.
    """
    found = (
        -PairScores().fit(TableScores(setting_1("val"))).predict([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    )
    np.testing.assert_allclose(
        found[0, :3], [(0.07858 + 0.074) / 2, (0.1833 + 0.1695) / 2, (0.0997 + 0.09275) / 2]
    )
    assert found[1, 2] == pytest.approx((0.0997 + 0.09275 + 0.08968 + 0.09358) / 4)


@pytest.mark.parametrize(("k", "published"), [(1, 0.5028), (2, 0.4547)])
def test_published_choice_of_networks_on_setting_1(k, published):
    """Chosen on HOA's validation guesses among all sets of k networks, scored on test.

    The published totals.
    """
    truth, test = setting_1("val"), setting_1("test")
    guess = PairScores().fit(TableScores(truth)).predict(truth.subsets)
    blocked = np.nan_to_num(guess, nan=-np.inf)
    chosen = np.array(
        max(combinations(range(31), k), key=lambda rows: blocked[list(rows)].max(0).sum())
    )
    serves = chosen[blocked[chosen].argmax(0)]
    assert -served_score(serves, test.scores) == pytest.approx(published, abs=5e-5)


def test_order_of_the_tasks_does_not_matter():
    rng = np.random.default_rng(1)
    effects, base, order = rng.normal(size=(5, 5)), rng.normal(size=5), rng.permutation(5)
    rows = every_subset(5)
    straight = PairScores().fit(PlantedScores(effects, base)).predict(rows)
    shuffled = (
        PairScores()
        .fit(PlantedScores(effects[np.ix_(order, order)], base[order]))
        .predict(rows[:, order])
    )
    np.testing.assert_allclose(shuffled, straight[:, order])


def test_one_task_is_its_single_score():
    np.testing.assert_array_equal(
        PairScores().fit(PlantedScores(np.zeros((1, 1)), 3.0)).predict([[1]]), [[3.0]]
    )


def test_mistakes_are_named():
    with pytest.raises(CoterieError, match="call fit"):
        PairScores().predict([[1, 1]])
    with pytest.raises(CoterieError, match="call fit"):
        _ = PairScores().cost
    with pytest.raises(CoterieError, match=r"shape \(M, 3\)"):
        fitted().predict([[1, 1]])
    with pytest.raises(CoterieError, match="no row 'b\\+c'"):
        PairScores().fit(
            TableScores(ScoreTable.of(("a", "b", "c"), dict(list(BY_HAND.items())[:-1])))
        )
    gap = BY_HAND | {("a", "c"): [np.nan, 5]}
    table = ScoreTable.of(("a", "b", "c"), gap)
    table.subsets[4, 0] = True
    with pytest.raises(CoterieError, match="Task 'a' has no score in the row"):
        PairScores().fit(TableScores(table))
