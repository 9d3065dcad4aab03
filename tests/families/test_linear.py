"""Linear models: what scikit-learn's pipeline of a scaler and a model predicts."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from coterie.families import FAMILIES

RNG = np.random.default_rng(0)
INPUTS = np.concatenate(
    [RNG.normal([3, -200, 0], [1, 50, 0.01], (80, 3)), np.full((80, 1), 7.0)], axis=1
).astype(np.float32)
SCORE = (INPUTS[:, 0] - 3) + (INPUTS[:, 1] + 200) / 50


def fitted(labels, estimand):
    return FAMILIES["linear"].fit(INPUTS, labels[:, None], estimand, seed=0, n_jobs=None)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_logits(n_classes):
    labels = np.digitize(SCORE + RNG.normal(size=80), [-0.5, 0.5][: n_classes - 1]).astype(float)
    theirs = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    theirs.fit(INPUTS.astype(float), labels)
    found = fitted(labels, "class").predict(INPUTS)
    wanted = theirs.decision_function(INPUTS.astype(float)).reshape(found.shape)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-8)


def test_means_and_rates():
    labels = RNG.poisson(np.exp(SCORE / 4)).astype(float)
    for estimand, model in (
        ("mean", Ridge()),
        ("rate", PoissonRegressor(alpha=1 / 80, max_iter=1000)),
    ):
        theirs = make_pipeline(StandardScaler(), model).fit(INPUTS.astype(float), labels)
        found = fitted(labels, estimand).predict(INPUTS)[:, 0]
        found = np.exp(found) if estimand == "rate" else found
        np.testing.assert_allclose(found, theirs.predict(INPUTS.astype(float)), rtol=1e-6)


def test_a_constant_input_has_no_say():
    other = INPUTS.copy()
    other[:, 3] = 7.0
    assert fitted(SCORE, "mean").coefficient[3, 0] == 0


def test_classes_that_inputs_tell_apart_have_finite_logits():
    found = fitted((SCORE > 0).astype(float), "class").predict(INPUTS)
    assert np.isfinite(found).all()
    assert ((found[:, 0] > 0) == (SCORE > 0)).mean() > 0.95
