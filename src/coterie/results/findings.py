"""What a comparison found, finding by finding: each grouping judged, and what that rests on.

Findings are read off the tables (:func:`find`) and are facts and numbers; :attr:`Finding.sentence`
says each in plain words, for someone who reads nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from coterie.codec import to_parts
from coterie.errors import CoterieError
from coterie.results.tables import CHOSEN, MEAN, CostRow, GainRow, differs, outcome, parts_of
from coterie.schema import Json
from coterie.wording import MOST_NAMED, is_number, signed

Worth = Literal[
    "one group",
    "undecided",
    "no difference",
    "worse",
    "ensembling",
    "any companions",
    "single is better",
    "worth it",
]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a comparison found, about the arm ``of``, a grouping.

    ================= ==============================================================================
    ``about``         ``outcome``
    ================= ==============================================================================
    "worth"           whether to use the grouping: "worth it", or why not; ``times`` the training
                      steps of joint, ``models``
    "mean"            whether its mean gain over the arm ``against`` differs from zero: "gain",
                      "loss", "none", "unknown"
    "tasks that lose" "loss": ``tasks`` with their gains, after Holm's correction; "none": not one
                      of ``count`` tasks
    "tasks that gain" "gain": likewise
    "rivals"          "optimistic": ``count`` groupings were compared on the same test examples;
                      ``of`` is empty
    ================= ==============================================================================

    ``gain`` is in points, the mean over tasks; ``interval`` its 95 % interval over ``repetitions``,
    ``resampled`` that over test examples. ``role`` is what the arm ``against`` is: "joint",
    "single", "random", "ensemble".
    """

    about: Literal["worth", "mean", "tasks that lose", "tasks that gain", "rivals"]
    outcome: Worth | Literal["gain", "loss", "none", "unknown", "optimistic"]
    of: str = ""
    against: str | None = None
    role: str | None = None
    gain: float | None = None
    interval: tuple[float, float] | None = None
    resampled: tuple[float, float] | None = None
    times: float = 1.0
    models: float = 1.0
    tasks: tuple[tuple[str, float], ...] = ()
    count: int = 0
    repetitions: str = ""

    def to_dict(self) -> dict[str, Json]:
        """Plain JSON types."""
        return to_parts(self)[1]

    @property
    def sentence(self) -> str:
        """The finding in words.

        >>> Finding(about="mean", outcome="unknown", of="mine", against="joint", gain=0.5,
        ...         repetitions="1 seed").sentence
        'mine against joint: +0.5 points on the mean over tasks, without an interval (1 seed).'
        """
        match self.about:
            case "worth":
                return f"{self.of}: {_worth_in_words(self)}"
            case "mean":
                return _mean_in_words(self)
            case "tasks that lose" if not self.tasks:
                return (
                    f"No task is found to lose with {self.of} against joint (Holm's correction "
                    f"over {self.count} tasks)."
                )
            case "tasks that lose" | "tasks that gain":
                which = self.about.capitalize()
                return (
                    f"{which} with {self.of} against joint, after Holm's correction: "
                    f"{_listing(self.tasks)}."
                )
            case "rivals":
                return (
                    f"{self.count} groupings were compared on the same test examples: the best of "
                    "them on test looks better than it is."
                )


def find(scores: pa.Table, gains: pa.Table, costs: pa.Table) -> tuple[Finding, ...]:
    """Judge each grouping of a comparison.

    Whether it paid, against what, at which cost, and which tasks lose.

    Args:
        scores: the tables of :class:`coterie.results.ComparisonRecord`; this one says how often
            everything was repeated.
        gains: groupings in the order in which they are judged.
        costs: of every grouping, and of joint.

    Raises:
        CoterieError: a row is missing that a grouping is judged by.
    """
    repetitions = repetitions_of(scores)
    by_pair: dict[tuple[str, str], list[GainRow]] = {}
    for row in gains.to_pylist():
        by_pair.setdefault((row["arm"], row["reference"]), []).append(row)
    cost = {row["arm"]: row for row in costs.to_pylist()}
    judged = [name for name, part in parts_of(gains).items() if part.role in ("grouped", CHOSEN)]
    found: list[Finding] = []
    for name in judged:
        pairs = [rows for (arm, _), rows in by_pair.items() if arm == name]
        means = {
            row["reference_role"]: row for rows in pairs for row in rows if row["task"] == MEAN
        }
        if "joint" not in means or not {name, "joint"} <= cost.keys():
            raise CoterieError(
                f"there must be a mean gain of {name!r} over joint and what both cost; one is "
                "missing."
            )
        found.append(_worth(name, means, cost[name], cost["joint"]))
        found += [_mean(row, repetitions) for row in means.values()]
        found += _tasks_that_differ(name, by_pair[name, means["joint"]["reference"]])
    rivals = sum(name != CHOSEN for name in judged)
    return (
        (*found, Finding(about="rivals", outcome="optimistic", count=rivals))
        if rivals > 1
        else tuple(found)
    )


