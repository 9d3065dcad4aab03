"""One unit of a comparison as a record: what a split and a seed gave, and its files.

Shapes: ``A`` arms (each random draw counts), ``n`` test examples, ``T`` tasks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, NotRequired, TypedDict

import numpy as np
import pyarrow as pa

from coterie import codec
from coterie.codec import ELSEWHERE, As, Layout, Size, to_parts, values_of
from coterie.errors import CoterieError
from coterie.files import read_arrays
from coterie.metrics.calibration import Calibration
from coterie.results import DataMap, Found, History
from coterie.results.histories import read_histories, write_histories
from coterie.results.tables import SCORES, read_table, write_table
from coterie.schema import OPEN, distinct, entries_of, within
from coterie.texts import file_name

_FORMAT = codec.Format(
    "unit of a comparison", version=2, earlier=("coterie unit of a comparison 1",)
)


class ModelCost(TypedDict):
    """What is served, ``models`` and their ``parameters``, and what it took to train.

    A step of a network counts as one whatever its size; ``seconds`` tell what it took. ``latency`` is
    the time in seconds that 1,000 predictions take.
    """

    models: float
    parameters: float
    model_steps: float
    seconds: float
    latency: NotRequired[float | None]


class ArmCost(ModelCost):
    """What an arm takes."""

    arm: str


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What one split and seed gave.

    ``arms`` names the A arms with their draws, ``primary`` (A, T) holds the deciding metric of each
    task, ``outputs`` (A, n, P) what each arm gave for the test examples: logits, balanced where the
    training was, and standardised values. ``targets`` (n, T) are the labels, ``positions`` (n,)
    where the test examples stand in the data, ``costs`` one row per arm, ``histories`` by arm name
    (first draw), ``overlap`` test / train examples, ``validation`` (A,) the mean over tasks of the
    deciding metric on validation, ``calibrations`` of the arms' tasks by arm, of the first unit
    only, ``seconds`` what all of it took.
    """

    split: int
    seed: int
    arms: Annotated[tuple[tuple[str, int], ...], Size("A")]
    primary: Annotated[np.ndarray, Layout("f A T")]
    outputs: Annotated[np.ndarray, Layout("f A n P")]
    targets: Annotated[np.ndarray, Layout("f n T")]
    positions: Annotated[np.ndarray, Layout("iu n")]
    scores: Annotated[pa.Table, ELSEWHERE]
    costs: Annotated[list[ArmCost], As(list[Annotated[ArmCost, OPEN]])]
    found: Annotated[dict[str, Found], ELSEWHERE]
    histories: Annotated[dict[str, History], ELSEWHERE]
    data_map: Annotated[DataMap, ELSEWHERE]
    overlap: float
    validation: Annotated[np.ndarray, Layout("f A")]
    seconds: float = 0.0
    calibrations: dict[str, tuple[Calibration | None, ...]] = field(default_factory=dict)

    def save(self, folder: Path) -> list[Path]:
        """Write the unit and return its files."""
        files = [folder / f"grouping-{file_name(name)}.json" for name in self.found]
        for file, found in zip(files, self.found.values(), strict=True):
            found.save(file)
        self.data_map.save(folder / "data_map.safetensors")
        write_table(folder / "scores.parquet", self.scores)
        arrays, about = to_parts(self)
        about["groupings"] = list(self.found)
        codec.write(folder / "statistics.safetensors", _FORMAT, about, arrays)
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
        arrays, about = codec.read(file, _FORMAT, read_arrays)
        data_map = DataMap.load(folder / "data_map.safetensors")
        with within(file, _FORMAT.name):
            about = entries_of(about, {"groupings": list[str]}, ["groupings"], closed=False)
            distinct(names := about.pop("groupings"), "groupings")
            if "outcomes" in arrays:
                raise CoterieError(
                    "it is of an earlier version, which kept no outputs; compare in a new folder."
                )
            parts = values_of(cls, arrays, about, T=len(data_map.tasks))
            if [cost["arm"] for cost in parts["costs"]] != [name for name, _ in parts["arms"]]:
                raise CoterieError("`costs` must have one row for each of `arms`, in order.")
        parts["found"] = {
            name: _of_tasks(folder / f"grouping-{file_name(name)}.json", data_map.tasks)
            for name in names
        }
        return cls(
            **parts,
            scores=read_table(
                folder / "scores.parquet", SCORES, tasks=data_map.tasks, groupings=names
            ),
            histories=read_histories(folder / "history.safetensors", len(data_map.tasks)),
            data_map=data_map,
        )


def _of_tasks(file: Path, tasks: tuple[str, ...]) -> Found:
    found = Found.load(file)
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
