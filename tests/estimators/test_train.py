"""The exact estimator: it is fit, row by row, and trains nothing twice."""

import numpy as np
import pytest

from coterie.data import load
from coterie.errors import CoterieError
from coterie.estimators import ESTIMATORS, Estimator, TrainedScores
from coterie.fitting import fit

SMALL = {
    "epochs": 3,
    "batch_size": 32,
    "lr": 3e-3,
    "strategy": "loop",
    "model_options": {"hidden": (8,), "dropout": 0.1},
}
ROWS = np.array([[1, 1, 1], [1, 0, 0], [0, 1, 1], [1, 0, 0.25]])


def table(*, missing=False):
    """A binary, a multi-class and a regression task on six inputs."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 6)).astype(np.float32)
    y = np.stack(
        [x[:, 0] + x[:, 1] > 0, np.digitize(x[:, 2], [-0.5, 0.5]), 3 * x[:, 3] + 10], axis=1
    ).astype(np.float32)
    if missing:
        y[rng.random(y.shape) < 0.3] = np.nan
    kinds = {"a": "binary", "b": "multiclass", "c": "regression"}
    return load({"inputs": x, "targets": y}, names=["a", "b", "c"], kinds=kinds)


@pytest.mark.parametrize("missing", [False, True])
def test_scores_are_those_of_fit(missing):
    data = table(missing=missing)
    direct = fit("mlp", data, ROWS, init="shared", seed=4, **SMALL)
    oracle = TrainedScores("mlp", data, seed=4, **SMALL)
    np.testing.assert_array_equal(oracle.predict(ROWS), direct.scores)
    assert oracle.cost["model_steps"] == direct.cost["model_steps"]
    assert np.isnan(oracle.predict(ROWS)[ROWS == 0]).all()
    assert isinstance(oracle, Estimator)
    assert oracle.tasks == ("a", "b", "c")


@pytest.mark.parametrize("keep", ["best", "last"])
def test_loss_is_minus_the_validation_loss_of_the_kept_epoch(keep):
    data = table()
    history = fit("mlp", data, ROWS, init="shared", keep=keep, **SMALL).history
    found = TrainedScores("mlp", data, measure="loss", keep=keep, **SMALL).predict(ROWS)
    for row, epoch in enumerate(history.best_epoch):
        np.testing.assert_array_equal(found[row], -history.validation_loss[epoch, row])
    assert keep == "best" or (history.best_epoch == 2).all()


def test_a_row_scores_alike_in_any_company():
    data = table(missing=True)
    one_by_one, together = (
        TrainedScores("mlp", data, measure="loss", **SMALL),
        TrainedScores("mlp", data, measure="loss", **SMALL),
    )
    alone = np.vstack([one_by_one.predict(row[None]) for row in ROWS[::-1]])[::-1]
    np.testing.assert_allclose(alone, together.predict(ROWS), rtol=1e-4)


def test_known_rows_cost_nothing():
    oracle = TrainedScores("mlp", table(), **SMALL)
    first = oracle.predict(ROWS[[0, 1, 0]])
    cost = oracle.cost
    assert cost["trainings"] == 2
    np.testing.assert_array_equal(oracle.predict(5 * ROWS[[1, 0]]), first[[1, 0]])
    assert oracle.cost == cost
    oracle.predict(ROWS)
    assert oracle.cost["trainings"] == 4
    assert oracle.cost["model_steps"] == 2 * cost["model_steps"]
    assert oracle.predict(np.zeros((0, 3))).shape == (0, 3)


def test_early_takes_a_share_of_the_epochs():
    data, settings = table(), SMALL | {"epochs": 10}
    full = TrainedScores("mlp", data, **settings)
    early = ESTIMATORS["early"]("mlp", data, **settings)
    full.predict(ROWS)
    direct = fit("mlp", data, ROWS, init="shared", **SMALL | {"epochs": 2})
    np.testing.assert_array_equal(early.predict(ROWS), direct.scores)
    assert early.cost["model_steps"] == full.cost["model_steps"] / 5
    assert ESTIMATORS["early"]("mlp", data, epochs=1).settings["epochs"] == 1


def test_table_holds_subsets_only():
    oracle = TrainedScores("mlp", table(), **SMALL)
    assert len(oracle.table().subsets) == 0
    scores = oracle.predict(ROWS)
    found = oracle.table()
    np.testing.assert_array_equal(found.subsets, ROWS[:3] > 0)
    np.testing.assert_array_equal(found.scores, scores[:3])
    assert found.details["cost"]["trainings"] == 4


def test_mistakes_are_named_before_training():
    data = table()
    with pytest.raises(
        CoterieError, match="`measure` must be one of 'score', 'loss'; found 'accuracy'"
    ):
        TrainedScores("mlp", data, measure="accuracy")
    for share in (0, 1.5, "half"):
        with pytest.raises(CoterieError, match=f"`share` is .* found {share!r}"):
            TrainedScores("mlp", data, share=share)
    with pytest.raises(CoterieError, match="Did you mean `epochs`"):
        TrainedScores("mlp", data, epoch=3)
    oracle = TrainedScores("mlp", data, **SMALL)
    for wrong, message in [
        ([[1, 1]], "shape"),
        ([[1, -1, 0]], "not negative"),
        ([[1, 1, 1], [0, 0, 0]], "row 1 is all zero"),
    ]:
        with pytest.raises(CoterieError, match=message):
            oracle.predict(wrong)
    assert oracle.cost["trainings"] == 0