def repetitions_of(scores: pa.Table) -> str:
    """What intervals are over, in words.

    >>> repetitions_of(pa.table({"seed": [0, 1, 0], "split": [0, 0, 1]}))
    '2 splits x 2 seeds'
    """
    seeds, splits = (len(scores.column(name).unique()) for name in ("seed", "split"))
    text = f"{seeds} seed{'s' if seeds > 1 else ''}"
    return text if splits == 1 else f"{splits} splits x {text}"


def _worth(name: str, means: Mapping[str, GainRow], cost: CostRow, joint_cost: CostRow) -> Finding:
    """Whether to use the grouping."""
    mean = means["joint"]
    return Finding(
        about="worth",
        outcome=_worth_of({role: outcome(row) for role, row in means.items()}, cost["models"]),
        of=name,
        against=mean["reference"],
        role="joint",
        gain=mean["gain"],
        interval=_ends(mean["low"], mean["high"]),
        resampled=_ends(mean["bootstrap_low"], mean["bootstrap_high"]),
        times=cost["model_steps"] / joint_cost["model_steps"],
        models=cost["models"],
    )


def _worth_of(found: Mapping[str, str], models: float) -> Worth:
    if models == 1:
        return "one group"
    if found["joint"] != "gain":
        answers: dict[str, Worth] = {
            "unknown": "undecided",
            "none": "no difference",
            "loss": "worse",
        }
        return answers[found["joint"]]
    if found.get("ensemble", "gain") != "gain":
        return "ensembling"
    if found.get("random", "gain") != "gain":
        return "any companions"
    return "single is better" if found.get("single") == "loss" else "worth it"


def _mean(row: GainRow, repetitions: str) -> Finding:
    return Finding(
        about="mean",
        outcome=outcome(row),
        of=row["arm"],
        against=row["reference"],
        role=row["reference_role"],
        gain=row["gain"],
        interval=_ends(row["low"], row["high"]),
        resampled=_ends(row["bootstrap_low"], row["bootstrap_high"]),
        repetitions=repetitions,
    )


def _ends(low: float | None, high: float | None) -> tuple[float, float] | None:
    return (low, high) if is_number(low) and is_number(high) else None


def _tasks_that_differ(name: str, rows: Sequence[GainRow]) -> list[Finding]:
    """The tasks that lose or gain against joint training after Holm's correction.

    Those first that differ most.
    """
    tasks = [row for row in rows if row["task"] != MEAN]
    gains = {row["task"]: row["gain"] or 0.0 for row in tasks if differs(row)}
    sure = sorted(gains.items(), key=lambda pair: -abs(pair[1]))
    worse, better = (tuple(pair for pair in sure if sign * pair[1] > 0) for sign in (-1, 1))
    about = {"of": name, "against": "joint", "role": "joint", "count": len(tasks)}
    found = []
    if worse or any(row["p_holm"] is not None for row in tasks):
        found.append(
            Finding(
                about="tasks that lose", outcome="loss" if worse else "none", tasks=worse, **about
            )
        )
    if better:
        found.append(Finding(about="tasks that gain", outcome="gain", tasks=better, **about))
    return found


def _worth_in_words(found: Finding) -> str:
    price = f"{found.times:.1f} times the training steps of joint and {_models(found.models)}"
    match found.outcome:
        case "one group":
            return "one group, which is joint training."
        case "undecided":
            return (
                f"undecided, because gains need at least two seeds that differ. It takes {price}."
            )
        case "no difference":
            return f"not worth it here. No difference found to joint training, at {price}."
        case "worse":
            return f"not worth it. It does worse than joint training, at {price}."
        case "ensembling":
            return (
                "better than joint training, but no gain is found over an ensemble of as many "
                "joint models: this is ensembling, not grouping."
            )
        case "any companions":
            return (
                "better than joint training, but no gain is found over random groups of the same "
                "sizes: which tasks are together did not matter."
            )
        case "single is better":
            return "better than joint training, but single-task models do better still."
        case _:
            return f"worth it if {price} are affordable: {_points(found.gain)} over joint training."


def _mean_in_words(found: Finding) -> str:
    pair, gain = (
        f"{found.of} against {found.against}",
        f"{_points(found.gain)} on the mean over tasks",
    )
    if found.interval is None:
        return f"{pair}: {gain}, without an interval ({found.repetitions})."
    spread = f"95 % interval {_span(found.interval)} over {found.repetitions}"
    if found.outcome == "none":
        return f"No difference found between {found.of} and {found.against}: {gain} ({spread})."
    sentence = f"{pair}: {gain} ({spread})."
    if found.resampled is not None and found.resampled[0] <= 0 <= found.resampled[1]:
        sentence += (
            f" Other test examples could undo it: {_span(found.resampled)} over resampled ones."
        )
    return sentence


def _listing(tasks: Sequence[tuple[str, float]]) -> str:
    shown = ", ".join(f"{name} ({signed(gain)})" for name, gain in tasks[:MOST_NAMED])
    return shown if len(tasks) <= MOST_NAMED else f"{shown} and {len(tasks) - MOST_NAMED} more"


def _span(interval: tuple[float, float]) -> str:
    return f"{signed(interval[0])} to {signed(interval[1])}"


def _points(value: float | None) -> str:
    return "not defined" if value is None else f"{signed(value)} points"


def _models(count: float) -> str:
    return "1 model" if count == 1 else f"{count:g} models"
