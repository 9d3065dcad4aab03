"""What a comparison found, finding by finding: each grouping judged, and what that rests on.

Findings are read off the tables (:func:`find`) and are facts and numbers; :attr:`Finding.sentence`
says each in plain words, for someone who reads nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa

from coterie.codec import to_parts
from coterie.errors import CoterieError
from coterie.results.groupings import Grouping
from coterie.results.sentences import sentence
from coterie.results.tables import (
    CHOSEN,
    MEAN,
    CostRow,
    GainRow,
    Outcome,
    differs,
    outcome,
    parts_of,
)
from coterie.schema import Json
from coterie.wording import is_number

Worth = Literal[
    "one group",
    "no interval",
    "undecided",
    "not worth it",
    "worse",
    "ensembling",
    "any companions",
    "uncontrolled",
    "control undecided",
    "single is better",
    "worth it",
]
About = Literal[
    "worth",
    "mean",
    "tasks that lose",
    "tasks that gain",
    "rivals",
    "headroom",
    "seeds",
    "epochs",
    "nothing learnt",
    "steps",
    "examples",
    "difficulty",
    "left out",
]
# From here on difficulty says more of groups than what their tasks have in common.
_STRATA = 0.5
# Without these nobody knows whether a gain is one of grouping.
_CONTROLS: Mapping[str, Worth] = {"ensemble": "ensembling", "random": "any companions"}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a comparison found, about the arm ``of``, mostly a grouping.

    ================= ==============================================================================
    ``about``         ``outcome``
    ================= ==============================================================================
    "worth"           whether to use the grouping: "worth it", or why not; ``times`` the training
                      steps of joint, ``models``
    "mean"            its mean gain over the arm ``against``: "better", "not worth it", "worse",
                      "undecided", "unknown"
    "tasks that lose" "loss": ``tasks`` with their gains, after Holm's correction; "none": not one
                      of ``count`` tasks
    "tasks that gain" "gain": likewise
    "rivals"          "corrected": ``count`` groupings were compared, and their intervals are wider
                      for it; "optimistic" in files of earlier versions, which did not do so
    "headroom"        "below the margin" or "above the margin": what any grouping into so many
                      ``models`` can gain at most (``gain``); in words in ``why``
    "seeds"           why no more were added: "narrow enough", "examples alone are wider", "time",
                      "most seeds" or "nothing to compare", after ``count``; ``width`` is half the
                      widest interval that decides and is not decided, that ``of`` an arm
                      ``against`` another, ``limit`` what infinitely many seeds leave of it,
                      ``within`` what was asked; ``why`` the time that there was
    "epochs"          "too few": of some arms, given as ``tasks``, which share of the models was best
                      in its last epoch
    "nothing learnt"  "chance": ``tasks`` that no arm (or, with ``of``, that one) predicts better
                      than chance, with their scores; "all at chance" where it is every task
    "steps"           "unlike": models of ``of`` trained for ``times`` the steps of those of joint
    "examples"        "unlike": joint sees ``times`` the examples of the average single-task model
    "difficulty"      "strata": of some groupings, given as ``tasks``, how much of what tells their
                      groups apart is how easily tasks are learnt: most of it
    "left out"        "not trained": the arm ``of``, for the reason ``why``
    ================= ==============================================================================

    ``gain`` is in points, the mean over tasks, and so is the ``margin`` below which it is not worth
    anything; ``interval`` its 95 % interval over training noise and test examples. ``role`` is what
    the arm ``against`` is: "joint", "single", "random", "ensemble". ``seeds``, ``minutes`` and
    ``examples`` are how many more would decide what is undecided.
    """

    about: About
    outcome: str
    of: str = ""
    against: str | None = None
    role: str | None = None
    gain: float | None = None
    interval: tuple[float, float] | None = None
    margin: float | None = None
    times: float = 1.0
    models: float = 1.0
    tasks: tuple[tuple[str, float], ...] = ()
    count: int = 0
    repetitions: str = ""
    seeds: int | None = None
    minutes: float | None = None
    examples: int | None = None
    within: float | None = None
    width: float | None = None
    limit: float | None = None
    why: str = ""

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
        return sentence(self)


