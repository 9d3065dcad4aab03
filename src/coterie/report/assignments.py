"""The chapter of assignments.

How groups that are learnt while models train came about, task by task, epoch by epoch.

Shapes: ``E`` epochs, ``T`` tasks, ``K`` groups; probabilities are (E, T, K), those at the end of
each epoch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from coterie.drawing import figures
from coterie.report import strips
from coterie.report.folding import FEW
from coterie.report.svg import inline
from coterie.results import Assignments
from coterie.wording import MOST_NAMED, listing, share

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from coterie.results import ComparisonRecord, Found, Grouping

FIRM, OPEN = 0.95, 0.75
_LINES: tuple[dict[str, Any], ...] = (
    {"color": figures.BLUE, "marker": "D", "linestyle": "-"},
    {"color": figures.VERMILION, "marker": "^", "linestyle": ":"},
)
_MODES = {
    "paper": "every step draws shares of each task at random, equally spread throughout",
    "annealed": "every step draws shares of each task at random, spread out at first, nearly all in one group at the end",
    "expected": "the shares of each task are the probabilities themselves, nothing is drawn",
    "straight_through": "every step draws one group for each task",
}


def chapter(comparison: ComparisonRecord) -> list[dict[str, Any]]:
    """One entry per grouping whose assignment probabilities were kept.

    That of the choice is among them.
    """
    learnt = {
        name: comparison.found[name]
        for name in comparison.methods
        if record(comparison.found[name][0]) is not None
    }
    return [
        _entry(name, several, position) for position, (name, several) in enumerate(learnt.items())
    ]


def record(found: Found) -> np.ndarray | None:
    """The probabilities (E, T, K) that led to these groups.

    None where there are none, or where they belong to others.
    """
    if not isinstance(found.evidence, Assignments) or not len(found.evidence.probabilities):
        return None
    probabilities, labels = found.evidence.probabilities, found.grouping.labels
    led = final(probabilities, labels) == probabilities[-1].max(1)
    return probabilities if led.all() else None


def final(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Probability (T,) of each task's own group at the end."""
    return probabilities[-1, np.arange(len(labels)), labels]


