"""What a method found: groups, what they were found by, and what that took.

Shapes: ``T`` tasks, ``K`` groups, ``E`` epochs.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypedDict, cast

import numpy as np

from coterie import codec
from coterie.errors import CoterieError, require_number, require_type
from coterie.results.affinities import Affinity
from coterie.results.groupings import Grouping
from coterie.results.selections import Selection
from coterie.schema import array_of, least, structure, within

_FORMAT = codec.Format("found grouping")
Family = Literal["data map", "affinity", "selection", "learnt", "given", "other"]


@dataclass(frozen=True, kw_only=True)
class About:
    """What a method is, for those who read of it: help texts, tables, reports.

    ``family`` says how it comes to groups: it clusters data maps or an affinity, selects rows by
    estimated scores, learns them, was given them. ``measures`` says in a few words what it reads or
    trains for that. Of an affinity, ``reading`` is how to read its values, and ``signed`` whether
    their sign means something.
    """

    family: Family = "other"
    measures: str = ""
    reading: str = "Higher means that the source helps the target more."
    signed: bool = True


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What finding groups takes beyond the joint training.

    ``trainings`` counts models that are trained to the end only to measure, ``look_aheads`` steps
    tried from states of the joint training, ``model_steps`` both in steps of one model. ``bytes``
    are those of models, gradients and activations at once, without data and libraries; a cost that
    was paid does not tell them.

    Raises:
        CoterieError: a number below 0.
    """

    model_steps: float = 0.0
    seconds: float = 0.0
    trainings: int = 0
    look_aheads: int = 0
    bytes: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what nothing costs."""
        for name, value in asdict(self).items():
            require_number(name, value, least=0)

    @classmethod
    def of(cls, spent: Mapping[str, object]) -> Self:
        """The steps and seconds of a mapping such as :attr:`coterie.Fit.cost`.

        >>> Cost.of({"model_steps": 12, "strategy": "vmap"}).model_steps
        12.0
        """
        known = ("model_steps", "seconds")
        require_type("cost", spent, Mapping)
        return cls(**{name: float(spent[name]) for name in known if name in spent})  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Assignments:
    """How groups were learnt: the assignment ``probabilities`` (E, T, K) at the end of each epoch.

    ``mode`` is how weights were sampled from them, ``pruned`` the number of pairs (task, group)
    that were ruled out on the way.
    """

    probabilities: np.ndarray
    mode: str = ""
    pruned: int = 0

    def __post_init__(self) -> None:
        """Refuse what are no probabilities."""
        found = array_of("probabilities", self.probabilities, "fiub E T K").astype(np.float64)
        if not np.isfinite(found).all() or (found < 0).any():
            raise CoterieError("`probabilities` must be finite and not negative.")
        object.__setattr__(self, "probabilities", found)


Evidence = Affinity | Selection | Assignments


@dataclass(frozen=True, kw_only=True)
class Found:
    """A ``grouping``, what it was found by (``evidence``), and what that took (``cost``).

    ``chosen`` names the method whose groups these are, where they stand for the choice between
    several.

    Raises:
        CoterieError: evidence about other tasks than the grouping's.
    """

    grouping: Grouping
    cost: Cost = Cost()
    evidence: Evidence | None = None
    chosen: str | None = None

    def __post_init__(self) -> None:
        """Refuse evidence for other groups."""
        require_type("grouping", self.grouping, Grouping)
        require_type("cost", self.cost, Cost)
        if self.evidence is not None:
            require_type("evidence", self.evidence, Affinity, Selection, Assignments)
        if self.chosen is not None:
            require_type("chosen", self.chosen, str)
        tasks = getattr(self.evidence, "tasks", self.grouping.tasks)
        if tasks != self.grouping.tasks:
            raise CoterieError(
                f"`evidence` is about the tasks {', '.join(tasks)}, `grouping` about "
                f"{', '.join(self.grouping.tasks)}."
            )
        if isinstance(self.evidence, Assignments):
            shape = self.evidence.probabilities.shape[1:]
            if shape != self.grouping.membership.shape:
                raise CoterieError(
                    f"`probabilities` must be of {self.grouping.membership.shape} tasks and "
                    f"groups; found {shape}."
                )

    @classmethod
    def of(cls, grouping: Grouping) -> Self:
        """A grouping with what its details tell of how it was found.

        There :attr:`Selection.grouping`, :attr:`coterie.Fit.grouping` and earlier versions keep it.
        """
        return cls(**_of_details(grouping))

    @property
    def by(self) -> str:
        """By what: the affinity that was measured, else what the grouping says."""
        if isinstance(self.evidence, Affinity):
            return self.evidence.method
        return self.grouping.method

    @property
    def family(self) -> Family:
        """How the groups were found, as far as the evidence tells."""
        if isinstance(self.evidence, Affinity):
            return "affinity"
        if isinstance(self.evidence, Selection):
            return "selection"
        if isinstance(self.evidence, Assignments):
            return "learnt"
        return "data map" if "features" in self.grouping.details else "other"

    def save(self, path: str | Path) -> None:
        """Write it as JSON."""
        codec.write(path, _FORMAT, self.to_dict())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what :meth:`save` wrote, or a grouping.

        Raises:
            CoterieError: the file is damaged, or holds neither.
        """
        _, saved = codec.read(path, _FORMAT, codec.read_plain)
        with within(path, _FORMAT.name):
            return cls.from_dict(cast(dict[str, Any], saved))

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON types."""
        return {
            "grouping": self.grouping.to_dict(),
            "cost": asdict(self.cost),
            "evidence": _evidence_as_dict(self.evidence),
            "chosen": self.chosen,
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Rebuild what :meth:`to_dict` gave, or what earlier versions kept in a grouping's details.

        Raises:
            CoterieError: a field is missing, unknown or wrong; it is named.
        """
        if "membership" in saved:
            return cls.of(Grouping.from_dict(saved))
        found: _Saved = structure(saved, _Saved)
        grouping = Grouping.from_dict(found["grouping"])
        evidence = found["evidence"]
        return cls(
            grouping=grouping,
            cost=found["cost"],
            evidence=None if evidence is None else _evidence_of(evidence, grouping.tasks),
            chosen=found["chosen"],
        )


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
    details: dict[str, Any]


