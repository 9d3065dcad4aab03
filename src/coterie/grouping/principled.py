"""Principled task grouping: the programme of its paper, exactly, with its constraints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from time import perf_counter
from typing import ClassVar

import numpy as np

from coterie.errors import CoterieError, is_listed, require_positive
from coterie.grouping._affinities import TaskAffinities
from coterie.grouping._method import Clusters, Settings
from coterie.grouping._programme import GroupLimits, Programme, read_programme
from coterie.grouping._rows import Task
from coterie.grouping.densest import Densest, densest
from coterie.grouping.sdp import sdp
from coterie.results import Affinity

PREPARATION = "affinities as measured, both directions added, the diagonal counted where measured"


@dataclass(frozen=True, kw_only=True)
class Principled:
    """Exactly K groups G of which the sums of S[i, k], i and k in G, by their sizes are largest in sum.

    The programme of Wang, Pan and Yu, arXiv 2402.15328: each member of a group counts the mean of
    what all members do for it, itself included, in the units of the affinity. Nothing is
    standardised, so targets with larger gains count more; and nothing is left to chance. Constraints
    are those of :func:`coterie.select`, of groups as its rows.

    Args:
        sizes: smallest and largest number of tasks of a group.
        must_link: pairs of tasks, by name or position, that share a group.
        cannot_link: pairs of tasks that do not; their affinities are not read and may be missing.
        resources: by name, what each task takes (T,), or takes in each of the groups (T, K), and a
            limit on the sum over all.
        row_limits: by name, what each task takes, (T,) or (T, K), and a limit on the sum in each
            group, one number or one for each group (K,).
        time_limit: seconds; the best groups so far are then returned with their gap.

    Groups with limits or amounts of their own stand in the order of these, others in the order of
    their first tasks.

    >>> affinity = np.array([[0.0, 3.0, 2.0], [3.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    >>> Principled()(affinity, 2)
    array([0, 0, 1])
    >>> Principled(cannot_link=[(0, 1)])(affinity, 2)
    array([0, 1, 0])
    """

    sizes: tuple[int | None, int | None] = (None, None)
    must_link: Iterable[tuple[Task, Task]] = ()
    cannot_link: Iterable[tuple[Task, Task]] = ()
    resources: GroupLimits | None = None
    row_limits: GroupLimits | None = None
    time_limit: float = 60.0
    name: ClassVar[str] = "principled"

    def __post_init__(self) -> None:
        """Keep pairs, of which there may be no second reading."""
        require_positive("time_limit", self.time_limit)
        for name in ("must_link", "cannot_link"):
            pairs = getattr(self, name)
            if is_listed(pairs) or isinstance(pairs, Iterator):
                object.__setattr__(self, name, tuple(pairs))

    @property
    def constraints(self) -> dict[str, object]:
        """What is asked of the groups, by argument; nothing where nothing is."""
        usual = {each.name: each.default for each in fields(self)}
        return {
            name: value
            for name, value in vars(self).items()
            # An array has no truth of its own.
            if name != "time_limit"
            and not (isinstance(value, tuple | None) and value in ((), usual[name]))
        }

    def programme(self, tasks: tuple[str, ...], n_groups: int) -> Programme:
        """The constraints, read.

        Raises:
            CoterieError: an argument of another form, unknown tasks, negative amounts.
        """
        return read_programme(tasks, n_groups, **self.constraints)  # type: ignore[arg-type]

    def __call__(self, matrix: np.ndarray, n_groups: int, seed: int = 0) -> np.ndarray:  # noqa: ARG002
        """Groups (T,) of tasks by a finite affinity (T, T), as any clustering."""
        names = tuple(f"task {t}" for t in range(len(matrix)))
        return self.densest(
            np.asarray(matrix, dtype=np.float64), self.programme(names, n_groups)
        ).labels

    def densest(self, matrix: np.ndarray, programme: Programme) -> Densest:
        """The best groups that time allows.

        Raises:
            CoterieError: there are none, and which constraints clash; or none was found in time.
        """
        found = densest(matrix, programme, perf_counter() + self.time_limit)
        if found is None:
            raise CoterieError(
                f"`time_limit` of {self.time_limit:g} s ended before any groups were found that keep "
                "to all constraints; give more."
            )
        return found


@dataclass(frozen=True)
class RawAffinities:
    """An affinity as it was measured, grouped by ``method``."""

    affinity: Affinity
    method: Principled

    @property
    def _prepared(self) -> TaskAffinities:
        return TaskAffinities(self.affinity, sdp)

    @property
    def details(self) -> dict[str, object]:
        """What was measured, and that nothing was done to it."""
        return {"measure": self.affinity.method, "preparation": PREPARATION}

    def least_silhouette(self, seed: int = 0) -> float:
        """As of other clusterings of affinities, after their preparation."""
        return self._prepared.least_silhouette(seed)

    def distances(self) -> np.ndarray:
        """Squared dissimilarities (T, T), as of other clusterings of affinities."""
        return self._prepared.distances()

    def cluster(self, settings: Settings) -> Clusters:
        """The best groups, and how far that is proven.

        Raises:
            CoterieError: pairs that were never measured, constraints that clash, no groups in time.
        """
        started = perf_counter()
        programme = self.method.programme(self.affinity.tasks, settings.n_groups)
        found = self.method.densest(_complete(self.affinity, programme), programme)
        return Clusters(
            membership=np.eye(settings.n_groups)[found.labels],
            details={
                "objective": found.objective,
                "bound": found.bound,
                "gap": found.gap,
                "proven": found.proven,
                "status": "proven best" if found.proven else "time limit reached",
                "seconds": perf_counter() - started,
                "columns": found.columns,
            },
        )


def _complete(affinity: Affinity, programme: Programme) -> np.ndarray:
    """The matrix (T, T): what a task does for itself is 0 where that was not measured.

    Raises:
        CoterieError: a pair that may share a group was never measured.
    """
    matrix = affinity.matrix.astype(np.float64)
    for a, b in programme.apart:
        matrix[[a, b], [b, a]] = 0.0
    replace(affinity, matrix=matrix, counts=None, stderr=None).require_complete()
    return np.nan_to_num(matrix, nan=0.0)
