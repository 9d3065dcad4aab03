"""Constraints by name, and which of them cannot hold together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from coterie.errors import CoterieError, blame
from coterie.grouping._highs import cover_tasks
from coterie.grouping._rows import Rows, Task, position_of

Part = TypeVar("Part")
Limits = Mapping[str, tuple[npt.ArrayLike, float]]
_NAMED_TASKS = 6
_TASKS_SECONDS = 5


@dataclass(frozen=True)
class Constraint:
    """Which rows it allows (R,) bool, or what they take of a capacity of 1 (R,).

    Or, of ``parts``, that no task is in two rows.
    """

    name: str
    allowed: np.ndarray | None = None
    loads: np.ndarray | None = None
    parts: bool = False


def read_constraints(
    rows: Rows,
    *,
    budget: float,
    partition: bool,
    sizes: tuple[int | None, int | None],
    must_link: Iterable[tuple[Task, Task]],
    cannot_link: Iterable[tuple[Task, Task]],
    resources: Limits | None,
    row_limits: Limits | None,
) -> list[Constraint]:
    """Name everything that is asked of the selection; the budget comes first.

    Raises:
        CoterieError: an argument of another form, negative limits, unknown tasks.
    """
    check_number("budget", budget, positive=True)
    found = [Constraint(f"budget {budget:g}", loads=_shares(rows.costs, budget))]
    found += [Constraint("partition", parts=True)] if partition else []
    found += shape_constraints(rows.subsets, rows.tasks, sizes, must_link, cannot_link)
    for name, values, limit in _limits(rows, "resources", resources):
        # A limit of 0 is no capacity to take shares of.
        label = f"resource {name} {limit:g}"
        found.append(
            Constraint(label, loads=values / limit)
            if limit > 0
            else Constraint(label, allowed=values == 0)
        )
    for name, values, limit in _limits(rows, "row_limits", row_limits):
        found.append(Constraint(f"row limit {name} {limit:g}", allowed=values <= limit))
    return found


def shape_constraints(
    subsets: np.ndarray,
    tasks: tuple[str, ...],
    sizes: tuple[int | None, int | None],
    must_link: Iterable[tuple[Task, Task]],
    cannot_link: Iterable[tuple[Task, Task]],
) -> list[Constraint]:
    """What is asked of which tasks stand in a row of ``subsets`` (R, T).

    Raises:
        CoterieError: an argument of another form, unknown tasks.
    """
    members, (least, most) = subsets.sum(axis=1), read_sizes(sizes)
    found = []
    if least is not None:
        found.append(Constraint(f"sizes of at least {least}", allowed=members >= least))
    if most is not None:
        found.append(Constraint(f"sizes of at most {most}", allowed=members <= most))
    for name, pairs in (("must_link", must_link), ("cannot_link", cannot_link)):
        for a, b in read_pairs(tasks, name, pairs):
            has_a, has_b = subsets[:, a], subsets[:, b]
            allowed = has_a == has_b if name == "must_link" else ~(has_a & has_b)
            found.append(Constraint(f"{name} {tasks[a]}-{tasks[b]}", allowed=allowed))
    return found


def allowed_rows(constraints: Iterable[Constraint], n_rows: int) -> np.ndarray:
    """Which rows (R,) no constraint excludes for what they are."""
    allowed = np.ones(n_rows, dtype=bool)
    for constraint in constraints:
        if constraint.allowed is not None:
            allowed &= constraint.allowed
    return allowed


def explain(rows: Rows, constraints: Sequence[Constraint], deadline: float) -> CoterieError:
    """Name a conflict of which every part is needed.

    Of constraints, then of tasks. What is not tried in time stays; tasks are given a few seconds
    only.
    """
    tasks = list(range(len(rows.tasks)))
    active = needed(constraints, lambda rest: _conflict(rows, tasks, rest, deadline))
    soon = min(deadline, perf_counter() + _TASKS_SECONDS)
    for task in reversed(range(len(rows.tasks))):
        rest = [other for other in tasks if other != task]
        if rest and _conflict(rows, rest, active, soon):
            tasks = rest
    names = [rows.tasks[task] for task in tasks]
    more = f" and {len(names) - _NAMED_TASKS} more tasks" if len(names) > _NAMED_TASKS else ""
    listed = ", ".join(names[:_NAMED_TASKS]) + more
    advice = "Relax it." if len(active) == 1 else "Relax one of them."
    return CoterieError(
        f"No choice of rows serves {listed} under {', '.join(c.name for c in active)}. {advice}"
    )


def needed(parts: Sequence[Part], conflict: Callable[[list[Part]], bool]) -> list[Part]:
    """Parts of a conflict of which every one is needed.

    Deletion filtering (Chinneck and Dravnieks, 1991): they go one by one where the rest still is a
    conflict.

    >>> needed([1, 2, 3, 4], lambda rest: sum(rest) >= 6)
    [3, 4]
    """
    active = list(parts)
    for part in parts:
        rest = [other for other in active if other is not part]
        if conflict(rest):
            active = rest
    return active


def _conflict(rows: Rows, tasks: list[int], constraints: list[Constraint], deadline: float) -> bool:
    """Whether it is proven that no choice of rows serves these tasks."""
    allowed = allowed_rows(constraints, len(rows.subsets))
    subsets = rows.subsets[allowed]
    if not subsets[:, tasks].any(axis=0).all():
        return True
    given = [
        constraint.loads[allowed] for constraint in constraints if constraint.loads is not None
    ]
    loads, serves = np.reshape(given, (len(given), len(subsets))), subsets[:, tasks]
    apart = subsets if any(constraint.parts for constraint in constraints) else None
    found = cover_tasks(serves, loads, deadline, at_most_once=apart)
    return found.rows is None and found.finished


def _shares(costs: np.ndarray, budget: float) -> np.ndarray:
    """What each row takes of the budget.

    Where all cost the same, the budget is a number of rows.
    """
    if costs.min() == costs.max() > 0:
        affordable = np.floor(budget / costs[0] + 1e-9)
        return np.full(len(costs), 1 / affordable if affordable else 2.0)
    return costs / budget


def read_sizes(sizes: tuple[int | None, int | None]) -> tuple[int | None, int | None]:
    """The smallest and the largest number of tasks of a row, where they are bounded.

    Raises:
        CoterieError: no pair of whole numbers or None, or the first is larger.
    """
    try:
        least, most = sizes
    except (TypeError, ValueError):
        raise CoterieError(
            f"`sizes` must be a pair (smallest, largest), None for no bound; found {sizes!r}."
        ) from None
    for bound in (least, most):
        if bound is not None and (
            isinstance(bound, bool) or not isinstance(bound, int | np.integer) or bound < 1
        ):
            raise CoterieError(
                f"`sizes` must be whole numbers of at least 1, or None; found {bound!r}."
            )
    if least is not None and most is not None and least > most:
        raise CoterieError(f"`sizes` must be (smallest, largest); found {least} > {most}.")
    return least, most


def read_pairs(
    tasks: tuple[str, ...], name: str, pairs: Iterable[tuple[Task, Task]]
) -> list[tuple[int, int]]:
    """Positions of pairs of tasks.

    Raises:
        CoterieError: no pairs, of one task twice, or of unknown tasks.
    """
    found = []
    with blame(f"`{name}` must be pairs of tasks"):
        pairs = list(pairs)
    for pair in pairs:
        if isinstance(pair, str) or not hasattr(pair, "__len__") or len(pair) != 2:
            raise CoterieError(f"`{name}` must be pairs of tasks; found {pair!r}.")
        a, b = (position_of(task, tasks, f"`{name}`") for task in pair)
        if a == b:
            raise CoterieError(f"`{name}` must pair two different tasks; found {tasks[a]!r} twice.")
        found.append((a, b))
    return found


def _limits(
    rows: Rows, argument: str, limits: Limits | None
) -> list[tuple[str, np.ndarray, float]]:
    found = []
    for name, entry in (limits or {}).items():
        try:
            given, limit = entry
            values = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError):
            raise CoterieError(
                f"`{argument}`: {name!r} must be a pair (one value per row, limit)."
            ) from None
        if values.shape != (len(rows.costs),):
            raise CoterieError(
                f"`{argument}`: {name!r} must have one value for each of the {len(rows.costs)} "
                "rows."
            )
        if not (np.isfinite(values) & (values >= 0)).all():
            raise CoterieError(
                f"`{argument}`: {name!r} must be finite and not negative in every row."
            )
        check_number(f"{argument}[{name!r}]", limit, positive=False)
        found.append((name, values, float(limit)))
    return found


def check_number(name: str, value: float, *, positive: bool) -> None:
    """Refuse what is no finite number, or below 0, or 0 where it must be ``positive``."""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not 0 <= value < np.inf or (positive and value == 0):
        wanted = "greater than 0" if positive else "of at least 0"
        raise CoterieError(f"`{name}` must be a finite number {wanted}; found {value!r}.")
