"""The chapter of assignments.

How groups that are learnt while models train came about, task by task, epoch by epoch.

Shapes: ``T`` tasks, ``K`` groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from coterie.drawing import figures
from coterie.report import strips
from coterie.report.folding import FEW
from coterie.report.svg import inline
from coterie.results import Assignments
from coterie.wording import MOST_NAMED, listing, share

if TYPE_CHECKING:
    from coterie.results import ComparisonRecord, Found

FIRM, OPEN = 0.95, 0.75
_MODES = {
    "paper": "every step draws shares of each task at random, equally spread throughout",
    "annealed": "every step draws shares of each task at random, spread out at first, nearly all "
    "in one group at the end",
    "expected": "the shares of each task are the probabilities themselves, nothing is drawn",
    "straight_through": "every step draws one group for each task",
}


@dataclass(frozen=True)
class Row:
    """One task: its group at the end, since when it is there, how sure, and how it came there.

    ``next`` is the next probable group of a task that is undecided; ``said`` tells of the strip
    those who do not see it; the ``first`` begins another group than that of the task above.
    """

    task: str
    group: int
    probability: str
    since: int
    reading: str
    next: str
    strip: strips.Strip
    said: str
    first: bool


@dataclass(frozen=True)
class Chapter:
    """How one method's groups were learnt; ``even`` is the probability of a group by chance.

    From ``firm`` on a task is firm, below ``open`` it is undecided.
    """

    name: str
    mode: str
    even: str
    summary: list[str]
    rows: list[Row]
    ticks: list[strips.Tick]
    folded: bool
    svg: Markup | None
    firm: str = share(FIRM)
    open: str = share(OPEN)


@dataclass(frozen=True)
class Learnt:
    """Groups that were learnt, and how."""

    tasks: Sequence[str]
    labels: np.ndarray
    n_groups: int
    record: Assignments

    @property
    def ends(self) -> np.ndarray:
        """Probability (T,) of each task's own group at the end."""
        return self.record.final(self.labels)

    @property
    def since(self) -> np.ndarray:
        """The epoch (T,), from 1, from which each task stayed in its group."""
        return self.record.settled(self.labels)

    @property
    def n_firm(self) -> int:
        """How many tasks are firm."""
        return _n_firm(self.ends)


def chapter(comparison: ComparisonRecord) -> list[Chapter]:
    """One entry per grouping whose assignment probabilities were kept.

    That of the choice is among them.
    """
    found = {name: list(map(learnt, comparison.found[name])) for name in comparison.methods}
    kept = {name: several for name, several in found.items() if several[0] is not None}
    return [
        _entry(name, [each for each in several if each is not None], position)
        for position, (name, several) in enumerate(kept.items())
    ]


def learnt(found: Found) -> Learnt | None:
    """What led to these groups; None where nothing is known, or of other groups only."""
    grouping, record = found.grouping, found.evidence
    if not isinstance(record, Assignments) or not record.led_to(grouping.labels):
        return None
    return Learnt(grouping.tasks, grouping.labels, grouping.n_groups, record)


def _entry(name: str, several: Sequence[Learnt], position: int) -> Chapter:
    first = several[0]
    many, rows = len(first.tasks) > FEW, _rows(first) if first.n_groups > 1 else []
    return Chapter(
        name=name,
        mode=_MODES.get(first.record.mode, "") if rows else "",
        even=share(1 / first.n_groups),
        summary=_summary(several),
        rows=rows,
        ticks=strips.ticks(len(first.record.probabilities)),
        folded=many,
        svg=_figure(first, position) if many and rows else None,
    )


def reading(probability: float) -> str:
    """How firm a decision is, by the probability as it is printed.

    >>> reading(0.9496), reading(0.8), reading(0.744)
    ('firm', 'leaning', 'undecided')
    """
    shown = round(float(probability), 2)
    return "firm" if shown >= FIRM else "leaning" if shown >= OPEN else "undecided"


