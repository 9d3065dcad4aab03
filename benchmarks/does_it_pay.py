"""Does grouping by data maps pay? Against joint, single, random and ensemble, on tables and images.

Whatever comes out.

    python benchmarks/does_it_pay.py emotions scene landmine parkinsons cifar10 celeba \\
        --data DATA_FOLDER --runs RUN_FOLDER

Every data set is one comparison in a run directory below RUN_FOLDER; a stopped one continues.
``report.html`` lies there too."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

from _common import log, save_result
from cifar import cifar10

import coterie as ct
from coterie.data import Dataset

# Attributes of different rarity, some of which share a cause (hair on the face, make-up, age).
FACES = (
    "5_o_Clock_Shadow",
    "Attractive",
    "Bags_Under_Eyes",
    "Blond_Hair",
    "Eyeglasses",
    "Goatee",
    "Heavy_Makeup",
    "No_Beard",
    "Smiling",
    "Young",
)
IMAGES: dict[str, Any] = {
    "batch_size": 128,
    "lr": 1e-3,
    "precision": "bf16",
    "epochs": 5,
    "strategy": "loop",
}
TABLES: dict[str, Any] = {"batch_size": 64, "lr": 1e-3, "epochs": 30}


def methods(n_groups: tuple[int, ...], fuzziness: tuple[float, ...]) -> list[ct.Cluster]:
    """All combinations."""
    return [ct.Cluster(n_groups=k, fuzziness=m) for k in n_groups for m in fuzziness]


def table(folder: Path, name: str) -> Dataset:
    """A multi-label table; its Parquet metadata names the targets."""
    return ct.load(str(folder / f"tabular/{name}.parquet"))


def parkinsons(folder: Path) -> Dataset:
    """One score of 42 subjects, each of them a task with recordings of its own."""
    return ct.load(
        str(folder / "tabular/parkinsons.parquet"),
        task_column="subject#",
        target_column="motor_UPDRS",
        exclude=["total_UPDRS"],
    )


def faces(folder: Path, n_images: int) -> Dataset:
    """CelebA faces, split by identity."""
    others = [name for name in attributes(folder) if name not in FACES]
    return ct.load(
        str(folder / "celeba/faces.parquet"),
        targets=FACES,
        group_column="identity",
        exclude=[*others, "partition"],
        limit=n_images,
    )


def attributes(folder: Path) -> list[str]:
    """All attributes of the faces."""
    import pyarrow.parquet as pq

    names = pq.read_schema(folder / "celeba/faces.parquet").names
    return [name for name in names if name not in {"image", "identity", "partition"}]


STUDIES: dict[str, Callable[[Path, Path], ct.Comparison]] = {
    "emotions": lambda data, run: ct.compare(
        "mlp",
        table(data, "emotions"),
        methods((2, 3), (1.07, 1.3, 2.0)),
        seeds=5,
        repeats=5,
        run=run,
        **TABLES,
    ),
    "scene": lambda data, run: ct.compare(
        "mlp",
        table(data, "scene"),
        methods((2, 3), (1.07, 1.3, 2.0)),
        seeds=5,
        repeats=3,
        run=run,
        **TABLES,
    ),
    "landmine": lambda data, run: ct.compare(
        "mlp",
        ct.load(str(data / "tabular/landmine.parquet"), rare="drop"),
        methods((2,), (1.07,)),
        seeds=3,
        repeats=2,
        draws=1,
        run=run,
        **TABLES | {"epochs": 10},
    ),
    "parkinsons": lambda data, run: ct.compare(
        "mlp",
        parkinsons(data),
        methods((2, 3), (1.07,)),
        seeds=3,
        repeats=2,
        draws=1,
        run=run,
        **TABLES,
    ),
    "cifar10": lambda data, run: ct.compare(
        "cnn",
        cifar10(data, 10_000),
        methods((2,), (1.07, 2.0)),
        seeds=3,
        draws=1,
        run=run,
        **IMAGES,
    ),
    "celeba": lambda data, run: ct.compare(
        "cnn", faces(data, 4_000), methods((3,), (1.07,)), seeds=3, draws=1, run=run, **IMAGES
    ),
}


def summary(comparison: ct.Comparison, seconds: float) -> dict[str, Any]:
    """The verdict with the mean gains and the costs."""
    gains = [row for row in comparison.gains_table.to_pylist() if row["task"] == "mean"]
    return {
        "tasks": list(comparison.tasks),
        "verdict": list(comparison.verdict),
        "mean_gains": gains,
        "costs": comparison.costs_table.to_pylist(),
        "stability": comparison.stability,
        "seconds": seconds,
        "groups": {
            name: [[list(g) for g in found.groups] for found in each]
            for name, each in comparison.groupings.items()
        },
        "config": comparison.config,
    }


def main() -> None:
    """Parse, run, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("studies", nargs="+", choices=sorted(STUDIES))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    arguments = parser.parse_args()
    for name in arguments.studies:
        started = perf_counter()
        comparison = STUDIES[name](arguments.data, arguments.runs / name)
        comparison.report(arguments.runs / name / "report.html")
        save_result(f"pays_{name}", summary(comparison, perf_counter() - started))
        for sentence in comparison.verdict:
            log(f"{name}: {sentence}")


if __name__ == "__main__":
    main()
