"""The tables of a comparison: their columns, and the words in them that stand for something.

``scores`` has one row per arm, seed, split, draw, task and metric; ``gains`` one per pair of arms
and task, and one for the mean over tasks; ``costs`` one per arm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypedDict

import pyarrow as pa

from coterie.codec import Format, mark_table, recognised, unmark_table
from coterie.data.arrow_files import read_parquet, write_parquet
from coterie.errors import CoterieError
from coterie.schema import within
from coterie.wording import is_number

Outcome = Literal["better", "not worth it", "worse", "undecided", "unknown"]
MEAN = "mean"
CHOSEN = "chosen"
# Of comparisons that do not say which roles they have.
ROLES = ("grouped", CHOSEN, "joint", "single", "random", "ensemble")
# Of a test after Holm's correction, and of 95 % intervals.
LEVEL = 0.05
SCORES = pa.schema(
    [
        ("arm", pa.string()),
        ("role", pa.string()),
        ("of", pa.string()),
        ("seed", pa.int64()),
        ("split", pa.int64()),
        ("draw", pa.int64()),
        ("task", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
    ]
)
GAINS = pa.schema(
    [
        ("arm", pa.string()),
        ("role", pa.string()),
        ("of", pa.string()),
        ("reference", pa.string()),
        ("reference_role", pa.string()),
        ("task", pa.string()),
        ("metric", pa.string()),
        ("gain", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("p", pa.float64()),
        ("p_holm", pa.float64()),
        ("training_se", pa.float64()),
        ("examples_se", pa.float64()),
        ("margin", pa.float64()),
        ("outcome", pa.string()),
        ("more_seeds", pa.int64()),
        ("more_examples", pa.int64()),
        ("relative_gain", pa.float64()),
    ]
)
COSTS = pa.schema(
    [
        ("arm", pa.string()),
        ("role", pa.string()),
        ("of", pa.string()),
        ("models", pa.float64()),
        ("parameters", pa.float64()),
        ("model_steps", pa.float64()),
        ("seconds", pa.float64()),
        ("latency", pa.float64()),
    ]
)
_TOLD_BY_NAME = ("role", "of", "reference_role")
# What tables of earlier versions lack, and what they had instead.
_NEW = (
    "training_se",
    "examples_se",
    "margin",
    "outcome",
    "more_seeds",
    "more_examples",
    "latency",
)
_EARLIER = ("bootstrap_low", "bootstrap_high")


class GainRow(TypedDict):
    """A row of ``gains``: one arm against another on one task, or on the mean over tasks.

    ``training_se`` and ``examples_se`` are the standard errors of the gain that come from the seeds
    and from the test examples. ``more_seeds`` or ``more_examples`` is about how many more would
    decide what is undecided.
    """

    arm: str
    role: str
    of: str | None
    reference: str
    reference_role: str
    task: str
    metric: str
    gain: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    training_se: float | None
    examples_se: float | None
    margin: float | None
    outcome: str | None
    more_seeds: int | None
    more_examples: int | None
    relative_gain: float | None


class CostRow(TypedDict):
    """A row of ``costs``: what one arm takes.

    ``latency`` is the time in seconds in which it predicts 1,000 examples.
    """

    arm: str
    role: str
    of: str | None
    models: float
    parameters: float | None
    model_steps: float
    seconds: float | None
    latency: float | None


class Part(NamedTuple):
    """What an arm is in a comparison.

    Its role, and the grouping that it belongs to, None where to none or to several.
    """

    role: str
    of: str | None


def parts_of(table: pa.Table) -> dict[str, Part]:
    """The arms of a table, in order, with the parts that they play.

    >>> parts_of(pa.table({"arm": ["random (g)", "joint"], "role": ["random", "joint"],
    ...                    "of": ["g", None]}))
    {'random (g)': Part(role='random', of='g'), 'joint': Part(role='joint', of=None)}
    """
    rows = dict.fromkeys(
        zip(*(table.column(name).to_pylist() for name in ("arm", *Part._fields)), strict=True)
    )
    return {arm: Part(role, of) for arm, role, of in rows}


def with_parts(table: pa.Table, schema: pa.Schema, groupings: Iterable[str]) -> pa.Table:
    """A table of the old form, which told of arms by name, with the columns that say what they are.

    Names were made from those of the ``groupings`` in these ways only; ensembles are what is left.

    >>> arms = {"arm": ["random (g)"]}
    >>> old = pa.table({name: pa.array(arms.get(name, [None]), type=COSTS.field(name).type)
    ...                 for name in COSTS.names if name not in ("role", "of")})
    >>> parts_of(with_parts(old, COSTS, ["g"]))
    {'random (g)': Part(role='random', of='g')}
    """
    parts = {"joint": Part("joint", None), "single": Part("single", None)}
    for name in groupings:
        parts[name] = Part(CHOSEN if name == CHOSEN else "grouped", name)
        parts[f"random ({name})"] = Part("random", name)
        parts[f"ensemble (K of {name})"] = Part("ensemble", name)
    ensemble = Part("ensemble", None)
    for arm, role, of in (("arm", "role", "of"), ("reference", "reference_role", None)):
        if role in schema.names:
            own = [parts.get(name, ensemble) for name in table.column(arm).to_pylist()]
            table = table.append_column(role, pa.array([part.role for part in own], pa.string()))
            table = (
                table
                if of is None
                else table.append_column(of, pa.array([part.of for part in own], pa.string()))
            )
    return table.select(schema.names)


def outcome(row: GainRow) -> Outcome:
    """How the arm of a row of ``gains`` does against its reference.

    "better", "worse", "not worth it" (the gain is surely below the margin), "undecided", or
    "unknown" where there is no interval.

    >>> [outcome({"low": low, "high": 0.9, "outcome": None}) for low in (0.1, -0.1, None)]
    ['better', 'undecided', 'unknown']
    """
    match row["outcome"]:
        case "better" | "not worth it" | "worse" | "undecided" as told:
            return told
    if not (is_number(row["low"]) and is_number(row["high"])):
        return "unknown"
    # Tables of earlier versions have no margin.
    return "better" if row["low"] > 0 else "worse" if row["high"] < 0 else "undecided"


def differs(row: GainRow) -> bool:
    """Whether a task of ``gains`` still differs after Holm's correction."""
    return is_number(row["p_holm"]) and row["p_holm"] < LEVEL


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table of a comparison, by the name of its file: scores, gains or costs."""
    write_parquet(path, mark_table(table, _format(path), {}))


def read_table(
    path: Path, schema: pa.Schema, *, tasks: Sequence[str], groupings: Iterable[str]
) -> pa.Table:
    """Read a table with the columns of ``schema`` whose texts are all there.

    It is about ``tasks`` only, if it has such a column.

    One of the old form gets its new columns from the names of the ``groupings``
    (:func:`with_parts`).

    Raises:
        CoterieError: the file is damaged, or its table is another one.
    """
    with recognised(path, _format(path)):
        table = read_parquet(path)
    table, _ = unmark_table(table, _format(path), path)
    with within(path, "table of a comparison"):
        table = _of_today(table, schema, groupings)
        if not table.schema.equals(schema):
            found, wanted = (
                ", ".join(f"{field.name} {field.type}" for field in each)
                for each in (table.schema, schema)
            )
            raise CoterieError(f"it must have the columns {wanted}; found {found}.")
        for field in schema:
            if (
                pa.types.is_string(field.type)
                and field.name not in ("of", "outcome")
                and table[field.name].null_count
            ):
                raise CoterieError(f"column {field.name!r} must not be empty anywhere.")
        if "task" in schema.names and (
            unknown := sorted(set(table["task"].to_pylist()).difference(tasks))
        ):
            raise CoterieError(f"column 'task' names the unknown task {unknown[0]!r}.")
    return table


def _of_today(table: pa.Table, schema: pa.Schema, groupings: Iterable[str]) -> pa.Table:
    """A table of an earlier version with the columns that it lacks; any other as it is."""
    names = set(schema.names)
    lacking = [name for name in schema.names if name in _NEW and name not in table.schema.names]
    earlier = names - set(lacking) | {
        name for name in _EARLIER if lacking and name in table.schema.names
    }
    told_by_name = names.intersection(_TOLD_BY_NAME)
    if set(table.schema.names) not in (earlier, earlier - told_by_name):
        return table
    for name in lacking:
        field = schema.field(name)
        table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    if not told_by_name <= set(table.schema.names):
        return with_parts(table, schema, groupings)
    return table.select(schema.names)


def _format(path: Path) -> Format:
    return Format(f"{path.stem} table")
