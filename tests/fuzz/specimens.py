"""A small specimen of every kind of file or folder that is read back, and how it is used.

What a reader returns is text that changes with anything that a user would see: the same damage must
never give another one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

import coterie as ct
from coterie.cli import options
from coterie.cli.verbs import perform
from coterie.datamaps import open_map
from coterie.evaluation.units import Unit, unit_stage
from coterie.families import FAMILIES, FamilyModel, fit
from coterie.models import GroupedModel
from coterie.results import Diversity, Fit, ScoreTable, Selection
from coterie.runs import Run
from tests.results.made import distilled, diversity, post_training

SETTINGS = {
    "epochs": 2,
    "batch_size": 32,
    "strategy": "loop",
    "model_options": {"hidden": (4,)},
    "device": "cpu",
}
KINDS = {"a": "binary", "b": "multiclass", "c": "regression", "d": "binary"}
QUIET = options.OutputOptions(quiet=True)


class Specimen(NamedTuple):
    """A folder of good files, ``read(folder)`` to text, and the files in it to be damaged."""

    folder: Path
    read: Callable[[Path], str]
    files: tuple[str, ...]


class StoppedError(Exception):
    """Stands for a kill."""


def make(root: Path) -> dict[str, Specimen]:
    """All specimens by name, each in its own folder of ``root``."""
    data, frame = _data()
    fitted = ct.fit("mlp", data, record=True, **SETTINGS)
    groups = ct.group(fitted.data_map, 2)
    found: dict[str, Specimen] = {}

    def add(name: str, read: Callable[[Path], str]) -> None:
        folder = root / name
        ignored = {"table.csv", "scores.csv"}
        files = sorted(
            p.relative_to(folder).as_posix()
            for p in folder.rglob("*")
            if p.is_file() and p.name not in ignored
        )
        found[name] = Specimen(folder, read, tuple(files))

    groups.save(root / "grouping" / "grouping.json")
    add("grouping", _read_grouping)
    fitted.data_map.save(root / "data_map" / "data_map.safetensors")
    add("data_map", _read_data_map)
    add_simple(root, data, fitted, groups)
    add("affinity", lambda f: _text(ct.Affinity.load(f / "affinity.safetensors"), "symmetric"))
    add("scores", lambda f: _text(ScoreTable.load(f / "scores.parquet"), "names"))
    add("selection", lambda f: _text(Selection.load(f / "selection.json"), "grouping"))
    add("distilled", lambda f: _text(ct.Distilled.load(f / "distilled.safetensors"), "frame"))
    add("diversity", lambda f: _text(Diversity.load(f / "diversity.safetensors"), "means"))
    add(
        "post_training",
        lambda f: _text(ct.PostTraining.load(f / "post_training.safetensors"), "sentence", "frame"),
    )
    add("distilling", lambda f: _text(_distilled(data, fitted, f).inputs))
    add("model", _read_model)
    for name in FAMILIES:
        add(name, partial(_read_family, name))
    add("fit", _read_fit)
    add("checkpoint", lambda f: _text(_continued(data, f).scores))
    _compared(root, data, groups)
    add("comparison", _read_comparison)
    add("unit", lambda f: _text(Unit.load(f)))
    _commands(root, frame)
    add("run", _read_run)
    return found


def add_simple(root: Path, data: ct.Dataset, fitted: Fit, groups: ct.Grouping) -> None:
    """Files that one object each writes."""
    matrix = np.arange(16.0).reshape(4, 4)
    affinity = ct.Affinity(
        tasks=data.tasks.names,
        matrix=matrix,
        method="cosine",
        counts=np.full((4, 4), 3),
        stderr=matrix / 10,
        cost={"seconds": 1.5, "model_steps": 7},
        details={"every": 10},
    )
    affinity.save(root / "affinity" / "affinity.safetensors")
    table = ScoreTable.of(
        ("a", "b", "c"),
        {("a",): [0.5], ("a", "b"): [0.75, 0.25], ("c",): [0.1], ("b", "c"): [0.5, 0.5]},
    )
    table.save(root / "scores" / "scores.parquet")
    ct.select(table, budget=2).save(root / "selection" / "selection.json")
    distilled().save(root / "distilled" / "distilled.safetensors")
    diversity().save(root / "diversity" / "diversity.safetensors")
    post_training().save(root / "post_training" / "post_training.safetensors")
    _distilled(data, fitted, root / "distilling")
    models = ct.fit("mlp", data, weights=groups.weights(), **SETTINGS)
    model = GroupedModel.from_stack(models.stack, groups.membership, data.tasks, data.preprocessing)
    model.save(root / "model" / "model.safetensors")
    for name in FAMILIES:
        fit(name, data).save(root / name / f"{name}.safetensors")
    fitted.save(root / "fit")

    def stop(done: int, total: int, text: str) -> None:
        if text.startswith("epoch 2") or done > total / 2:
            raise StoppedError

    with suppress(StoppedError):
        _continued(data, root / "checkpoint", stop)


def _data() -> tuple[ct.Dataset, pd.DataFrame]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 4)).astype(np.float32)
    columns = [
        x[:, 0] + x[:, 1] > 0,
        np.digitize(x[:, 2], [-0.5, 0.5]),
        3 * x[:, 3] + 10,
        x[:, 1] > 0.2,
    ]
    y = np.stack(columns, axis=1).astype(np.float32)
    frame = pd.DataFrame(
        {**{f"x{i}": x[:, i] for i in range(4)}, "kind": np.where(x[:, 0] > 0, "red", "blue")}
    )
    frame = frame.assign(a=y[:, 0].astype(int), d=y[:, 3].astype(int), c=y[:, 2])
    return ct.load({"inputs": x, "targets": y}, names=list(KINDS), kinds=KINDS), frame


def _continued(data: ct.Dataset, folder: Path, progress: object = None) -> Fit:
    return ct.fit("mlp", data, np.eye(4), checkpoint=folder, progress=progress, **SETTINGS)


def _distilled(data: ct.Dataset, teacher: Fit, folder: Path) -> ct.Distilled:
    return ct.distill(
        teacher, data, 2, iterations=4, round_iterations=2, checkpoint=folder, device="cpu"
    )


def _compared(root: Path, data: ct.Dataset, groups: ct.Grouping) -> None:
    run = root / "compared"
    methods = {"given": groups, "map": ct.Cluster(n_groups=2)}
    result = ct.compare(
        "mlp", data, methods, seeds=[0], repeats=1, draws=1, rivals="none", run=run, **SETTINGS
    )
    result.save(root / "comparison")
    (run / unit_stage(0, 0)).rename(root / "unit")


def _commands(root: Path, frame: pd.DataFrame) -> None:
    folder = root / "run"
    folder.mkdir()
    frame.to_csv(root / "table.csv", index=False)
    asked = options.DataOptions(data=(str(root / "table.csv"),), targets=("a", "c", "d"))
    training = options.TrainingOptions(model="mlp", epochs=1, device="cpu")
    config = options.ConfigOptions(quiet=True)
    perform(options.Record(out=folder, data=asked, training=training, output=config))
    perform(options.Group(run=folder, grouping=options.GroupOptions(groups=(2,)), output=QUIET))
    perform(options.Fit(run=folder, output=QUIET))


def _read_grouping(folder: Path) -> str:
    from coterie.cli.show import Screen, show_grouping

    found = ct.Grouping.load(folder / "grouping.json")
    show_grouping(Screen(quiet=True), found)
    return _text(found, "labels", "weights")


def _read_data_map(folder: Path) -> str:
    found = ct.DataMap.load(folder / "data_map.safetensors")
    ct.group(found, 2)
    return _text(found) + _text(open_map(folder / "data_map.safetensors"))


def _read_model(folder: Path) -> str:
    model = GroupedModel.load(folder / "model.safetensors")
    inputs = torch.linspace(-1, 1, 5 * 4).view(5, *model.preprocessing.input_shape)
    return (
        _text(model.predict(inputs).numpy())
        + _text(model.hard().predict(inputs).numpy())
        + str(model.tasks)
    )


def _read_family(name: str, folder: Path) -> str:
    model = FamilyModel.load(folder / f"{name}.safetensors")
    inputs = torch.linspace(-1, 1, 5 * 4).view(5, *model.preprocessing.input_shape)
    told = (model.tasks, model.family, model.readings, model.seconds)
    return _text(model.predict(inputs).numpy()) + repr(told)


def _read_fit(folder: Path) -> str:
    fitted = Fit.load(folder)
    outputs = fitted.stack(torch.linspace(-1, 1, 20).view(5, 4)).detach().numpy()
    return _text(outputs) + _text(fitted.scores) + _text(fitted.history) + repr(fitted)


def _read_comparison(folder: Path) -> str:
    from coterie.cli.show import Screen, show_answer

    found = ct.Comparison.load(folder)
    show_answer(Screen(quiet=True), found)
    found.report(folder / "report.html")
    return json.dumps(found.to_dict()) + _text(found.data_map) + _text(found.history)


def _read_run(folder: Path) -> str:
    run = Run.existing(folder)
    done = [run.done(stage) for stage in run.stages]
    perform(options.Evaluate(run=folder, output=QUIET))
    perform(options.Fit(run=folder, output=QUIET))
    perform(options.Group(run=folder, grouping=options.GroupOptions(groups=(2,)), output=QUIET))
    return (
        f"{done} {(folder / 'metrics.json').read_text()} {(folder / 'grouping.json').read_text()}"
    )


def _text(value: object, *names: str) -> str:
    """Everything in a result, arrays by their hashes.

    The properties and methods ``names`` are used besides.
    """
    for name in names:
        used = getattr(value, name)
        if callable(used):
            used()
    if isinstance(value, np.ndarray):
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return f"{value.dtype}{value.shape}{digest}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_text(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_text, value)) + "]"
    if hasattr(value, "to_pydict"):
        return str(value.to_pydict())
    return _text(dict(vars(value))) if hasattr(value, "__dict__") else repr(value)
