"""The findings of a comparison in plain words, for someone who reads nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from coterie.wording import MOST_NAMED, listing, models, number, share, signed

if TYPE_CHECKING:
    from coterie.results.findings import Finding

_ARMS_NAMED = 3


def sentence(found: Finding) -> str:
    """A finding in words; see there for what each is about."""
    match found.about:
        case "worth":
            return f"{found.of}: {_worth(found)}"
        case "mean":
            return _mean(found)
        case "tasks that lose" if not found.tasks:
            return (
                f"No task is found to lose with {found.of} against joint (Holm's correction over "
                f"{found.count} task{'s' if found.count != 1 else ''})."
            )
        case "tasks that lose" | "tasks that gain":
            which = found.about.capitalize()
            return (
                f"{which} with {found.of} against joint, after Holm's correction: "
                f"{_listing(found.tasks)}."
            )
        case "rivals" if found.outcome == "corrected":
            return (
                f"{found.count} groupings were compared with joint training; their intervals are "
                "as wide as it takes to hold all at once."
            )
        case "rivals":
            return (
                f"{found.count} groupings were compared on the same test examples: the best of "
                "them on test looks better than it is."
            )
        case _:
            return _condition(found)


def settled_by(found: Finding) -> str:
    """What would decide what is undecided, or "".

    >>> from coterie.results import Finding
    >>> settled_by(Finding(about="mean", outcome="undecided", seeds=12, minutes=4.2))
    'About 12 more seeds (4 minutes) would settle it.'
    """
    repeated = "split" if "splits" in found.repetitions else "seed"
    return would_settle(found.seeds, found.examples, repeated, minutes=found.minutes)


def would_settle(
    repetitions: int | None, examples: int | None, repeated: str, *, minutes: float | None = None
) -> str:
    """What would decide, by how many more there would have to be, or "".

    >>> would_settle(1, None, "split"), would_settle(None, None, "seed")
    ('About 1 more split would settle it.', '')
    >>> would_settle(4, 120, "seed")
    'About 4 more seeds would settle it together with about 120 more test examples with labels.'
    """
    each = " in each" if repeated == "split" else ""
    if repetitions is not None:
        time = "" if minutes is None else f" ({_minutes(minutes)})"
        more = f"{repetitions} more {repeated}{'s' if repetitions > 1 else ''}{time}"
        if examples is None:
            return f"About {more} would settle it."
        return (
            f"About {more} would settle it together with about {_two_digits(examples)} more test "
            f"examples with labels{each}."
        )
    if examples is not None:
        return (
            f"More {repeated}s would not settle it: the test examples are too few, by about "
            f"{_two_digits(examples)} with labels{each}."
        )
    return ""


def _worth(found: Finding) -> str:
    price = f"{found.times:.1f} times the training steps of joint and {models(found.models)}"
    gain = f"{_points(found.gain)}{_span(found)}"
    match found.outcome:
        case "one group":
            return "one group, which is joint training."
        case "no interval":
            return f"no verdict: one seed tells nothing of the noise. It takes {price}."
        case "undecided":
            rest = _joined(settled_by(found))
            return f"undecided. Its gain over joint training is {gain}, at {price}.{rest}"
        case "not worth it":
            return (
                f"not worth it. What it gains over joint training is below {_margin(found)}: "
                f"{gain}, at {price}."
            )
        case "worse":
            return f"not worth it. It does worse than joint training, {gain}, at {price}."
        case "ensembling":
            return (
                f"better than joint training, but {_not_better(found)} than an ensemble of as many "
                f"joint models, {gain}: this is ensembling, not grouping."
            )
        case "any companions":
            return (
                f"better than joint training, but {_not_better(found)} than random groups of the "
                f"same sizes, {gain}: which tasks are together matters little."
            )
        case "uncontrolled":
            return (
                "better than joint training, but a control was not trained (random groups of the "
                "same sizes, an ensemble of as many joint models): nobody knows whether that is "
                "due to the groups."
            )
        case "control undecided":
            against = (
                "an ensemble of as many joint models"
                if found.role == "ensemble"
                else "random groups of the same sizes"
            )
            return (
                f"better than joint training; whether it is better than {against} is undecided, "
                f"{gain}.{_joined(settled_by(found))}"
            )
        case "single is better":
            return "better than joint training, but single-task models do better still."
        case _:
            return f"worth it if {price} are affordable: {gain} over joint training."


def _mean(found: Finding) -> str:
    pair, gain = (
        f"{found.of} against {found.against}",
        f"{_points(found.gain)} on the mean over tasks",
    )
    if found.interval is None:
        return f"{pair}: {gain}, without an interval ({found.repetitions})."
    spread = f"95 % interval {_ends(found.interval)}, {found.repetitions}"
    match found.outcome:
        case "undecided":
            rest = _joined(settled_by(found))
            return f"Undecided between {found.of} and {found.against}: {gain} ({spread}).{rest}"
        case "not worth it":
            return f"{pair}: {gain} ({spread}), below {_margin(found)}."
        case _:
            return f"{pair}: {gain} ({spread})."


def _condition(found: Finding) -> str:
    """What to know of how the comparison was made."""
    match found.about:
        case "headroom":
            return f"Headroom: {found.why}"
        case "seeds":
            return _seeds(found)
        case "epochs":
            worst = sorted(found.tasks, key=lambda pair: -pair[1])
            shown = [f"{name} ({100 * part:.0f} %)" for name, part in worst[:_ARMS_NAMED]]
            if others := len(worst) - len(shown):
                shown.append(f"{others} more arm{'s' if others > 1 else ''}")
            return (
                f"Not trained to the end: of {listing(shown)}, models are best in their last "
                "epoch; more epochs may change the answer."
            )
        case "nothing learnt" if found.outcome == "all at chance":
            return (
                f"No arm is surely better than chance on any task: {_scores(found.tasks)}. What they "
                "differ by may be chance."
            )
        case "nothing learnt" if not found.of:
            return (
                "No arm is surely better than chance on "
                f"{_scores(found.tasks)}; these tasks stay out of the mean."
            )
        case "nothing learnt":
            return f"{found.of} is not surely better than chance on {_scores(found.tasks)}."
        case "steps":
            return (
                f"The models of {found.of} took {number(found.times, 2)} times the optimiser steps "
                "of the joint model on average: the comparison is one of unlike trainings."
            )
        case "difficulty":
            shown = [f"{name} ({100 * part:.0f} %)" for name, part in found.tasks[:_ARMS_NAMED]]
            if others := len(found.tasks) - len(shown):
                shown.append(f"{others} more")
            return (
                f"Groups by difficulty: what tells the groups of {listing(shown)} apart is mostly "
                "how easily their tasks are learnt, not which examples they find easy; centred "
                "features leave that out."
            )
        case "examples":
            return (
                f"The joint model sees {number(found.times, 1)} times the examples that a "
                "single-task model sees on average, as not every example has a label of every task."
            )
        case _:
            return f"{found.why[:1].upper()}{found.why[1:].rstrip('.')}."


def _seeds(found: Finding) -> str:
    """Why no more seeds were added."""
    first = f"Stopped after {found.count} seed{'s' if found.count > 1 else ''}"
    if found.width is None:
        return f"{first}: there is no interval that more of them would make narrower."
    pair = f"{found.of} against {found.against}"
    widest = f"the widest interval that decides, of {pair}, is ±{number(found.width, 2)} points"
    asked = f"asked ±{found.within:g}"
    match found.outcome:
        case "narrow enough" if found.width > (found.within or 0):
            return (
                f"{first}: all that decides is narrow enough ({asked}) or decided by far (99.9 %)."
            )
        case "narrow enough":
            return f"{first}: {widest}, {asked}."
        case "examples alone are wider":
            left = f"alone leave ±{number(found.limit, 2)} points of {pair}, {asked}."
            if found.repetitions == "splits":
                # Splits and examples that would settle it are the recommendation's to tell.
                return (
                    f"{first} on each split: what splits differ by {left} More seeds would not "
                    "make that narrower."
                )
            return f"{first}: test examples {left}{_joined(settled_by(found))}"
        case "time":
            more = (
                ""
                if found.seeds is None
                else f" About {found.seeds} more seed{'s' if found.seeds > 1 else ''} would do."
            )
            return f"{first}, as the time of {found.why} is out: {widest}, {asked}.{more}"
        case _ if found.repetitions == "splits":
            return f"{first} on each split, as many more would be needed: {widest}, {asked}."
        case _:
            return f"{first}, as more than 100 would be needed: {widest}, {asked}."


def _joined(text: str) -> str:
    return f" {text}" if text else ""


def _listing(tasks: Sequence[tuple[str, float]]) -> str:
    shown = ", ".join(f"{name} ({signed(gain)})" for name, gain in tasks[:MOST_NAMED])
    return shown if len(tasks) <= MOST_NAMED else f"{shown} and {len(tasks) - MOST_NAMED} more"


def _scores(tasks: Sequence[tuple[str, float]]) -> str:
    shown = ", ".join(f"{name} ({share(value)})" for name, value in tasks[:MOST_NAMED])
    return shown if len(tasks) <= MOST_NAMED else f"{shown} and {len(tasks) - MOST_NAMED} more"


def _ends(interval: tuple[float, float]) -> str:
    return f"{signed(interval[0])} to {signed(interval[1])}"


def _span(found: Finding) -> str:
    return "" if found.interval is None else f" ({_ends(found.interval)})"


def _points(value: float | None) -> str:
    return "not defined" if value is None else f"{signed(value)} points"


def _margin(found: Finding) -> str:
    return "what is worth anything" if found.margin is None else f"{found.margin:g} points"


def _not_better(found: Finding) -> str:
    return "not better" if found.margin is None else f"not {_margin(found)} better"


def _minutes(minutes: float) -> str:
    if minutes < 1:
        return "under a minute"
    if minutes >= 90:
        return f"{minutes / 60:.0f} hours"
    return f"{minutes:.0f} minute{'s' if round(minutes) != 1 else ''}"


def _two_digits(count: int) -> str:
    return f"{float(f'{count:.2g}'):,.0f}"
