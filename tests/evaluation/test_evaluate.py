"""The full set of metrics of trained models."""

import numpy as np
import pytest

import coterie as ct
from coterie.errors import CoterieError

SMALL = {"epochs": 2, "model_options": {"hidden": (8,)}}


@pytest.fixture(scope="module")
def digits():
    return ct.load("digits")


def test_fit_is_measured_model_by_model_where_it_was_trained(digits):
    rows = ct.evaluate(ct.fit("mlp", digits, np.eye(14)[[2, 10]], **SMALL), digits)
    assert {(row["model"], row["task"]) for row in rows} == {(0, "digit 2"), (1, "even")}
    assert len(rows) == 2 * 5


def test_primary_metric_agrees_with_the_scores(digits):
    result = ct.fit("mlp", digits, **SMALL)
    found = {row["task"]: row["value"] for row in ct.evaluate(result, digits) if row["metric"] == "balanced accuracy"}
    np.testing.assert_allclose([found[name] for name in digits.tasks.names], result.scores[0], atol=1e-6)


def test_grouped_model_of_one_joint_group_equals_its_only_member(digits):
    result = ct.fit("mlp", digits, **SMALL)
    model = ct.GroupedModel.from_stack(result.stack, np.ones((14, 1)), digits.tasks, digits.preprocessing)
    alone = [{k: v for k, v in row.items() if k != "model"} for row in ct.evaluate(result, digits, "test")]
    for mine, theirs in zip(ct.evaluate(model, digits, "test"), alone, strict=True):
        assert mine["value"] == pytest.approx(theirs["value"], abs=1e-6)


def test_unknown_part(digits):
    with pytest.raises(CoterieError, match="`part` must be"):
        ct.evaluate(ct.fit("mlp", digits, epochs=1), digits, "holdout")
