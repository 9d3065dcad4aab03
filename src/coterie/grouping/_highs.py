"""The three programmes that go to HiGHS.

Who serves whom, what covers the tasks, what parts them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from time import perf_counter
from typing import ParamSpec, TypeVar

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from coterie.grouping._cover import FITS, Cover, undominated

# HiGHS stops at an absolute gap of 1e-6, which SciPy does not let one change: gains in [0, 1] are
# stretched instead.
P = ParamSpec("P")
T = TypeVar("T")
_STRETCH = 1e3
_FEW = 500


@dataclass(frozen=True)
class Answer:
    """Chosen rows, or None where there are none or none was found; an upper ``bound``.

    Whether the search was ``finished``.
    """

    rows: list[int] | None
    bound: float
    finished: bool


def serve(cover: Cover, deadline: float) -> Answer:
    """Choose rows so that the sum of the best gains is largest.

    Max sum g u, sum_g u_gt = 1, u_gt <= x_g, loads x <= 1.
    """
    n_rows, n_tasks = cover.gains.shape
    row, task = np.nonzero(np.isfinite(cover.gains))
    if len(np.unique(task)) < n_tasks:
        return Answer(None, -np.inf, finished=True)
    cells = np.arange(len(row))
    once = sparse.csr_array(
        (np.ones(len(row)), (task, n_rows + cells)), shape=(n_tasks, n_rows + len(row))
    )
    linked = sparse.csr_array(
        (
            np.r_[np.ones(len(row)), -np.ones(len(row))],
            (np.r_[cells, cells], np.r_[n_rows + cells, row]),
        ),
        shape=(len(row), n_rows + len(row)),
    )
    profit = np.r_[np.zeros(n_rows), cover.gains[row, task]]
    return solve(
        profit,
        [LinearConstraint(once, 1, 1), LinearConstraint(linked, -np.inf, 0)],
        cover.loads,
        deadline,
    )


def cover_tasks(
    serves: np.ndarray,
    loads: np.ndarray,
    deadline: float,
    *,
    at_most_once: np.ndarray | None = None,
) -> Answer:
    """Choose any rows that serve every task, ``serves`` (R, T), within the loads.

    ``at_most_once`` (R, S) not twice.
    """
    rows = np.arange(len(serves))
    if at_most_once is None:
        rows = np.flatnonzero(undominated(Cover(np.where(serves, 0.0, -np.inf), loads)))
    rules = [LinearConstraint(sparse.csr_array(serves[rows].T.astype(float)), 1, np.inf)]
    if at_most_once is not None:
        rules.append(LinearConstraint(sparse.csr_array(at_most_once.T.astype(float)), 0, 1))
    found = solve(np.zeros(len(rows)), rules, loads[:, rows], deadline)
    return (
        found
        if found.rows is None
        else Answer(rows[found.rows].tolist(), found.bound, found.finished)
    )


def part(
    values: np.ndarray,
    subsets: np.ndarray,
    loads: np.ndarray,
    deadline: float,
    *,
    totals: np.ndarray | None = None,
) -> Answer:
    """Choose rows that hold every task once, with the largest sum of ``values`` (R,) in [0, 1].

    ``subsets`` (R, T) may have further columns, of what is wanted as often as ``totals`` (T,) say.

    The rows that lose least in the linear relaxation give a first choice; what loses more than that
    is away from the bound cannot be in a better one.
    """
    once: np.ndarray = subsets.T.astype(float)
    total = np.ones(len(once)) if totals is None else totals

    def of(rows: np.ndarray) -> Answer:
        rules = [LinearConstraint(sparse.csr_array(once[:, rows]), total, total)]  # pyright: ignore[reportArgumentType]
        found = solve(values[rows], rules, loads[:, rows], deadline)
        return (
            found
            if found.rows is None
            else Answer(rows[found.rows].tolist(), found.bound, found.finished)
        )

    relaxed = _interruptible(
        linprog, -values, loads, np.ones(len(loads)), once, total, bounds=(0, None)
    )
    if relaxed.status != 0 or len(values) <= _FEW:
        return of(np.arange(len(values)))
    prices, dues = -relaxed.eqlin.marginals, np.maximum(-relaxed.ineqlin.marginals, 0)
    losses = prices @ once + dues @ loads - values
    bound = prices @ total + dues.sum() + np.maximum(-losses, 0).sum()
    first = of(np.argsort(losses, kind="stable")[:_FEW])
    slack = bound - values[first.rows].sum() + 1e-7 if first.rows is not None else np.inf
    found = of(np.flatnonzero(losses <= slack))
    if found.finished:
        return found
    choices = [answer.rows for answer in (first, found) if answer.rows is not None]
    best = max(choices, key=lambda rows: values[rows].sum(), default=None)
    return Answer(best, float(min(bound, found.bound)), finished=False)


def solve(
    profit: np.ndarray, rules: list[LinearConstraint], loads: np.ndarray, deadline: float
) -> Answer:
    """Maximise ``profit`` (V,) under rules and ``loads`` (C, R) of a capacity of 1 each.

    The first R variables are binary, and those of them that are 1 are the answer; the others are
    shares.
    """
    n_rows = loads.shape[1]
    wide = sparse.hstack(
        [loads, sparse.csr_array((len(loads), len(profit) - n_rows))], format="csr"
    )
    rules = [*rules, LinearConstraint(wide, -np.inf, FITS)]
    whole = np.r_[np.ones(n_rows), np.zeros(len(profit) - n_rows)]
    while True:
        limit = deadline - perf_counter()
        if limit <= 0:
            return Answer(None, np.inf, finished=False)
        options = {"time_limit": limit, "mip_rel_gap": 0}
        found = _interruptible(
            milp,
            -_STRETCH * profit,
            constraints=rules,
            integrality=whole,
            bounds=Bounds(0, 1),
            options=options,
        )
        if found.status == 2:
            return Answer(None, -np.inf, finished=True)
        bound = np.inf if found.mip_dual_bound is None else -found.mip_dual_bound / _STRETCH
        if found.x is None:
            return Answer(None, bound, finished=False)
        chosen = np.flatnonzero(found.x[:n_rows] > 0.5)
        if (loads[:, chosen].sum(axis=1) <= FITS).all():
            return Answer(chosen.tolist(), bound, finished=found.status == 0)
        # HiGHS lets a row of loads be exceeded by 1e-6; a limit is a limit, so these rows may not
        # be chosen together.
        together = sparse.csr_array(
            (np.ones(len(chosen)), (np.zeros(len(chosen), int), chosen)), shape=(1, len(profit))
        )
        rules = [*rules, LinearConstraint(together, -np.inf, len(chosen) - 1)]


def _interruptible(solve: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """What ``solve`` answers.

    It runs in a thread of its own, because HiGHS looks at no signal until it ends.

    After Ctrl-C it goes on until its time limit. Python waits for it before it ends, and must:
    HiGHS would end it by ``abort``.
    """
    answer: Future[T] = Future()

    def work() -> None:
        try:
            answer.set_result(solve(*arguments, **options))
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=work, name="HiGHS").start()
    return answer.result()
