"""Which examples stand for the others: cells of like labels, and an order within each.

On plain arrays, without a model. Sizes: ``N`` examples, ``T`` tasks, ``K`` cells.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from coterie.errors import CoterieError, blame, require_choice, require_whole, shown
from coterie.seeds import MOST_SEED, numpy_generator

FLOOR = 25
"""Examples of each class of each task that are wanted, where there are so many (multi-task DELT)."""

_MOST = 10**9


def select(
    scores: np.ndarray | None,
    labels: np.ndarray,
    per_class: int,
    rule: str = "median",
    *,
    n_cells: int | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Choose examples of every class, or of every cell of like labels, best first (DELT, sec. 3).

    The published rule is "median": the examples whose scores lie next to the median of their class,
    the upper neighbour before the lower one. "data_map" spreads them over the class's data map in
    equal shares, so that its histogram stays, the most confident first.

    Args:
        scores: (N,), such as the teacher's probability of the true class; for "data_map" (N, 2)
            means of confidence and of variability over the tasks; "random" needs none.
        labels: class of each example, (N,) int64, or of each task, (N, T), see :func:`cells`;
            -1 where missing. Examples without any label are never chosen.
        per_class: how many of each class or cell.
        rule: "median", "top" (highest scores first), "low", "random" or "data_map".
        n_cells: how many cells vectors of labels make; by default the sum of all numbers of
            classes, or less where fewer different vectors occur.
        seed: for "random".

    Returns:
        Positions (K, per_class): a row for each class, in rising order, or each cell; column r has
        the examples of rank r, counted from 0.

    Raises:
        CoterieError: an unknown rule, scores that do not fit it, or fewer examples of a class than
            are asked for.

    >>> scores = np.array([0.9, 0.1, 0.5, 0.7, 0.3])
    >>> select(scores, np.zeros(5, np.int64), 3)
    array([[3, 0, 2]])
    """
    require_whole("per_class", per_class, 1)
    require_whole("seed", seed, 0, MOST_SEED)
    require_choice("rule", rule, RULES)
    if n_cells is not None:
        require_whole("n_cells", n_cells, 1)
    labels = _checked("labels", labels)
    scores = _checked_scores(scores, rule, len(labels))
    of = labels[:, 0] if labels.shape[1] == 1 else cells(labels, n_cells, per_class)
    generator = numpy_generator(seed, "select")
    chosen = []
    for cell in np.unique(of[of >= 0]):
        members = np.flatnonzero(of == cell)
        if len(members) < per_class:
            raise CoterieError(
                f"`per_class` = {per_class} is more than there are of class {cell}: {len(members)} "
                "examples."
            )
        chosen.append(members[RULES[rule](scores[members], per_class, generator)])
    return np.stack(chosen)


