"""What was measured, chosen and planned, as tables."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING

import numpy as np

from coterie.cli.show import Screen

if TYPE_CHECKING:
    from coterie.evaluation import Plan, Workload
    from coterie.results import Affinity, Grouping, Headroom, LearningCurve, ScoreTable, Selection

_SHOWN_PAIRS = 5
_FITS = {True: "yes", False: "no", None: "unknown"}


def show_affinity(screen: Screen, found: Affinity) -> None:
    """The strongest pairs; the whole matrix is in the file."""
    matrix = np.where(np.eye(len(found.tasks), dtype=bool), np.nan, found.matrix)
    order = [
        divmod(int(i), len(found.tasks))
        for i in np.argsort(-matrix, axis=None)
        if not np.isnan(matrix.flat[i])
    ]
    shown = [*order[:_SHOWN_PAIRS], *order[max(_SHOWN_PAIRS, len(order) - _SHOWN_PAIRS) :]]
    errors = np.full_like(matrix, np.nan) if found.stderr is None else found.stderr
    rows = [
        [
            found.tasks[i],
            found.tasks[j],
            f"{matrix[i, j]:.4g}",
            "" if np.isnan(errors[i, j]) else f"{errors[i, j]:.2g}",
        ]
        for i, j in shown
    ]
    counted = "shared examples" if found.method == "data_map" else "measurements"
    measured = "" if found.counts is None else f", {int(np.nanmax(found.counts))} {counted}"
    screen.table(
        f"Affinity by {found.method}{measured}: strongest and weakest",
        ["source", "target", "affinity", "s.e."],
        rows,
        texts=2,
    )


def show_headroom(screen: Screen, found: Headroom) -> None:
    """The limit, and what each task's scores vary by."""
    rows = [[name, *(f"{value:.2f}" for value in values)] for name, values in found.frame.T.items()]
    screen.table(
        "Scores in points, and standard deviations of them",
        ["task", "joint", "single", "between\nsubsets", "between\nseeds"],
        rows,
    )
    screen.say(found.sentence)
    screen.say(f"Groups that overlap: at most {found.overlapping_bound:.1f} points.")


def show_learning_curve(screen: Screen, found: LearningCurve) -> None:
    """Which arm is best where, and each at each share."""
    from coterie.wording import count, interval, score, signed

    rows = []
    for i, share in enumerate(found.shares):
        for a, arm in enumerate(found.arms):
            first = (f"{100 * share:g} %", count(found.labels_per_task[i])) if a == 0 else ("", "")
            ends = float(found.gain.low[i, a]), float(found.gain.high[i, a])
            against = (signed(float(found.gain.value[i, a])), interval(*ends), found.outcomes[i][a])
            rows.append(
                [
                    f"> {arm}" if arm in found.contenders(i) else f"  {arm}",
                    *first,
                    score(float(found.score.value[i, a])),
                    *(against if a else ("", "", "")),
                ]
            )
    screen.table(
        f"Mean {found.metric} on test with shares of the labels; > not surely worse than the best",
        [
            "arm",
            "share",
            "labels\na task",
            "score",
            "gain over\n" + found.arms[0],
            "95 %",
            "outcome",
        ],
        rows,
    )
    for sentence in found.sentences:
        screen.say(sentence)
    screen.say("")


def show_selection(screen: Screen, found: Selection, table: ScoreTable) -> None:
    """What each selected model trains and serves, and whether that is the best choice."""
    rows = []
    for row, subset in zip(found.rows, found.subsets, strict=True):
        serves = ", ".join(
            name for name, by in zip(found.tasks, found.serves, strict=True) if by == row
        )
        rows.append([", ".join(compress(found.tasks, subset)), serves, f"{table.costs[row]:g}"])
    screen.table(
        f"Selected models, of {len(table.subsets)} candidates",
        ["trains", "serves", "cost"],
        rows,
        texts=2,
    )
    firm = (
        "proven best"
        if found.proven
        else f"not proven: a better choice could gain at most {found.gap:.2%}"
    )
    screen.say(f"Candidates: {found.details['candidates']}.")
    screen.say(f"Sum of scores {found.objective:.6g} at cost {found.cost:g}; {firm}.")


def show_proof(screen: Screen, found: Grouping) -> None:
    """What groups are worth, and whether others could be worth more."""
    told = found.details
    firm = (
        "proven best"
        if told["proven"]
        else f"not proven: others are worth at most {told['bound']:.6g}"
    )
    screen.say(
        f"Sum over tasks of the mean affinity within their groups {told['objective']:.6g}; {firm}."
    )


def _work(work: Workload) -> list[str]:
    from coterie.wording import count, seconds

    counts = (work.trainings, work.look_aheads, work.model_steps)
    return [work.method, *map(count, counts), seconds(work.seconds)]


def _memory(work: Workload) -> str:
    return "–" if work.bytes is None else f"{work.bytes / 2**20:.0f} MB"


def show_plan(screen: Screen, found: Plan) -> None:
    """The work of each method, and what was picked."""
    from coterie.wording import seconds

    columns = ["method", "trainings", "look-\naheads", "steps"]
    columns += ["to\nmeasure", "to train\ngroups", "memory", "fits"]
    rows = [
        [*_work(work), seconds(work.grouped_seconds), _memory(work), _FITS[work.fits]]
        for work in found.workloads
    ]
    screen.table("Estimated work of one seed", columns, rows)
    once = [work for work in (found.headroom, found.curve) if work is not None]
    if beside := [*found.rivals, *once]:
        columns = ["rival", "trainings", "look-\naheads", "steps", "to train", "memory"]
        named = " and ".join(f"the {work.method}" for work in once)
        screen.table(
            f"Rivals on one seed{f', and {named}, once' if named else ''}",
            columns,
            [[*_work(work), _memory(work)] for work in beside],
        )
    screen.say(
        f"Joint, single-task and ensemble models of one seed: {seconds(found.shared_seconds)}."
    )
    repetitions = f"{found.units} repetition{'s' if found.units != 1 else ''}"
    limit = "" if found.budget is None else f" within {seconds(found.budget)}"
    picked = ", ".join(found.picked) or "nothing"
    screen.say(
        f"Picked{limit}: {picked}. All of it, {repetitions}: about {seconds(found.known_seconds)}."
    )
    if found.about.get("seeds in one stack"):
        screen.say("The seeds of a split train as one stack; seconds are of one alone.")
    if "pilot" in found.about:
        most = found.about.get("most seconds")
        limit = "" if most is None else f", or until another would take longer than {seconds(most)}"
        screen.say(
            f"These are a pilot of {found.about['pilot']:g} seeds; more are added until what decides "
            f"is known closely enough{limit}."
        )
    if "most epochs" in found.about:
        screen.say(
            f"That is if all models train for {found.about['most epochs']} epochs; most stop long "
            "before, unless --epochs says how many."
        )
    if found.unpriced:
        screen.say(f"Unknown, and not in it, is what these take: {', '.join(found.unpriced)}.")
