"""Surrogate task models: planted relevances, intervals, designs, and the choice of sources."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from coterie.errors import CoterieError
from coterie.estimators import SurrogateScores, subsets_of_size
from coterie.estimators.judge import within_target_correlation
from coterie.estimators.sampling import covering_subsets
from coterie.estimators.surrogate import ridge_relevance
from tests.estimators.planted import PlantedScores, every_subset


def centred(effects):
    """What subsets of one size can tell: relevances up to a constant per target.

    The diagonal is NaN.
    """
    effects = np.where(np.eye(len(effects), dtype=bool), np.nan, effects)
    return effects - np.nanmean(effects, axis=0)


@pytest.mark.parametrize("n_tasks", [4, 9, 15])
def test_planted_relevances_are_recovered_from_order_k_subsets(n_tasks):
    rng = np.random.default_rng(n_tasks)
    oracle = PlantedScores(rng.normal(size=(n_tasks, n_tasks)), base=rng.normal(size=n_tasks))
    surrogate = SurrogateScores(ridge=1e-6).fit(oracle)
    np.testing.assert_allclose(surrogate.relevance, centred(oracle.effects), atol=1e-5)
    assert surrogate.cost["trainings"] == surrogate.trainings(n_tasks) <= 9 * n_tasks


def test_unseen_groups_of_the_size_are_predicted():
    rng = np.random.default_rng(0)
    oracle = PlantedScores(rng.normal(size=(10, 10)), base=3.0, noise=0.1)
    surrogate = SurrogateScores(n_subsets=60, size=4).fit(oracle)
    seen = {row.tobytes() for row in oracle.asked}
    rows = subsets_of_size(10, 4)
    rows = rows[[row.astype(bool).tobytes() not in seen for row in rows]]
    assert len(rows) == 150
    oracle.noise = 0.0
    found = surrogate.predict(rows)
    np.testing.assert_array_equal(np.isnan(found), rows == 0)
    assert within_target_correlation(found, oracle.predict(rows), rows) > 0.95


def test_single_tasks_answer_for_themselves():
    """Helping tasks: no group of three tells what being alone is like; training does."""
    oracle = PlantedScores(np.ones((5, 5)), base=np.arange(5.0))
    found = SurrogateScores().fit(oracle).predict(np.vstack([np.eye(5), [1, 1, 1, 0, 0]]))
    np.testing.assert_allclose(np.diag(found), np.arange(5))
    np.testing.assert_allclose(found[5, :3], np.arange(3) + 2.0)


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_ridge_equals_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    rows = covering_subsets(6, 3, 12, seed)
    scores = np.where(rows, rng.normal(size=rows.shape), np.nan)
    counts = rng.multinomial(12, np.full(12, 1 / 12), size=2).astype(float) + 0.1
    relevance, intercept = ridge_relevance(rows, scores, counts, 0.3, np.ones(6))
    for b, target in ((0, 0), (1, 4)):
        mine = rows[:, target]
        others = np.arange(6) != target
        reference = Ridge(alpha=0.3).fit(
            rows[mine][:, others], scores[mine, target], sample_weight=counts[b, mine]
        )
        np.testing.assert_allclose(relevance[b, others, target], reference.coef_, atol=1e-10)
        assert intercept[b, target] == pytest.approx(reference.intercept_)


def test_order_of_the_tasks_does_not_matter():
    rng = np.random.default_rng(3)
    rows = covering_subsets(7, 3, 20, 0)
    scores, order = np.where(rows, rng.normal(size=rows.shape), np.nan), rng.permutation(7)
    one, ones = np.ones(7), np.ones((1, 20))
    straight, shuffled = (
        ridge_relevance(r, s, ones, 0.1, one)[0][0]
        for r, s in [(rows, scores), (rows[:, order], scores[:, order])]
    )
    np.testing.assert_allclose(shuffled, straight[np.ix_(order, order)], atol=1e-12)


def test_unit_of_a_target_does_not_matter():
    rng = np.random.default_rng(4)
    effects, factor = rng.normal(size=(6, 6)), np.array([1, 1000, 1e-4, 1, 1, 1])
    plain, scaled = (
        SurrogateScores().fit(PlantedScores(effects * f, f)) for f in (np.ones(6), factor)
    )
    rows = every_subset(6)
    np.testing.assert_allclose(
        scaled.predict(rows), plain.predict(rows) * factor, rtol=1e-6, atol=1e-9
    )
    np.testing.assert_allclose(scaled.affinity().matrix, plain.affinity().matrix, atol=1e-9)


def test_intervals_cover_what_was_planted_and_are_no_wider_than_they_need_be():
    rng = np.random.default_rng(5)
    oracle = PlantedScores(rng.normal(size=(8, 8)), noise=0.5)
    surrogate = SurrogateScores(bootstraps=300, size=4).fit(oracle)
    lower, upper = surrogate.interval()
    off, truth = ~np.eye(8, dtype=bool), centred(oracle.effects)
    assert 0.8 < ((lower <= truth) & (truth <= upper))[off].mean() < 1.0
    error = np.sqrt(np.mean((surrogate.relevance - truth)[off] ** 2))
    assert 1.2 < np.median((upper - lower)[off] / 2) / error < 3.0
    narrow = surrogate.interval(0.5)
    assert ((narrow[1] - narrow[0]) < (upper - lower))[off].all()


def test_affinity_for_clustering():
    rng = np.random.default_rng(6)
    surrogate = SurrogateScores().fit(PlantedScores(rng.normal(size=(6, 6)), noise=0.2))
    affinity = surrogate.affinity()
    affinity.require_complete()
    assert (np.diag(affinity.matrix) == 0).all()
    assert affinity.counts[0, 0] == 10
    assert affinity.counts[0, 1] == 4
    assert (affinity.stderr[~np.eye(6, dtype=bool)] > 0).all()
    pairs = ~np.eye(6, dtype=bool)
    assert (np.sign(affinity.matrix) == np.sign(surrogate.relevance))[pairs].all()


def test_sources_above_the_threshold_are_chosen():
    effects = np.zeros((7, 7))
    effects[:, 2] = [0.5, -1, 0, 2, -0.1, 1, -3]
    oracle = PlantedScores(effects)
    choice = SurrogateScores().fit(oracle).choose_sources("task 2")
    assert choice.sources == ("task 3", "task 5", "task 0")
    np.testing.assert_allclose(choice.scores, [0, 2, 3, 3.5, 3.4, 2.4, -0.6], atol=1e-12)
    harmed = PlantedScores(-np.ones((4, 4)))
    alone = SurrogateScores().fit(harmed).choose_sources("task 0")
    assert alone.sources == ()
    assert alone.threshold == np.inf


def test_prefixes_of_many_sources_are_sparse():
    effects = np.random.default_rng(7).normal(size=(15, 15))
    surrogate = SurrogateScores().fit(PlantedScores(effects))
    validation = PlantedScores(effects)
    choice = surrogate.choose_sources("task 4", validation)
    assert choice.sizes == (0, 1, 2, 4, 8, 14)
    assert len(validation.asked) == 6


@given(st.integers(3, 12), st.data())
@settings(max_examples=30, deadline=None)
def test_designs_are_distinct_and_bring_every_pair_together(n_tasks, data):
    size = data.draw(st.integers(2, n_tasks - 1))
    rows = covering_subsets(
        n_tasks, size, n_tasks * (n_tasks - 1) // 2, data.draw(st.integers(0, 99))
    )
    assert (rows.sum(axis=1) == size).all()
    assert len(np.unique(rows, axis=0)) == len(rows)
    assert (rows.T.astype(int) @ rows).min() > 0


def test_seed_decides_the_design():
    oracles = [PlantedScores(np.eye(12)) for _ in range(3)]
    for oracle, seed in zip(oracles, (0, 0, 1), strict=True):
        SurrogateScores(seed=seed, n_subsets=30).fit(oracle)
    first, again, other = (np.array(oracle.asked) for oracle in oracles)
    assert (first == again).all()
    assert (first != other).any()


def test_two_tasks_have_one_group():
    oracle = PlantedScores(np.array([[0, 1], [2, 0.0]]))
    np.testing.assert_allclose(
        SurrogateScores().fit(oracle).predict([[1, 1], [1, 0]]), [[2, 1], [0, np.nan]]
    )


def test_no_more_subsets_than_there_are():
    oracle = PlantedScores(np.eye(8))
    surrogate = SurrogateScores(n_subsets=250, size=5).fit(oracle)
    assert surrogate.trainings(8) == len(oracle.asked) == 8 + 56


def test_mistakes_are_named():
    with pytest.raises(CoterieError, match="call fit"):
        SurrogateScores().predict([[1]])
    for wrong, message in (
        ({"ridge": 0}, "`ridge` must be a positive, finite number; found 0"),
        ({"ridge": None}, "`ridge` must be a positive, finite number; found None"),
        ({"n_subsets": 0}, "`n_subsets` must be a whole number of at least 1; found 0"),
        ({"bootstraps": 1}, "`bootstraps` must be a whole number of at least 2; found 1"),
    ):
        with pytest.raises(CoterieError, match=message):
            SurrogateScores(**wrong)
    with pytest.raises(CoterieError, match="`size` must be from 2 to 4 for 5 tasks; found 5"):
        SurrogateScores(size=5).fit(PlantedScores(np.eye(5)))
    with pytest.raises(CoterieError, match="do not bring all pairs of 9 tasks together"):
        SurrogateScores(n_subsets=5, size=3).fit(PlantedScores(np.eye(9)))
    with pytest.raises(CoterieError, match="at least 2 tasks; found 1"):
        SurrogateScores().fit(PlantedScores(np.eye(1)))
    fitted = SurrogateScores().fit(PlantedScores(np.eye(3)))
    with pytest.raises(
        CoterieError, match="`target` 'x' is unknown; the tasks are task 0, task 1, task 2"
    ):
        fitted.choose_sources("x")
    with pytest.raises(CoterieError, match="`level` must be between 0 and 1"):
        fitted.interval(95)