def cells(
    codes: np.ndarray, n_cells: int | None = None, per_cell: int = 1, floor: int = FLOOR
) -> np.ndarray:
    """Part examples into cells of like labels, in proportion to how many there are.

    So equally many of each cell have the frequencies of labels, and of pairs of labels, of all, as
    nearly as whole cells can. Cells are parted off by the rarest class that fills one, as iterative stratification takes
    the rarest label first (Sechidis et al. 2011). A class too rare for that still gets cells for
    ``floor`` examples, or fewer where there are not so many or where every class had as many.

    Args:
        codes: class of each task, (N, T) int64, -1 where missing.
        n_cells: K; by default the sum of all numbers of classes, or less where fewer different
            vectors of labels occur.
        per_cell: least number of examples of a cell.
        floor: examples of a class that are wanted when ``per_cell`` of each cell are chosen.

    Returns:
        Number of each example's cell, (N,) int64 in 0 .. K-1, -1 without any label.

    Raises:
        CoterieError: fewer examples than K cells need.

    >>> cells(np.array([[0, 0], [0, 1], [1, 0], [1, 1], [1, 1], [1, 1]]), 3).tolist()
    [0, 0, 2, 1, 1, 1]
    """
    require_whole("per_cell", per_cell, 1)
    require_whole("floor", floor, 0, _MOST)
    codes = _checked("codes", codes)
    labelled = np.flatnonzero((codes >= 0).any(1))
    member = _membership(codes[labelled])
    if n_cells is None:
        different = len(np.unique(codes[labelled], axis=0))
        n_cells = max(1, min(member.shape[1], different, len(labelled) // per_cell))
    require_whole("n_cells", n_cells, 1)
    if len(labelled) < n_cells * per_cell:
        raise CoterieError(
            f"{n_cells} cells of at least {per_cell} need {n_cells * per_cell} labelled examples; "
            f"found {len(labelled)}."
        )
    wanted = np.minimum(floor, n_cells * per_cell // max(1, member.shape[1]))
    needed = -(-np.minimum(member.sum(0), wanted) // per_cell)
    found = np.full(len(codes), -1)
    for number, rows in enumerate(_parted(member, n_cells, per_cell, needed)):
        found[labelled[rows]] = number
    return found


def _membership(codes: np.ndarray) -> np.ndarray:
    """Which example (n,) has which class of which task, (n, sum of all numbers of classes)."""
    columns = [column == value for column in codes.T for value in np.unique(column[column >= 0])]
    return np.stack(columns, axis=1)


def _parted(
    member: np.ndarray, n_cells: int, per_cell: int, needed: np.ndarray
) -> list[np.ndarray]:
    """Rows of each cell."""
    done: list[np.ndarray] = []
    # What is parted off a class has its needs met; the rest goes on with them.
    waiting = [(np.arange(len(member)), n_cells, needed)]
    while waiting:
        rows, size, needs = waiting.pop()
        found = _rarest(member[rows], size, per_cell, needs)
        if found is None:
            done += [rows[start::size] for start in range(size)]
            continue
        column, own = found
        inside = member[rows, column]
        waiting.append((rows[~inside], size - own, needs))
        waiting.append((rows[inside], own, np.zeros_like(needs)))
    return done


def _rarest(
    member: np.ndarray, size: int, per_cell: int, needs: np.ndarray
) -> tuple[int, int] | None:
    """The rarest class that parts these rows, and its number of cells, none if there is none."""
    counts = member.sum(0)
    shares = np.maximum(np.rint(size * counts / len(member)).astype(np.int64), needs)
    most = np.minimum(counts // per_cell, size - 1)
    least = size - (len(member) - counts) // per_cell
    own = np.clip(shares, least, most)
    usable = np.flatnonzero((counts < len(member)) & (own >= 1) & (least <= most))
    if not len(usable):
        return None
    column = int(usable[counts[usable].argmin()])
    return column, int(own[column])


def _median(scores: np.ndarray, size: int, _: np.random.Generator) -> np.ndarray:
    order = np.argsort(scores, kind="stable")
    offset = np.arange(len(order)) - min(-(-len(order) // 2), len(order) - 1)
    return order[np.argsort(2 * np.abs(offset) - (offset > 0))][:size]


def _top(scores: np.ndarray, size: int, _: np.random.Generator) -> np.ndarray:
    return np.argsort(-scores, kind="stable")[:size]


def _low(scores: np.ndarray, size: int, _: np.random.Generator) -> np.ndarray:
    return np.argsort(scores, kind="stable")[:size]


def _random(scores: np.ndarray, size: int, generator: np.random.Generator) -> np.ndarray:
    return generator.permutation(len(scores))[:size]


def _data_map(scores: np.ndarray, size: int, _: np.random.Generator) -> np.ndarray:
    """Equal steps along a path to and fro through strips of equal size of the map."""
    confidence, variability = scores.T
    strips = np.array_split(np.argsort(-confidence, kind="stable"), round(size**0.5))
    path = [
        strip[np.argsort((-1) ** number * variability[strip], kind="stable")]
        for number, strip in enumerate(strips)
    ]
    steps = (np.arange(size) + 0.5) * len(scores) / size
    return np.concatenate(path)[steps.astype(np.int64)]


RULES: dict[str, Callable[[np.ndarray, int, np.random.Generator], np.ndarray]] = {
    "median": _median,
    "top": _top,
    "low": _low,
    "random": _random,
    "data_map": _data_map,
}


def _checked(name: str, labels: np.ndarray) -> np.ndarray:
    """Labels as (N, T) int64."""
    found = np.asarray(labels) if isinstance(labels, np.ndarray) else np.zeros(0)
    if found.ndim not in (1, 2) or found.dtype.kind not in "iub" or not found.size:
        raise CoterieError(
            f"`{name}` must be an array of classes as whole numbers, (N,) or (N, T), -1 where "
            f"missing; found {shown(labels)}."
        )
    found = found.reshape(len(found), -1).astype(np.int64)
    if (found < 0).all():
        raise CoterieError(f"`{name}` has no label at all.")
    return found


def _checked_scores(scores: np.ndarray | None, rule: str, n_examples: int) -> np.ndarray:
    wanted = (n_examples, 2) if rule == "data_map" else (n_examples,)
    if rule == "random":
        return np.zeros(wanted)
    what = f"`scores` must be finite numbers of shape {wanted} for the rule {rule!r}"
    if scores is None:
        raise CoterieError(f"{what}; found none.")
    with blame(what):
        found = np.asarray(scores, dtype=np.float64)
    if found.shape != wanted or not np.isfinite(found).all():
        raise CoterieError(f"{what}; found shape {found.shape}.")
    return found
