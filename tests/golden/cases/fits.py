"""Trainings: stacks of models under a weight matrix."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import coterie as ct
from tests.golden.cases.inputs import SMALL, asked, binary, digits, disjoint, frame, mixed
from tests.golden.registry import case

_LOSS = ("*/history/train_loss",)
_WEIGHTS = np.array(
    [[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 1, 0, 0, 0], [0.7, 0.1, 0.1, 0.05, 0.05]]
)


def _trained(
    data: ct.Dataset, weights: Any = None, model: str = "mlp", **settings: Any
) -> dict[str, Any]:
    """The fit, and what its models answer to every example."""
    weights = None if weights is None else np.asarray(weights)[:, : len(data.tasks)]
    found = ct.fit(model, data, weights, **{**SMALL, **settings})
    return {"fit": found, "outputs": ct.predict(found.stack, data, torch.arange(len(data)))}


@case(close=_LOSS)
def fit_mlp_loop() -> dict[str, Any]:
    return _trained(digits(), _WEIGHTS)


@case(close=_LOSS)
def fit_mlp_vmap() -> dict[str, Any]:
    return _trained(digits(), _WEIGHTS, strategy="vmap")


@case(close=_LOSS)
def fit_one_model() -> dict[str, Any]:
    """One row of ones, defaults but for the size."""
    return _trained(binary(), lr=1e-3, batch_size=128)


@case(close=("adamw/fit/history/train_loss", "sgd/fit/history/train_loss"))
def fit_optimisers() -> dict[str, Any]:
    """Every optimiser, schedule, clipping, dropout and which epoch is kept, looped and vmapped."""
    data = binary()
    told: dict[str, dict[str, Any]] = {
        "adamw": {
            "optimiser": "adamw",
            "weight_decay": 0.01,
            "schedule": "cosine",
            "warmup": 0.2,
            "clip": 0.05,
        },
        "nadam": {"optimiser": "nadam", "weight_decay": 0.01, "keep": "last"},
        "sgd": {
            "optimiser": "sgd",
            "momentum": 0.8,
            "lr": 0.02,
            "model_options": {"hidden": (16, 8), "dropout": 0.3},
        },
        "half": {"precision": "bf16", "seed": 5},
    }
    looped = {name: _trained(data, _WEIGHTS[:2], **settings) for name, settings in told.items()}
    return looped | {"dropout vmap": _trained(data, _WEIGHTS[:2], strategy="vmap", **told["sgd"])}


@case(close=_LOSS)
def fit_cnn_loop() -> dict[str, Any]:
    """Images, augmented, with dropout, from the same start."""
    return _trained(
        digits(200), _WEIGHTS[:2], "cnn", epochs=2, augment=True, init="shared", model_options={}
    )


@case(close=_LOSS)
def fit_cnn_vmap() -> dict[str, Any]:
    return _trained(
        digits(200), _WEIGHTS[:2], "cnn", epochs=1, strategy="vmap", model_options={"dropout": 0.0}
    )


@case()
def fit_resnet() -> dict[str, Any]:
    return _trained(digits(80), None, "resnet18", epochs=1, model_options={})


@case(close=_LOSS)
def fit_gaps() -> dict[str, Any]:
    """Missing labels: rows of other supports, the map of one of them recorded."""
    data = binary(gaps=0.4)
    return {
        "loop": _trained(data, _WEIGHTS, record=1),
        "vmap": _trained(data, _WEIGHTS, strategy="vmap"),
    }


@case(close=("*/history/train_loss",))
def fit_mixed_kinds() -> dict[str, Any]:
    """Binary, multi-class and regression, with and without gaps."""
    return {
        "whole": _trained(mixed(), _WEIGHTS),
        "vmap": _trained(mixed(), _WEIGHTS, strategy="vmap"),
        "gaps": _trained(mixed(gaps=0.3), _WEIGHTS, record=0),
    }


@case(close=("*/history/train_loss",))
def fit_asked_kinds() -> dict[str, Any]:
    """Ordinal and count among binary and regression, and every metric of theirs."""
    data = asked(gaps=0.2)
    fit = ct.fit("mlp", data, **SMALL)
    return {
        "loop": _trained(data, _WEIGHTS, record=0),
        "vmap": _trained(data, _WEIGHTS, strategy="vmap"),
        "metrics": pd.DataFrame(ct.evaluate(fit, data, "test")),
    }


@case(close=_LOSS)
def fit_disjoint() -> dict[str, Any]:
    """Tasks with examples of their own."""
    weights = np.vstack([np.ones((1, 4)), np.eye(4), [[1, 1, 0, 0]]])
    return {
        "loop": _trained(disjoint(), weights, record=0),
        "vmap": _trained(disjoint(), weights, strategy="vmap"),
    }


@case(close=_LOSS)
def fit_record() -> dict[str, Any]:
    """A data map with snapshots."""
    return {
        "digits": _trained(digits(), record=True, snapshots=(1, 2)),
        "mixed": _trained(mixed(gaps=0.2), record=True, epochs=2),
        "cnn": _trained(digits(150), None, "cnn", record=True, epochs=1, model_options={}),
    }


@case(close=_LOSS)
def fit_continued() -> dict[str, Any]:
    """From trained models on."""
    data = digits()
    first = ct.fit("mlp", data, _WEIGHTS[:, :4], **SMALL)
    return {
        "first": first,
        **_trained(data, _WEIGHTS[::-1].copy(), start=first.stack, lr=1e-3, seed=1, epochs=2),
    }


class _StopError(Exception):
    """Stands for a kill."""


def _stop(done: int, _: int, __: str) -> None:
    if done == 9:
        raise _StopError


@case(close=_LOSS)
def fit_resumed() -> dict[str, Any]:
    """Stopped in the second epoch, and continued from the checkpoint of the first."""
    data = digits()
    with tempfile.TemporaryDirectory() as folder:
        told = {**SMALL, "weights": _WEIGHTS[:1, :4], "record": True, "checkpoint": folder}
        with suppress(_StopError):
            ct.fit("mlp", data, progress=_stop, **told)
        stopped = sorted(
            str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()
        )
        return {"stopped": stopped, "fit": ct.fit("mlp", data, **told)}


def _absolute(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return (outputs.squeeze(-1) - targets).abs()


def _closeness(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    return -float((outputs.squeeze(-1) - targets).abs().mean())


@case(close=_LOSS)
def fit_own_loss() -> dict[str, Any]:
    """A loss and a metric of the user's own for one task."""
    data = ct.load(
        frame(),
        targets=["a", "c", "e"],
        exclude=["b", "d"],
        losses={"c": _absolute},
        metrics={"e": _closeness},
    )
    found = _trained(data, [[1, 1, 1], [0, 1, 0]])
    return found | {"metrics": ct.evaluate(found["fit"], data)}