def find(
    scores: pa.Table, gains: pa.Table, costs: pa.Table, *, unit_seconds: float | None = None
) -> tuple[Finding, ...]:
    """Judge each grouping of a comparison.

    Whether it paid, against what, at which cost, and which tasks lose.

    Args:
        scores: the tables of :class:`coterie.results.ComparisonRecord`; this one says how often
            everything was repeated.
        gains: groupings in the order in which they are judged.
        costs: of every grouping, and of joint.
        unit_seconds: what one more seed takes.

    Raises:
        CoterieError: a row is missing that a grouping is judged by.
    """
    repetitions = repetitions_of(scores)
    if unit_seconds is not None and "splits" in repetitions:
        # Another split is trained with all seeds.
        unit_seconds *= len(scores.column("seed").unique())
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
        found.append(_worth(name, means, cost[name], cost["joint"], unit_seconds, repetitions))
        if cost[name]["models"] == 1:
            continue  # nothing but joint training
        found += [
            replace(_of_pair(row, unit_seconds), repetitions=repetitions) for row in means.values()
        ]
        found += _tasks_that_differ(name, by_pair[name, means["joint"]["reference"]])
    rivals = sum(name != CHOSEN for name in judged)
    if rivals > 1:
        how = "corrected" if any(each.margin is not None for each in found) else "optimistic"
        found.append(Finding(about="rivals", outcome=how, count=rivals))
    return tuple(found)


def difficulty_of(groupings: Mapping[str, Sequence[Grouping]]) -> Finding | None:
    """Groupings of data maps, each by name over repetitions, that mostly tell difficulty apart.

    >>> found = Grouping(
    ...     tasks=("a", "b"), membership=np.eye(2), method="m", details={"difficulty_share": 0.9}
    ... )
    >>> difficulty_of({"mine": [found]}).tasks
    (('mine', 0.9),)
    """
    shares = {
        name: [
            each.details["difficulty_share"] for each in seeds if "difficulty_share" in each.details
        ]
        for name, seeds in groupings.items()
    }
    means = {name: float(np.mean(each)) for name, each in shares.items() if each}
    strata = tuple((name, mean) for name, mean in means.items() if mean >= _STRATA)
    return Finding(about="difficulty", outcome="strata", tasks=strata) if strata else None


def repetitions_of(scores: pa.Table) -> str:
    """What intervals are over, in words.

    >>> repetitions_of(pa.table({"seed": [0, 1, 0], "split": [0, 0, 1]}))
    '2 splits x 2 seeds'
    """
    seeds, splits = (len(scores.column(name).unique()) for name in ("seed", "split"))
    text = f"{seeds} seed{'s' if seeds > 1 else ''}"
    return text if splits == 1 else f"{splits} splits x {text}"


def _worth(
    name: str,
    means: Mapping[str, GainRow],
    cost: CostRow,
    joint_cost: CostRow,
    unit_seconds: float | None,
    repetitions: str,
) -> Finding:
    """Whether to use the grouping; of what is undecided, what would settle it."""
    answer, role = _worth_of({role: _answer(row) for role, row in means.items()}, cost["models"])
    mean = means[role]
    return replace(
        _of_pair(mean, unit_seconds),
        about="worth",
        repetitions=repetitions,
        outcome=answer,
        of=name,
        times=cost["model_steps"] / joint_cost["model_steps"],
        models=cost["models"],
    )


def _answer(row: GainRow) -> Outcome:
    """A gain that surely is below the margin is not worth it, be it above 0 or not."""
    found, high, margin = outcome(row), row["high"], row["margin"]
    small = found == "better" and is_number(high) and is_number(margin) and high < margin
    return "not worth it" if small else found


def _worth_of(found: Mapping[str, Outcome], models: float) -> tuple[Worth, str]:
    """The answer, and the role of the reference that it rests on."""
    if models == 1:
        return "one group", "joint"
    match found["joint"]:
        case "unknown":
            return "no interval", "joint"
        case "worse" | "not worth it" | "undecided" as answer:
            return answer, "joint"
    for role, answer in _CONTROLS.items():
        if found.get(role) in ("worse", "not worth it"):
            return answer, role
    if found.get("single") == "worse":
        return "single is better", "joint"
    if not _CONTROLS.keys() <= found.keys():
        return "uncontrolled", "joint"
    for role in _CONTROLS:
        if found[role] != "better":
            return "control undecided", role
    return "worth it", "joint"


def _of_pair(row: GainRow, unit_seconds: float | None) -> Finding:
    """What a row of gains says of a pair."""
    low, high, seeds = row["low"], row["high"], row["more_seeds"]
    minutes = None if seeds is None or unit_seconds is None else seeds * unit_seconds / 60
    return Finding(
        about="mean",
        outcome=outcome(row),
        of=row["arm"],
        against=row["reference"],
        role=row["reference_role"],
        gain=row["gain"],
        interval=(low, high) if is_number(low) and is_number(high) else None,
        margin=row["margin"],
        seeds=seeds,
        minutes=minutes,
        examples=row["more_examples"],
    )


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
