"""What a comparison found, in tables: scores, gains with intervals, costs, and a verdict in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict

import pyarrow as pa

from coterie.data.arrow_files import write_parquet
from coterie.errors import CoterieError
from coterie.evaluation._files import SCORES, read_frame, read_histories, write_histories
from coterie.files import path_of, read_json, write_json
from coterie.results import DataMap, Grouping, History
from coterie.schema import OPEN, distinct, structure, within
from coterie.tasks import unknown_kind

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


class _Config(TypedDict, total=False):
    """What others read of a comparison's configuration, where it is there."""

    groupings: dict[str, Any]


class _Saved(TypedDict):
    tasks: tuple[str, ...]
    kinds: tuple[Annotated[str, unknown_kind], ...]
    metric_names: tuple[str, ...]
    verdict: tuple[str, ...]
    groupings: dict[str, list[dict[str, Any]]]
    stability: dict[str, dict[str, Any]]
    agreement: NotRequired[dict[str, dict[str, float]]]
    config: Annotated[_Config, OPEN]
    data_map: bool


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
        folder = path_of(folder, "folder")
        rest = {name: value for name, value in self.to_dict().items() if name not in _TABLES}
        for name in _TABLES:
            write_parquet(folder / f"{name}.parquet", getattr(self, name))
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
        folder = path_of(folder, "folder")
        if not (folder / "comparison.json").is_file():
            raise CoterieError(f"{str(folder)!r} holds no comparison (no comparison.json).")
        saved = read_json(folder / "comparison.json")
        with within(folder / "comparison.json", "comparison"):
            found: _Saved = structure(saved, _Saved)
            parts: dict[str, Any] = {**found}
            parts["groupings"] = {name: _groupings(each, name, found["tasks"]) for name, each in found["groupings"].items()}
            for name in ("tasks", "kinds", "metric_names"):
                if len(parts[name]) != len(found["tasks"]) or not found["tasks"]:
                    raise CoterieError(f"`{name}` must have one entry a task; found {list(parts[name])}.")
        tasks = found["tasks"]
        return cls(
            **{**parts, "data_map": DataMap.load(folder / "data_map.safetensors") if found["data_map"] else None},
            history=read_histories(folder / "history.safetensors", len(tasks)),
            scores=read_frame(folder / "scores.parquet", SCORES, tasks=tasks),
            gains=read_frame(folder / "gains.parquet", GAINS, tasks=[*tasks, MEAN]),
            costs=read_frame(folder / "costs.parquet", COSTS, tasks=()),
        )

    def __repr__(self) -> str:
        return f"Comparison({', '.join(self.groupings)} on {len(self.tasks)} tasks: {self.verdict[0] if self.verdict else ''})"


def _groupings(saved: list[dict[str, Any]], name: str, tasks: tuple[str, ...]) -> list[Grouping]:
    """Groupings of all repetitions by one method, at least one, of the comparison's own tasks."""
    distinct(tasks)
    with within(f"`groupings.{name}`", "list of groupings"):
        found = [Grouping.from_dict(each) for each in saved]
        if not found or any(grouping.tasks != tasks for grouping in found):
            raise CoterieError(f"it must hold at least one, each of the tasks {', '.join(tasks)}.")
    return found
