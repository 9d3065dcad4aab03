"""How near ``run`` is to the least that its trainings take.

The floor is what one would write by hand for this table and these models alone: all models of all
splits and seeds as one batched loop of plain torch, with the same number of models, the same layers,
batches, epochs and optimiser, and the validation loss after every epoch that chooses which state is
kept. It knows neither missing labels nor kinds of tasks, and scores, groups, compares, writes and
reports nothing. Both are whole processes, imports included, run in turn; times are ratios of one run.

    python benchmarks/floor.py --data ../shared/data --times 5
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

from _common import save_result

EPOCHS, SEEDS = 10, 3
COMMAND = ["run", "--model", "mlp", "--rivals", "none", "--no-headroom"]
COMMAND += ["--seeds", str(SEEDS), "--epochs", str(EPOCHS), "--quiet"]
DEFAULT = ["run", "--quiet"]

FLOOR = """
import json, sys
import numpy as np, pyarrow.parquet as pq, torch
path, n_models, epochs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
table = pq.read_table(path)
targets = json.loads(table.schema.metadata[b"targets"])
x = np.stack([table[name].to_numpy() for name in table.column_names if name not in targets], 1)
y = np.stack([table[name].to_numpy() for name in targets], 1).astype(np.float32)
x = ((x - x.mean(0)) / x.std(0)).astype(np.float32)
x, y = torch.from_numpy(x), torch.from_numpy(y)
n_train, n_validation, T, B = int(.6 * len(x)), int(.2 * len(x)), len(targets), 128
g = torch.Generator().manual_seed(0)
orders = torch.stack([torch.randperm(len(x), generator=g) for _ in range(5)])
split = torch.arange(n_models) % 5
def weights(n_in, n_out):
    return (torch.randn(n_models, n_in, n_out, generator=g) / n_in**.5).requires_grad_()
def ones(n): return torch.ones(n_models, 1, n, requires_grad=True)
def zeros(n): return torch.zeros(n_models, 1, n, requires_grad=True)
layers = [(weights(x.shape[1], 128), ones(128), zeros(128)), (weights(128, 128), ones(128), zeros(128))]
head, bias = weights(128, T), zeros(T)
parameters = [p for layer in layers for p in layer] + [head, bias]
running = [[torch.zeros(n_models, 1, 128), torch.ones(n_models, 1, 128)] for _ in layers]
optimiser = torch.optim.Adam(parameters, lr=1e-3, fused=True)
pos = (1 - y.mean(0)) / y.mean(0)
w = torch.ones(n_models, T)
def forward(h, rows, training):
    for (a, scale, shift), kept in zip(layers, running):
        h = h @ a[rows]
        if training:
            mean, var = h.mean(1, keepdim=True), h.var(1, keepdim=True, unbiased=False)
            with torch.no_grad():
                kept[0][rows] += .1 * (mean - kept[0][rows]); kept[1][rows] += .1 * (var - kept[1][rows])
        else:
            mean, var = kept[0][rows], kept[1][rows]
        h = torch.relu((h - mean) * torch.rsqrt(var + 1e-5) * scale[rows] + shift[rows])
    return h @ head[rows] + bias[rows]
def loss(out, target, rows):
    each = torch.nn.functional.binary_cross_entropy_with_logits(out, target, pos_weight=pos, reduction="none").mean(1)
    return (w[rows] * each).sum(1) / w[rows].sum(1)
chunks = [slice(i, i + 16) for i in range(0, n_models, 16)]
train, validation = orders[:, :n_train], orders[:, n_train:n_train + n_validation]
best, kept = torch.full((n_models,), torch.inf), [p.detach().clone() for p in parameters]
for epoch in range(epochs):
    shuffled = torch.stack([torch.randperm(n_train, generator=g) for _ in range(n_models)])
    positions = train[split].gather(1, shuffled)
    for start in range(0, n_train, B):
        at = positions[:, start:start + B]
        optimiser.zero_grad()
        for rows in chunks:
            out = forward(x[at[rows]], rows, True)
            loss(out, y[at[rows]], rows).sum().backward()
        optimiser.step()
    with torch.no_grad():
        at = validation[split]
        now = torch.cat([loss(forward(x[at[rows]], rows, False), y[at[rows]], rows) for rows in chunks])
        better = now < best
        best[better] = now[better]
        for k, p in zip(kept, parameters): k[better] = p[better]
print(float(best.mean()))
"""


def n_trained(command: list[str]) -> int:
    """How many models the command trains."""
    from coterie.cli import main
    from coterie.fitting import job
    from coterie.training import train

    sizes = []

    def counted(stack, *rest):
        sizes.append(stack.n_models)
        return train(stack, *rest)

    with tempfile.TemporaryDirectory() as folder, patch.object(job, "train", counted):
        main([*command, "--out", f"{folder}/run"])
    return sum(sizes)


def seconds(command: list[str]) -> dict[str, float]:
    """Wall-clock and processor seconds of a process."""
    before, started = os.times(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    used = after.children_user + after.children_system
    return {
        "wall": time.perf_counter() - started,
        "processor": used - before.children_user - before.children_system,
    }


def run(*asked: str) -> dict[str, float]:
    """The command line with these arguments, in a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        return seconds([sys.executable, "-m", "coterie", *asked, "--out", f"{folder}/run"])


def main() -> None:
    """Floor and command in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--no-default", action="store_true", help="leave the default run out")
    parser.add_argument("--data", type=Path, required=True, help="folder with tabular/")
    asked = parser.parse_args()
    table = str(asked.data / "tabular/emotions.parquet")
    command, default = [*COMMAND, "--data", table], [*DEFAULT, "--data", table]
    n_models = n_trained(command)
    floor = [sys.executable, "-c", FLOOR, table, str(n_models), str(EPOCHS)]
    imports = [sys.executable, "-c", "import torch, torch._dynamo, numpy, pyarrow.parquet"]
    found = {"imports alone": [], "floor": [], "run": []}
    for _ in range(asked.times):
        found["imports alone"].append(seconds(imports))
        found["floor"].append(seconds(floor))
        found["run"].append(run(*command))
        print(json.dumps({name: each[-1] for name, each in found.items()}), flush=True)
    if not asked.no_default:
        found["run with all defaults"] = [run(*default)]
    least = {name: min(each["processor"] for each in times) for name, times in found.items()}
    save_result(
        "floor",
        {
            "models trained": n_models,
            "epochs": EPOCHS,
            "threads": int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)),
            "seconds": found,
            "least processor seconds": least,
            "run / floor, processor": least["run"] / least["floor"],
            "run / floor, wall": min(each["wall"] for each in found["run"])
            / min(each["wall"] for each in found["floor"]),
        },
    )


if __name__ == "__main__":
    main()
