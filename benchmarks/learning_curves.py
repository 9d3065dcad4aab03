"""Which arm wins with how many labels? Joint, grouped, single and forest at five shares, on tables.

    python benchmarks/learning_curves.py emotions scene landmine parkinsons agreeing disjoint \\
        --data DATA_FOLDER --runs RUN_FOLDER

Every data set has run directories below RUN_FOLDER; a stopped one continues. Settings are the
defaults of ``coterie learning-curve`` with two groups on one split; on planted tables (agreeing,
disjoint) the groups are the true ones."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from _common import RESULTS, log, save_result
from does_it_pay import parkinsons, table

import coterie as ct
from coterie.data import Dataset
from coterie.testing import planted

NAME = "learning_curves"
_TOLD = ("tasks", "arms", "metric", "margin", "shares", "scores", "gains", "sentences", "details")


def landmine(folder: Path) -> Dataset:
    """Mines in 24 fields, each of them a task with places of its own."""
    return ct.load(
        str(folder / "tabular/landmine.parquet"),
        task_column="field",
        target_column="mine",
        rare="drop",
    )


def real(load: Callable[[Path], Dataset], folder: Path, run: Path) -> ct.LearningCurve:
    """The curve of a table, with two groups found on data maps."""
    return ct.learning_curve("mlp", load(folder), n_groups=2, seeds=3, repeats=1, run=run)


def true(regime: str, _: Path, run: Path) -> ct.LearningCurve:
    """The curve of a planted table with its true groups, models trained until they are done."""
    world = planted(regime)
    settings: dict[str, Any] = {
        name: world.settings[name] for name in ("batch_size", "lr", "model_options")
    }
    return ct.learning_curve(
        "mlp", world.data, world.grouping, seeds=3, repeats=1, run=run, **settings
    )


STUDIES: dict[str, Callable[[Path, Path], ct.LearningCurve]] = {
    "emotions": partial(real, lambda folder: table(folder, "emotions")),
    "scene": partial(real, lambda folder: table(folder, "scene")),
    "landmine": partial(real, landmine),
    "parkinsons": partial(real, parkinsons),
    "agreeing": partial(true, "agreeing heads"),
    "disjoint": partial(true, "disjoint examples"),
}


def summary(found: ct.LearningCurve) -> dict[str, Any]:
    """All but the scores of single tasks."""
    told = found.to_dict()
    return {
        **{name: told[name] for name in _TOLD},
        "contenders": [found.contenders(place) for place in range(len(found.shares))],
        "fewest_labels_of_a_class": found.rarest[:, found.counted].min(1).tolist(),
        "counted": int(found.counted.sum()),
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
        found = STUDIES[name](arguments.data, arguments.runs / name)
        file = RESULTS / f"{NAME}.json"
        before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        studies = before.get("studies", {}) | {name: summary(found)}
        save_result(NAME, {"studies": {each: studies[each] for each in STUDIES if each in studies}})
        for sentence in found.sentences:
            log(f"{name}: {sentence}")


if __name__ == "__main__":
    main()
