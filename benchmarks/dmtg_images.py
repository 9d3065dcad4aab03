"""Differentiable grouping on images, before and after fine-tuning, against all baselines.

    python benchmarks/dmtg_images.py cifar10 celeba --data DATA_FOLDER

CIFAR-10: ten tasks, 8,000 images, 5 epochs. CelebA: nine attributes, 3,000 images split by identity, 4 epochs. The ``cnn``,
K = 2 and 3, three seeds, one optimiser and number of epochs for all. A search trains K branches once: its branches as they
are, and after one more epoch each on its own tasks, are compared with joint, single, random groups (the data map's, tasks
shuffled), an ensemble and data-map groups, each trained from the start. Finished seeds are kept and not run again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _common import RESULTS, log, save_result
from celeba_methods import nine
from cifar import cifar10
from does_it_pay import IMAGES

import coterie as ct
from coterie.data import Dataset
from coterie.differentiable import MODES
from coterie.evaluation import combine, paired_interval, primary_scores, random_arms

STUDIES: dict[str, tuple[Callable[[Path], Dataset], int]] = {
    "cifar10": (lambda folder: cifar10(folder, 8_000), 5),
    "celeba": (lambda folder: nine(folder, 3_000), 4),
}
GROUPS = (2, 3)


def scores(stack: ct.ModelStack, serves: np.ndarray, data: Dataset, part: str) -> list[float]:
    """Primary metric of each task, predicted by the models that serve it."""
    positions = getattr(data.split, part)
    outputs = combine(ct.predict(stack, data, positions, precision="bf16"), serves, data.tasks)
    return primary_scores(outputs, data.targets[positions], data.tasks).tolist()


def one_seed(data: Dataset, epochs: int, seed: int) -> dict[str, Any]:
    """Test scores and costs of every arm."""
    settings: dict[str, Any] = {**IMAGES, "epochs": epochs, "seed": seed}
    n_tasks, found = len(data.tasks), {}

    def enter(name: str, fit: ct.Fit, serves: np.ndarray, steps: float, **more: Any) -> None:
        found[name] = {"test": scores(fit.stack, serves, data, "test"), "model_steps": steps, **more}
        log(f"seed {seed}, {name}: {100 * np.mean(found[name]['test']):.2f}")

    joint = ct.fit("cnn", data, record=True, **settings)
    one = joint.cost["model_steps"]
    enter("joint", joint, np.ones((n_tasks, 1)), one)
    single = ct.fit("cnn", data, np.eye(n_tasks), init="shared", **settings)
    enter("single", single, np.eye(n_tasks), single.cost["model_steps"])
    for k in GROUPS:
        ensemble = ct.fit("cnn", data, np.ones((k, n_tasks)), **settings)
        enter(f"ensemble K={k}", ensemble, np.full((n_tasks, k), 1 / k), k * one)
        groups = ct.group(joint.data_map, k, seed=seed)
        mapped = ct.fit("cnn", data, groups.weights(), **settings)
        enter(f"data map K={k}", mapped, groups.membership, (k + 1) * one, groups=[list(g) for g in groups.groups])
        shuffled = random_arms("data map", groups, 1, seed)[0]
        enter(f"random K={k}", ct.fit("cnn", data, shuffled.weights, **settings), shuffled.serves, k * one)
        for mode in MODES:
            search = ct.fit("cnn", data, ct.DifferentiableGrouping(k, mode), **settings)
            grouping = search.grouping
            if grouping is None:
                raise RuntimeError("a search ends with a grouping")
            groups_found = [list(g) for g in grouping.groups]
            steps = search.cost["model_steps"]
            enter(f"{mode} K={k}", search, grouping.membership, steps, groups=groups_found)
            tuned, hard = ct.finetune(search, data, epochs=1)
            enter(f"{mode} K={k}, tuned", tuned, hard.membership, steps + tuned.cost["model_steps"], groups=groups_found)
    return found


def summary(seeds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean scores, gains over joint in points with intervals over seeds, cost in trainings of one model."""
    mean = {arm: np.array([100 * np.mean(seed[arm]["test"]) for seed in seeds]) for arm in seeds[0]}
    rows = []
    for arm, values in mean.items():
        row = {"arm": arm, "score": float(values.mean())}
        row["trainings"] = seeds[0][arm]["model_steps"] / seeds[0]["joint"]["model_steps"]
        if len(values) > 1:
            interval = paired_interval((values - mean["joint"])[:, None])
            row |= {"gain": float(interval.mean[0]), "low": float(interval.low[0]), "high": float(interval.high[0])}
        rows.append(row)
    return rows


def main() -> None:
    """Parse, run, save after every seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="+", choices=sorted(STUDIES))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    for name in arguments.studies:
        load, epochs = STUDIES[name]
        data, file = load(arguments.data), RESULTS / f"dmtg_{name}.json"
        seeds = json.loads(file.read_text(encoding="utf-8"))["seeds"] if file.exists() else []
        for seed in range(len(seeds), arguments.seeds):
            seeds.append(one_seed(data, epochs, seed))
            save_result(f"dmtg_{name}", {"tasks": list(data.tasks.names), "epochs": epochs, "summary": summary(seeds),
                                         "seeds": seeds, "torch_threads": torch.get_num_threads()})  # fmt: skip


if __name__ == "__main__":
    main()
