"""Whatever is given for an argument of a public name.

It works, or one sentence names what is wrong. Never a traceback.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import coterie as ct
from coterie.affinities import averaged
from coterie.distillation import cells, select
from tests.results.made import distilled, post_training
from tests.results.test_learning_curves import made

WRONG: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "3": lambda: 3,
    "-1": lambda: -1,
    "'x'": lambda: "x",
    "''": lambda: "",
    "nan": lambda: float("nan"),
    "2**80": lambda: 2**80,
    "1e300": lambda: 1e300,
    "True": lambda: True,
    "[]": list,
    "{}": dict,
    "object": object,
    "type": lambda: int,
    "[None]": lambda: [None],
    "[3]": lambda: [3],
    "['x']": lambda: ["x"],
    "[[nan]]": lambda: [[float("nan")]],
    "{3: 3}": lambda: {3: 3},
    "{'x': None}": lambda: {"x": None},
    "b'x'": lambda: b"x",
    "1j": lambda: 1j,
    "array": lambda: np.zeros((2, 2)),
    "array of texts": lambda: np.array(["x", "y"]),
    "array of objects": lambda: np.array([None, {}]),
    "tensor": lambda: torch.zeros(3, 1),
    "empty array": lambda: np.zeros(0),
    "0-d array": lambda: np.array(3),
    "NUL": lambda: "a\0b",
    "folder": Path.cwd,
    "iterator": lambda: iter([1]),
    "lambda": lambda: lambda: None,
    "(1, 2)": lambda: (1, 2),
    "set": lambda: {1, "x"},
}


def small_data() -> ct.Dataset:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    targets = {"a": (x[:, 0] > 0) * 1, "b": (x[:, 1] > 0) * 1, "c": (x[:, 0] + x[:, 1] > 0) * 1}
    return ct.load({"inputs": x, "targets": targets})


DATA = small_data()
SHORT: dict[str, Any] = {
    "epochs": 1,
    "patience": 1,
    "lr": 0.5,  # `epochs` may be None, until done: which is soon with this and that patience
    "batch_size": 64,
    "model_options": {"hidden": (4,)},
    "device": "cpu",
    "strategy": "loop",
}
FIT = ct.fit("mlp", DATA, record=True, **SHORT)
MAP = FIT.data_map
assert MAP is not None
GROUPING = ct.group(MAP, 2)
AFFINITY = ct.Affinity(tasks=("a", "b", "c"), matrix=np.eye(3), method="by hand")
SCORES = ct.ScoreTable.of(
    ("a", "b", "c"), {("a", "b"): [0.5, 0.6], ("c",): [0.5], ("a", "b", "c"): [0.4, 0.4, 0.4]}
)
HEADROOM = ct.Headroom(
    tasks=("a", "b"),
    n_groups=2,
    margin=1.0,
    low=0.0,
    estimate=0.5,
    bound=1.0,
    overlapping_bound=1.0,
    joint=np.ones(2),
    single=np.ones(2),
    subset_variance=np.ones(2),
    seed_variance=np.ones(2),
    pairs_met=1.0,
    subsets=np.ones((1, 2), dtype=bool),
    scores=np.ones((2, 1, 2)),
)
CURVE = made()
SELECTION = ct.select(SCORES, budget=2)
MODEL = ct.GroupedModel.from_stack(FIT.stack, np.ones((3, 1)), DATA.tasks, DATA.preprocessing)
SEARCH = ct.fit("mlp", DATA, ct.DifferentiableGrouping(2), **SHORT)


def recorder() -> ct.DataMapRecorder:
    return ct.DataMapRecorder(2, 5)


_TRAINING = dict.fromkeys(
    (
        "epochs",
        "patience",
        "lr",
        "batch_size",
        "optimiser",
        "weight_decay",
        "momentum",
        "schedule",
        "warmup",
        "clip",
        "seed",
        "precision",
        "channels_last",
        "augment",
        "compile",
        "strategy",
        "keep",
        "reduction",
        "device",
        "model_options",
    )
)
DISTILLED, STUDENTS = distilled(), post_training()
MEASURED = ct.Affinity(tasks=("a", "b"), matrix=np.eye(2), method="mine")
BINARY = ct.Task(name="a", kind=ct.Kind.BINARY)
ARRAYS = {"inputs": np.arange(300.0).reshape(100, 3) % 7, "targets": {"a": np.arange(100) % 2}}
PART = pd.DataFrame({"x": np.arange(100.0) % 7, "a": np.arange(100) % 2})


# Each callable, arguments with which it works, and the names of those that are replaced in turn.
CASES: dict[str, tuple[Callable[..., Any], Mapping[str, Any], Mapping[str, Any]]] = {
    "load": (
        ct.load,
        {"source": PART, "targets": "a", "rare": "drop"},
        dict.fromkeys(
            (
                "targets",
                "one_vs_rest",
                "exclude",
                "keep",
                "kinds",
                "positive",
                "losses",
                "metrics",
                "task_column",
                "target_column",
                "image_column",
                "group_column",
                "split_column",
                "time_column",
                "allow_overlap",
                "split",
                "limit",
                "balance",
                "seed",
                "names",
                "na",
                "encoding",
                "like",
            )
        ),
    ),
    "load, parts": (
        lambda train, test: ct.load({"train": train, "test": test}, targets="a"),
        {"train": PART, "test": PART},
        {},
    ),
    "load, arrays": (
        lambda inputs, targets: ct.load({"inputs": inputs, "targets": targets}),
        ARRAYS,
        {},
    ),
    "fit": (
        ct.fit,
        {"model": "mlp", "data": DATA, **SHORT},
        {
            **_TRAINING,
            **dict.fromkeys(
                (
                    "weights",
                    "init",
                    "start",
                    "record",
                    "snapshots",
                    "observers",
                    "probes",
                    "checkpoint",
                    "engine",
                    "progress",
                )
            ),
        },
    ),
    "compare": (
        ct.compare,
        {
            "model": "mlp",
            "data": DATA,
            "seeds": 2,
            "repeats": 1,
            "draws": 1,
            "rivals": "none",
            **SHORT,
        },
        dict.fromkeys(
            (
                "methods",
                "n_groups",
                "baselines",
                "headroom",
                "anyway",
                "margin",
                "metric",
                "save",
                "run",
                "engine",
                "progress",
                "snapshots",
                "start",
            )
        ),
    ),
    "plan": (
        ct.plan,
        {"model": "mlp", "data": DATA, "methods": "data_map", "rivals": "none", **SHORT},
        dict.fromkeys(("n_groups", "seeds", "repeats", "draws", "budget", "headroom")),
    ),
    "evaluate": (ct.evaluate, {"trained": FIT, "data": DATA}, dict.fromkeys(["part"])),
    "predict": (
        ct.predict,
        {"stack": FIT.stack, "data": DATA, "positions": DATA.split.test, "device": "cpu"},
        dict.fromkeys(("batch_size", "precision")),
    ),
    "group": (
        ct.group,
        {"source": MAP, "n_groups": 2},
        dict.fromkeys(("method", "fuzziness", "features", "restarts", "seed")),
    ),
    "group, affinity": (
        ct.group,
        {"source": AFFINITY, "n_groups": 2},
        dict.fromkeys(("method", "fuzziness", "features", "restarts", "seed")),
    ),
    "group, principled": (
        ct.group,
        {"source": AFFINITY, "n_groups": 2, "method": "principled"},
        dict.fromkeys(
            ("sizes", "must_link", "cannot_link", "resources", "row_limits", "time_limit")
        ),
    ),
    "select": (
        ct.select,
        {"scores": SCORES, "budget": 2},
        dict.fromkeys(
            (
                "subsets",
                "costs",
                "partition",
                "sizes",
                "must_link",
                "cannot_link",
                "resources",
                "row_limits",
                "task_weights",
                "tasks",
                "time_limit",
            )
        ),
    ),
    "affinity": (
        ct.affinity,
        {"method": "cosine", "model": "mlp", "data": DATA, "every": 1, **SHORT},
        dict.fromkeys(("seed", "repeats", "checkpoint", "progress")),
    ),
    "headroom": (
        ct.headroom,
        {"model": "mlp", "data": DATA, "n_groups": 2, "rows": 2, "seeds": 2, **SHORT},
        dict.fromkeys(("seed", "margin", "checkpoint", "progress", "engine")),
    ),
    "learning_curve": (
        ct.learning_curve,
        {
            "model": "mlp",
            "data": DATA,
            "shares": (1,),
            "seeds": 1,
            "repeats": 1,
            "rivals": "none",
            **SHORT,
        },
        dict.fromkeys(("methods", "n_groups", "margin", "metric", "run", "engine", "progress")),
    ),
    "LearningCurve": (
        ct.LearningCurve,
        {f: getattr(CURVE, f) for f in CURVE.__dataclass_fields__},
        {},
    ),
    "Dataset.with_share": (DATA.with_share, {"share": 0.5}, {"seed": None}),
    "Headroom": (ct.Headroom, {f: getattr(HEADROOM, f) for f in HEADROOM.__dataclass_fields__}, {}),
    "finetune": (ct.finetune, {"search": SEARCH, "data": DATA, "epochs": 1}, {}),
    "confidence": (
        ct.confidence,
        {"logits": torch.zeros(3, 1), "targets": torch.ones(3, 1), "task": "binary"},
        {},
    ),
    "Grouping": (
        ct.Grouping,
        {"tasks": ("a", "b"), "membership": np.eye(2), "method": "mine"},
        dict.fromkeys(("fuzziness", "distances", "row_weights", "details")),
    ),
    "Grouping.from_dict": (ct.Grouping.from_dict, {"saved": GROUPING.to_dict()}, {}),
    "Grouping.membership_at": (GROUPING.membership_at, {"fuzziness": 2.0}, {}),
    "Affinity": (
        ct.Affinity,
        {"tasks": ("a", "b"), "matrix": np.eye(2), "method": "mine"},
        dict.fromkeys(("counts", "stderr", "cost", "details")),
    ),
    "DataMap": (ct.DataMap, {f: getattr(MAP, f) for f in MAP.__dataclass_fields__}, {}),
    "subset": (
        ct.subset,
        {"data": DATA, "n": 10},
        dict.fromkeys(("rule", "teacher", "data_map", "seed")),
    ),
    "Dataset.with_train": (DATA.with_train, {"positions": DATA.split.train}, {}),
    "select, of examples": (
        select,
        {"scores": np.arange(6.0), "labels": np.zeros(6, np.int64), "per_class": 2},
        dict.fromkeys(("rule", "n_cells", "seed")),
    ),
    "cells": (
        cells,
        {"codes": np.array([[0, 1], [1, 0], [0, 0]])},
        dict.fromkeys(("n_cells", "per_cell", "floor")),
    ),
    "DataMapProbe": (ct.DataMapProbe, {"points": DATA}, dict.fromkeys(("every", "row"))),
    "averaged": (averaged, {"runs": [MEASURED]}, {}),
    "distill": (
        ct.distill,
        {
            "teacher": FIT,
            "data": DATA,
            "per_class": 2,
            "iterations": 2,
            "round_iterations": 1,
            "device": "cpu",
        },
        dict.fromkeys(
            (
                "rule",
                "n_cells",
                "task_weights",
                "checkpoint",
                "progress",
                "lr",
                "least_area",
                "restart",
                "bn_weight",
                "first_bn",
                "crop",
                "flip",
                "batch_size",
                "legacy",
                "seed",
                "precision",
            )
        ),
    ),
    "post_train": (
        ct.post_train,
        {
            "model": "mlp",
            "distilled": DATA,
            "teacher": FIT,
            "data": DATA,
            "epochs": 1,
            "seeds": 1,
            "device": "cpu",
            "model_options": {"hidden": (4,)},
        },
        dict.fromkeys(
            (
                "soft",
                "metric",
                "progress",
                "lr",
                "batch_size",
                "weight_decay",
                "temperature",
                "magnitude",
                "operations",
                "crop",
                "flip",
                "cutmix",
                "score_every",
                "precision",
            )
        ),
    ),
    "PostTraining": (
        ct.PostTraining,
        {f: getattr(STUDENTS, f) for f in STUDENTS.__dataclass_fields__ if f != "fit"},
        {"fit": None},
    ),
    "Distilled": (
        ct.Distilled,
        {f: getattr(DISTILLED, f) for f in DISTILLED.__dataclass_fields__},
        {},
    ),
    "Selection": (
        ct.Selection,
        {f: getattr(SELECTION, f) for f in SELECTION.__dataclass_fields__},
        {},
    ),
    "ScoreTable": (ct.ScoreTable, {f: getattr(SCORES, f) for f in SCORES.__dataclass_fields__}, {}),
    "ScoreTable.of": (ct.ScoreTable.of, {"tasks": ("a", "b"), "scores": {("a",): [0.5]}}, {}),
    "ScoreTable.from_rows": (
        ct.ScoreTable.from_rows,
        {"rows": [{"subset": "a", "task": "a", "value": 1.0}]},
        dict.fromkeys(("higher_is_better", "source", "tasks", "details", "resources", "marked")),
    ),
    "DataMapRecorder": (
        ct.DataMapRecorder,
        {"n_tasks": 2, "n_examples": 5},
        dict.fromkeys(("names", "kinds", "ids", "device")),
    ),
    "DataMapRecorder.update": (
        lambda **given: recorder().update(**given),
        {"index": torch.arange(3), "confidence": torch.full((3, 2), 0.5)},
        {"observed": None},
    ),
    "DataMapRecorder.snapshot": (lambda epoch: recorder().snapshot(epoch), {"epoch": 1}, {}),
    "DataMapRecorder.merge": (lambda other: recorder().merge(other), {"other": recorder()}, {}),
    "AdaptiveWeights": (
        ct.AdaptiveWeights,
        {"main": "a"},
        dict.fromkeys(("main", "every", "least", "total", "batch_size")),
    ),
    "DifferentiableGrouping": (
        ct.DifferentiableGrouping,
        {"n_groups": 2},
        dict.fromkeys(
            (
                "mode",
                "learning_rate",
                "warmup",
                "held_out",
                "balance",
                "entropy",
                "prune",
                "stem",
                "temperature",
                "init",
            )
        ),
    ),
    "Cluster": (
        ct.Cluster,
        {},
        dict.fromkeys(("source", "n_groups", "by", "fuzziness", "features", "restarts", "every")),
    ),
    "Select": (
        ct.Select,
        {"n_groups": 2},
        dict.fromkeys(("estimator", "measure", "partition", "half_size", "relative", "time_limit")),
    ),
    "Average": (
        ct.Average,
        {"n_groups": 2},
        dict.fromkeys(("source", "every", "time_limit")),
    ),
    "ClusterScores": (
        ct.ClusterScores,
        {},
        dict.fromkeys(("estimator", "n_groups", "by", "measure", "n_subsets", "size", "adaptive")),
    ),
    "Learn": (ct.Learn, {}, {"provider": None}),
    "Found": (
        ct.Found,
        {"grouping": GROUPING},
        dict.fromkeys(("cost", "evidence", "chosen")),
    ),
    "Task": (
        ct.Task,
        {"name": "a", "kind": "binary"},
        dict.fromkeys(("classes", "loss", "metric")),
    ),
    "Tasks.plain": (ct.Tasks.plain, {"items": [BINARY]}, {}),
    "Tasks.from_dict": (ct.Tasks.from_dict, {"saved": DATA.tasks.to_dict()}, {}),
    "Split": (
        ct.Split,
        {"train": torch.arange(3), "validation": torch.arange(3, 5), "test": torch.arange(5, 7)},
        {},
    ),
    "Schema": (ct.Schema, {"tasks": DATA.tasks, "preprocessing": DATA.preprocessing}, {}),
    "Dataset.resplit": (DATA.resplit, {"seed": 1}, {}),
    "Dataset.in_units": (DATA.in_units, {"positions": torch.arange(3)}, {}),
    "GroupedModel.predict": (MODEL.predict, {"inputs": torch.zeros(2, 3)}, {}),
    "GroupedModel.from_stack": (
        ct.GroupedModel.from_stack,
        {
            "stack": FIT.stack,
            "membership": np.ones((3, 1)),
            "tasks": DATA.tasks,
            "preprocessing": DATA.preprocessing,
        },
        {"average": None},
    ),
    "Run.existing": (ct.Run.existing, {"folder": "absent"}, {}),
    "Run.open": (
        lambda **given: ct.Run.open(**given),
        {"folder": "run", "config": {}, "fingerprint": "x"},
        {},
    ),
    **{
        f"{each.__name__}.load": (each.load, {"path": "absent"}, {})
        for each in (
            ct.Affinity,
            ct.DataMap,
            ct.Distilled,
            ct.GroupedModel,
            ct.Grouping,
            ct.Headroom,
            ct.LearningCurve,
            ct.PostTraining,
            ct.ScoreTable,
            ct.Selection,
        )
    },
    **{
        f"{each.__name__}.load": (each.load, {"folder": "absent"}, {})
        for each in (ct.Comparison, ct.Fit)
    },
    **{
        f"{type(each).__name__}.save": (each.save, {"path": "saved"}, {})
        for each in (AFFINITY, CURVE, MAP, MODEL, GROUPING, HEADROOM, SCORES, SELECTION)
    },
    "Fit.save": (FIT.save, {"folder": "saved"}, {}),
    "ModelStack.select": (FIT.stack.select, {"rows": [0]}, {}),
}

# Sentences that name the argument by the word of what reads it.
NAMED = {
    "load, parts test": "train",
    "Grouping.from_dict saved": "content",
    "Tasks.from_dict saved": "tasks",
}
# Any callable is right there; what it raises when it is called is its own.
CALLED = ("progress", "methods", "metric")
PAIRS = [
    (name, argument) for name, (_, right, more) in CASES.items() for argument in {**right, **more}
]


@pytest.mark.parametrize(("name", "argument"), PAIRS, ids=[" ".join(pair) for pair in PAIRS])
def test_a_wrong_argument_is_one_sentence(
    name: str, argument: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # some of the values are paths, and a path may be right
    call, right, _ = CASES[name]
    failed = {}
    for shown, make in WRONG.items():
        if argument in CALLED and callable(make()):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                repr(call(**{**right, argument: make()}))
            except ct.CoterieError:
                continue
            except Exception as error:  # which is what must not happen
                failed[shown] = f"{type(error).__name__}: {error}"
    assert not failed


@pytest.mark.parametrize(("name", "argument"), PAIRS, ids=[" ".join(pair) for pair in PAIRS])
def test_an_object_of_no_use_is_refused_by_the_name_of_the_argument(
    name: str, argument: str
) -> None:
    """So that it is not let through in silence, and the sentence says where to look."""
    call, right, _ = CASES[name]
    with pytest.raises(ct.CoterieError) as caught:
        call(**{**right, argument: object()})
    assert NAMED.get(f"{name} {argument}", argument) in str(caught.value)


def test_what_the_cases_begin_with_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each of them might be refused for another argument."""
    for number, (call, right, _) in enumerate(CASES.values()):
        (tmp_path / str(number)).mkdir()
        monkeypatch.chdir(tmp_path / str(number))
        if not any(isinstance(value, str) and value == "absent" for value in right.values()):
            call(**right)


