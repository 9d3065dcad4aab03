"""One unit of a comparison as a record: what a split and a seed gave, and its files.

Shapes: ``A`` arms (each random draw counts), ``n`` test examples, ``T`` tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict

import numpy as np
import pyarrow as pa

from coterie.data.arrow_files import write_parquet
from coterie.errors import CoterieError
from coterie.files import read_arrays, read_json, write_arrays, write_json
from coterie.results import DataMap, Found, History
from coterie.results.histories import read_histories, write_histories
from coterie.results.tables import SCORES, read_frame
from coterie.schema import OPEN, arrays_of, distinct, structure, within
from coterie.texts import file_name


class ArmCost(TypedDict):
    """What an arm takes."""

    arm: str
    models: float
    parameters: float
    model_steps: float
    seconds: float


class _About(TypedDict):
    split: int
    seed: int
    arms: tuple[tuple[str, int], ...]
    overlap: float
    costs: list[Annotated[ArmCost, OPEN]]
    groupings: list[str]


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What one split and seed gave.

    ``arms`` names the A arms with their draws, ``primary`` (A, T) holds the metric by which tasks
    are compared, ``outcomes`` (A, n, T) what came of each test cell, ``targets`` (n, T) the labels,
    ``positions`` (n,) where the test examples stand in the data, ``costs`` one row per arm,
    ``histories`` by arm name (first draw), ``overlap`` test / train examples.
    """

    split: int
    seed: int
    arms: tuple[tuple[str, int], ...]
    primary: np.ndarray
    outcomes: np.ndarray
    targets: np.ndarray
    positions: np.ndarray
    scores: pa.Table
    costs: list[ArmCost]
    found: dict[str, Found]
    histories: dict[str, History]
    data_map: DataMap
    overlap: float

    def save(self, folder: Path) -> list[Path]:
        """Write the unit and return its files."""
        files = [folder / f"grouping-{file_name(name)}.json" for name in self.found]
        for file, found in zip(files, self.found.values(), strict=True):
            write_json(file, found.to_dict())
        self.data_map.save(folder / "data_map.safetensors")
        write_parquet(folder / "scores.parquet", self.scores)
        about = {
            "split": self.split,
            "seed": self.seed,
            "arms": self.arms,
            "overlap": self.overlap,
            "costs": self.costs,
        }
        arrays = {
            "primary": self.primary,
            "outcomes": self.outcomes,
            "targets": self.targets,
            "positions": self.positions,
        }
        write_arrays(
            folder / "statistics.safetensors", arrays, {**about, "groupings": list(self.found)}
        )
        write_histories(folder / "history.safetensors", self.histories)
        names = (
            "data_map.safetensors",
            "scores.parquet",
            "statistics.safetensors",
            "history.safetensors",
        )
        return [*files, *(folder / name for name in names)]

    @classmethod
    def load(cls, folder: Path) -> Unit:
        """Read what :meth:`save` wrote.

        Raises:
            CoterieError: a file is damaged, or the files do not fit together.
        """
        file = folder / "statistics.safetensors"
        arrays, saved = read_arrays(file)
        data_map = DataMap.load(folder / "data_map.safetensors")
        with within(file, "unit of a comparison"):
            about: _About = structure(saved, _About)
            layout = {
                "primary": "f A T",
                "outcomes": "fu A n T",
                "targets": "f n T",
                "positions": "iu n",
            }
            arrays_of(arrays, layout, sizes={"A": len(about["arms"]), "T": len(data_map.tasks)})
            distinct(about["groupings"], "groupings")
            if [cost["arm"] for cost in about["costs"]] != [name for name, _ in about["arms"]]:
                raise CoterieError("`costs` must have one row for each of `arms`, in order.")
        parts: dict[str, Any] = {**about, **arrays}
        del parts["groupings"]
        parts["found"] = {
            name: _of_tasks(folder / f"grouping-{file_name(name)}.json", data_map.tasks)
            for name in about["groupings"]
        }
        return cls(
            **parts,
            scores=read_frame(
                folder / "scores.parquet",
                SCORES,
                tasks=data_map.tasks,
                groupings=about["groupings"],
            ),
            histories=read_histories(folder / "history.safetensors", len(data_map.tasks)),
            data_map=data_map,
        )


def _of_tasks(file: Path, tasks: tuple[str, ...]) -> Found:
    saved = read_json(file)
    with within(file, "grouping"):
        found = Found.from_dict(saved)
    if found.grouping.tasks != tasks:
        raise CoterieError(
            f"{file} groups other tasks than the data map beside it: "
            f"{', '.join(found.grouping.tasks)}."
        )
    return found


def unit_stage(split: int, seed: int) -> str:
    """Name of a unit's stage in a run, which is also its folder.

    >>> unit_stage(0, 1)
    'units/split-0-seed-1'
    """
    return f"units/split-{split}-seed-{seed}"
