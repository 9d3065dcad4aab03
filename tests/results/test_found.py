"""What a method found, to a file and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.files import read_json
from coterie.results import Affinity, Assignments, Cost, Found, Grouping, Selection

TASKS = ("a", "b")
GROUPING = Grouping(tasks=TASKS, membership=np.eye(2), method="mine")
EVIDENCE = {
    "affinity": Affinity(tasks=TASKS, matrix=np.array([[np.nan, 2.0], [1.0, 0.0]]), method="own"),
    "selection": Selection(
        tasks=TASKS,
        rows=np.array([0, 3]),
        serves=np.array([0, 3]),
        subsets=np.eye(2, dtype=bool),
        objective=1.5,
        cost=2.0,
        gap=np.inf,
        proven=False,
    ),
    "assignments": Assignments(probabilities=np.full((3, 2, 2), 0.5), mode="paper", pruned=1),
    "none": None,
}
FAMILIES = {"affinity": "affinity", "selection": "selection", "assignments": "learnt"}


@pytest.mark.parametrize("kind", EVIDENCE)
def test_what_was_found_is_read_as_it_was_written(kind: str, tmp_path: Path) -> None:
    made = Found(
        grouping=GROUPING,
        cost=Cost(model_steps=12, seconds=0.5),
        evidence=EVIDENCE[kind],
        chosen="other",
    )
    made.save(tmp_path / "found.json")
    read = Found.load(tmp_path / "found.json")
    assert read.to_dict() == made.to_dict()
    assert (type(read.evidence), read.cost, read.chosen) == (
        type(made.evidence),
        made.cost,
        "other",
    )
    assert read.family == FAMILIES.get(kind, "other")
    assert read_json(tmp_path / "found.json")["format"] == "coterie found grouping 1"


def test_a_grouping_alone_is_read_with_what_its_details_tell(tmp_path: Path) -> None:
    told = {"cost": {"model_steps": 7.0, "seconds": 1.0}, "chosen": "other", "notes": ["Few."]}
    grouping = Grouping(tasks=TASKS, membership=np.eye(2), method="mine", details=told)
    grouping.save(tmp_path / "grouping.json")
    read = Found.load(tmp_path / "grouping.json")
    assert (read.cost, read.chosen) == (Cost(model_steps=7.0, seconds=1.0), "other")
    assert dict(read.grouping.details) == {"notes": ["Few."]}


@pytest.mark.parametrize("evidence", [EVIDENCE["affinity"], EVIDENCE["assignments"]])
def test_evidence_of_other_tasks_or_groups_is_refused(evidence: object) -> None:
    other = Grouping(tasks=("a", "b", "c"), membership=np.eye(3), method="mine")
    with pytest.raises(CoterieError, match=r"must be of|is about"):
        Found(grouping=other, evidence=evidence)  # type: ignore[arg-type]


@pytest.mark.parametrize("saved", [[], 3, {"grouping": {}}])
def test_what_is_nothing_of_the_kind_is_refused(saved: object) -> None:
    with pytest.raises(CoterieError):
        Found.from_dict(saved)  # type: ignore[arg-type]
