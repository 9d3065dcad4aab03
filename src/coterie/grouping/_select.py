"""The verb: from scores of many candidate models to the few that serve all tasks best, exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter

import numpy as np
import numpy.typing as npt

from coterie.errors import CoterieError, require_positive, require_type
from coterie.grouping._conflicts import Constraint, Limits, allowed_rows, explain, read_constraints
from coterie.grouping._cover import FITS, Cover
from coterie.grouping._rows import Rows, Task, numbers, read_rows
from coterie.grouping._search import Choice, best_cover, best_partition
from coterie.results import ScoreTable, Selection


def select(
    scores: ScoreTable | np.ndarray,
    subsets: np.ndarray | Sequence[Sequence[Task]] | None = None,
    *,
    budget: float,
    costs: np.ndarray | Sequence[float] | None = None,
    partition: bool = False,
    sizes: tuple[int | None, int | None] = (None, None),
    must_link: Iterable[tuple[Task, Task]] = (),
    cannot_link: Iterable[tuple[Task, Task]] = (),
    resources: Limits | None = None,
    row_limits: Limits | None = None,
    task_weights: np.ndarray | Sequence[float] | None = None,
    tasks: Sequence[str] | None = None,
    time_limit: float = 60.0,
) -> Selection:
    """Choose the candidate rows that serve all tasks best within a budget, and prove it.

    Each task is served by its best chosen row; the sum over tasks is maximised exactly, as facility
    location (Standley et al., ICML 2020, ask for it by search): dominated rows go first, then
    whatever a Lagrangian bound rules out against a choice found by local search; HiGHS decides on
    the rest.

    Args:
        scores: a table, or scores (R, T) of R candidate models, higher is better, NaN where a row
            does not train a task.
        subsets: which tasks each row trains: (R, T) of 0 and 1, or lists of names or positions;
            default: those it scores.
        budget: limit on the sum of ``costs``: a number of models where they are all 1.
        costs: what each row takes of the budget (R,); default 1. The same subset at another cost is
            another row.
        partition: whether each task is in exactly one chosen row; rows may overlap otherwise.
        sizes: smallest and largest number of tasks of a row.
        must_link: pairs of tasks, by name or position, of which a row has both or none.
        cannot_link: pairs of tasks of which a row has one at most.
        resources: by name, a value per row (R,) and a limit on the sum over the chosen rows.
        row_limits: by name, a value per row (R,) and a limit on each chosen row.
        task_weights: what a unit of score counts for each task (T,), 0 or more; default 1.
        tasks: names of the columns of an array.
        time_limit: seconds; the best choice so far is then returned with its gap.

    Raises:
        CoterieError: bad input, named; constraints that cannot hold together, and which; nothing
            found in time.

    >>> scores = np.array([[0.5, np.nan], [np.nan, 0.6], [0.4, 0.7]])
    >>> select(scores, budget=2, tasks=["a", "b"])
    Selection({a}, {a b}; objective 1.2, proven best)
    >>> select(scores, budget=2, tasks=["a", "b"], partition=True).objective
    1.1
    """
    started = perf_counter()
    require_positive("time_limit", time_limit)
    require_type("partition", partition, bool)
    if resources is not None:
        require_type("resources", resources, Mapping)
    if row_limits is not None:
        require_type("row_limits", row_limits, Mapping)
    for name, pairs in (("must_link", must_link), ("cannot_link", cannot_link)):
        require_type(name, pairs, Iterable)
    rows = read_rows(scores, subsets, costs, tasks)
    weights = _weights(task_weights, len(rows.tasks))
    constraints = read_constraints(
        rows,
        budget=budget,
        partition=partition,
        sizes=sizes,
        must_link=must_link,
        cannot_link=cannot_link,
        resources=resources,
        row_limits=row_limits,
    )
    allowed = _allowed(rows, constraints)
    if not rows.subsets[allowed].any(axis=0).all():
        raise explain(rows, constraints, perf_counter() + time_limit)
    cover, scale, offset = _cover(rows, weights, constraints, allowed)
    choice = (best_partition if partition else best_cover)(cover, started + time_limit)
    if choice.answer.rows is None:
        if choice.answer.finished:
            raise explain(rows, constraints, perf_counter() + time_limit)
        raise CoterieError(
            f"`time_limit` of {time_limit:g} s ended before any choice of rows was found; give "
            "more."
        )
    chosen = allowed[np.sort(choice.answer.rows)]
    return _selection(
        rows, weights, chosen, choice, choice.answer.bound * scale + offset, len(allowed), started
    )


def _weights(task_weights: npt.ArrayLike | None, n_tasks: int) -> np.ndarray:
    weights = np.ones(n_tasks) if task_weights is None else numbers("task_weights", task_weights)
    if weights.shape != (n_tasks,):
        raise CoterieError(
            f"`task_weights` must have one value for each of the {n_tasks} tasks; found "
            f"{weights.shape}."
        )
    if not (np.isfinite(weights) & (weights >= 0)).all() or not weights.any():
        raise CoterieError(
            f"`task_weights` must be finite, not negative and not all 0; found {weights.tolist()}."
        )
    return weights


def _allowed(rows: Rows, constraints: Sequence[Constraint]) -> np.ndarray:
    """Positions of the rows that could be chosen alone."""
    affordable = [c.loads <= FITS for c in constraints if c.loads is not None]
    return np.flatnonzero(allowed_rows(constraints, len(rows.costs)) & np.all(affordable, axis=0))


def _cover(
    rows: Rows, weights: np.ndarray, constraints: Sequence[Constraint], allowed: np.ndarray
) -> tuple[Cover, float, float]:
    """Weighted scores of the allowed rows, brought to [0, 1].

    A sum of gains is worth itself times scale plus offset.
    """
    worth = (rows.scores * weights)[allowed]
    present = ~np.isnan(worth)
    lowest = np.min(worth, axis=0, where=present, initial=np.inf)
    rise = np.where(present, worth - lowest, 0.0)
    scale = float(rise.max(initial=0.0)) or 1.0
    loads = np.stack([c.loads[allowed] for c in constraints if c.loads is not None])
    return Cover(np.where(present, rise / scale, -np.inf), loads), scale, float(lowest.sum())


def _selection(
    rows: Rows,
    weights: np.ndarray,
    chosen: np.ndarray,
    choice: Choice,
    bound: float,
    n_allowed: int,
    started: float,
) -> Selection:
    """Give each task to its best chosen row; rows that serve none are not needed."""
    served = np.where(rows.subsets[chosen], rows.scores[chosen], -np.inf)
    serves = chosen[served.argmax(axis=0)]
    chosen = np.unique(serves)
    objective = float((weights * served.max(axis=0)).sum())
    proven = choice.answer.finished
    above = 0.0 if proven else max(bound - objective, 0.0)
    gap = above / abs(objective) if objective else float(np.inf if above else 0.0)
    return Selection(
        tasks=rows.tasks,
        rows=chosen,
        serves=serves,
        subsets=rows.subsets[chosen],
        objective=objective,
        cost=float(rows.costs[chosen].sum()),
        gap=gap,
        proven=proven,
        details={
            "candidates": rows.source,
            "rows": len(rows.costs),
            "allowed": n_allowed,
            "dominated": choice.dominated,
            "left": choice.left,
            "seconds": perf_counter() - started,
            "status": "proven best" if proven else "time limit reached",
        },
    )
