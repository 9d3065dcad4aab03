"""By what groups were found, as files have it."""

from __future__ import annotations

from typing import Annotated, TypedDict

import numpy as np

from coterie import codec
from coterie.errors import CoterieError
from coterie.results.affinities import Affinity
from coterie.results.assignments import Assignments
from coterie.results.selections import Selection
from coterie.schema import Json, least

Evidence = Affinity | Selection | Assignments
_Rows = list[list[float | None]]


class _SavedAffinity(TypedDict):
    method: str
    matrix: _Rows
    stderr: _Rows | None
    counts: _Rows | None


class _SavedSelection(TypedDict):
    rows: list[Annotated[int, least(0)]]
    serves: list[int]
    subsets: list[list[bool]]
    objective: float
    cost: float
    gap: Annotated[float, least(0)] | None
    proven: bool
    details: dict[str, Json]


class _SavedAssignments(TypedDict):
    probabilities: list[list[list[float]]]
    mode: str
    pruned: Annotated[int, least(0)]


class SavedEvidence(TypedDict, total=False):
    """Evidence in a file, under the name of its kind."""

    affinity: _SavedAffinity
    selection: _SavedSelection
    assignments: _SavedAssignments


def _rows(matrix: np.ndarray | None) -> _Rows | None:
    """A matrix as JSON has it: None for NaN."""
    if matrix is None:
        return None
    return [[None if np.isnan(value) else float(value) for value in row] for row in matrix]


def matrix(rows: object) -> np.ndarray | None:
    """The array of rows of JSON, NaN for None; of none, none."""
    try:
        return None if rows is None else np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise CoterieError("Rows of a matrix must be of one length.") from error


def as_dict(evidence: Evidence | None) -> SavedEvidence | None:
    """Evidence as plain JSON types."""
    if evidence is None:
        return None
    if isinstance(evidence, Affinity):
        matrices = {name: _rows(getattr(evidence, name)) for name in ("matrix", "stderr", "counts")}
        return {"affinity": {"method": evidence.method, **matrices}}  # type: ignore[typeddict-item]
    if isinstance(evidence, Selection):
        told = {name: value for name, value in codec.to_dict(evidence).items() if name != "tasks"}
        return {"selection": told}  # type: ignore[typeddict-item]
    return {
        "assignments": {
            "probabilities": evidence.probabilities.tolist(),
            "mode": evidence.mode,
            "pruned": evidence.pruned,
        }
    }


def evidence_of(saved: SavedEvidence, tasks: tuple[str, ...]) -> Evidence:
    """Rebuild what :func:`as_dict` gave.

    Raises:
        CoterieError: it is of several kinds or of none, or cannot be.
    """
    if len(saved) > 1:
        raise CoterieError(f"`evidence` must be of one kind; found {', '.join(saved)}.")
    if "affinity" in saved:
        told = saved["affinity"]
        arrays = {name: matrix(told[name]) for name in ("matrix", "stderr", "counts")}
        return Affinity(tasks=tasks, method=told["method"], **arrays)  # type: ignore[arg-type]
    if "selection" in saved:
        return codec.from_dict(Selection, {"tasks": list(tasks), **saved["selection"]})  # type: ignore[dict-item]
    if "assignments" in saved:
        told = saved["assignments"]
        return Assignments(**{**told, "probabilities": np.array(told["probabilities"])})
    raise CoterieError("`evidence` must be an affinity, a selection or assignments; found none.")
