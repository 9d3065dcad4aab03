"""Our trees predict what scikit-learn's boosting does, of missing inputs, too.

Nodes are read from an attribute that is not public: these tests say whether the version that is
installed keeps them as they are read.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from coterie.errors import CoterieError
from coterie.families import FAMILIES
from coterie.families.boosting import trees_of

QUICK = {"max_iter": 5, "early_stopping": False, "min_samples_leaf": 3}


def table(seed, n=60):
    """Inputs of few distinct values, some of them missing, in one column almost all."""
    rng = np.random.default_rng(seed)
    inputs = rng.integers(-4, 5, (n, 4)).astype(np.float32) / 3
    missing = rng.random((n, 4)) < [0, 0.2, 0.5, 0.9]
    missing[:2] = False  # scikit-learn fails on a column without any value
    inputs[missing] = np.nan
    return inputs, rng


def other(inputs):
    """Values between those of training and beyond, and an example that is all missing."""
    nothing = np.full((1, inputs.shape[1]), np.nan, np.float32)
    return np.concatenate([inputs, inputs + np.float32(0.17), 100 * inputs, nothing])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), n_classes=st.integers(2, 4))
def test_logits_are_theirs(seed, n_classes):
    inputs, rng = table(seed)
    labels = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, 60 - n_classes)])
    labels[np.isnan(inputs[:, 2])] = 0  # what is missing tells
    labels[:n_classes] = np.arange(n_classes)
    fitted = HistGradientBoostingClassifier(**QUICK).fit(inputs, labels)
    found = trees_of(fitted, inputs, "class").predict(other(inputs))
    wanted = fitted.decision_function(other(inputs)).reshape(found.shape)
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)
    assert len(np.unique(found)) > n_classes


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), loss=st.sampled_from(["squared_error", "poisson"]))
def test_means_and_rates_are_theirs(seed, loss):
    inputs, rng = table(seed)
    labels = rng.poisson(2 + np.nan_to_num(inputs[:, 1]).clip(0) * 3) + np.isnan(inputs[:, 2])
    fitted = HistGradientBoostingRegressor(loss=loss, **QUICK).fit(inputs, labels)
    found = trees_of(fitted, inputs, "rate" if loss == "poisson" else "mean").predict(other(inputs))
    found = np.exp(found) if loss == "poisson" else found
    np.testing.assert_allclose(found[:, 0], fitted.predict(other(inputs)), rtol=1e-10)


@pytest.mark.parametrize("estimand", ["class", "mean", "rate"])
def test_a_few_rows_are_fitted_by_one_leaf(estimand):
    inputs, labels = np.eye(4, dtype=np.float32), np.array([[0.0], [1.0], [1.0], [1.0]])
    found = FAMILIES["boosting"].fit(inputs, labels, estimand, seed=0, n_jobs=None)
    assert not found.feature.size
    wanted = {"class": np.log(3), "mean": 0.75, "rate": np.log(0.75)}[estimand]
    np.testing.assert_allclose(found.predict(inputs), wanted, rtol=1e-6)


@pytest.mark.parametrize("how", ["baseline", "gone", "fields"])
def test_trees_that_are_kept_otherwise_are_refused(how):
    inputs, rng = table(1)
    fitted = HistGradientBoostingClassifier(**QUICK).fit(inputs, rng.integers(0, 2, 60))
    if how == "baseline":
        fitted._baseline_prediction = fitted._baseline_prediction + 1

        class Shifted:
            """What a version would be that adds the baseline elsewhere."""

            _predictors, _baseline_prediction = fitted._predictors, 0.0
            decision_function = fitted.decision_function

        fitted = Shifted()
    elif how == "gone":
        del fitted._predictors
    else:
        for one_round in fitted._predictors:
            one_round[0].nodes = np.zeros(3, dtype=[("left", int)])
    with pytest.raises(CoterieError, match=r"Trees of scikit-learn .* cannot be read by this"):
        trees_of(fitted, inputs, "class")


def test_splits_by_categories_are_refused():
    inputs = np.repeat(np.arange(3.0), 30)[:, None]
    fitted = HistGradientBoostingRegressor(categorical_features=[0]).fit(
        inputs, np.repeat([0.0, 5.0, 1.0], 30)
    )
    with pytest.raises(CoterieError, match="a split by categories"):
        trees_of(fitted, inputs, "mean")
