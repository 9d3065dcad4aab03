"""The verbs that measure and choose: affinity, select, plan."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from coterie.cli import options
from coterie.cli.show import Screen
from coterie.cli.verbs import (
    CHECKPOINTS,
    GROUPING,
    keep_grouping,
    load_data,
    methods_asked,
    model_of,
    no_trace_of_a_mistake,
    settings_of,
    start,
)
from coterie.errors import CoterieError
from coterie.runs import MANIFEST, Run

if TYPE_CHECKING:
    from coterie.evaluation._plan import Plan
    from coterie.results import Affinity, ScoreTable, Selection

_SHOWN_PAIRS = 5


def perform_measuring(verb: options.Affinity | options.Select | options.Plan, screen: Screen) -> None:
    """Do what ``verb`` says."""
    match verb:
        case options.Affinity():
            affinity(verb, screen)
        case options.Select():
            select(verb, screen)
        case options.Plan():
            plan(verb, screen)


def affinity(verb: options.Affinity, screen: Screen) -> None:
    """Measure affinities on one joint training and keep them in the run directory."""
    from coterie.affinities import affinities

    run, data = start(verb, screen)
    asked = {"every": verb.every}
    missing = [m for m in verb.methods if not run.done(_stage(m)) or run.about(_stage(m)) != asked]
    if missing:
        folder = run.folder / CHECKPOINTS / "affinity"
        with no_trace_of_a_mistake(run), screen.progress() as progress:
            measured = affinities(
                missing, model_of(verb.training, data), data, seed=verb.training.seed, every=verb.every, checkpoint=folder,
                progress=progress, **settings_of(verb.training),
            )  # fmt: skip
        for name, found in measured.items():
            run.forget(_stage(name))
            found.save(_file(run, name))
            run.complete(_stage(name), [_file(run, name)], **asked)
        shutil.rmtree(folder, ignore_errors=True)
    for name in verb.methods:
        _show_affinity(screen, saved_affinity(run, name))
        screen.path("Affinity", _file(run, name))


def saved_affinity(run: Run, name: str) -> Affinity:
    """An affinity that was measured in a run.

    Raises:
        CoterieError: it was not; those that were are named.
    """
    from coterie.results import Affinity

    if not run.done(_stage(name)):
        there = [stage.removeprefix("affinity-") for stage in run.stages if stage.startswith("affinity-")]
        hint = f"there are {', '.join(there)}." if there else "measure it with coterie affinity."
        raise CoterieError(f"Run {str(run.folder)!r} has no affinity {name!r}: {hint}")
    return Affinity.load(_file(run, name))


def select(verb: options.Select, screen: Screen) -> None:
    """Select models from a table of scores, or from an affinity of a run."""
    from coterie.grouping import select as select_rows

    run = Run.existing(verb.source) if (verb.source / MANIFEST).is_file() else None
    totals, limits = _numbers("resource", verb.resource), _numbers("row-limit", verb.row_limit)
    table = _table(verb, run, list(dict.fromkeys([*totals, *limits])))
    weights = _numbers("task-weight", verb.task_weight)
    if unknown := [name for name in weights if name not in table.tasks]:
        raise CoterieError(f"`--task-weight` names the unknown task {unknown[0]!r}; the tasks are {', '.join(table.tasks)}.")
    selection = select_rows(
        table, budget=verb.budget, partition=verb.partition, sizes=(verb.min_size, verb.max_size),
        must_link=_pairs("must-link", verb.must_link), cannot_link=_pairs("cannot-link", verb.cannot_link),
        resources={name: (table.resources[name], limit) for name, limit in totals.items()},
        row_limits={name: (table.resources[name], limit) for name, limit in limits.items()},
        task_weights=[weights.get(name, 1.0) for name in table.tasks], time_limit=verb.time_limit,
    )  # fmt: skip
    _show_selection(screen, selection, table)
    if verb.out is not None:
        selection.save(verb.out)
        screen.path("Selection", verb.out)
    elif run is not None:
        keep_grouping(run, selection.grouping, {"affinity": verb.affinity, "budget": verb.budget, "select": str(selection)})
        screen.path("Grouping", run.folder / GROUPING)


def plan(verb: options.Plan, screen: Screen) -> None:
    """Estimate and show what a comparison would take."""
    from coterie.cli.checking import check
    from coterie.evaluation import plan as make_plan

    check(verb)
    data = load_data(verb.data, verb.training.seed)
    screen.notes(data.notes)
    found = make_plan(
        model_of(verb.training, data), data, methods_asked(verb.grouping, verb.comparison), seeds=verb.comparison.seeds,
        repeats=verb.comparison.repeats, draws=verb.comparison.draws, budget=verb.budget, **settings_of(verb.training),
    )  # fmt: skip
    _show_plan(screen, found)


def _table(verb: options.Select, run: Run | None, columns: Sequence[str]) -> ScoreTable:
    from coterie.grouping import candidates, subset_scores
    from coterie.results import ScoreTable

    if run is None:
        if verb.affinity is not None:
            raise CoterieError(f"`--affinity` needs a run directory; {str(verb.source)!r} is none.")
        return ScoreTable.load(verb.source, higher_is_better=not verb.lower_is_better, resources=columns)
    if columns:
        raise CoterieError(f"`--resource` and `--row-limit` name columns of a table of scores; a run has no {columns[0]!r}.")
    if verb.affinity is None:
        raise CoterieError("A run needs `--affinity NAME`, one that was measured in it; or give a table of scores.")
    measured = saved_affinity(run, verb.affinity)
    # An affinity says nothing of a task alone, and a budget that needs such a group should be infeasible, not guessed.
    rows, how = candidates(measured.tasks, lambda rows: subset_scores(measured, rows).scores)
    table = subset_scores(measured, rows[rows.sum(1) > 1])
    return replace(table, details={**table.details, "candidates": f"{how}; tasks alone left out"})


def _pairs(flag: str, given: Sequence[str]) -> list[tuple[str, str]]:
    pairs = [tuple(text.split("+")) for text in given]
    wrong = [text for text, pair in zip(given, pairs, strict=True) if len(pair) != 2]
    if wrong:
        raise CoterieError(f"`--{flag}` takes pairs of task names such as A+B; found {wrong[0]!r}.")
    return [(a, b) for a, b in pairs]


def _numbers(flag: str, given: Sequence[str]) -> dict[str, float]:
    found = {}
    for text in given:
        name, _, number = text.rpartition("=")
        try:
            found[name] = float(number)
        except ValueError:
            name = ""
        if not name:
            raise CoterieError(f"`--{flag}` takes NAME=NUMBER; found {text!r}.")
    return found


def _show_affinity(screen: Screen, found: Affinity) -> None:
    """The strongest pairs; the whole matrix is in the file."""
    matrix = np.where(np.eye(len(found.tasks), dtype=bool), np.nan, found.matrix)
    order = [divmod(int(i), len(found.tasks)) for i in np.argsort(-matrix, axis=None) if not np.isnan(matrix.flat[i])]
    shown = [*order[:_SHOWN_PAIRS], *order[max(_SHOWN_PAIRS, len(order) - _SHOWN_PAIRS) :]]
    errors = np.full_like(matrix, np.nan) if found.stderr is None else found.stderr
    rows = [
        [found.tasks[i], found.tasks[j], f"{matrix[i, j]:.4g}", "" if np.isnan(errors[i, j]) else f"{errors[i, j]:.2g}"]
        for i, j in shown
    ]
    counted = "shared examples" if found.method == "data_map" else "measurements"
    measured = "" if found.counts is None else f", {int(np.nanmax(found.counts))} {counted}"
    screen.table(f"Affinity by {found.method}{measured}: strongest and weakest", ["source", "target", "affinity", "s.e."], rows,
                 texts=2)  # fmt: skip


def _show_selection(screen: Screen, found: Selection, table: ScoreTable) -> None:
    rows = []
    for row, subset in zip(found.rows, found.subsets, strict=True):
        serves = ", ".join(name for name, by in zip(found.tasks, found.serves, strict=True) if by == row)
        rows.append([", ".join(np.array(found.tasks)[subset]), serves, f"{table.costs[row]:g}"])
    screen.table(f"Selected models, of {len(table.subsets)} candidates", ["trains", "serves", "cost"], rows, texts=2)
    firm = "proven best" if found.proven else f"not proven: a better choice could gain at most {found.gap:.2%}"
    screen.say(f"Candidates: {found.details['candidates']}.")
    screen.say(f"Sum of scores {found.objective:.6g} at cost {found.cost:g}; {firm}.")


def _show_plan(screen: Screen, found: Plan) -> None:
    from coterie.report.wording import count, seconds

    rows = [
        [
            *(work.method, str(work.trainings), str(work.look_aheads), count(work.model_steps), seconds(work.seconds)),
            *(seconds(work.grouped_seconds), f"{work.bytes / 2**20:.0f} MB", "yes" if work.fits else "no"),
        ]
        for work in found.workloads
    ]
    columns = ["method", "trainings", "look-\naheads", "steps", "to\nmeasure", "to train\ngroups", "memory", "fits"]
    screen.table("Estimated work of one seed", columns, rows)
    screen.say(f"Joint, single-task and ensemble models of one seed: {seconds(found.shared_seconds)}.")
    repetitions = f"{found.units} repetition{'s' if found.units != 1 else ''}"
    limit = "" if found.budget is None else f" within {seconds(found.budget)}"
    picked = ", ".join(found.picked) or "nothing"
    screen.say(f"Picked{limit}: {picked}. All of it, {repetitions}: about {seconds(found.seconds)}.")


def _stage(name: str) -> str:
    return f"affinity-{name.replace('-', '_')}"


def _file(run: Run, name: str) -> Path:
    return run.folder / f"{_stage(name)}.safetensors"
