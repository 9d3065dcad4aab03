"""What can be compared: a grouping that is given, or a method that finds one on each seed."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from coterie.data import Dataset
from coterie.errors import CoterieError
from coterie.grouping.own import Clustering, clustering_name
from coterie.results import DataMap, Fit, Grouping
from coterie.training import Progress

if TYPE_CHECKING:
    from coterie.datamaps.gram import Gram

_UNPRINTABLE = re.compile(r"[^\w.=,+-]+")
_LONGEST_FILE_NAME = (
    160  # bytes, of the 255 that file systems take, with what else goes into a file's name
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a method measures on.

    One joint training, and what it takes to train more on the same split and seed.

    ``joint`` recorded its data map; ``probes`` rode on it, by what they measure. ``settings`` go to
    :func:`coterie.fit`. ``maps`` keeps distances between maps for the next method, ``checkpoints``
    is a folder for those of long trainings.
    """

    model: Any
    data: Dataset
    joint: Fit
    settings: Mapping[str, Any] = field(default_factory=dict)
    probes: Mapping[Any, Any] = field(default_factory=dict)
    progress: Progress | None = None
    checkpoints: Path | None = None
    maps: dict[str, Gram] = field(default_factory=dict)


@runtime_checkable
class GroupingMethod(Protocol):
    """Finds a grouping from a joint training, or from more trainings of its own.

    What it spent beyond the joint training it enters into the grouping's ``details["cost"]``:
    ``model_steps``, ``seconds``. A method whose measurement rides on the joint training also has
    ``measurement``, a hashable name of it, and ``probe(seed) -> Probe``, and finds the probe in
    ``case.probes[measurement]``.

    It may have ``n_groups`` and ``label``. ``key`` tells it from others where a run is continued
    (:func:`coterie.identity.identity`); without one its name and settings do.
    ``trainings(n_tasks)``, the number of models that it trains to the end beside the joint one, as
    one stack, lets :func:`coterie.plan` price it.
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
    method: str | Clustering = "fuzzy-kmeans"
    fuzziness: float = 1.07
    features: Literal["cells", "density"] = "cells"
    restarts: int = 10

    def __post_init__(self) -> None:
        """Refuse settings that are impossible for any number of tasks."""
        from coterie.grouping import check_settings

        check_settings(self.n_groups, self.method, self.fuzziness, self.features, self.restarts)

    @property
    def label(self) -> str:
        """A short name that tells methods of one comparison apart."""
        softness = (
            f" m={self.fuzziness:g}"
            if isinstance(self.method, str) and self.method.startswith("fuzzy")
            else ""
        )
        features = "" if self.features == "cells" else f" {self.features}"
        method = "" if self.method == "fuzzy-kmeans" else f"{clustering_name(self.method)} "
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
            self.source(data_map, measured),
            self.n_groups,
            method=self.method,
            fuzziness=self.fuzziness,
            features=self.features,
            restarts=self.restarts,
            seed=seed,
        )

    def source(self, data_map: DataMap, measured: dict[str, Gram]) -> DataMap | Gram:
        """What the clustering reads.

        Distances are looked up in ``measured`` and left there for the next method.
        """
        from coterie.datamaps import gram

        if self.method == "points":
            return data_map
        if self.features not in measured:
            measured[self.features] = gram(data_map, self.features)
        return measured[self.features]


Candidate = Grouping | GroupingMethod
Candidates = str | Candidate | Sequence[str | Candidate] | Mapping[str, str | Candidate]


def file_name(name: str) -> str:
    """The name of a grouping as part of a file name.

    What is too long for one ends in a hash of the rest.

    >>> file_name("K=3, m=1.07 / mine"), file_name("so " * 100)[-20:]
    ('K=3,-m=1.07-mine', '-so-17f1d07bdb1e807f')
    """
    found = _UNPRINTABLE.sub("-", unicodedata.normalize("NFC", name))
    if len(found.encode()) <= _LONGEST_FILE_NAME:
        return found
    start = found.encode()[: _LONGEST_FILE_NAME - 17].decode(errors="ignore")
    return f"{start}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def find_groupings(
    methods: Mapping[str, Candidate], case: Case, *, seed: int
) -> dict[str, Grouping]:
    """Every grouping by name: as given, or found on this case.

    >>> given = Grouping(tasks=("a",), membership=__import__("numpy").ones((1, 1)), method="mine")
    >>> find_groupings({"mine": given}, None, seed=0)["mine"] is given
    True
    """
    return {
        name: m if isinstance(m, Grouping) else m(case, seed=seed) for name, m in methods.items()
    }


def make_probes(methods: Mapping[str, Candidate], *, seed: int) -> dict[Any, Any]:
    """What the methods want to try while the joint model trains, by what they measure.

    Equal measurements are shared.
    """
    measuring: dict[Any, Any] = {
        getattr(method, "measurement", None): method for method in methods.values()
    }
    measuring.pop(None, None)
    probes = {measurement: method.probe(seed) for measurement, method in measuring.items()}
    return {measurement: probe for measurement, probe in probes.items() if probe is not None}
