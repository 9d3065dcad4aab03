"""Arms that are mixed from others: who serves, and what was paid."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.evaluation._trainings import TrainedArm, mixed
from coterie.evaluation.arms import ensemble_arm, joint_arm, single_arm
from coterie.fitting import architecture_of
from coterie.methods import Given
from coterie.models.width import resized
from coterie.results import Cost
from tests.evaluation.rivals.units import halves, mixed_kinds, trained


def arm(made, *rows, searches=()):
    rows = np.array(rows)
    return TrainedArm(arm=made, rows=rows, paid=rows, searches=searches)


@settings(max_examples=30, deadline=None)
@given(shares=st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=3, max_size=3))
def test_each_task_is_served_in_the_shares_that_are_given(shares):
    """Rows of both parts are one model, whose shares add up."""
    joint, four = arm(joint_arm(3), 0), arm(ensemble_arm(3, 2), 0, 4)
    own = arm(single_arm(3), 1, 2, 3)
    share = np.array(shares)
    both = mixed("both", [(four, share), (own, 1 - share)])
    np.testing.assert_allclose(both.arm.serves.sum(1), 1)
    by_row = dict(zip(both.rows.tolist(), both.arm.serves.T, strict=True))
    for row in (0, 4):
        np.testing.assert_allclose(by_row.get(row, np.zeros(3)), share / 2)
    assert all(serves.any() for serves in by_row.values())
    assert both.paid.tolist() == [0, 1, 2, 3, 4]
    again = mixed("again", [(four, share), (joint, 1 - share)])
    np.testing.assert_allclose(
        dict(zip(again.rows.tolist(), again.arm.serves.T, strict=True))[0], 1 - share / 2
    )


@pytest.mark.parametrize("rows", [[0], [2, 3], [0, 4]])
def test_costs_are_of_rows_that_were_paid_and_of_searches(rows):
    _, trainings = trained(mixed_kinds())
    search = Cost(model_steps=7.0, seconds=0.5)
    one = trainings.cost(arm(ensemble_arm(3, len(rows)), *rows))
    found = trainings.cost(arm(ensemble_arm(3, len(rows)), *rows, searches=(search, search)))
    assert found["model_steps"] == one["model_steps"] + 14
    assert found["seconds"] == pytest.approx(one["seconds"] + 1)
    assert one["models"] == len(rows)
    assert one["parameters"] == len(rows) * trainings.fits[0].stack.n_parameters


@pytest.mark.parametrize("sizes", [None, [0.5, 1.0], [0.5, 0.25]])
def test_what_is_saved_predicts_what_is_scored(sizes):
    """Also a mixture of groups, whose networks may be of several sizes, and single-task models."""
    data = mixed_kinds()
    case, trainings = trained(data, method=Given(replace(halves(data), network_sizes=sizes)))
    test, groups = data.split.test, trainings.groups
    assert groups is not None
    lead = np.array([1.0, 0.0, 1.0])
    single = trainings.of("single")[0]
    arms = [*trainings.arms, mixed("mixed", [(groups, lead), (single, 1 - lead)])]
    for each, outputs in zip(arms, trainings.predict(arms, test), strict=True):
        model = trainings.grouped_model(each)
        with torch.no_grad():
            torch.testing.assert_close(model(data.inputs[test]), outputs, atol=1e-5, rtol=1e-4)
        whole = architecture_of("mlp", data, case.settings)
        own = [
            replace(whole, options=resized(whole, s))
            for s in np.broadcast_to(each.arm.sizes, len(each.rows))
        ]
        assert trainings.cost(each)["parameters"] == sum(one.n_parameters for one in own)
        assert trainings.history(each).validation_loss.shape[1] == len(each.rows)
