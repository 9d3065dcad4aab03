"""Subsets of tasks to ask about, and affinities as averages of the scores that they get.

Shapes: ``R`` subsets, ``T`` tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from coterie.errors import CoterieError, require_whole
from coterie.estimators.base import Estimator, random_subsets
from coterie.grouping import group
from coterie.results import Affinity
from coterie.seeds import numpy_generator

N_SUBSETS = 2000
_ARRIVALS = 3
_TRIES = 20


def sampled_affinity(
    estimator: Estimator,
    *,
    n_subsets: int = N_SUBSETS,
    size: int | None = None,
    adaptive: int | None = None,
    seed: int = 0,
    method: str = "averages",
) -> Affinity:
    """Mean standardised score of each target over sampled subsets that hold the source too.

    The higher-order affinity of Grad-TAG (Li, Sharma & Zhang, KDD 2024, section 3) and, where the
    estimator trains, of "Boosting multitask learning on graphs" (Li et al., KDD 2023).

    Args:
        estimator: of the scores; asked once, or with ``adaptive`` a few times.
        n_subsets: distinct subsets; all of them if there are no more. A pair is met in about
            n_subsets size (size - 1) / (T (T - 1)) of them, drawn uniformly; where it is in none
            the entry is NaN.
        size: tasks of a subset; half of all, but 2 to 10, if left out.
        adaptive: a number of groups within which subsets are drawn, see :func:`adaptive_subsets`;
            no entry is then NaN. Uniformly if left out, which is better unless subsets are small.
        seed: of the subsets.
        method: what the affinity is called.

    Raises:
        CoterieError: fewer than two tasks, or a number that does not fit.

    >>> from coterie.estimators import TableScores
    >>> from coterie.results import ScoreTable
    >>> known = {("a", "b"): [3, 3], ("a", "c"): [1, 1], ("b", "c"): [1, 1]}
    >>> table = TableScores(ScoreTable.of(("a", "b", "c"), known))
    >>> sampled_affinity(table).matrix + 0
    array([[ 0.,  1.,  0.],
           [ 1.,  0.,  0.],
           [-1., -1.,  0.]])
    """
    n_tasks = len(estimator.tasks)
    if n_tasks < 2:
        raise CoterieError(f"An affinity is between at least 2 tasks; found {n_tasks}.")
    size = usual_size(n_tasks) if size is None else size
    require_whole("size", size, 2, n_tasks)
    if adaptive is None:
        rows = random_subsets(n_tasks, size, n_subsets, seed) > 0
        scores = estimator.predict(rows.astype(np.float64))
    else:
        rows, scores = adaptive_subsets(
            estimator.predict, n_tasks, size=size, n_subsets=n_subsets, n_groups=adaptive, seed=seed
        )
    matrix, counts, stderr = co_averages(rows, scores)
    return Affinity(
        tasks=tuple(estimator.tasks),
        matrix=matrix,
        method=method,
        counts=counts,
        stderr=stderr,
        cost=dict(estimator.cost),
        details={"measure": estimator.measure, "subsets": len(rows), "size": size},
    )


def usual_size(n_tasks: int) -> int:
    """Tasks of a sampled subset, unless it is said.

    >>> usual_size(3), usual_size(9), usual_size(100)
    (2, 4, 10)
    """
    return min(10, max(2, n_tasks // 2))


def adaptive_subsets(
    predict: Callable[[np.ndarray], np.ndarray],
    n_tasks: int,
    *,
    size: int,
    n_subsets: int,
    n_groups: int,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Subsets drawn within the groups that earlier ones showed, (R, T) of bool, and their scores.

    The adaptive sampling of AdaGroup, which Grad-TAG's authors published before it (Li et al.):
    clusters found so far are kept, and each draw takes one of them at random and all tasks that are
    in none yet as the pool, of which it takes ``size``, or half if they are fewer than twice that. So
    the affinity of two tasks of different clusters is settled once, and that within a cluster refined.
    Here all tasks are known from the start, and arrive in a random order: first half of them, then
    the others in three parts, and in the end none. Each time an equal share of the subsets is drawn
    and scored, and the tasks so far are clustered by their averages.

    Pairs that were never drawn together are brought together in further subsets of that size.

    Args:
        predict: scores (M, T) of 0/1 weights (M, T), higher is better.
        n_tasks: T.
        size: tasks of a subset.
        n_subsets: distinct subsets at most, without the further ones; fewer where the clusters have
            no more.
        n_groups: number of clusters.
        seed: of all draws.

    >>> friends = np.kron(np.eye(2), np.ones((4, 4)))
    >>> rows, _ = adaptive_subsets(
    ...     lambda w: np.where(w > 0, w @ friends, np.nan), 8, size=3, n_subsets=40, n_groups=2
    ... )
    >>> met = rows.T.astype(int) @ rows
    >>> bool(met.min() > 0), bool(met[friends > 0].mean() > 2 * met[friends == 0].mean())
    (True, True)
    """
    for name, value in {"n_subsets": n_subsets, "adaptive": n_groups}.items():
        require_whole(name, value, 1)
    rng = numpy_generator(seed, "subsets", "adaptive", n_tasks, size)
    order = rng.permutation(n_tasks)
    first = -(-n_tasks // 2)
    parts = [part for part in np.array_split(order[first:], _ARRIVALS) if len(part)]
    arrivals = [order[:first], *parts, order[:0]]
    rows, scores = np.zeros((0, n_tasks), dtype=bool), np.zeros((0, n_tasks))
    clusters: list[np.ndarray] = []
    for turn, arrived in enumerate(arrivals):
        pools = [np.r_[cluster, arrived] for cluster in clusters] or [arrived]
        due = n_subsets * (turn + 1) // len(arrivals) - len(rows)
        drawn = _drawn([pool for pool in pools if len(pool) > 1], due, size, rows, rng)
        rows, scores = _asked(predict, rows, scores, drawn)
        known = np.sort(np.concatenate(arrivals[: turn + 1]))
        clusters = _clusters(co_averages(rows, scores)[0], known, n_groups)
    return _asked(predict, rows, scores, _uniting(rows, size, rng))


def covering_subsets(n_tasks: int, size: int, n: int, seed: int) -> np.ndarray:
    """``n`` distinct random subsets of ``size`` tasks in which every pair meets, bool (n, T).

    Drawn uniformly; while a pair is missing, a subset that can be spared gives way to one with that
    pair.

    Raises:
        CoterieError: there are too few subsets to bring all pairs together.

    >>> rows = covering_subsets(7, 3, 14, seed=0)
    >>> bool((rows.T.astype(int) @ rows).min() > 0)
    True
    """
    rows = random_subsets(n_tasks, size, n, seed) > 0
    rng = numpy_generator(seed, "subsets", "cover")
    while True:
        together = rows.T.astype(int) @ rows
        missing = np.argwhere(np.triu(together == 0, 1))
        if not len(missing):
            return rows
        spare = [r for r, row in enumerate(rows) if together[np.ix_(row, row)].min() > 1]
        if not spare:
            raise CoterieError(
                f"{n} subsets of {size} do not bring all pairs of {n_tasks} tasks together; give "
                "more `n_subsets`, or a larger `size`."
            )
        rows[spare[0]] = _with(missing[0], together, size, rng)


def co_averages(
    members: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over the rows that hold both tasks of the target's standardised value, [source, target].

    Counts and standard errors.

    Values are standardised per target over the rows that hold it (their scales differ), so that the
    diagonal is 0. NaN where no row holds both (Li, Sharma & Zhang, KDD 2024, section 3;
    standardised as in their "Boosting multitask learning on graphs").

    Args:
        members: (R, T) bool.
        values: (R, T), higher is better.

    >>> members = np.array([[1, 1, 0], [1, 0, 1], [1, 1, 1]], dtype=bool)
    >>> values = np.where(members, [[1.0, 0, 0], [3.0, 0, 0], [2.0, 0, 0]], np.nan)
    >>> co_averages(members, values)[0].round(3)[:, 0].tolist()
    [0.0, -0.612, 0.612]
    """
    values = np.where(members, values, np.nan)
    known = ~np.isnan(values)
    counts = (members.T.astype(np.float64) @ known).astype(np.int64)
    n_known = np.maximum(known.sum(0), 1)
    centred = np.where(known, values - np.nansum(values, 0) / n_known, 0.0)
    spread = np.sqrt((centred**2).sum(0) / n_known)
    flat = spread <= 1e-9 * np.abs(np.nan_to_num(values)).max(0, initial=0.0)
    standardised = np.where(flat, 0.0, centred / np.where(flat, 1.0, spread))
    total, squares = (members.T.astype(np.float64) @ (standardised**power) for power in (1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(counts > 0, total / counts, np.nan)
        variance = (squares / counts - mean**2).clip(min=0) * counts / (counts - 1)
        stderr = np.where(counts > 1, np.sqrt(variance / counts), np.nan)
    return mean, counts, stderr


def _drawn(
    pools: Sequence[np.ndarray], n: int, size: int, before: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """At most ``n`` subsets of single pools, (R, T), none of them twice nor among those before."""
    seen = {row.tobytes() for row in before}
    found: list[np.ndarray] = []
    tries = _TRIES if pools else 0
    while len(found) < n and tries:
        pool = pools[int(rng.integers(len(pools)))]
        row = np.zeros(before.shape[1], dtype=bool)
        row[rng.choice(pool, min(size, max(2, len(pool) // 2)), replace=False)] = True
        if row.tobytes() in seen:
            tries -= 1
            continue
        seen.add(row.tobytes())
        found.append(row)
        tries = _TRIES
    return np.array(found, dtype=bool).reshape(len(found), before.shape[1])


def _uniting(rows: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Subsets of ``size`` tasks that bring together whichever pair no row has, (R, T)."""
    together, found = rows.T.astype(int) @ rows, []
    while len(missing := np.argwhere(np.triu(together == 0, 1))):
        found.append(_with(missing[0], together, size, rng))
        together += np.outer(found[-1], found[-1])
    return np.array(found, dtype=bool).reshape(len(found), rows.shape[1])


def _with(
    pair: np.ndarray, together: np.ndarray, size: int, rng: np.random.Generator
) -> np.ndarray:
    """A subset (T,) with a pair, and with the tasks that were seen ``together`` with fewest."""
    group, n_tasks = list(pair), len(together)
    while len(group) < size:
        lacking = (together[:, group] == 0).sum(axis=1) + rng.random(n_tasks)
        lacking[group] = -1
        group.append(int(lacking.argmax()))
    return np.isin(np.arange(n_tasks), group)


def _asked(
    predict: Callable[[np.ndarray], np.ndarray],
    rows: np.ndarray,
    scores: np.ndarray,
    more: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and scores with more of them."""
    if not len(more):
        return rows, scores
    return np.vstack([rows, more]), np.vstack([scores, predict(more.astype(np.float64))])


def _clusters(matrix: np.ndarray, known: np.ndarray, n_groups: int) -> list[np.ndarray]:
    """The known tasks in groups of the greatest density; pairs not seen yet are of average use."""
    if len(known) <= n_groups:
        return [known[[place]] for place in range(len(known))]
    own = np.nan_to_num(matrix[np.ix_(known, known)])
    names = tuple(str(task) for task in known)
    labels = group(Affinity(tasks=names, matrix=own, method="so far"), n_groups).labels
    return [known[labels == label] for label in range(n_groups)]