def leaders(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The most probable group of each epoch and task (E, T).

    Where several are, the one that the task ends in.

    >>> leaders(np.array([[[0.5, 0.5], [0.6, 0.4]]]), np.array([1, 1])).tolist()
    [[1, 0]]
    """
    own = np.take_along_axis(
        probabilities, np.broadcast_to(labels[:, None], (len(probabilities), len(labels), 1)), 2
    )[..., 0]
    return np.where(own == probabilities.max(2), labels, probabilities.argmax(2))


def settled(led: np.ndarray) -> np.ndarray:
    """The epoch, counted from 1, from which the most probable group (E, T) of each task no longer changed, (T,).

    >>> settled(np.array([[0, 1], [2, 1], [2, 1]])).tolist()
    [2, 1]
    """
    moved = led != led[-1]
    return np.where(moved.any(0), len(led) - moved[::-1].argmax(0) + 1, 1)


def _entry(name: str, several: Sequence[Found], position: int) -> dict[str, Any]:
    first, evidence = several[0].grouping, cast(Assignments, several[0].evidence)
    probabilities, many = evidence.probabilities, len(first.tasks) > FEW
    rows = _rows(first, probabilities) if first.n_groups > 1 else []
    return {
        "name": name,
        "mode": _MODES.get(evidence.mode, "") if rows else "",
        "even": share(1 / first.n_groups),
        "firm": share(FIRM),
        "open": share(OPEN),
        "summary": _summary(several, evidence),
        "rows": rows,
        "ticks": strips.ticks(len(probabilities)),
        "folded": many,
        "svg": _figure(probabilities, first.labels, position) if many and rows else None,
    }


def reading(probability: float) -> str:
    """How firm a decision is, by the probability as it is printed.

    >>> reading(0.9496), reading(0.8), reading(0.744)
    ('firm', 'leaning', 'undecided')
    """
    shown = round(float(probability), 2)
    return "firm" if shown >= FIRM else "leaning" if shown >= OPEN else "undecided"


def _summary(several: Sequence[Found], evidence: Assignments) -> list[str]:
    """What there is to know without the figure.

    How many tasks are decided, since when, and which are not.
    """
    first, probabilities = several[0].grouping, evidence.probabilities
    if first.n_groups == 1:
        return ["With one group there was nothing to decide."]
    ends, since = final(probabilities, first.labels), settled(leaders(probabilities, first.labels))
    return [
        f"{_decided(ends)}{_others(several)}.",
        _last_change(first.tasks, since, len(probabilities)),
        _undecided(first.tasks, ends),
        *_pruned(evidence.pruned, first.membership.size),
    ]


def _decided(ends: np.ndarray) -> str:
    n, n_firm = len(ends), _n_firm(ends)
    some = (
        f"{n_firm} of {n} tasks end"
        if n_firm > 1
        else f"{'One' if n_firm else 'None'} of the {n} tasks ends"
    )
    return f"{f'All {n} tasks end' if n_firm == n else some} in a group with a probability of {share(FIRM)} or more"


def _n_firm(ends: np.ndarray) -> int:
    return sum(reading(p) == "firm" for p in ends.tolist())


def _last_change(tasks: Sequence[str], since: np.ndarray, n_epochs: int) -> str:
    if n_epochs == 1:
        return "After a single epoch it cannot be told whether these groups would have lasted."
    last = int(since.max())
    if last == 1:
        return "No task changed its group after the first epoch."
    if last < n_epochs:
        return f"No task changed its group after epoch {last} of {n_epochs}."
    late = [task for task, epoch in zip(tasks, since, strict=True) if epoch == last]
    return f"The last of the {n_epochs} epochs still changed the group of {_named(late)}: more epochs may give other groups."


def _undecided(tasks: Sequence[str], ends: np.ndarray) -> str:
    """The tasks that might as well be in another group, the least decided first."""
    sure = ends.tolist()
    order = [t for t in np.argsort(ends, kind="stable") if reading(sure[t]) == "undecided"]
    found = [f"{tasks[t]} ({share(sure[t])})" for t in order]
    if not found:
        return f"No task is undecided, that is, below {share(OPEN)} at the end."
    return f"Undecided, that is, below {share(OPEN)} at the end: {_named(found)}. Another seed may well put them elsewhere."


def _named(names: Sequence[str]) -> str:
    return listing(
        names
        if len(names) <= MOST_NAMED
        else [*names[:MOST_NAMED], f"{len(names) - MOST_NAMED} more"]
    )


def _pruned(n: int, n_pairs: int) -> list[str]:
    """How many groups were ruled out for a task while the search went on."""
    if n < 1:
        return []
    return [
        f"{n} of {n_pairs} pairs of a task and a group were ruled out on the way, as next to "
        "impossible."
    ]


def _others(several: Sequence[Found]) -> str:
    """How many tasks are decided on the repetitions that are not shown.

    Nothing where these are the same groups again.
    """
    known = [
        (each.grouping, probabilities)
        for each in several
        if (probabilities := record(each)) is not None
    ]
    if all(np.array_equal(found, known[0][1]) for _, found in known):
        return ""
    counts = [str(_n_firm(final(found, grouping.labels))) for grouping, found in known[1:]]
    which = "repetition" if len(counts) == 1 else f"{len(counts)} repetitions"
    return f"; on the other {which}, not shown here, {listing(counts)}"


def _rows(grouping: Grouping, probabilities: np.ndarray) -> list[dict[str, Any]]:
    """One row per task: group after group, in each the firmest first."""
    labels, led = grouping.labels, leaders(probabilities, grouping.labels)
    ends, since = final(probabilities, labels), settled(led)
    order = sorted(range(len(labels)), key=lambda t: (labels[t], -ends[t], t))
    return [
        {
            "task": grouping.tasks[t],
            "group": int(labels[t]) + 1,
            "probability": share(float(ends[t])),
            "since": int(since[t]),
            "reading": reading(ends[t]),
            "next": _runner_up(probabilities[-1, t], int(labels[t]))
            if reading(ends[t]) == "undecided"
            else "",
            "strip": strips.strip(probabilities[:, t].max(1), led[:, t], grouping.n_groups),
            "said": strips.said(led[:, t]),
            "first": position > 0 and labels[t] != labels[order[position - 1]],
        }
        for position, t in enumerate(order)
    ]


def _runner_up(probabilities: np.ndarray, own: int) -> str:
    """The next probable group of a task (K,).

    >>> _runner_up(np.array([0.1, 0.55, 0.35]), 1)
    'next: group 3 (.35)'
    """
    rest = np.where(np.arange(len(probabilities)) == own, -np.inf, probabilities)
    return f"next: group {rest.argmax() + 1} ({share(float(rest.max()))})"


def _figure(probabilities: np.ndarray, labels: np.ndarray, position: int) -> Any:
    since = settled(leaders(probabilities, labels))
    kept = (since[None] <= np.arange(1, len(probabilities) + 1)[:, None]).sum(1)
    firm = np.array([_n_firm(epoch.max(1)) for epoch in probabilities])
    lines = {
        "in the group they end in, for good": kept,
        f"with a probability of {share(FIRM)} or more": firm,
    }
    said = "; ".join(
        f"{values[-1]} {what} at the end, {values[0]} after the first epoch"
        for what, values in lines.items()
    )
    axes = tasks_over_epochs(lines, n_tasks=len(labels))
    return inline(axes, name=f"assigned{position}", alt=f"Number of tasks by epoch: {said}.")


def tasks_over_epochs(
    lines: Mapping[str, np.ndarray], *, n_tasks: int, ax: Axes | None = None
) -> Axes:
    """Draw how many tasks have reached what, a line (E,) each.

    >>> tasks_over_epochs({"decided": np.array([0, 3])}, n_tasks=5).get_ylabel()
    'tasks'
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    with figures.style():
        own = Figure(figsize=(4.4, 3.1), layout="constrained")
        axes = own.add_subplot() if ax is None else ax
        for look, (what, values) in zip(_LINES, lines.items(), strict=False):
            every = max(1, len(values) // 8)
            axes.plot(
                range(1, len(values) + 1),
                values,
                label=what,
                linewidth=1.6,
                markersize=4,
                markevery=every,
                **look,
            )
        axes.axhline(
            n_tasks, color=figures.INK, linestyle="--", linewidth=1, label=f"all {n_tasks}"
        )
        axes.set(xlabel="epoch", ylabel="tasks", ylim=(0, 1.05 * n_tasks))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.grid(axis="y", linewidth=0.6)
        axes.tick_params(length=3, width=0.7)
        if ax is None:
            own.legend(loc="outside lower left", handlelength=2.6, borderaxespad=0.2)
        else:
            axes.legend()
    return axes
