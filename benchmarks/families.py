"""What other families reach on tables, beside joint networks: mean AUROC on test, time, numbers kept.

Everything at its default settings, on two splits, over two seeds where these matter; seconds are
those of the processor. The forest twice: one for all tasks that have labels on the same rows, and
one for each task.

    python benchmarks/families.py --data DATA_FOLDER"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from _common import log, save_result

import coterie as ct
from coterie.data import Dataset
from coterie.evaluation.metrics import all_metrics
from coterie.families import FAMILIES, fit
from coterie.families.forest import Forest

TABLES = ("emotions", "scene", "flags")
SPLITS, SEEDS = (0, 1), (0, 1)
DETERMINED = {"boosting", "linear"}


class ForestEach(Forest):
    """A forest for each task."""

    together = False


def of_family(name: str, data: Dataset, seed: int) -> tuple[Any, int]:
    """Outputs on test, and numbers kept."""
    model = fit(name, data, seed=seed)
    return model.outputs(data, data.split.test), model.parameters


def of_network(name: str, data: Dataset, seed: int) -> tuple[Any, int]:
    """The same of a joint network."""
    fitted = ct.fit(name, data, seed=seed, device="cpu")
    parameters = sum(tensor[0].numel() for tensor in fitted.stack.parameters.values())
    return ct.predict(fitted.stack, data, data.split.test, device="cpu")[0], parameters


def measured(name: str, data: Dataset) -> dict[str, float]:
    """Means over seeds."""
    found = []
    for seed in SEEDS[: 1 if name in DETERMINED else None]:
        start = process_time()
        outputs, parameters = (of_family if name in FAMILIES else of_network)(name, data, seed)
        seconds, test = process_time() - start, data.split.test
        rows = all_metrics(outputs, data.targets[test], data.tasks, data.in_units(test))
        auroc = np.nanmean([row["value"] for row in rows if row["metric"] == "AUROC"])
        found.append({"auroc": float(auroc), "seconds": seconds, "parameters": parameters})
    return {key: round(float(np.mean([each[key] for each in found])), 4) for key in found[0]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tables", nargs="+", default=list(TABLES))
    asked = parser.parse_args()
    FAMILIES["forest each"] = ForestEach()
    rows = []
    for table in asked.tables:
        for split in SPLITS:
            data = ct.load(str(asked.data / f"tabular/{table}.parquet"), rare="drop", seed=split)
            for name in (*FAMILIES, "mlp"):
                rows.append({"table": table, "split": split, "arm": name, **measured(name, data)})
                log(str(rows[-1]))
    save_result("families", {"seeds": len(SEEDS), "rows": rows})
