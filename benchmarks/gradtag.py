"""Gradient features of Grad-TAG.

Cells a second of both projections against the per-example loop.

    python benchmarks/gradtag.py

The loop is how it is usually written: one backward pass for every (example, task) cell (the forward
pass is shared by the tasks of an example), the gradients of all parameters in one row, times one
dense matrix of signs. ``bare_loop`` is the same without the projection: what no loop can be faster
than. All run on the same model, in turn, in one process."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from _common import log, save_result
from torch import Tensor

import coterie as ct
from coterie.data import Dataset
from coterie.estimators.gradtag.features import DenseProjection
from coterie.estimators.gradtag.kronecker import KroneckerProjection
from coterie.estimators.gradtag.linearised import Linearised, cells
from coterie.estimators.gradtag.margins import margins

N_FEATURES = 256
JOBS: dict[str, dict[str, Any]] = {
    "mlp": {"examples": 4096, "looped": 64, "shape": (72,), "options": {}},
    "cnn": {"examples": 128, "looped": 4, "shape": (3, 32, 32), "options": {}},
}


def table(shape: tuple[int, ...], n_examples: int, n_tasks: int) -> Dataset:
    """Noise: speed does not depend on what is learnt."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(n_examples * 2, *shape)).astype(np.float32)
    targets = (rng.random((len(inputs), n_tasks)) < 0.5).astype(np.float32)
    return ct.load({"inputs": inputs, "targets": targets}, split=(0.5, 0.25, 0.25))


def loop(linearised: Linearised, signs: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
    """Features (B, K, d) of one example and task after the other."""
    index, _ = cells(targets)
    leaves = list(linearised.shared.values())
    rows = []
    for example in range(len(inputs)):
        outputs = linearised.model(inputs[example : example + 1])
        margin = margins(outputs, targets[example : example + 1], linearised.tasks)[0]
        for task in index[example].tolist():
            gradients = torch.autograd.grad(margin[task], leaves, retain_graph=True)
            rows.append(torch.cat([gradient.flatten() for gradient in gradients]) @ signs)
    return torch.stack(rows).unflatten(0, index.shape)


def seconds_per_cell(
    runs: dict[str, tuple[Callable[[], object], int]], repeats: int
) -> dict[str, list[float]]:
    """Seconds a cell of each, run in turn after one warm-up, so that all meet the same machine."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(repeats + 1):
        for name, (run, n_cells) in runs.items():
            started = perf_counter()
            run()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if repeat:
                found[name].append((perf_counter() - started) / n_cells)
    return found


def study(name: str, job: dict[str, Any], n_tasks: int, repeats: int) -> dict[str, Any]:
    """One model."""
    data = table(job["shape"], job["examples"], n_tasks)
    joint = ct.fit(name, data, epochs=1, model_options=job["options"])
    linearised = Linearised.of(joint)
    device = linearised.tasks.pos_weight.device
    inputs, targets = (
        data.inputs[data.split.train].to(device),
        data.targets[data.split.train].to(device),
    )
    dense = DenseProjection(linearised, N_FEATURES)
    signs = torch.cat(
        [
            dense.signs(n, number, len(block)).to(device).float() / N_FEATURES**0.5
            for n, p in linearised.shared.items()
            for number, block in enumerate(p.detach().flatten().split(4096))
        ]
    )
    kronecker = KroneckerProjection.fit(
        linearised, lambda: iter([(inputs[:512], targets[:512])]), N_FEATURES
    )
    few, some, batch = job["looped"], min(256, job["examples"]), min(1024, job["examples"])

    def batched() -> None:
        for x, y in zip(inputs.split(batch), targets.split(batch), strict=True):
            kronecker.features(x, y)

    seconds = seconds_per_cell(
        {
            "loop": (lambda: loop(linearised, signs, inputs[:few], targets[:few]), few * n_tasks),
            "bare_loop": (
                lambda: linearised.one_by_one(inputs[:few], targets[:few]),
                few * n_tasks,
            ),
            "dense": (lambda: dense.features(inputs[:some], targets[:some]), some * n_tasks),
            "kronecker": (batched, len(inputs) * n_tasks),
        },
        repeats,
    )
    fast = {
        f"{n} / {slow}": [a / b for a, b in zip(seconds[slow], seconds[n], strict=True)]
        for n in ("dense", "kronecker")
        for slow in ("loop", "bare_loop")
    }
    difference = dense.features(inputs[:8], targets[:8])[0] - loop(
        linearised, signs, inputs[:8], targets[:8]
    )
    return {
        "parameters": linearised.n_parameters,
        "features": N_FEATURES,
        "tasks": n_tasks,
        "cells_per_second": {n: 1 / median(each) for n, each in seconds.items()},
        "faster": {n: {"median": median(r), "min": min(r), "max": max(r)} for n, r in fast.items()},
        "dense_minus_loop": difference.abs().max().item(),
    }


def main() -> None:
    """Parse, run, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = {}
    for name, job in JOBS.items():
        found[name] = study(name, job, arguments.tasks, arguments.repeats)
        log(f"{name}: {found[name]}")
    save_result("gradtag_speed", {"asked": "kronecker at least 50x the loop on the mlp", **found})


if __name__ == "__main__":
    main()
