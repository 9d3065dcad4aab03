"""What any grouping could gain: a verb of its own, and what comparing begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from coterie.cli import options
from coterie.cli.asked import model_of, settings_of
from coterie.cli.outcomes import show_headroom
from coterie.cli.shared import HEADROOM, headroom_file, no_trace_of_a_mistake, started
from coterie.cli.show import Screen
from coterie.files import atomic

if TYPE_CHECKING:
    from coterie.data import Dataset
    from coterie.results import Headroom
    from coterie.runs import Run

# Enough to see that nothing can be gained; coterie headroom takes more time for a closer bound.
ROWS, SEEDS = 24, 2


class _Asked(TypedDict):
    groups: int
    rows: int
    seeds: int
    margin: float | None


def headroom(verb: options.Headroom, screen: Screen) -> None:
    """Bound what any grouping can gain, and keep the bound in the run directory."""
    with started(verb, screen) as (run, data):
        asked = _Asked(groups=verb.groups, rows=verb.rows, seeds=verb.seeds, margin=verb.margin)
        show_headroom(screen, _bound(run, verb.training, asked, data, screen))
        screen.path("Headroom", headroom_file(run))


def first_bound(run: Run, verb: options.Compare, data: Dataset, screen: Screen) -> Headroom | None:
    """Before anything is grouped; None where that was not asked, or there is nothing to group."""
    groups = most_groups(verb.grouping.groups, len(data.tasks))
    if verb.comparison.no_headroom or groups < 2:
        return None
    asked = _Asked(groups=groups, rows=ROWS, seeds=SEEDS, margin=verb.comparison.margin)
    return _bound(run, verb.training, asked, data, screen)


def most_groups(asked: tuple[int | str, ...], n_tasks: int) -> int:
    """The largest number of groups that may come out; "auto" answers half as many as tasks at most."""
    return min(
        n_tasks, max(each if isinstance(each, int) else max(2, n_tasks // 2) for each in asked)
    )


def _bound(
    run: Run, training: options.TrainingOptions, asked: _Asked, data: Dataset, screen: Screen
) -> Headroom:
    """The bound that the run has, or else one that is trained for now."""
    from coterie.bounds import headroom as bound
    from coterie.results import Headroom

    if run.done(HEADROOM) and run.about(HEADROOM)["asked"] == dict(asked):
        return Headroom.load(headroom_file(run))
    # Other rows are other trainings; more seeds or another margin are not.
    checkpoint = f"{HEADROOM}/groups-{asked['groups']}-rows-{asked['rows']}"
    with no_trace_of_a_mistake(run), screen.progress() as progress:
        found = bound(
            model_of(training, data),
            data,
            asked["groups"],
            rows=asked["rows"],
            seeds=asked["seeds"],
            margin=asked["margin"],
            seed=training.seed,
            checkpoint=run.checkpoint(checkpoint),
            progress=progress,
            **settings_of(training),
        )
    with atomic(headroom_file(run)) as temporary:
        found.save(temporary)
        run.forget(HEADROOM)
    run.complete(HEADROOM, [headroom_file(run)], asked=dict(asked))
    run.drop_checkpoint(checkpoint)
    return found
