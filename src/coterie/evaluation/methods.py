"""What can be compared: a grouping that is given, or a method that finds one on each seed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from coterie.data import Dataset
from coterie.errors import CoterieError
from coterie.results import DataMap, Fit, Grouping
from coterie.training import Probe, Progress

if TYPE_CHECKING:
    from coterie.datamaps.gram import Gram

_RESERVED = ("joint", "single", "random", "ensemble", "mean")
_UNPRINTABLE = re.compile(r"[^\w.=,+-]+")


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a method measures on: one joint training, and what it takes to train more on the same split and seed.

    ``joint`` recorded its data map; ``probes`` rode on it, by the method that asked for them. ``settings`` go to
    :func:`coterie.fit`. ``maps`` keeps distances between maps for the next method.
    """

    model: Any
    data: Dataset
    joint: Fit
    settings: Mapping[str, Any] = field(default_factory=dict)
    probes: Mapping[Any, Probe] = field(default_factory=dict)
    progress: Progress | None = None
    maps: dict[str, Gram] = field(default_factory=dict)


@runtime_checkable
class GroupingMethod(Protocol):
    """Finds a grouping from a joint training, or from more trainings of its own.

    What it spent beyond the joint training it enters into the grouping's ``details["cost"]``: ``model_steps``, ``seconds``.
    A method whose measurement rides on the joint training also has ``probe(seed) -> Probe`` and finds it in ``case.probes``.
    """

    def __call__(self, case: Case, *, seed: int) -> Grouping:
        """Group the tasks."""
        ...


@dataclass(frozen=True, kw_only=True)
class DataMapMethod:
    """The settings of :func:`coterie.group`, to be used on the data map of every seed.

    >>> DataMapMethod(n_groups=3).label
    'K=3 m=1.07'
    """

    n_groups: int | Literal["auto"] = "auto"
    method: str = "fuzzy-kmeans"
    fuzziness: float = 1.07
    features: Literal["cells", "density"] = "cells"
    restarts: int = 10

    @property
    def label(self) -> str:
        """A short name that tells methods of one comparison apart."""
        softness = f" m={self.fuzziness:g}" if self.method.startswith("fuzzy") else ""
        features = "" if self.features == "cells" else f" {self.features}"
        method = "" if self.method == "fuzzy-kmeans" else f"{self.method} "
        return f"{method}K={self.n_groups}{softness}{features}"

    def __call__(self, case: Case, *, seed: int) -> Grouping:
        """Group the tasks of the data map that the joint training recorded."""
        if case.joint.data_map is None:
            raise CoterieError("`joint` has no data map; fit with record=True.")
        return self.group(case.joint.data_map, seed=seed, measured=case.maps)

    def group(self, data_map: DataMap, *, seed: int, measured: dict[str, Gram]) -> Grouping:
        """Group the tasks; ``measured`` as in :meth:`source`."""
        from coterie.grouping import group

        return group(
            self.source(data_map, measured), self.n_groups, method=self.method, fuzziness=self.fuzziness,
            features=self.features, restarts=self.restarts, seed=seed,
        )  # fmt: skip

    def source(self, data_map: DataMap, measured: dict[str, Gram]) -> DataMap | Gram:
        """What the clustering reads: distances are looked up in ``measured`` and left there for the next method."""
        from coterie.datamaps import gram

        if self.method == "points":
            return data_map
        if self.features not in measured:
            measured[self.features] = gram(data_map, self.features)
        return measured[self.features]


Candidate = Grouping | GroupingMethod
Candidates = str | Candidate | Sequence[str | Candidate] | Mapping[str, str | Candidate]


