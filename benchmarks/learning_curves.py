"""Which arm wins with how many labels? Joint, grouped, single and forest at five shares, on tables.

    python benchmarks/learning_curves.py emotions scene landmine parkinsons \\
        --data DATA_FOLDER --runs RUN_FOLDER

Every data set has run directories below RUN_FOLDER; a stopped one continues. Settings are the
defaults of ``coterie learning-curve`` with two groups."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

from _common import RESULTS, log, save_result
from does_it_pay import parkinsons, table

import coterie as ct
from coterie.data import Dataset

NAME = "learning_curves"


def landmine(folder: Path) -> Dataset:
    """Mines in 24 fields, each of them a task with places of its own."""
    return ct.load(
        str(folder / "tabular/landmine.parquet"),
        task_column="field",
        target_column="mine",
        rare="drop",
    )


STUDIES: dict[str, Callable[[Path], Dataset]] = {
    "emotions": lambda folder: table(folder, "emotions"),
    "scene": lambda folder: table(folder, "scene"),
    "landmine": landmine,
    "parkinsons": parkinsons,
}


def summary(found: ct.LearningCurve, seconds: float) -> dict[str, Any]:
    """All but the scores of single tasks."""
    told = found.to_dict()
    names = ("tasks", "arms", "metric", "margin", "shares", "scores", "gains", "sentences", "details")
    lead = [
        [None if end != end else round(float(end), 3) for end in row] for row in found.lead.high
    ]
    return {
        **{name: told[name] for name in names},
        "contenders": [found.contenders(place) for place in range(len(found.shares))],
        "lead_high": lead,
        "fewest_labels_of_a_class": found.rarest.min(1).tolist(),
        "counted": int(found.counted.sum()),
        "seconds": seconds,
    }


def main() -> None:
    """Parse, run, save after each data set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("studies", nargs="+", choices=sorted(STUDIES))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    arguments = parser.parse_args()
    for name in arguments.studies:
        started = perf_counter()
        found = ct.learning_curve(
            "mlp",
            STUDIES[name](arguments.data),
            n_groups=2,
            seeds=3,
            run=arguments.runs / name,
        )
        found.save(arguments.runs / f"{name}.safetensors")
        file = RESULTS / f"{NAME}.json"
        before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        studies = before.get("studies", {}) | {name: summary(found, perf_counter() - started)}
        save_result(NAME, {"studies": studies})
        for sentence in found.sentences:
            log(f"{name}: {sentence}")


if __name__ == "__main__":
    main()
