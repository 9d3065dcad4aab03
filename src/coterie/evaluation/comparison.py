"""What a comparison found, in tables: scores, gains with intervals, costs, and a verdict in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from coterie.errors import CoterieError
from coterie.evaluation.units import read_histories, write_histories, write_table
from coterie.files import read_json, write_json
from coterie.results import DataMap, Grouping, History

MEAN = "mean"
GAINS = pa.schema([
    ("arm", pa.string()), ("reference", pa.string()), ("task", pa.string()), ("metric", pa.string()), ("gain", pa.float64()),
    ("low", pa.float64()), ("high", pa.float64()), ("p", pa.float64()), ("p_holm", pa.float64()),
    ("bootstrap_low", pa.float64()), ("bootstrap_high", pa.float64()), ("relative_gain", pa.float64()),
])  # fmt: skip
COSTS = pa.schema([
    ("arm", pa.string()), ("models", pa.float64()), ("parameters", pa.float64()), ("model_steps", pa.float64()),
    ("seconds", pa.float64()),
])  # fmt: skip
_TABLES = ("scores", "gains", "costs")


@dataclass(frozen=True, kw_only=True, repr=False)
class Comparison:
    """Joint, single-task, random, ensemble and grouped training, scored on the test part.

    ``scores`` [arm, seed, split, draw, task, metric, value]: the full set of metrics. ``gains`` [arm, reference, task, metric,
    gain, low, high, p, p_holm, bootstrap_low, bootstrap_high, relative_gain]: points (x 100) of the primary metric, paired over
    seeds and splits, 95 % t interval; the task "mean" is the unweighted mean over tasks; relative gains are shares of the
    reference's error; what cannot be told is null. ``costs`` [arm, models, parameters, model_steps, seconds]: of one
    repetition on average, and groups found on a data map pay for its recording. ``groupings`` has one entry per unit.
    ``agreement`` is the adjusted Rand index between methods, averaged over units. ``data_map`` and ``history`` are those of
    the first unit.
    """

    tasks: tuple[str, ...]
    kinds: tuple[str, ...]
    metric_names: tuple[str, ...]
    scores: pa.Table
    gains: pa.Table
    costs: pa.Table
    groupings: Mapping[str, list[Grouping]]
    data_map: DataMap | None = None
    history: Mapping[str, History] = field(default_factory=dict)
    stability: Mapping[str, Any] = field(default_factory=dict)
    agreement: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    verdict: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)

    def gain(self, arm: str, reference: str, task: str = MEAN) -> dict[str, Any]:
        """The row of ``gains`` for one pair of arms and one task.

        Raises:
            CoterieError: there is no such row; the pairs that exist are named.
        """
        rows = self.gains.to_pylist()
        for row in rows:
            if (row["arm"], row["reference"], row["task"]) == (arm, reference, task):
                return row
        pairs = dict.fromkeys(f"{row['arm']!r} against {row['reference']!r}" for row in rows)
        raise CoterieError(f"No gain of {arm!r} against {reference!r} for task {task!r}; there are {', '.join(pairs)}.")

    def report(self, path: str | Path = "report.html") -> Path:
        """Write the report as one HTML file, with a JSON twin beside it."""
        from coterie.report import write_report

        return write_report(self, str(path))

    def to_dict(self) -> dict[str, Any]:
        """Everything but the data map and the curves, as plain JSON types."""
        return {
            "tasks": list(self.tasks), "kinds": list(self.kinds), "metric_names": list(self.metric_names),
            "verdict": list(self.verdict), **{name: getattr(self, name).to_pylist() for name in _TABLES},
            "groupings": {name: [g.to_dict() for g in found] for name, found in self.groupings.items()},
            "stability": dict(self.stability), "agreement": dict(self.agreement), "config": dict(self.config),
        }  # fmt: skip

    def save(self, folder: str | Path) -> list[Path]:
        """Write tables as Parquet, arrays as safetensors and the rest as JSON; returns the files."""
        folder = Path(folder)
        rest = {name: value for name, value in self.to_dict().items() if name not in _TABLES}
        for name in _TABLES:
            write_table(folder / f"{name}.parquet", getattr(self, name))
        write_histories(folder / "history.safetensors", self.history)
        if self.data_map is not None:
            self.data_map.save(folder / "data_map.safetensors")
        # Last, so that a comparison that can be read is whole.
        write_json(folder / "comparison.json", {**rest, "data_map": self.data_map is not None})
        names = [*(f"{name}.parquet" for name in _TABLES), "history.safetensors", "comparison.json"]
        return [folder / name for name in [*names, *(["data_map.safetensors"] if self.data_map is not None else [])]]

    @classmethod
    def load(cls, folder: str | Path) -> Comparison:
        """Read what :meth:`save` wrote.

        Raises:
            CoterieError: there is none in ``folder``, or a file is damaged.
        """
        folder = Path(folder)
        if not (folder / "comparison.json").is_file():
            raise CoterieError(f"{str(folder)!r} holds no comparison (no comparison.json).")
        saved = read_json(folder / "comparison.json")
        try:
            tables = {name: pq.read_table(folder / f"{name}.parquet") for name in _TABLES}
        except (OSError, pa.ArrowException) as error:
            raise CoterieError(f"A table in {str(folder)!r} is missing or damaged: {error}") from error
        return cls(
            tasks=tuple(saved["tasks"]), kinds=tuple(saved["kinds"]), metric_names=tuple(saved["metric_names"]),
            groupings={name: [Grouping.from_dict(g) for g in found] for name, found in saved["groupings"].items()},
            data_map=DataMap.load(folder / "data_map.safetensors") if saved["data_map"] else None,
            history=read_histories(folder / "history.safetensors"), stability=saved["stability"],
            agreement=saved.get("agreement", {}),
            verdict=tuple(saved["verdict"]), config=saved["config"], **tables,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"Comparison({', '.join(self.groupings)} on {len(self.tasks)} tasks: {self.verdict[0] if self.verdict else ''})"
