"""Comparisons, their verdicts and reports, and plans."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import coterie as ct
from tests.golden.cases.inputs import SMALL, digits, disjoint, halves, mixed
from tests.golden.reading import outcomes, report, timeless
from tests.golden.registry import case

# How many rows a selection needs may differ where scores are close.
_LOOSE = ("*/groupings/*", "*/history/*")
_WORDS = (
    "*outcomes",
    "*/scores/arm",
    "*/scores/metric",
    "*/gains/arm",
    "*/gains/reference",
    "*/gains/task",
    "*/costs/arm",
)
_SHORT = {**SMALL, "epochs": 2, "draws": 2, "rivals": "none", "repeats": 1}


def _compared(data: ct.Dataset, methods: Any, **settings: Any) -> dict[str, Any]:
    """A comparison, what its report tells, and the model that its run leaves behind."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "run")
        found = ct.compare("mlp", data, methods, run=run, **{**_SHORT, **settings})
        found.save(Path(folder, "saved"))
        again = ct.Comparison.load(Path(folder, "saved")).to_dict()
        model = ct.GroupedModel.load(run / "model.safetensors")
        read_back = ct.compare("mlp", data, methods, run=run, **{**_SHORT, **settings})
        return {
            "comparison": found,
            "outcomes": outcomes(found),
            "report": report(found, Path(folder)),
            "again": again["gains"],
            "continued": {"scores": read_back.scores_table, "verdict": timeless(read_back).verdict},
            "model": model.predict(data.inputs[:40]),
        }


@case(exact=_WORDS, loose=_LOOSE)
def compare_digits() -> dict[str, Any]:
    """Two seeds.

    A grouping that is given, data map, affinity, estimators, and a learnt grouping.
    """
    data = digits(360)
    methods = {
        "given": halves(data),
        "map": ct.Cluster(n_groups=2, fuzziness=2.0),
        "cosine": ct.Cluster("cosine", n_groups=2, every=4, by="spectral"),
        "lookahead": ct.Cluster("lookahead", n_groups=2, every=4),
        "gradtag": ct.Select("gradtag", n_groups=2),
        "pairs": ct.Select("pairs", n_groups=2, partition=True),
        "dmtg": ct.Learn(ct.DifferentiableGrouping(2)),
    }
    return _compared(data, methods, seeds=2)


@case(exact=_WORDS, loose=_LOOSE)
def compare_gaps() -> dict[str, Any]:
    """A mixed table with gaps, on two splits and two seeds."""
    return _compared(mixed(gaps=0.3), ["data_map", "surrogate"], n_groups=2, seeds=2, repeats=2)


@case(exact=_WORDS, loose=_LOOSE)
def compare_disjoint() -> dict[str, Any]:
    """One method, tasks with examples of their own, two groups."""
    return _compared(disjoint(), "data_map", n_groups=2, seeds=[4, 9])


@case(exact=_WORDS[1:], loose=_LOOSE)
def compare_worth_it() -> dict[str, Any]:
    """Groups that pay, groups that do not, and a single one, on four seeds.

    Most sentences of a verdict.
    """
    rng = np.random.default_rng(6)
    x = rng.normal(size=(600, 6)).astype(np.float32)
    one, other = x[:, 0] * x[:, 1], x[:, 3] * x[:, 4]
    targets = (
        np.stack(
            [one, one + 0.3 * x[:, 2], other, other - 0.3 * x[:, 5], rng.normal(size=600)], axis=1
        )
        > 0
    )
    data = ct.load(
        {"inputs": x, "targets": targets.astype(np.float32)}, names=["p", "q", "r", "s", "noise"]
    )
    groups = {"true": [0, 0, 1, 1, 1], "wrong": [0, 1, 0, 1, 0], "one": [0, 0, 0, 0, 0]}
    given = {
        name: ct.Grouping(
            tasks=data.tasks.names, membership=np.eye(max(labels) + 1)[labels], method=name
        )
        for name, labels in groups.items()
    }
    return _compared(
        data,
        given,
        seeds=4,
        epochs=15,
        draws=1,
        lr=1e-2,
        strategy="vmap",
        model_options={"hidden": (6,)},
    )


@case(exact=_WORDS, loose=_LOOSE)
def compare_vmap() -> dict[str, Any]:
    """Without some of the baselines, one seed, batched."""
    data = digits(300)
    return _compared(data, halves(data), seeds=1, baselines=["single", "random"], strategy="vmap")


@case(exact=_WORDS, loose=_LOOSE)
def compare_by_name() -> dict[str, Any]:
    """Every method by its name, with the settings that a name stands for.

    Read back from its run.
    """
    data = digits(300)
    names = [
        "data_map",
        "transfer_gain",
        "auxiliary_gain",
        "train",
        "early",
        "surrogate",
        "mtgnet",
        "dmtg",
    ]
    return _compared(
        data, names, n_groups=2, seeds=1, draws=1, baselines=["ensemble"], batch_size=16
    )


@case(exact=("*/units", "*/picked"))
def plans() -> dict[str, Any]:
    """What is counted; what is timed is left out."""
    names = [
        "data_map",
        "lookahead",
        "transfer_gain",
        "gradtag",
        "pairs",
        "surrogate",
        "train",
        "early",
        "dmtg",
    ]
    told = {**SMALL, "seeds": 2}
    return {
        "digits": ct.plan("mlp", digits(), names, repeats=2, **told),
        "gaps": ct.plan("mlp", mixed(gaps=0.3), ["data_map", "cosine", "mtgnet"], draws=1, **told),
    }