def test_every_public_name_that_is_called_has_a_case() -> None:
    called = {name for name in ct.__all__ if callable(getattr(ct, name))}
    plain = {"CoterieError", "CoterieWarning", "Kind", "LocalEngine", "Method"}
    made_by_us = {
        "Case",
        "Comparison",
        "Dataset",
        "Fit",
        "GroupedModel",
        "History",
        "ModelStack",
        "Plan",
        "Run",
        "Tasks",
    }
    tried = {name.split(".")[0].split(",")[0] for name in CASES}
    assert called - plain - made_by_us <= tried


@pytest.mark.parametrize(
    "load",
    [each for name, (each, *_) in CASES.items() if name.endswith(".load")],
    ids=lambda e: e.__qualname__,
)
def test_files_that_are_not_there_are_named(load: Callable[[Any], Any], tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(ct.CoterieError, match=re.escape(str(path))):
            load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"membership": [[1, 0], [0.5, 0.4]]},
            r"Rows of `membership` must sum to 1; row 1 sums to 0.9\.",
        ),
        ({"membership": [[1, 0], [2, -1]]}, "`membership` must be finite and not negative"),
        ({"membership": [[1, 0], [float("nan"), 1]]}, "`membership` must be finite"),
        ({"membership": np.eye(3)}, r"`membership` must have shape \(T=2, K\); found \(3, 3\)"),
        ({"membership": [["x"], ["y"]]}, "`membership` must be an array of numbers"),
        ({"tasks": ("a", "a")}, "`tasks` must have names that differ; 'a' is there twice"),
        ({"tasks": ()}, "`tasks` must not be empty"),
        ({"tasks": "ab"}, "`tasks` must be a list of str; found 'ab'"),
        ({"tasks": ("a", 3)}, r"`tasks` must be a list of str; found \('a', 3\)"),
        ({"distances": [[1, -1], [1, 1]]}, "`distances` must not be negative"),
        ({"distances": [[1], [1]]}, r"`distances` must have shape \(T=2, K=2\); found \(2, 1\)"),
        (
            {"row_weights": np.ones((3, 2))},
            r"`row_weights` must have shape \(K=2, T=2\); found \(3, 2\)",
        ),
        ({"fuzziness": 1.0}, "`fuzziness` must be a number greater than 1; found 1.0"),
        ({"method": None}, "`method` must be a str; found None"),
    ],
)
def test_a_grouping_that_could_not_be_used_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ct.CoterieError, match=message):
        ct.Grouping(**{"tasks": ("a", "b"), "membership": np.eye(2), "method": "mine", **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_tasks": 0}, "`n_tasks` must be at least 1; found 0"),
        ({"n_examples": 2.0}, "`n_examples` must be a whole number"),
        ({"n_tasks": 10**9}, "`n_tasks` must be a whole number of at most"),
        ({"n_examples": 10**10}, "10000000000 examples of 2 tasks need .* GB of memory"),
        ({"names": ["a", "a"]}, "`names` must have names that differ"),
        ({"names": "ab"}, "`names` must be a list of str; found 'ab'"),
        (
            {"kinds": ["binary", "ternary"]},
            r"`kinds` must be binary, multiclass, .*; found 'ternary'",
        ),
        ({"ids": [[1, 2, 3, 4, 5]]}, "`ids` must be a list of numbers or texts"),
        ({"ids": [1, 2]}, "`ids` must have 5 entries; found 2"),
        ({"device": "gpu"}, "`device` 'gpu' cannot be used"),
    ],
)
def test_a_recorder_that_could_not_record_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ct.CoterieError, match=message):
        ct.DataMapRecorder(**{"n_tasks": 2, "n_examples": 5, **change})


def test_a_fit_without_a_score_is_printed_without_a_warning() -> None:
    unscored = replace(FIT, scores=np.full_like(FIT.scores, np.nan))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert repr(unscored).startswith("Fit(1 models x 3 tasks, no score, ")
    assert f"mean AUROC {FIT.scores.mean():.3f}, " in repr(FIT)
