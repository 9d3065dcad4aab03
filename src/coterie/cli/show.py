"""What the command line says: results on standard output, everything else on standard error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self

import rich.progress
from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from coterie.texts import visible

if TYPE_CHECKING:
    from coterie.results import ComparisonRecord, Grouping
    from coterie.tasks import Task

_WIDTH = 80
_SECONDS_BETWEEN_LINES, _LONGEST_SILENCE = 2.0, 20.0


class Screen:
    """Where a verb talks to. Tables are at most 80 columns wide.

    Task names and the like are printed as they are, neither as markup nor as orders to the
    terminal.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.out = Console(markup=False, highlight=False)
        self.err = Console(stderr=True, markup=False, highlight=False)
        self.out.width = min(self.out.width, _WIDTH)

    def notes(self, lines: Iterable[str]) -> None:
        """Say things worth knowing, unless quiet."""
        if not self.quiet:
            for line in lines:
                self.err.print(visible(line), soft_wrap=True)

    def say(self, line: str) -> None:
        """Print a result."""
        self.out.print(visible(line), soft_wrap=False)

    def path(self, what: str, path: object) -> None:
        """Print where something was written; a path is never broken over lines."""
        self.out.print(visible(f"{what}: {path}"), soft_wrap=True)

    def table(
        self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1
    ) -> None:
        """Print a table.

        The first ``texts`` columns left and broken where they must be, the others right and never
        broken.
        """
        self.out.print(visible(title), style="bold")
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for position, column in enumerate(columns):
            number = position >= texts
            table.add_column(
                column, justify="right" if number else "left", overflow="fold", no_wrap=number
            )
        for row in rows:
            table.add_row(*(Text(visible(cell)) for cell in row))
        self.out.print(table)
        self.out.print()

    def progress(self) -> Progress:
        """A progress display for a ``with`` statement, to be called with (done, all, text)."""
        return Progress(self)


class Progress:
    """A bar where standard error is a terminal, else a line now and then, nothing where quiet."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._bar: rich.progress.Progress | None = None
        self._task = rich.progress.TaskID(0)
        self._said, self._when = "", -_LONGEST_SILENCE

    def __enter__(self) -> Self:
        if self._screen.err.is_terminal and not self._screen.quiet:
            self._bar = rich.progress.Progress(
                # What is long is broken over lines, so that the end of it, which moves, is seen.
                rich.progress.TextColumn(
                    "{task.description}", markup=False, table_column=Column(ratio=1)
                ),
                rich.progress.BarColumn(bar_width=16),
                rich.progress.MofNCompleteColumn(table_column=Column(no_wrap=True)),
                rich.progress.TimeElapsedColumn(table_column=Column(no_wrap=True)),
                console=self._screen.err,
                transient=True,
                expand=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=None)
        return self

    def __call__(self, done: int, total: int, text: str) -> None:
        """Show that ``done`` of ``total`` steps of what ``text`` names are done."""
        text = visible(text)
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total, description=text)
        elif not self._screen.quiet:
            silence = monotonic() - self._when
            if silence >= (_SECONDS_BETWEEN_LINES if text != self._said else _LONGEST_SILENCE):
                self._said, self._when = text, monotonic()
                self._screen.err.print(f"{text} ({done}/{total})", soft_wrap=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def show_grouping(screen: Screen, grouping: Grouping, name: str = "") -> None:
    """Print the groups and, for each task, its membership in its own group.

    As trained with, and read at m = 2.
    """
    from coterie.results.findings import difficulty_of
    from coterie.wording import listing, share

    soft = None if grouping.distances is None else grouping.membership_at(2.0)
    rows = []
    for label in range(grouping.n_groups):
        for task, own in enumerate(grouping.labels):
            if own == label:
                reading = [] if soft is None else [share(float(soft[task, label]))]
                rows.append(
                    [
                        grouping.tasks[task],
                        str(label + 1),
                        share(float(grouping.membership[task, label])),
                        *reading,
                    ]
                )
    title = f"Groups by {grouping.method}" + (f" ({name})" if name else "")
    screen.table(
        title, ["task", "group", "membership", *(["at m = 2"] if soft is not None else [])], rows
    )
    for label, members in enumerate(grouping.groups, start=1):
        screen.say(f"Group {label}: {listing(members) if members else 'no task of its own'}")
    if "silhouette" in grouping.details:
        screen.say(criterion(grouping))
    if (strata := difficulty_of({grouping.method: [grouping]})) is not None:
        screen.say(strata.sentence)
    screen.say("")


def criterion(grouping: Grouping) -> str:
    """How "auto" chose the number of groups, in a sentence.

    >>> import numpy as np
    >>> from coterie.results import Grouping
    >>> found = {"silhouette": {"2": 0.34, "3": 0.12}, "least_silhouette": 0.1}
    >>> criterion(Grouping(tasks=("a", "b"), membership=np.eye(2), method="kmeans", details=found))
    'Number of groups by silhouette: 2 (.34), 3 (.12). The largest is at least .10: 2 groups.'
    """
    from coterie.wording import share

    found, least = grouping.details["silhouette"], share(grouping.details["least_silhouette"])
    if not found:
        return "Number of groups: these tasks are too few to choose one by silhouette: 1 group."
    seen = ", ".join(f"{n_groups} ({share(value)})" for n_groups, value in found.items())
    answer = (
        f"below {least}, which tasks without groups reach: 1 group"
        if grouping.n_groups == 1
        else f"at least {least}: {grouping.n_groups} groups"
    )
    return f"Number of groups by silhouette: {seen}. The largest is {answer}."


def show_answer(screen: Screen, comparison: ComparisonRecord) -> None:
    """Print what to use, how every arm stands at its cost, and what to know of it.

    The rest is in the report.
    """
    from coterie.report.answer import chapter

    answer = chapter(comparison)
    for sentence in answer.sentences:
        screen.say(sentence)
    screen.say("")
    screen.table(
        f"Mean {answer.metric} on test and what it costs, fewest models first",
        ["arm", "score", "against the\nbest other", "models", "1,000\npredictions", "training"],
        (
            [
                f"> {row.arm}" if row.chosen else f"  {row.arm}",
                row.score,
                row.distance,
                row.models,
                row.latency,
                row.seconds,
            ]
            for row in answer.rows
        ),
    )
    trusted = [] if comparison.reliability is None else [comparison.reliability.sentence]
    for sentence in (*answer.headlines, *answer.conditions, *trusted):
        screen.say(sentence)
    screen.say("")


def show_positive_classes(screen: Screen, tasks: Sequence[Task]) -> None:
    """Say which class the probabilities and metrics of binary tasks are about."""
    from coterie.data.targets import positive_classes

    for said in positive_classes(tasks):
        screen.say(f"Positive class {said}.")


def show_metrics(screen: Screen, metrics: Sequence[Mapping[str, object]]) -> None:
    """Print rows of task, metric and value as a table with one row per task."""
    from coterie.wording import number

    names = list(dict.fromkeys(str(row["metric"]) for row in metrics))
    tasks = list(dict.fromkeys(str(row["task"]) for row in metrics))
    value = {(row["task"], row["metric"]): row["value"] for row in metrics}
    rows = ([task, *(number(value.get((task, name))) for name in names)] for task in tasks)
    screen.table("Test metrics", ["task", *(name.replace(" ", "\n") for name in names)], rows)
