"""What a method found: groups, what they were found by, and what that took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self, TypedDict

from coterie import codec
from coterie.errors import CoterieError, require_type
from coterie.results.about import Cost, Family
from coterie.results.affinities import Affinity
from coterie.results.assignments import Assignments
from coterie.results.earlier import parts_in
from coterie.results.evidence import Evidence, SavedEvidence, as_dict, evidence_of
from coterie.results.fits import Fit
from coterie.results.groupings import Grouping
from coterie.results.selections import Selection
from coterie.schema import Json, structure, within

_FORMAT = codec.Format("found grouping", earlier=("coterie grouping 1",))


@dataclass(frozen=True, kw_only=True)
class Found:
    """A ``grouping``, what it was found by (``evidence``), and what that took (``cost``).

    ``chosen`` names the method whose groups these are, where they stand for the choice between
    several. ``trained`` are models that the method brings with its groups, one for each: they are
    then what is scored, instead of models that are trained anew, and in the ``cost``. They are not
    saved with the rest: a run keeps the models of its arms.

    Raises:
        CoterieError: evidence about other tasks than the grouping's, or models of other groups.
    """

    grouping: Grouping
    cost: Cost = field(default_factory=Cost)
    evidence: Evidence | None = None
    chosen: str | None = None
    trained: Fit | None = field(default=None, repr=False)

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
        if self.trained is not None:
            require_type("trained", self.trained, Fit)
            models, tasks = self.trained.stack.n_models, self.trained.tasks.names
            if (models, tasks) != (self.grouping.n_groups, self.grouping.tasks):
                raise CoterieError(
                    f"`trained` must have a model for each of {self.grouping.n_groups} groups of "
                    f"{', '.join(self.grouping.tasks)}; found {models} of {', '.join(tasks)}."
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
        return cls(**parts_in(grouping))

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

    def to_dict(self) -> dict[str, Json]:
        """Everything as plain JSON types."""
        return {
            "grouping": self.grouping.to_dict(),
            "cost": asdict(self.cost),
            "evidence": as_dict(self.evidence),  # type: ignore[dict-item]
            "chosen": self.chosen,
        }

    def save(self, path: str | Path) -> None:
        """Write everything as JSON."""
        codec.write(path, _FORMAT, self.to_dict())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what :meth:`save` wrote, or a grouping alone.

        Raises:
            CoterieError: the file is damaged, or holds something else.
        """
        _, saved = codec.read(path, _FORMAT, codec.read_plain)
        with within(path, _FORMAT.name):
            return cls.from_dict(saved)

    @classmethod
    def from_dict(cls, saved: Json) -> Self:
        """Rebuild what :meth:`to_dict` gave, or what earlier versions kept in a grouping's details.

        Raises:
            CoterieError: a field is missing, unknown or wrong; it is named.
        """
        if isinstance(saved, Mapping) and "membership" in saved:
            return cls.of(Grouping.from_dict(saved))
        found: _Saved = structure(saved, _Saved)
        grouping = Grouping.from_dict(found["grouping"])
        evidence = found["evidence"]
        return cls(
            grouping=grouping,
            cost=found["cost"],
            evidence=None if evidence is None else evidence_of(evidence, grouping.tasks),
            chosen=found["chosen"],
        )


class _Saved(TypedDict):
    grouping: dict[str, Json]
    cost: Cost
    evidence: SavedEvidence | None
    chosen: str | None
