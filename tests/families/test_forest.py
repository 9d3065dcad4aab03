"""Our trees predict what scikit-learn's forests do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from coterie.families import FAMILIES, forest
from coterie.families.forest import tree_of
from coterie.families.predictors import Trees


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(forest, "N_TREES", 7)


def table(seed, n=40, n_features=3, n_classes=(2, 3)):
    """Inputs of few distinct values, so that thresholds meet them, and codes that are all there."""
    rng = np.random.default_rng(seed)
    inputs = rng.integers(-3, 4, (n, n_features)).astype(np.float32) / 3
    codes = [np.concatenate([np.arange(k), rng.integers(0, k, n - k)]) for k in n_classes]
    return inputs, np.stack(codes, axis=1).astype(np.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), classes=st.lists(st.integers(2, 4), min_size=1, max_size=3))
def test_classes_are_the_votes_and_their_shares_one_vote_more(seed, classes):
    inputs, codes = table(seed, n_classes=classes)
    labels = codes[:, 0] if len(classes) == 1 else codes
    theirs = ExtraTreesClassifier(7, random_state=1).fit(inputs, labels).predict_proba(inputs)
    theirs = [theirs] if len(classes) == 1 else theirs
    ours = FAMILIES["forest"].fit(inputs, codes, "class", seed=1, n_jobs=None).predict(inputs)
    wanted = []
    for k, votes, column in zip(classes, theirs, codes.T, strict=True):
        share = np.bincount(column.astype(int), minlength=k) / len(column)
        wanted.append(((7 * votes + share) / 8)[:, 1 if k == 2 else 0 :])
    np.testing.assert_allclose(ours, np.concatenate(wanted, axis=1), rtol=1e-12)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), n_tasks=st.integers(1, 3))
def test_means_are_theirs(seed, n_tasks):
    inputs, _ = table(seed)
    labels = np.random.default_rng(seed).normal(size=(len(inputs), n_tasks))
    fitted = ExtraTreesRegressor(7, random_state=1).fit(
        inputs, labels[:, 0] if n_tasks == 1 else labels
    )
    ours = FAMILIES["forest"].fit(inputs, labels, "mean", seed=1, n_jobs=None)
    new = inputs + np.float32(0.01)
    wanted = fitted.predict(new).reshape(-1, n_tasks)
    np.testing.assert_allclose(ours.predict(new), wanted, rtol=1e-12, atol=1e-15)


def test_rates_are_above_nothing():
    inputs, _ = table(0)
    labels = np.where(inputs[:, :1] > 0, 4.0, 0.0)
    found = FAMILIES["forest"].fit(inputs, labels, "rate", seed=0, n_jobs=None).predict(inputs)
    np.testing.assert_allclose(found, (7 * labels + labels.mean()) / 8, rtol=1e-12)


def test_missing_inputs_go_where_they_do_there():
    inputs, codes = table(3, n=60)
    inputs[::4, 0] = np.nan
    fitted = ExtraTreesClassifier(7, random_state=0)
    try:
        fitted.fit(inputs, codes[:, 0])
    except ValueError:
        pytest.skip("this version of scikit-learn takes no missing values here")
    trees = Trees.of(
        [tree_of(each.tree_, [2], 7) for each in fitted.estimators_], [0] * 7, np.zeros(1)
    )
    new = np.concatenate([inputs, np.full((1, 3), np.nan, np.float32)])
    np.testing.assert_allclose(
        trees.predict(new)[:, 0], fitted.predict_proba(new)[:, 1], rtol=1e-12
    )


def test_threads_change_nothing():
    inputs, codes = table(5)
    one, two = (
        FAMILIES["forest"].fit(inputs, codes, "class", seed=3, n_jobs=jobs) for jobs in (None, 2)
    )
    for name, array in vars(one).items():
        np.testing.assert_array_equal(array, getattr(two, name))
