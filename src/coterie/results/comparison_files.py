"""The folder of a comparison: tables as Parquet, arrays as safetensors, the rest as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from coterie import codec
from coterie.codec import to_parts, values_of
from coterie.errors import CoterieError
from coterie.results.about import About
from coterie.results.data_maps import DataMap
from coterie.results.findings import find
from coterie.results.found import Found
from coterie.results.headroom import Headroom
from coterie.results.histories import History, read_histories, write_histories
from coterie.results.learning_curves import LearningCurve
from coterie.results.tables import (
    CHOSEN,
    COSTS,
    GAINS,
    MEAN,
    ROLES,
    SCORES,
    parts_of,
    read_table,
    write_table,
)
from coterie.schema import Details, Json, distinct, entries_of, within

if TYPE_CHECKING:
    from coterie.results.comparisons import ComparisonRecord

TABLES = ("scores", "gains", "costs")
# In files of their own, where a comparison has them.
_RECORDS = {"data_map": DataMap, "headroom": Headroom, "learning_curve": LearningCurve}
_BESIDES: Details = {
    **dict.fromkeys(_RECORDS, bool),
    "groupings": dict[str, list[dict[str, Json]]],
    "about": dict[str, About],
}
_FORMAT = codec.Format("comparison")
_FILE, _HISTORY = "comparison.json", "history.safetensors"


def told(record: ComparisonRecord) -> dict[str, object]:
    """What is not in files of its own, and what that says in words."""
    return {
        **to_parts(record)[1],
        "groupings": {
            name: [each.to_dict() for each in found] for name, found in record.found.items()
        },
        "about": {name: asdict(each) for name, each in record.about.items()},
        "outcome": record.outcome,
        "verdict": list(record.verdict),
    }


def write_comparison(record: ComparisonRecord, folder: Path) -> list[Path]:
    """Write all files of a comparison, and return them."""
    files = [folder / f"{name}.parquet" for name in TABLES]
    for path in files:
        write_table(path, getattr(record, f"{path.stem}_table"))
    write_histories(folder / _HISTORY, record.history)
    files += [folder / _HISTORY, folder / _FILE]
    own = {name: getattr(record, name) for name in _RECORDS}
    for name, each in own.items():
        if each is not None:
            each.save(folder / f"{name}.safetensors")
            files.append(folder / f"{name}.safetensors")
    # Last, so that a comparison that can be read is whole.
    said = {**told(record), **{name: each is not None for name, each in own.items()}}
    codec.write(folder / _FILE, _FORMAT, said)
    return files


def read_comparison(kind: type[ComparisonRecord], folder: Path) -> dict[str, Any]:
    """The fields of a comparison.

    Raises:
        CoterieError: there is none in ``folder``, or a file is damaged.
    """
    if not (folder / _FILE).is_file():
        raise CoterieError(f"{str(folder)!r} holds no comparison (no {_FILE}).")
    _, said = codec.read(folder / _FILE, _FORMAT, codec.read_plain)
    with within(folder / _FILE, _FORMAT.name):
        entries = entries_of(said, _BESIDES, ["data_map", "groupings"], closed=False)
        groupings, about = entries.pop("groupings"), entries.pop("about", {})
        there = [name for name in _RECORDS if entries.pop(name, False)]
        for told_elsewhere in ("outcome", "verdict"):
            entries.pop(told_elsewhere, None)
        if "standings" not in entries:
            # Earlier versions had other outcomes; what they rest on is in the tables.
            entries.pop("findings", None)
        parts = values_of(kind, {}, entries)
        _check_tasks(parts)
        tasks = parts["tasks"]
        found = {name: _found(each, name, tasks) for name, each in groupings.items()}
        parts |= {"found": found, "about": {**_abouts(parts.get("config", {}), found), **about}}
    tables = {
        name: read_table(folder / f"{name}.parquet", schema, tasks=known, groupings=found)
        for name, schema, known in (
            ("scores", SCORES, tasks),
            ("gains", GAINS, [*tasks, MEAN]),
            ("costs", COSTS, ()),
        )
    }
    parts["history"] = read_histories(folder / _HISTORY, len(tasks))
    with within(folder, _FORMAT.name):
        parts.setdefault("roles", dict.fromkeys(ROLES, ""))
        if "findings" not in parts:
            parts["findings"] = find(**tables)
        _fit_together(tables, parts["roles"], parts["history"])
    for name in there:
        parts[name] = _RECORDS[name].load(folder / f"{name}.safetensors")
    return {**parts, **{f"{name}_table": table for name, table in tables.items()}}


def _check_tasks(parts: Details) -> None:
    for name in ("tasks", "kinds", "metric_names"):
        if len(parts[name]) != len(parts["tasks"]) or not parts["tasks"]:
            raise CoterieError(f"`{name}` must have one entry a task; found {list(parts[name])}.")


def _found(saved: list[dict[str, Json]], name: str, tasks: tuple[str, ...]) -> list[Found]:
    """What one method found on all repetitions, at least one, of the comparison's own tasks."""
    distinct(tasks)
    with within(f"`groupings.{name}`", "list of groupings"):
        found = [Found.from_dict(each) for each in saved]
        if not found or any(each.grouping.tasks != tasks for each in found):
            raise CoterieError(f"it must hold at least one, each of the tasks {', '.join(tasks)}.")
    return found


def _abouts(config: Details, found: Mapping[str, list[Found]]) -> dict[str, About]:
    """What each method is, as far as it shows: earlier versions did not keep it."""
    shown = config.get("groupings", {})
    return {
        name: About(
            family="given" if str(shown.get(name, "")).startswith("Grouping(") else first.family,
            measures=first.by,
        )
        for name, (first, *_) in found.items()
        if name != CHOSEN
    }


def _fit_together(
    tables: Mapping[str, pa.Table], roles: Mapping[str, str], history: Mapping[str, History]
) -> None:
    """Refuse files of different comparisons.

    Arms that have no scores, or play a role that nothing tells of.
    """
    arms = parts_of(tables["scores"])
    others = {"gains.parquet": tables["gains"], "costs.parquet": tables["costs"]}
    named = {
        **{file: list(parts_of(table)) for file, table in others.items()},
        "history.safetensors": list(history),
    }
    for file, names in named.items():
        if unknown := [name for name in names if name not in arms]:
            raise CoterieError(
                f"{file} has the arm {unknown[0]!r}, of which scores.parquet has no scores."
            )
    if untold := [part.role for part in arms.values() if part.role not in roles]:
        raise CoterieError(f"`roles` of comparison.json lacks {untold[0]!r}.")