class _SavedAssignments(TypedDict):
    probabilities: list[list[list[float]]]
    mode: str
    pruned: Annotated[int, least(0)]


class _SavedEvidence(TypedDict, total=False):
    affinity: _SavedAffinity
    selection: _SavedSelection
    assignments: _SavedAssignments


class _Saved(TypedDict):
    grouping: dict[str, Any]
    cost: Cost
    evidence: _SavedEvidence | None
    chosen: str | None


def _rows(matrix: np.ndarray | None) -> _Rows | None:
    """A matrix as JSON has it: None for NaN."""
    if matrix is None:
        return None
    return [[None if np.isnan(value) else float(value) for value in row] for row in matrix]


def _matrix(rows: Any) -> np.ndarray | None:
    try:
        return None if rows is None else np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise CoterieError("Rows of a matrix must be of one length.") from error


def _evidence_as_dict(evidence: Evidence | None) -> _SavedEvidence | None:
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


def _evidence_of(saved: _SavedEvidence, tasks: tuple[str, ...]) -> Evidence:
    if len(saved) > 1:
        raise CoterieError(f"`evidence` must be of one kind; found {', '.join(saved)}.")
    if "affinity" in saved:
        told = saved["affinity"]
        arrays = {name: _matrix(told[name]) for name in ("matrix", "stderr", "counts")}
        return Affinity(tasks=tasks, method=told["method"], **arrays)  # type: ignore[arg-type]
    if "selection" in saved:
        return codec.from_dict(Selection, {"tasks": list(tasks), **saved["selection"]})  # type: ignore[dict-item]
    if "assignments" in saved:
        told = saved["assignments"]
        return Assignments(**{**told, "probabilities": np.array(told["probabilities"])})
    raise CoterieError("`evidence` must be an affinity, a selection or assignments; found none.")


def _of_details(grouping: Grouping) -> dict[str, Any]:
    """The parts of a :class:`Found` that are in ``details``; what cannot be read stays there."""
    rest = dict(grouping.details)
    parts: dict[str, Any] = {}
    for read in (_affinity_in, _assignments_in, _selection_in):
        with suppress(CoterieError, ValueError, TypeError, AttributeError):
            if (found := read(grouping, rest)) is not None:
                parts["evidence"], rest = found
                break
    with suppress(CoterieError, ValueError, TypeError):
        parts["cost"] = Cost.of(rest["cost"]) if "cost" in rest else Cost()
        rest.pop("cost", None)
    if "chosen" in rest:
        parts["chosen"] = str(rest.pop("chosen"))
    return {"grouping": replace(grouping, details=rest), **parts}


_Read = tuple[Evidence, dict[str, Any]] | None


def _without(details: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in details.items() if name not in names}


def _affinity_in(grouping: Grouping, details: dict[str, Any]) -> _Read:
    if "affinity" not in details:
        return None
    told = details["affinity"]
    found = Affinity(
        tasks=grouping.tasks,
        method=str(told.get("method", grouping.method)),
        matrix=_matrix(told.get("matrix")),  # type: ignore[arg-type]
        stderr=_matrix(told.get("stderr")),
    )
    return found, _without(details, "affinity")


def _assignments_in(grouping: Grouping, details: dict[str, Any]) -> _Read:
    if not details.get("probabilities"):
        return None
    found = Assignments(
        probabilities=np.array(details["probabilities"]),
        mode=str(details.get("mode", "")),
        pruned=int(details.get("pruned", 0)),
    )
    if found.probabilities.shape[1:] != grouping.membership.shape:
        return None
    return found, _without(details, "probabilities", "mode", "pruned")


def _selection_in(grouping: Grouping, details: dict[str, Any]) -> _Read:
    if "proven" not in details:
        return None
    gap = details.get("gap")
    found = Selection(
        tasks=grouping.tasks,
        rows=np.arange(grouping.n_groups),
        serves=grouping.labels,
        subsets=grouping.weights() > 0,
        objective=details.get("objective", 0.0),
        cost=float(grouping.n_groups),
        gap=np.inf if gap is None else gap,
        proven=details["proven"],
        details=_without(details, "objective", "gap", "proven", "cost", "chosen"),
    )
    return found, {name: details[name] for name in ("cost", "chosen") if name in details}
