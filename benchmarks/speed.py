"""Speeds as ratios, side by side in one run.

(a) the whole CIFAR-10 job, (b) stacks, (c) recording, (d) number of tasks.

python benchmarks/speed.py a b c d --data DATA_FOLDER
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from _common import log, on_gpu, save_result
from cifar import cifar10

import coterie as ct
from coterie.data import Dataset
from coterie.fitting import MapObserver
from coterie.models import Architecture

JOB: dict[str, Any] = {
    "batch_size": 128,
    "lr": 1e-3,
    "precision": "bf16",
    "keep": "last",
    "epochs": 1,
}


def interleaved(runs: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each, run in turn after one warm-up, so that all meet the same machine."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(repeats + 1):
        for name, run in runs.items():
            started = perf_counter()
            run()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if repeat:
                seconds[name].append(perf_counter() - started)
    return seconds


def ratios(seconds: dict[str, list[float]], slow: str, fast: str) -> dict[str, float]:
    """How many times faster, pair by pair."""
    pairs = [a / b for a, b in zip(seconds[slow], seconds[fast], strict=True)]
    return {"median": median(pairs), "min": min(pairs), "max": max(pairs)}


class PlainImages(torch.utils.data.Dataset):
    """How such jobs are usually written: one JPEG decoded and transformed by PIL per example."""

    def __init__(self, jpegs: list[bytes], targets: torch.Tensor) -> None:
        self.jpegs, self.targets = jpegs, targets

    def __len__(self) -> int:
        return len(self.jpegs)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, int]:
        from PIL import Image

        image = Image.open(io.BytesIO(self.jpegs[index])).convert("RGB")
        pixels = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 255
        return (pixels - 0.47) / 0.25, self.targets[index], index


def plain_training(
    images: PlainImages, weights: torch.Tensor, pos_weight: torch.Tensor
) -> torch.Tensor:
    """One model, one epoch, a Python loop of per-task losses, fp32.

    Returns the confidences of the epoch.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = Architecture("cnn", (3, 32, 32), len(weights)).build(0, 0).to(device).train()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = torch.utils.data.DataLoader(images, batch_size=128, shuffle=True, num_workers=0)
    confidence = torch.zeros(len(images), len(weights))
    for inputs, targets, index in loader:
        outputs = model(inputs.to(device))
        labels = targets.to(device)
        loss = torch.zeros((), device=device)
        for task in range(len(weights)):
            loss = loss + weights[task] * F.binary_cross_entropy_with_logits(
                outputs[:, task], labels[:, task], pos_weight=pos_weight[task].to(device)
            )
            confidence[index, task] = (
                1 - (labels[:, task] - outputs[:, task].detach().sigmoid()).abs()
            ).cpu()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return confidence


def job(arguments: argparse.Namespace) -> dict[str, Any]:
    """(a) Recording, grouping and two specialised models, per epoch, against the plain way."""
    import pyarrow.parquet as pq

    data = cifar10(arguments.data, 10_000)
    membership = np.array([[0.8, 0.2]] * 10)
    membership[2:8] = [0.2, 0.8]
    wanted = set(data.split.train.tolist())
    column = pq.read_table(arguments.data / "cifar10/train.parquet", columns=["image"])[
        "image"
    ].to_pylist()
    jpegs = [row["bytes"] for row in column[: len(wanted)]]
    images = PlainImages(jpegs, data.targets[data.split.train])
    weights = torch.tensor(membership.T, dtype=torch.float32)

    def ours() -> None:
        joint = ct.fit("cnn", data, record=True, **JOB)
        ct.group(joint.data_map, 2)
        ct.fit("cnn", data, weights=membership.T, **JOB)

    def plain() -> None:
        plain_training(images, torch.ones(10), data.tasks.pos_weight)
        for row in weights:
            plain_training(images, row, data.tasks.pos_weight)

    seconds = interleaved({"plain": plain, "coterie": ours}, repeats=2)
    return {
        "asked": "at least 2x on CPU, 10x on a GPU",
        "seconds": seconds,
        "faster": ratios(seconds, "plain", "coterie"),
    }


