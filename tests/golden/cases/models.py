"""What a user takes away.

Saved models and their predictions, and the command line that makes them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet

import coterie as ct
from tests.golden.cases.inputs import KINDS, SMALL, digits, frame, halves, mixed
from tests.golden.reading import cli
from tests.golden.registry import case


def _saved(data: ct.Dataset, membership: np.ndarray, **settings: Any) -> dict[str, ct.GroupedModel]:
    """Grouped models after a round through files: soft, with averaged probabilities, hard."""
    found = ct.fit("mlp", data, membership.T, **SMALL, **settings)
    with tempfile.TemporaryDirectory() as folder:
        made: dict[str, ct.GroupedModel] = {}
        for name, average in (
            ("logits", "logits"),
            ("probabilities", "probabilities"),
            ("hard", "logits"),
        ):
            model = ct.GroupedModel.from_stack(
                found.stack, membership, data.tasks, data.preprocessing, average=average
            )
            (model.hard() if name == "hard" else model).save(Path(folder, "model.safetensors"))
            made[name] = ct.GroupedModel.load(Path(folder, "model.safetensors"))
    return made


_SOFT = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.1, 0.9], [0.5, 0.5]])


@case()
def predict_table() -> dict[str, Any]:
    """From a frame and from an array, of mixed kinds; metrics on every part."""
    data = mixed(gaps=0.2)
    models = _saved(data, _SOFT)
    new = frame(60, seed=9).drop(columns=list(KINDS))
    found: dict[str, Any] = {name: model.predict(new) for name, model in models.items()}
    found["array"] = models["logits"].predict(data.inputs[:50].numpy())
    return found | {
        part: ct.evaluate(models["logits"], data, part) for part in ("train", "validation", "test")
    }


@case()
def predict_images() -> dict[str, Any]:
    data = digits()
    models = _saved(data, halves(data).membership, init="shared")
    return {name: model.predict(data.inputs[:100]) for name, model in models.items()}


@case()
def saved_fit() -> dict[str, Any]:
    """A fit with a map, read again."""
    data = digits()
    with tempfile.TemporaryDirectory() as folder:
        ct.fit("mlp", data, record=True, **SMALL).save(folder)
        again = ct.Fit.load(folder)
    return {"fit": again, "outputs": ct.predict(again.stack, data, data.split.test)}


@case(exact=("selection/rows", "selection/serves"))
def command_line() -> dict[str, Any]:
    """Record, measure, group, select, fit one group, evaluate and predict, on files.

    One group only: how several are executed is measured where the command line trains them.
    """
    with tempfile.TemporaryDirectory() as folder:
        run, table, new, chosen = (
            Path(folder, name) for name in ("run", "table.parquet", "new.parquet", "chosen.json")
        )
        frame().to_parquet(table)
        frame(40, seed=9).drop(columns=list(KINDS)).to_parquet(new)
        kinds = [f"{name}={kind}" for name, kind in KINDS.items()]
        told = [
            "--data",
            table,
            "--targets",
            *KINDS,
            "--kind",
            *kinds,
            "--epochs",
            2,
            "--device",
            "cpu",
            "--out",
            run,
        ]
        cli("record", *told)
        cli("affinity", *told, "--methods", "lookahead", "cosine", "--every", 1)
        grouped = _grouping(run, "--groups", 3, "--fuzziness", 2)
        by_affinity = _grouping(run, "--affinity", "lookahead", "--groups", 2)
        known = Path(folder, "known.csv")
        known.write_text(
            "subset,task,value\na,a,1\nb,b,1\na+b,a,2\na+b,b,0.5\nc,c,1\nb+c,b,1.5\nb+c,c,2\n"
        )
        cli("select", known, "--budget", 2, "--out", chosen)
        _grouping(run, "--groups", 1)
        cli("fit", run)
        cli("evaluate", run)
        cli("predict", run, "--data", new, "--out", Path(folder, "predictions.parquet"))
        return {
            "map": ct.DataMap.load(run / "data_map.safetensors"),
            "grouping": grouped,
            "by affinity": by_affinity,
            "selection": ct.Selection.load(chosen),
            "predictions": pyarrow.parquet.read_table(Path(folder, "predictions.parquet")),
        }


def _grouping(run: Path, *told: Any) -> ct.Grouping:
    cli("group", run, *told)
    return ct.Grouping.load(run / "grouping.json")
