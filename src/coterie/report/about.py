"""What was run, on what, with which versions; and the tables to take away."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coterie.report import methods
from coterie.wording import plain

if TYPE_CHECKING:
    import pyarrow as pa

    from coterie.results import ComparisonRecord

MOST_ROWS = 8_000
_SAID_ELSEWHERE = ("notes", "positive classes")


@dataclass(frozen=True)
class Settings:
    """Sections of (name, value) rows, and sentences about the data."""

    sections: dict[str, list[tuple[str, str]]]
    notes: list[str]


@dataclass(frozen=True)
class Download:
    """A table as a link: the name of its file, what it holds, how many rows, and all of them."""

    file: str
    what: str
    rows: int
    uri: str


def settings(comparison: ComparisonRecord) -> Settings:
    """The configuration in sections of (name, value) rows, and the notes on the data."""
    general: list[tuple[str, str]] = []
    sections: dict[str, list[tuple[str, str]]] = {}
    notes: list[str] = []
    for key, value in comparison.config.items():
        if isinstance(value, Mapping):
            notes += value.get("notes", [])
            rows = _flat(
                {name: item for name, item in value.items() if name not in _SAID_ELSEWHERE}
            )
            sections |= {_words(key): rows} if rows else {}
        elif value is not None:
            general.append((_words(key), plain(value)))
    return Settings({"general": general, **sections}, notes)


def _flat(mapping: Mapping[str, object], before: str = "") -> list[tuple[str, str]]:
    """Names and values of a mapping in mappings, without those that are unset."""
    rows: list[tuple[str, str]] = []
    for key, value in mapping.items():
        if value is None:
            continue
        name = f"{before}{_words(key)}"
        rows += (
            _flat(value, f"{name}, ")
            if isinstance(value, Mapping) and value
            else [(name, plain(value))]
        )
    return rows


def _words(key: str) -> str:
    return key.replace("_", " ")


def downloads(comparison: ComparisonRecord) -> list[Download]:
    """Tables as CSV inside links, small enough for the page; the JSON twin has every row."""
    scores = comparison.scores_table
    what = "test score of every arm, seed, split, draw, task and metric"
    if scores.num_rows > MOST_ROWS:
        scores = _summary(scores)
        what = (
            "test scores per arm, task and metric: mean and standard deviation over seeds, splits "
            "and draws"
        )
    tables = [
        ("gains.csv", "gains with intervals and p values", comparison.gains_table),
        ("scores.csv", what, scores),
        ("costs.csv", "cost per arm", comparison.costs_table),
        (
            "membership.csv",
            "membership of the first seed",
            _memberships(comparison),
        ),
        ("methods.csv", "measurement cost and regret per method", _methods(comparison)),
    ]
    return [
        Download(file, text, table.num_rows, _data_uri(table))
        for file, text, table in tables
        if table is not None
    ]


def _memberships(comparison: ComparisonRecord) -> pa.Table | None:
    import pyarrow as pa

    rows = [
        {
            "grouping": name,
            "seed": position,
            "task": task,
            "group": int(grouping.labels[t]) + 1,
            "k": k + 1,
            "membership": float(share),
        }
        for name, seeds in comparison.groupings.items()
        for position, grouping in enumerate(seeds[:1])
        for t, task in enumerate(grouping.tasks)
        for k, share in enumerate(grouping.membership[t])
    ]
    return pa.Table.from_pylist(rows) if rows else None


def _methods(comparison: ComparisonRecord) -> pa.Table | None:
    import pyarrow as pa

    rows = methods.table(comparison)["methods"] if methods.is_shown(comparison) else []
    return pa.Table.from_pylist(rows) if rows else None


def _summary(scores: pa.Table) -> pa.Table:
    import pyarrow.compute as pc

    groups = scores.group_by(["arm", "role", "of", "task", "metric"], use_threads=False)
    spread = ("value", "stddev", pc.VarianceOptions(ddof=1))
    return groups.aggregate([("value", "mean"), spread, ("value", "count")])


def _data_uri(table: pa.Table) -> str:
    from pyarrow import csv

    file = io.BytesIO()
    csv.write_csv(table, file)
    return "data:text/csv;charset=utf-8;base64," + base64.b64encode(file.getvalue()).decode()