def stacks(arguments: argparse.Namespace) -> dict[str, Any]:
    """(b) A stack of M models against M fits in turn (milliseconds of an epoch's training)."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(1280, 72)).astype(np.float32)
    table = ct.load({"inputs": inputs, "targets": (rng.random((1280, 6)) < 0.5).astype(np.float32)})
    found: dict[str, Any] = {}
    settings: dict[str, Any] = {"epochs": 3, "batch_size": 64}
    for size, asked in ((16, "3x"), (100, "2x")):
        found[f"mlp {size}"] = {
            "asked": f"at least {asked} on CPU",
            **_stack(table, "mlp", size, settings),
        }
        log(f"mlp {size}: {found[f'mlp {size}']}")
    images = cifar10(arguments.data, 5_120 if torch.cuda.is_available() else 512)
    for size, asked in (
        (4, "never slower than 1.05x on CPU"),
        (16, "never slower than 1.05x on CPU, at least 4x on a GPU"),
    ):
        settings = {"epochs": 1, "batch_size": 128, "precision": "bf16"}
        found[f"cnn {size}"] = {"asked": asked, **_stack(images, "cnn", size, settings)}
        log(f"cnn {size}: {found[f'cnn {size}']}")
    return found


def _stack(data: Dataset, model: str, size: int, settings: dict[str, Any]) -> dict[str, Any]:
    one, many = np.ones((1, len(data.tasks))), np.ones((size, len(data.tasks)))
    strategy = ct.fit(model, data, many, **settings).cost["strategy"]
    kind = strategy.split(",")[0]

    def separate() -> float:
        return sum(
            ct.fit(model, data, one, init=[row], keep="last", **settings).cost["seconds"]
            for row in range(size)
        )

    def stacked() -> float:
        return ct.fit(model, data, many, keep="last", strategy=kind, **settings).cost["seconds"]

    pairs = [(separate(), stacked()) for _ in range(3)]
    seconds = {"one after the other": [a for a, _ in pairs], "stack": [b for _, b in pairs]}
    return {
        "strategy": strategy,
        "seconds": seconds,
        "faster": ratios(seconds, "one after the other", "stack"),
    }


class Timed:
    """An observer with a clock.

    The time that recording takes, without the noise of comparing two runs.
    """

    def __init__(self, observer: MapObserver) -> None:
        self.observer, self.seconds = observer, 0.0

    def on_batch(
        self, position: torch.Tensor, outputs: torch.Tensor, targets: torch.Tensor
    ) -> None:
        """Record, on the clock."""
        started = perf_counter()
        self.observer.on_batch(position, outputs, targets)
        self.seconds += perf_counter() - started

    def on_epoch_end(self, epoch: int) -> None:
        """Close the epoch, on the clock."""
        started = perf_counter()
        self.observer.on_epoch_end(epoch)
        self.seconds += perf_counter() - started

    def state(self) -> dict[str, np.ndarray]:
        """Nothing is checkpointed here."""
        return {}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Nothing to restore."""


def recording(arguments: argparse.Namespace) -> dict[str, Any]:
    """(c) Time spent in the recorder in an epoch of the `cnn`, against the rest of that epoch."""
    found: dict[str, Any] = {}
    for n_tasks in (10, 100, 1000):
        data = _many_tasks(cifar10(arguments.data, 2_560), n_tasks)
        shares = []
        for _ in range(5):
            timed = Timed(MapObserver(data, data.split.train, 0))
            seconds = ct.fit("cnn", data, observers=[timed], **JOB).cost["seconds"]
            shares.append(1 + timed.seconds / (seconds - timed.seconds))
        ratio = {"median": median(shares), "min": min(shares), "max": max(shares)}
        found[f"T={n_tasks}"] = {"asked": "at most 1.03", "ratio": ratio}
        log(f"recording T={n_tasks}: {ratio}")
    return found


def tasks(arguments: argparse.Namespace) -> dict[str, Any]:
    """(d) A training step of the `cnn` with 10, 100 and 1,000 binary tasks."""
    images = cifar10(arguments.data, 1_280)
    sets = {f"T={n}": _many_tasks(images, n) for n in (10, 100, 1000)}
    seconds: dict[str, list[float]] = {name: [] for name in sets}
    for _ in range(4):
        for name, data in sets.items():
            seconds[name].append(ct.fit("cnn", data, **JOB).cost["seconds"])
    found = {name: ratios(seconds, name, "T=10") for name in sets}
    return {"asked": "T=1000 at most 1.3x of T=10", "seconds": seconds, "ratio": found}


def _many_tasks(data: Dataset, n_tasks: int) -> Dataset:
    rng = np.random.default_rng(0)
    targets = (rng.random((len(data), n_tasks)) < 0.5).astype(np.float32)
    pixels = data.preprocessing.normalise(data.inputs[: len(data.split.train) * 2])
    return ct.load({"inputs": pixels, "targets": targets[: len(pixels)]}, split=(0.8, 0.1, 0.1))


PARTS = {
    "a": ("speed_job", job),
    "b": ("speed_stacks", stacks),
    "c": ("speed_recording", recording),
    "d": ("speed_tasks", tasks),
}


def main() -> None:
    """Parse, run, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="+", choices=sorted(PARTS))
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    for part in arguments.parts:
        name, run = PARTS[part]
        found = run(arguments)
        save_result(on_gpu(name), found)
        log(f"{name}: {found.get('faster') or found.get('ratio') or ''}")


if __name__ == "__main__":
    main()