def _summary(several: Sequence[Learnt]) -> list[str]:
    """What there is to know without the figure.

    How many tasks are decided, since when, and which are not.
    """
    first = several[0]
    if first.n_groups == 1:
        return ["With one group there was nothing to decide."]
    return [
        f"{_decided(first.ends)}{_others(several)}.",
        _last_change(first.tasks, first.since, len(first.record.probabilities)),
        _undecided(first.tasks, first.ends),
        *_pruned(first.record.pruned, len(first.tasks) * first.n_groups),
    ]


def _decided(ends: np.ndarray) -> str:
    n, n_firm = len(ends), _n_firm(ends)
    some = (
        f"{n_firm} of {n} tasks end"
        if n_firm > 1
        else f"{'One' if n_firm else 'None'} of the {n} tasks ends"
    )
    which = f"All {n} tasks end" if n_firm == n else some
    return f"{which} in a group with a probability of {share(FIRM)} or more"


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
    return (
        f"The last of the {n_epochs} epochs still changed the group of {_named(late)}: more epochs "
        "may give other groups."
    )


def _undecided(tasks: Sequence[str], ends: np.ndarray) -> str:
    """The tasks that might as well be in another group, the least decided first."""
    sure = ends.tolist()
    order = [t for t in np.argsort(ends, kind="stable") if reading(sure[t]) == "undecided"]
    found = [f"{tasks[t]} ({share(sure[t])})" for t in order]
    if not found:
        return f"No task is undecided, that is, below {share(OPEN)} at the end."
    return (
        f"Undecided, that is, below {share(OPEN)} at the end: {_named(found)}. Another seed may "
        "well put them elsewhere."
    )


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


def _others(several: Sequence[Learnt]) -> str:
    """How many tasks are decided on the repetitions that are not shown.

    Nothing where these are the same groups again.
    """
    first, *others = several
    shown = first.record.probabilities
    if all(np.array_equal(other.record.probabilities, shown) for other in others):
        return ""
    which = "repetition" if len(others) == 1 else f"{len(others)} repetitions"
    return f"; on the other {which}, not shown here, {listing(str(o.n_firm) for o in others)}"


def _rows(found: Learnt) -> list[Row]:
    """One row per task: group after group, in each the firmest first."""
    probabilities, labels = found.record.probabilities, found.labels
    led, ends, since = found.record.leaders(labels), found.ends, found.since
    order = sorted(range(len(labels)), key=lambda t: (labels[t], -ends[t], t))
    return [
        Row(
            task=found.tasks[t],
            group=int(labels[t]) + 1,
            probability=share(float(ends[t])),
            since=int(since[t]),
            reading=reading(ends[t]),
            next=_runner_up(probabilities[-1, t], int(labels[t]))
            if reading(ends[t]) == "undecided"
            else "",
            strip=strips.strip(probabilities[:, t].max(1), led[:, t], found.n_groups),
            said=strips.said(led[:, t]),
            first=labels[t] != labels[before],
        )
        for before, t in zip([*order[:1], *order], order, strict=False)
    ]


def _runner_up(probabilities: np.ndarray, own: int) -> str:
    """The next probable group of a task (K,).

    >>> _runner_up(np.array([0.1, 0.55, 0.35]), 1)
    'next: group 3 (.35)'
    """
    rest = np.where(np.arange(len(probabilities)) == own, -np.inf, probabilities)
    return f"next: group {rest.argmax() + 1} ({share(float(rest.max()))})"


def _figure(found: Learnt, position: int) -> Markup:
    probabilities = found.record.probabilities
    epochs = np.arange(1, len(probabilities) + 1)[:, None]
    lines = {
        "in the group they end in, for good": (found.since[None] <= epochs).sum(1),
        f"with a probability of {share(FIRM)} or more": np.array(
            [_n_firm(epoch.max(1)) for epoch in probabilities]
        ),
    }
    said = "; ".join(
        f"{values[-1]} {what} at the end, {values[0]} after the first epoch"
        for what, values in lines.items()
    )
    axes = figures.tasks_over_epochs(lines, n_tasks=len(found.tasks))
    return inline(axes, name=f"assigned{position}", alt=f"Number of tasks by epoch: {said}.")
