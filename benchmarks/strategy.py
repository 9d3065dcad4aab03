"""When are the rows of a stack faster together? A step of 48 models, batched in chunks and looped.

The bounds in ``coterie.models.strategy`` come from here: operations of a model's forward pass, up to
which rows are batched on a CPU, and bytes of the activations of a chunk. Ratios are of the least of
several steps of each kind, taken in turn.

    OMP_NUM_THREADS=1 python benchmarks/strategy.py
"""

from __future__ import annotations

import argparse
from itertools import product
from time import perf_counter

import numpy as np
import torch
from _common import on_gpu, save_result

import coterie as ct
from coterie.data import Batches
from coterie.models import Architecture, ModelStack, Strategy
from coterie.training.device import Place
from coterie.training.step import gradient_step

ROWS, CHUNKS = 48, (1, 4, 8, 16, 48)
HIDDEN, BATCHES = ((32,), (64, 64), (128, 128), (256, 256), (512, 512)), (32, 128, 512)


def steps(hidden: tuple[int, ...], batch_size: int, times: int) -> dict[str, object]:
    """Milliseconds of a step, by rows of a chunk; 1 is the loop."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2 * batch_size + 40, 72)).astype(np.float32)
    data = ct.load({"inputs": x, "targets": (x[:, :6] > 0).astype(np.float32)})
    place = Place.of("auto")
    found = [data.split.train] * ROWS
    batches = Batches(data, found, batch_size=batch_size, seed=0, device=place.device)
    batch = next(iter(batches.epoch(0)))
    weights = torch.ones(ROWS, 6, device=place.device)
    architecture = Architecture("mlp", data.input_shape, 6, {"hidden": hidden})
    tasks, stacks = data.tasks.to(place.device), {}
    for size in CHUNKS:
        stack = ModelStack.create(architecture, n_models=ROWS, seed=0).to(place.device)
        stack.strategy = Strategy("loop") if size == 1 else Strategy("vmap", size)
        stack.train()
        stacks[size] = stack
    least = dict.fromkeys(CHUNKS, float("inf"))
    for _, size in product(range(times + 1), CHUNKS):
        started = perf_counter()
        gradient_step(stacks[size], batch, weights, tasks, 0, place)
        if place.device.type == "cuda":
            torch.cuda.synchronize()
        least[size] = min(least[size], perf_counter() - started)
    work = architecture.workload
    return {
        "hidden": list(hidden),
        "batch size": batch_size,
        "MFLOP": work.flops * batch_size / 1e6,
        "MB of activations of a model": work.saved * batch_size / 1e6,
        "milliseconds by rows of a chunk": {str(n): 1e3 * s for n, s in least.items()},
        "loop / best": least[1] / min(least.values()),
    }


def main() -> None:
    """Every width with every batch size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=9)
    asked = parser.parse_args()
    table = [steps(*each, asked.times) for each in product(HIDDEN, BATCHES)]
    table.sort(key=lambda row: float(str(row["MFLOP"])))
    for row in table:
        print(row, flush=True)
    save_result(on_gpu("strategy"), {"rows": ROWS, "steps": table})


if __name__ == "__main__":
    main()
