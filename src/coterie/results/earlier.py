"""How groups were found, where their details tell of it.

There :attr:`Selection.grouping` and :attr:`coterie.Fit.grouping` keep it, and so did earlier
versions.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Required, TypedDict

import numpy as np

from coterie.errors import CoterieError
from coterie.results.about import Cost
from coterie.results.affinities import Affinity
from coterie.results.assignments import Assignments
from coterie.results.evidence import Evidence, matrix
from coterie.results.groupings import Grouping
from coterie.results.selections import Selection
from coterie.schema import Details


class Parts(TypedDict, total=False):
    """The fields of a :class:`coterie.results.Found`, as far as they are known."""

    grouping: Required[Grouping]
    cost: Cost
    evidence: Evidence
    chosen: str


def parts_in(grouping: Grouping) -> Parts:
    """The parts that are in ``details``, and a grouping without; what cannot be read stays."""
    rest = grouping.details
    parts: Parts = {"grouping": grouping}
    for read in (_affinity_in, _assignments_in, _selection_in):
        with suppress(CoterieError, ValueError, TypeError, AttributeError):
            if (found := read(grouping, rest)) is not None:
                parts["evidence"], rest = found
                break
    with suppress(CoterieError, ValueError, TypeError):
        parts["cost"] = Cost.of(rest["cost"]) if "cost" in rest else Cost()
        rest = _without(rest, "cost")
    if "chosen" in rest:
        parts["chosen"], rest = str(rest["chosen"]), _without(rest, "chosen")
    parts["grouping"] = replace(grouping, details=rest)
    return parts


_Read = tuple[Evidence, Details] | None


def _without(details: Details, *names: str) -> Details:
    return {name: value for name, value in details.items() if name not in names}


def _affinity_in(grouping: Grouping, details: Details) -> _Read:
    if "affinity" not in details:
        return None
    told = details["affinity"]
    found = Affinity(
        tasks=grouping.tasks,
        method=str(told.get("method", grouping.method)),
        matrix=matrix(told.get("matrix")),  # type: ignore[arg-type]
        stderr=matrix(told.get("stderr")),
    )
    return found, _without(details, "affinity")


def _assignments_in(grouping: Grouping, details: Details) -> _Read:
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


def _selection_in(grouping: Grouping, details: Details) -> _Read:
    # A bound stands in details of partitions, which are no selections from a table.
    if "proven" not in details or "bound" in details:
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