def named_methods(groupings: Candidates, tasks: Sequence[str]) -> dict[str, Candidate]:
    """Give each grouping or method a name: its key in a mapping, "grouped" if it is the only one, else what it is.

    Raises:
        CoterieError: nothing to compare, an unknown method, a reserved or ambiguous name, or a grouping of other tasks.

    >>> list(named_methods([DataMapMethod(n_groups=2), DataMapMethod(n_groups=3)], ("a", "b", "c")))
    ['K=2 m=1.07', 'K=3 m=1.07']
    """
    if isinstance(groupings, Mapping):
        pairs = [(str(name), _resolve(candidate)) for name, candidate in groupings.items()]
    else:
        several = groupings if isinstance(groupings, Sequence) and not isinstance(groupings, str) else [groupings]
        found = [_resolve(candidate) for candidate in several]
        pairs = [("grouped" if len(found) == 1 else _label(candidate), candidate) for candidate in found]
    if not pairs:
        raise CoterieError("`groupings` is empty: give a Grouping, a DataMapMethod, or several.")
    files: dict[str, str] = {}
    for name, candidate in pairs:
        if name.split(" (")[0] in _RESERVED:
            raise CoterieError(f"`groupings` must not use the name {name!r}, which the comparison uses itself.")
        if (other := files.setdefault(file_name(name).lower(), name)) != name or len([n for n, _ in pairs if n == name]) > 1:
            raise CoterieError(
                f"`groupings` need names that differ: {other!r} and {name!r}. Pass a mapping from name to grouping."
            )
        _check(name, candidate, tasks)
    return dict(pairs)


def file_name(name: str) -> str:
    """The name of a grouping as part of a file name.

    >>> file_name("K=3, m=1.07 / mine")
    'K=3,-m=1.07-mine'
    """
    return _UNPRINTABLE.sub("-", name)


def find_groupings(methods: Mapping[str, Candidate], case: Case, *, seed: int) -> dict[str, Grouping]:
    """Every grouping by name: as given, or found on this case.

    >>> given = Grouping(tasks=("a",), membership=__import__("numpy").ones((1, 1)), method="mine")
    >>> find_groupings({"mine": given}, None, seed=0)["mine"] is given
    True
    """
    return {name: m if isinstance(m, Grouping) else m(case, seed=seed) for name, m in methods.items()}


def make_probes(methods: Mapping[str, Candidate], *, seed: int) -> dict[Any, Probe]:
    """What the methods want to try while the joint model trains."""
    return {method: method.probe(seed) for method in methods.values() if hasattr(method, "probe")}  # type: ignore[union-attr]


def _resolve(candidate: str | Candidate) -> Candidate:
    if isinstance(candidate, str):
        if candidate not in ("data_map", "data-map"):
            raise CoterieError(f"`groupings` must be a Grouping, a DataMapMethod or 'data_map'; found {candidate!r}.")
        return DataMapMethod()
    if not isinstance(candidate, Grouping) and not callable(candidate):
        raise CoterieError(f"`groupings` must be a Grouping, a DataMapMethod or 'data_map'; found {type(candidate).__name__}.")
    return candidate


def _label(candidate: Candidate) -> str:
    if isinstance(candidate, Grouping):
        softness = "" if candidate.fuzziness is None else f" m={candidate.fuzziness:g}"
        return f"{candidate.method} K={candidate.n_groups}{softness}"
    return getattr(candidate, "label", None) or getattr(candidate, "__name__", type(candidate).__name__)


def _check(name: str, candidate: Candidate, tasks: Sequence[str]) -> None:
    if isinstance(candidate, Grouping) and candidate.tasks != tuple(tasks):
        raise CoterieError(
            f"`groupings`: {name!r} is of {len(candidate.tasks)} tasks ({', '.join(candidate.tasks[:3])}, ...), which are not "
            f"the {len(tasks)} of the data ({', '.join(tasks[:3])}, ...) in their order."
        )
    if isinstance(candidate, DataMapMethod):
        from coterie.grouping._group import check_group

        settings = (candidate.method, candidate.fuzziness, candidate.features, candidate.restarts)
        check_group(len(tasks), candidate.n_groups, *settings)
