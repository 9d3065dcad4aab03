"""The verbs that measure and choose: affinity, select, plan."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from coterie.cli import options
from coterie.cli.asked import (
    affinity_of,
    load_data,
    methods_asked,
    model_of,
    rivals_asked,
    seeds_of,
    settings_of,
)
from coterie.cli.bounding import ROWS, SEEDS, most_groups
from coterie.cli.checking import check
from coterie.cli.constraining import constraints_of, numbers_of
from coterie.cli.outcomes import show_affinity, show_plan, show_selection
from coterie.cli.shared import (
    AFFINITY,
    GROUPING,
    affinity_file,
    affinity_stage,
    continued,
    drop_void_checkpoints,
    keep_grouping,
    no_trace_of_a_mistake,
    plain,
    saved_affinity,
    started,
)
from coterie.cli.show import Screen
from coterie.errors import CoterieError
from coterie.files import atomic, check_target
from coterie.identity import qualified
from coterie.runs import Run, is_run

if TYPE_CHECKING:
    from coterie.affinities import AffinityProbe
    from coterie.data import Dataset
    from coterie.results import ScoreTable, Selection


def perform_measuring(
    verb: options.Affinity | options.Select | options.Plan, screen: Screen
) -> None:
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
    with started(verb, screen) as (run, data):
        asked = [affinity_of(name) for name in verb.methods]
        missing = [each for each in asked if not _is_measured(run, verb, each)]
        if missing:
            _measure(run, verb, missing, data, screen)
        for name in map(_name, asked):
            show_affinity(screen, saved_affinity(run, name))
            screen.path("Affinity", affinity_file(run, name))


def _is_measured(run: Run, verb: options.Affinity, asked: str | AffinityProbe) -> bool:
    """Whether a run has measured an affinity as it is asked for now."""
    name = _name(asked)
    if not run.done(affinity_stage(name)):
        return False
    about = run.about(affinity_stage(name))
    same = about.get("own", {}).get(name) == _own([asked]).get(name)
    return same and about["every"] == verb.every


def _measure(
    run: Run,
    verb: options.Affinity,
    missing: Sequence[str | AffinityProbe],
    data: Dataset,
    screen: Screen,
) -> None:
    """Measure and keep all of ``missing`` or none.

    A training can be continued only with the probes that it began with.
    """
    from coterie.affinities import affinities

    # So each set of them has a checkpoint of its own.
    names = "+".join(plain(_name(each)) for each in missing)
    checkpoint = f"{AFFINITY}/{names}-every-{verb.every}"
    with no_trace_of_a_mistake(run), screen.progress() as progress:
        measured = affinities(
            missing,
            model_of(verb.training, data),
            data,
            seed=verb.training.seed,
            every=verb.every,
            checkpoint=run.checkpoint(checkpoint),
            progress=progress,
            **settings_of(verb.training),
        )
    with ExitStack() as writing:
        for name, found in measured.items():
            found.save(writing.enter_context(atomic(affinity_file(run, name))))
        run.forget(*map(affinity_stage, measured))
    own = _own(missing)
    run.complete_together(
        {affinity_stage(name): [affinity_file(run, name)] for name in measured},
        every=verb.every,
        **({"own": own} if own else {}),
    )
    run.drop_checkpoint(checkpoint)
    drop_void_checkpoints(run)


def _name(asked: str | AffinityProbe) -> str:
    return asked if isinstance(asked, str) else asked.name


def _own(asked: Sequence[str | AffinityProbe]) -> dict[str, object]:
    """What tells the user's own probes from others, by name."""
    return {
        each.name: {**each.key, "is": qualified(each)}
        for each in asked
        if not isinstance(each, str)
    }


def select(verb: options.Select, screen: Screen) -> None:
    """Select models from a table of scores, or from an affinity of a run."""
    run = Run.existing(verb.source) if is_run(verb.source) else None
    if verb.out is not None:
        check_target(verb.out)
    # Only a run that keeps the outcome is written to.
    with nullcontext(run) if run is None or verb.out is not None else continued(verb.source) as run:
        selection, table = _select(verb, run)
        show_selection(screen, selection, table)
        if verb.out is not None:
            selection.save(verb.out)
            screen.path("Selection", verb.out)
        elif run is not None:
            settings = {"affinity": verb.affinity, "budget": verb.budget, "select": str(selection)}
            keep_grouping(run, selection.grouping, settings)
            screen.path("Grouping", run.folder / GROUPING)


def _select(verb: options.Select, run: Run | None) -> tuple[Selection, ScoreTable]:
    from coterie.grouping import select as select_rows

    totals = numbers_of("resource", verb.resource)
    limits = numbers_of("row-limit", verb.constraints.row_limit)
    table = _table(verb, run, list(dict.fromkeys([*totals, *limits])))
    weights = numbers_of("task-weight", verb.task_weight)
    if unknown := [name for name in weights if name not in table.tasks]:
        raise CoterieError(
            f"`--task-weight` names the unknown task {unknown[0]!r}; the tasks are "
            f"{', '.join(table.tasks)}."
        )
    selection = select_rows(
        table,
        budget=verb.budget,
        partition=verb.partition,
        resources={name: (table.resources[name], limit) for name, limit in totals.items()},
        row_limits={name: (table.resources[name], limit) for name, limit in limits.items()},
        task_weights=[weights.get(name, 1.0) for name in table.tasks],
        **constraints_of(verb.constraints, table.tasks),
    )
    return selection, table


def plan(verb: options.Plan, screen: Screen) -> None:
    """Estimate and show what a comparison would take."""
    from coterie.evaluation import SHARES
    from coterie.evaluation import plan as make_plan

    check(verb)
    data = load_data(verb.data, verb.training.seed)
    screen.notes(data.notes)
    bounded = (
        not verb.comparison.no_headroom and most_groups(verb.grouping.groups, len(data.tasks)) > 1
    )
    found = make_plan(
        model_of(verb.training, data),
        data,
        methods_asked(verb.grouping, verb.comparison),
        **seeds_of(verb.comparison),
        repeats=verb.comparison.repeats,
        draws=verb.comparison.draws,
        budget=verb.budget,
        rivals=rivals_asked(verb.comparison),
        headroom=(ROWS, SEEDS) if bounded else None,
        shares=SHARES if verb.learning_curve else None,
        **settings_of(verb.training),
    )
    show_plan(screen, found)


def _table(verb: options.Select, run: Run | None, columns: Sequence[str]) -> ScoreTable:
    from coterie.grouping import candidates, subset_scores
    from coterie.results import ScoreTable

    if run is None:
        if verb.affinity is not None:
            raise CoterieError(f"`--affinity` needs a run directory; {str(verb.source)!r} is none.")
        return ScoreTable.load(
            verb.source, higher_is_better=not verb.lower_is_better, resources=columns
        )
    if columns:
        raise CoterieError(
            "`--resource` and `--row-limit` name columns of a table of scores; a run has no "
            f"{columns[0]!r}."
        )
    if verb.affinity is None:
        raise CoterieError(
            "A run needs `--affinity NAME`, one that was measured in it; or give a table of scores."
        )
    measured = saved_affinity(run, verb.affinity)
    # An affinity says nothing of a task alone, and a budget that needs such a group should be
    # infeasible, not guessed.
    rows, how = candidates(measured.tasks, lambda rows: subset_scores(measured, rows).scores)
    table = subset_scores(measured, rows[rows.sum(1) > 1])
    return replace(table, details={**table.details, "candidates": f"{how}; tasks alone left out"})
