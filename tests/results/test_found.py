"""What a method found, in memory and in files of this and of earlier versions."""

import json
from dataclasses import replace

import numpy as np
import pytest

import coterie as ct
from coterie.errors import CoterieError
from coterie.results import About, Assignments, Cost, Found

TASKS = ("a", "b", "c")
GROUPS = ct.Grouping(tasks=TASKS, membership=np.eye(2)[[0, 0, 1]], method="mine", details={"x": 1})
AFFINITY = ct.Affinity(
    tasks=TASKS,
    matrix=np.array([[0.0, 1.5, np.nan], [1.0, 0.0, 2.0], [0.25, 0.5, 0.0]]),
    stderr=np.full((3, 3), 0.125),
    counts=np.array([[3, 3, 0], [3, 3, 3], [3, 3, 3]]),
    method="lookahead",
)
SELECTION = ct.select(
    np.array([[0.5, 0.5, np.nan], [np.nan, np.nan, 0.9], [0.1, 0.2, 0.3]]), budget=2
)
STEPS = np.array([[[0.5, 0.5], [0.6, 0.4], [0.5, 0.5]], [[0.9, 0.1], [0.8, 0.2], [0.0, 1.0]]])
EVIDENCE = {
    "none": None,
    "affinity": AFFINITY,
    "selection": replace(SELECTION, tasks=TASKS),
    "assignments": Assignments(probabilities=STEPS, mode="annealed", pruned=2),
}


@pytest.mark.parametrize("kind", EVIDENCE)
def test_what_was_found_is_the_same_after_json(kind):
    found = Found(
        grouping=GROUPS,
        cost=Cost(model_steps=12.5, seconds=1.0, trainings=2),
        evidence=EVIDENCE[kind],
        chosen="x",
    )
    saved = json.loads(json.dumps(found.to_dict()))
    again = Found.from_dict(saved)
    assert again.to_dict() == found.to_dict()
    assert (again.cost, again.chosen, type(again.evidence)) == (
        found.cost,
        "x",
        type(found.evidence),
    )


def test_models_that_come_with_groups_are_of_these_groups():
    data = ct.load("digits", targets=["even", "random"])
    fit = ct.fit("mlp", data, np.eye(2), epochs=1, model_options={"hidden": (4,)})
    groups = ct.Grouping(tasks=data.tasks.names, membership=np.eye(2), method="mine")
    found = Found(grouping=groups, trained=fit)
    assert "trained" not in found.to_dict()
    assert Found.from_dict(found.to_dict()).trained is None
    with pytest.raises(CoterieError, match="a model for each of 2 groups of a, b, c; found 2 of"):
        Found(grouping=GROUPS, trained=fit)
    one = replace(groups, membership=np.ones((2, 1)))
    with pytest.raises(CoterieError, match="each of 1 groups of even, random; found 2"):
        Found(grouping=one, trained=fit)
    with pytest.raises(CoterieError, match="`trained` must be a Fit; found 'mine'"):
        Found(grouping=groups, trained="mine")


@pytest.mark.parametrize(
    ("kind", "family", "by"),
    [
        ("none", "other", "mine"),
        ("affinity", "affinity", "lookahead"),
        ("selection", "selection", "mine"),
        ("assignments", "learnt", "mine"),
    ],
)
def test_evidence_tells_how_groups_were_found(kind, family, by):
    found = Found(grouping=GROUPS, evidence=EVIDENCE[kind])
    assert (found.family, found.by) == (family, by)
    of_maps = replace(found, evidence=None, grouping=replace(GROUPS, details={"features": "cells"}))
    assert of_maps.family == "data map"


def test_details_of_earlier_versions_are_read():
    matrix = [[None if np.isnan(x) else x for x in row] for row in AFFINITY.matrix.tolist()]
    cost = {"model_steps": 3, "seconds": 0.5, "strategy": "vmap"}
    details = {
        "x": 1,
        "cost": cost,
        "affinity": {"method": "lookahead", "matrix": matrix, "stderr": None},
        "chosen": "it",
    }
    found = Found.from_dict(replace(GROUPS, details=details).to_dict())
    np.testing.assert_array_equal(found.evidence.matrix, AFFINITY.matrix)
    assert (found.cost, found.chosen) == (Cost(model_steps=3, seconds=0.5), "it")
    assert found.grouping.details == {"x": 1}

    learnt = {"mode": "paper", "probabilities": STEPS.tolist(), "pruned": 1}
    found = Found.of(replace(GROUPS, details=learnt))
    np.testing.assert_array_equal(found.evidence.probabilities, STEPS)
    assert (found.evidence.mode, found.evidence.pruned, found.grouping.details) == ("paper", 1, {})

    found = Found.of(EVIDENCE["selection"].grouping)
    assert (found.evidence.proven, found.evidence.objective) == (True, SELECTION.objective)
    np.testing.assert_array_equal(found.evidence.subsets, SELECTION.subsets)
    np.testing.assert_array_equal(found.grouping.weights(), SELECTION.grouping.weights())


@pytest.mark.parametrize(
    "details",
    [
        {"affinity": "text"},
        {"affinity": {"method": "x"}},
        {"probabilities": [[1.0]]},
        {"probabilities": STEPS[:, :2].tolist()},
        {"proven": "perhaps"},
        {"cost": "much"},
    ],
)
def test_details_that_cannot_be_read_stay_where_they_are(details):
    found = Found.of(replace(GROUPS, details=details))
    assert (found.evidence, found.grouping.details) == (None, details)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"evidence": replace(AFFINITY, tasks=("a", "b", "z"))}, "about the tasks a, b, z"),
        ({"evidence": Assignments(probabilities=STEPS[..., :1])}, "tasks and groups; found"),
        ({"evidence": GROUPS}, "`evidence` must be"),
        ({"cost": {"seconds": 1}}, "`cost` must be a Cost"),
        ({"grouping": [0, 1]}, "`grouping` must be a Grouping"),
    ],
)
def test_what_does_not_fit_together_is_refused(change, message):
    with pytest.raises(CoterieError, match=message):
        Found(**{"grouping": GROUPS, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"evidence": {}}, "found none"),
        ({"evidence": {"affinity": {}, "selection": {}}}, r"affinity.*missing|one kind"),
        ({"cost": {"model_steps": -1.0}}, "model_steps"),
        ({"more": 1}, "unknown field `more`"),
        ({"grouping": None}, "grouping"),
    ],
)
def test_a_damaged_record_is_refused_by_the_field(change, message):
    saved = Found(grouping=GROUPS).to_dict()
    with pytest.raises(CoterieError, match=message):
        Found.from_dict({**saved, **change})


def test_costs_are_not_negative():
    with pytest.raises(CoterieError, match="`seconds` must be a number of at least 0"):
        Cost(seconds=-1.0)
    with pytest.raises(CoterieError, match="finite and not negative"):
        Assignments(probabilities=-STEPS)
    assert About().family == "other"
