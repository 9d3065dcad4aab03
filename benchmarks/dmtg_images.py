"""Differentiable grouping on images, before and after fine-tuning, against all baselines.

    python benchmarks/dmtg_images.py cifar10 cifar10_annealed celeba celeba_annealed celeba_all \\
        --data DATA_FOLDER

CIFAR-10: ten tasks, 8,000 images, 5 epochs, K = 2 and 3. CelebA: nine attributes, images split by
identity, 4 epochs; 3,000 images with K = 2 and 3, and all 15,723 with K = 2, 3 and 4 (for a GPU).
"annealed" studies are of the default mode alone, beside the joint model; of all images with K = 4.
The ``cnn``, one optimiser and number of epochs for all. A search trains K branches once: its
branches as they are, and after one more epoch each on its own tasks, are compared with joint,
single, random groups (the data map's, tasks shuffled), an ensemble and data-map groups, each
trained from the start; the joint and the data-map models have one more epoch, too ("tuned").
Finished seeds are kept and not run again; ``--jobs`` seeds run at a time, each in a process of its
own."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
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
from coterie.differentiable import MODES, Mode
from coterie.evaluation import (
    Arm,
    combine,
    ensemble_arm,
    grouped_arm,
    random_arms,
)
from coterie.evaluation.arms import joint_arm, single_arm, stack_rows
from coterie.metrics import scores as deciding_scores
from coterie.statistics import nadeau_bengio

DRAWS = 2


@dataclass(frozen=True)
class Study:
    """What is compared on one data set."""

    load: Callable[[Path], Dataset]
    epochs: int
    groups: tuple[int, ...]
    seeds: int
    modes: tuple[Mode, ...] = MODES
    baselines: bool = True


STUDIES = {
    "cifar10": Study(lambda folder: cifar10(folder, 8_000), 5, (2, 3), 3),
    # The default mode after its defaults had changed, beside the joint model.
    "cifar10_annealed": Study(
        lambda folder: cifar10(folder, 8_000), 5, (2, 3), 3, modes=("annealed",), baselines=False
    ),
    "celeba_annealed": Study(
        lambda folder: nine(folder, 3_000), 4, (2, 3), 3, modes=("annealed",), baselines=False
    ),
    "celeba": Study(lambda folder: nine(folder, 3_000), 4, (2, 3), 3),
    "celeba_all_annealed": Study(
        lambda folder: nine(folder, None), 4, (4,), 5, modes=("annealed",), baselines=False
    ),
    "celeba_all": Study(lambda folder: nine(folder, None), 4, (2, 3, 4), 5),
}


def scores(
    stacks: Sequence[ct.ModelStack], serves: np.ndarray, rows: np.ndarray, data: Dataset
) -> list[float]:
    """Primary metric of each task on test, by those ``rows`` of the stacks that serve it."""
    positions = data.split.test
    outputs = torch.cat([ct.predict(stack, data, positions, precision="bf16") for stack in stacks])[
        rows
    ]
    return deciding_scores(
        combine(outputs, serves, data.tasks), data.targets[positions], data.tasks
    ).tolist()


def arms(data: Dataset, joint: ct.Fit, study: Study, seed: int) -> list[Arm]:
    """Everything that a search is compared with."""
    n_tasks = len(data.tasks)
    found = [joint_arm(n_tasks), single_arm(n_tasks)] if study.baselines else [joint_arm(n_tasks)]
    for k in study.groups if study.baselines else ():
        groups = ct.group(joint.data_map, k, seed=seed)
        found += [
            ensemble_arm(n_tasks, k, f"ensemble K={k}"),
            grouped_arm(f"data map K={k}", groups),
        ]
        found += random_arms(f"K={k}", groups, DRAWS, seed)
    return found


def one_seed(name: str, folder: Path, seed: int) -> dict[str, Any]:
    """Test scores and costs of every arm, and what the searches found."""
    study = STUDIES[name]
    data = study.load(folder)
    settings: dict[str, Any] = {**IMAGES, "epochs": study.epochs, "seed": seed}
    found: dict[str, Any] = {}
    joint = ct.fit("cnn", data, record=True, **settings)
    one = joint.cost["model_steps"]
    compared = arms(data, joint, study, seed)
    rows, init, _, used = stack_rows(compared)
    stacks = [joint.stack]
    if len(rows) > 1:
        stacks.append(ct.fit("cnn", data, rows[1:], init=init[1:].tolist(), **settings).stack)
    for arm, its_rows in zip(compared, used, strict=True):
        entry = found.setdefault(
            arm.name, {"test": [], "trainings": len(its_rows) + arm.name.startswith("data map")}
        )
        entry["test"].append(scores(stacks, arm.serves, its_rows, data))
        if arm.name.startswith(("joint", "data map")):
            start = ct.ModelStack.concatenate(stacks).select(its_rows.tolist())
            longer = ct.fit("cnn", data, rows[its_rows], start=start, **{**settings, "epochs": 1})
            found[f"{arm.name}, tuned"] = {
                "test": [scores([longer.stack], arm.serves, np.arange(len(its_rows)), data)],
                "trainings": entry["trainings"] + longer.cost["model_steps"] / one,
            }
    for k in study.groups:
        for mode in study.modes:
            search = ct.fit("cnn", data, ct.DifferentiableGrouping(k, mode), **settings)
            tuned, hard = ct.finetune(search, data, epochs=1)
            for arm, fit, grouping in (
                (f"{mode} K={k}", search, search.grouping),
                (f"{mode} K={k}, tuned", tuned, hard),
            ):
                found[arm] = {
                    "test": [
                        scores(
                            [fit.stack], grouping.membership, np.arange(fit.stack.n_models), data
                        )
                    ],
                    "trainings": (
                        search.cost["model_steps"] + (fit is tuned) * tuned.cost["model_steps"]
                    )
                    / one,
                    "groups": [list(group) for group in grouping.groups],
                    "probabilities": search.grouping.details["probabilities"][-1],
                }
    log(
        f"{name}, seed {seed}: "
        + ", ".join(f"{arm} {100 * np.mean(entry['test']):.2f}" for arm, entry in found.items())
    )
    return found


def summary(seeds: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean scores, gains over joint in points with intervals over seeds, cost in trainings."""
    mean = {arm: np.array([100 * np.mean(seed[arm]["test"]) for seed in seeds]) for arm in seeds[0]}
    rows = []
    for arm, values in mean.items():
        row = {"arm": arm, "score": float(values.mean()), "trainings": seeds[0][arm]["trainings"]}
        if len(values) > 1:
            interval = nadeau_bengio((values - mean["joint"])[:, None])
            row |= {
                "gain": float(interval.mean[0]),
                "low": float(interval.low[0]),
                "high": float(interval.high[0]),
            }
        rows.append(row)
    return rows


def run(name: str, folder: Path, jobs: int) -> None:
    """All seeds of a study that are not there yet; saved after each."""
    study, file = STUDIES[name], RESULTS / f"dmtg_{name}.json"
    seeds: dict[int, dict[str, Any]] = {}
    if file.exists():
        seeds = {
            int(seed): found
            for seed, found in json.loads(file.read_text(encoding="utf-8"))["seeds"].items()
        }
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        started = {
            pool.submit(one_seed, name, folder, seed): seed
            for seed in range(study.seeds)
            if seed not in seeds
        }
        for finished in as_completed(started):
            seeds[started[finished]] = finished.result()
            ordered = dict(sorted(seeds.items()))
            save_result(
                f"dmtg_{name}",
                {
                    "epochs": study.epochs,
                    "groups": study.groups,
                    "draws": DRAWS,
                    "summary": summary(list(ordered.values())),
                    "seeds": ordered,
                },
            )


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("studies", nargs="+", choices=sorted(STUDIES))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    for name in arguments.studies:
        run(name, arguments.data, arguments.jobs)


if __name__ == "__main__":
    main()
