"""A partition of tasks into groups, what is asked of it, and which demands cannot hold together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import LinearConstraint

from coterie.errors import CoterieError, require_type
from coterie.grouping._conflicts import check_number, needed, read_pairs, read_sizes
from coterie.grouping._cover import FITS
from coterie.grouping._highs import Answer, solve
from coterie.grouping._rows import Task, numbers

GroupLimits = Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]]


@dataclass(frozen=True)
class Demand:
    """What is asked of X (T, K), whether a task is in a group, flattened, by name.

    ``least`` <= ``sums`` (S, T K) X <= ``most``. ``exact`` where that is a limit of which nothing
    may be exceeded, as a solver's tolerance would allow.
    """

    name: str
    sums: np.ndarray
    least: float = -np.inf
    most: float = np.inf
    exact: bool = False

    def met_by(self, held: np.ndarray) -> bool:
        """Whether X, flattened, is as asked for."""
        found = self.sums @ held
        return bool(((found >= self.least) & (found <= self.most)).all())


@dataclass(frozen=True, kw_only=True)
class Programme:
    """T tasks in exactly K groups.

    ``sizes`` of a group, pairs of tasks ``together`` and ``apart``, ``limits`` (L, T, K) and
    ``totals`` (R, T, K): what a task takes in a group, of a capacity of 1 of each group, or of all.
    """

    tasks: tuple[str, ...]
    n_groups: int
    sizes: tuple[int | None, int | None] = (None, None)
    together: list[tuple[int, int]] = field(default_factory=list)
    apart: list[tuple[int, int]] = field(default_factory=list)
    limits: dict[str, np.ndarray] = field(default_factory=dict)
    totals: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def n_tasks(self) -> int:
        """T."""
        return len(self.tasks)

    @cached_property
    def demands(self) -> list[Demand]:
        """Everything asked for, by name."""
        n_groups, each_group = self.n_groups, np.tile(np.eye(self.n_groups), self.n_tasks)
        least, most = self.sizes
        found = []
        if least is not None:
            found.append(Demand(f"sizes of at least {least}", each_group, least=least))
        if most is not None:
            found.append(Demand(f"sizes of at most {most}", each_group, most=most))
        for pairs, word, sign, bounds in (
            (self.together, "must_link", -1.0, (0.0, 0.0)),
            (self.apart, "cannot_link", 1.0, (0.0, 1.0)),
        ):
            for a, b in pairs:
                name = f"{word} {self.tasks[a]}-{self.tasks[b]}"
                both = np.zeros((1, self.n_tasks))
                both[0, a], both[0, b] = 1.0, sign
                found.append(Demand(name, np.kron(both, np.eye(n_groups)), *bounds))
        for name, shares in self.limits.items():
            own = np.einsum("tk,kj->jtk", shares, np.eye(n_groups)).reshape(n_groups, -1)
            found.append(Demand(name, own, most=FITS, exact=True))
        for name, shares in self.totals.items():
            found.append(Demand(name, shares.reshape(1, -1), most=FITS, exact=True))
        return found

    @cached_property
    def _parts(self) -> list[LinearConstraint]:
        """Every task is in one group, and no group is empty."""
        each_task = np.kron(np.eye(self.n_tasks), np.ones((1, self.n_groups)))
        each_group = np.tile(np.eye(self.n_groups), self.n_tasks)
        return [
            LinearConstraint(sparse.csr_array(each_task), 1, 1),  # pyright: ignore[reportArgumentType]
            LinearConstraint(sparse.csr_array(each_group), 1, np.inf),  # pyright: ignore[reportArgumentType]
        ]

    def kept_by(self, labels: np.ndarray) -> bool:
        """Whether groups (T,) are what is asked for."""
        held = np.eye(self.n_groups)[labels].ravel()
        return len(np.unique(labels)) == self.n_groups and all(
            demand.met_by(held) for demand in self.demands
        )

    def any(self, deadline: float) -> np.ndarray | None:
        """Groups (T,) of some partition that is as asked for; None where time ended before.

        Raises:
            CoterieError: there is none; it names demands of which every one is needed for that.
        """
        found = self._solved(self.demands, deadline)
        if found.rows is not None:
            return np.sort(found.rows) % self.n_groups
        if not found.finished:
            return None
        clash = needed(self.demands, lambda rest: self._impossible(rest, deadline))
        raise CoterieError(
            f"No partition of the {self.n_tasks} tasks into {self.n_groups} groups keeps to "
            f"{', '.join(demand.name for demand in clash)}. "
            f"Relax {'it' if len(clash) == 1 else 'one of them'}."
        )

    def _impossible(self, demands: list[Demand], deadline: float) -> bool:
        found = self._solved(demands, deadline)
        return found.rows is None and found.finished

    def _solved(self, demands: list[Demand], deadline: float) -> Answer:
        n_cells = self.n_tasks * self.n_groups
        sums = [
            LinearConstraint(sparse.csr_array(demand.sums), demand.least, demand.most)  # pyright: ignore[reportArgumentType]
            for demand in demands
            if not demand.exact
        ]
        loads = [demand.sums for demand in demands if demand.exact]
        return solve(
            np.zeros(n_cells),
            [*self._parts, *sums],
            np.concatenate([np.zeros((0, n_cells)), *loads]),
            deadline,
        )


def read_programme(
    tasks: tuple[str, ...],
    n_groups: int,
    *,
    sizes: tuple[int | None, int | None] = (None, None),
    must_link: Iterable[tuple[Task, Task]] = (),
    cannot_link: Iterable[tuple[Task, Task]] = (),
    resources: GroupLimits | None = None,
    row_limits: GroupLimits | None = None,
) -> Programme:
    """Check what is asked of a partition.

    Raises:
        CoterieError: an argument of another form, unknown tasks, negative amounts.

    >>> read_programme(("a", "b", "c"), 2, cannot_link=[("a", "c")]).apart
    [(0, 2)]
    """
    for name, value, wanted in (
        ("must_link", must_link, Iterable),
        ("cannot_link", cannot_link, Iterable),
        ("resources", {} if resources is None else resources, Mapping),
        ("row_limits", {} if row_limits is None else row_limits, Mapping),
    ):
        require_type(name, value, wanted)
    shape = (len(tasks), n_groups)
    return Programme(
        tasks=tasks,
        n_groups=n_groups,
        sizes=read_sizes(sizes),
        together=read_pairs(tasks, "must_link", must_link),
        apart=read_pairs(tasks, "cannot_link", cannot_link),
        limits=dict(
            _shares("row_limits", "row limit", name, entry, shape, by_group=True)
            for name, entry in (row_limits or {}).items()
        ),
        totals=dict(
            _shares("resources", "resource", name, entry, shape, by_group=False)
            for name, entry in (resources or {}).items()
        ),
    )


def _shares(
    argument: str,
    word: str,
    name: str,
    entry: object,
    shape: tuple[int, int],
    *,
    by_group: bool,
) -> tuple[str, np.ndarray]:
    """The name of a limit, and which share of it a task takes in a group (T, K)."""
    where = f"{argument}[{name!r}]"
    try:
        given, limit = entry  # type: ignore[misc]
    except (TypeError, ValueError):
        raise CoterieError(f"`{where}` must be a pair (one value per task, limit).") from None
    values, bounds = numbers(where, given), np.atleast_1d(numbers(where, limit))
    if values.shape not in (shape, shape[:1]):
        raise CoterieError(
            f"`{where}` must have one value for each of the {shape[0]} tasks, or one for each task "
            f"and group, {shape}; found shape {values.shape}."
        )
    if not (np.isfinite(values) & (values >= 0)).all():
        raise CoterieError(f"`{where}` must be finite and not negative for every task.")
    if bounds.shape not in ((1,), shape[1:] if by_group else (1,)):
        groups = f", or one for each of the {shape[1]} groups" if by_group else ""
        raise CoterieError(f"`{where}` must have one limit{groups}; found {len(bounds)}.")
    for bound in bounds.tolist():
        check_number(where, bound, positive=False)
    amounts = np.broadcast_to(values.reshape(shape[0], -1), shape)
    limits = np.broadcast_to(bounds, shape)
    # A limit of 0 is no capacity to take shares of: what takes anything takes too much.
    none = np.where(amounts > 0, 2.0, 0.0)
    shares = np.where(limits > 0, amounts / np.where(limits > 0, limits, 1.0), none)
    return f"{word} {name} {'/'.join(f'{bound:g}' for bound in bounds)}", shares
