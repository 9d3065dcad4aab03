"""STG-MTL's tables: what its clusterings and weightings are worth, as scores on the test part.

    python benchmarks/stg_mtl.py ten fifteen hundred --data DATA_FOLDER

On one data map a seed: (a) the four clusterings side by side, how far they agree and how the models
that they train do; (b) weighting on and off, soft at m = 1.07 and m = 2, hard, and no weights (one
joint model, or as many as there are groups), each with the weighted losses' mean and with their sum,
which is what the paper minimises; (c) accuracy, balanced accuracy and F1 of every task. Rows of the
weight matrix that agree to six decimals, and start alike, are one model. A seed that is in the
results is not trained again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple, Unpack

import numpy as np
import torch
from _common import RESULTS, log, save_result
from cifar import cifar10, cifar10_fifteen, cifar100
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score
from torch import Tensor

import coterie as ct
from coterie.data import Dataset, Split
from coterie.evaluation.arms import Arm, combine, ensemble_arm, grouped_arm, joint_arm, stack_rows
from coterie.evaluation.metrics import all_metrics
from coterie.training.config import FitSettings

METRICS = ("accuracy", "balanced accuracy", "F1", "AUROC")
CLUSTERINGS = ("fuzzy-kmeans", "fuzzy-cmeans", "kmeans", "points")
SOFT, SOFTER, HARD = "soft, m = 1.07", "soft, m = 2", "hard"
JOINT, ENSEMBLE = "no weights, one model", "no weights, K models"
WEIGHTINGS = (SOFT, SOFTER, HARD, JOINT, ENSEMBLE)
SETTINGS: FitSettings = {
    "epochs": 5,
    "batch_size": 128,
    "lr": 1e-3,
    "precision": "bf16",
    "keep": "last",
}
# Memberships at m = 2 as published, of all groups but the last: machines; machines and animals.
TEN = {
    "airplane": [0.76],
    "automobile": [0.81],
    "bird": [0.23],
    "cat": [0.21],
    "deer": [0.23],
    "dog": [0.20],
    "frog": [0.26],
    "horse": [0.23],
    "ship": [0.81],
    "truck": [0.80],
}
FIFTEEN = {
    "airplane": [0.70, 0.24],
    "automobile": [0.73, 0.22],
    "bird": [0.23, 0.70],
    "cat": [0.21, 0.71],
    "deer": [0.24, 0.70],
    "dog": [0.20, 0.73],
    "frog": [0.27, 0.67],
    "horse": [0.26, 0.69],
    "ship": [0.75, 0.20],
    "truck": [0.71, 0.23],
    "living": [0.79, 0.18],
    "odd": [0.30, 0.65],
    "downside": [0.25, 0.62],
    "not living": [0.79, 0.18],
    "random": [0.0, 0.0],
}


class Problem(NamedTuple):
    """Tasks, the number of groups that the paper has for them, and its memberships."""

    load: Callable[[Path, int], Dataset]
    n_groups: int
    published: dict[str, list[float]]


PROBLEMS = {
    "ten": Problem(cifar10, 2, TEN),
    "fifteen": Problem(cifar10_fifteen, 3, FIFTEEN),
    "hundred": Problem(cifar100, 20, {}),
}


def small_parts(data: Dataset, n_validation: int, n_test: int) -> Dataset:
    """The same data with fewer examples to look at; nothing is chosen on validation here."""
    split = Split(
        train=data.split.train,
        validation=data.split.validation[:n_validation],
        test=data.split.test[:n_test],
    )
    return replace(data, split=split, rebuild=None, fewer=None)


def groupings_of(data_map: ct.DataMap, n_groups: int, seed: int) -> dict[str, ct.Grouping]:
    """The four clusterings at the released fuzziness, and the default one at m = 2."""
    found = {
        name: ct.group(data_map, n_groups, method=name, fuzziness=1.07, seed=seed)
        for name in CLUSTERINGS
    }
    softer = replace(
        found["fuzzy-kmeans"], membership=found["fuzzy-kmeans"].membership_at(2.0), fuzziness=2.0
    )
    return found | {SOFTER: softer}


def agreement(groupings: dict[str, ct.Grouping]) -> dict[str, float]:
    """Adjusted Rand index of each pair of clusterings."""
    return {
        f"{one}, {other}": float(
            adjusted_rand_score(groupings[one].labels, groupings[other].labels)
        )
        for one, other in combinations(CLUSTERINGS, 2)
    }


def from_published(grouping: ct.Grouping, published: dict[str, list[float]]) -> float | None:
    """Mean absolute difference of the memberships, groups matched so that it is least."""
    if not published:
        return None
    theirs = np.array([published[task] for task in grouping.tasks])
    theirs = np.column_stack([theirs, 1 - theirs.sum(1)])
    apart = np.abs(grouping.membership[:, :, None] - theirs[:, None, :]).mean(0)
    return float(apart[linear_sum_assignment(apart)].mean())


def arms_of(groupings: dict[str, ct.Grouping], n_groups: int) -> list[Arm]:
    """The joint model first, the ensemble, then what each grouping trains."""
    n_tasks = len(groupings["kmeans"].tasks)
    arms = [joint_arm(n_tasks), ensemble_arm(n_tasks, n_groups)]
    names = {"fuzzy-kmeans": SOFT, "kmeans": HARD}
    grouped = [grouped_arm(names.get(name, name), each) for name, each in groupings.items()]
    named = [replace(arms[0], name=JOINT), replace(arms[1], name=ENSEMBLE), *grouped]
    return [replace(arm, weights=arm.weights.round(6)) for arm in named]


def outputs_of(
    arms: Sequence[Arm],
    data: Dataset,
    joint: ct.Fit | None = None,
    **settings: Unpack[FitSettings],
) -> dict[str, Tensor]:
    """Test logits (n, T) of every arm; a joint model that is there already is not trained again."""
    rows, init, _, used = stack_rows(arms)
    first = 0 if joint is None else 1
    fitted = ct.fit("cnn", data, rows[first:], init=init[first:].tolist(), **settings)
    stacks = [fitted.stack] if joint is None else [joint.stack, fitted.stack]
    members = torch.cat(
        [ct.predict(stack, data, data.split.test, precision="bf16") for stack in stacks]
    )
    return {
        arm.name: combine(members[mine], arm.serves, data.tasks)
        for arm, mine in zip(arms, used, strict=True)
    }


def scored(outputs: dict[str, Tensor], data: Dataset) -> dict[str, dict[str, list[float]]]:
    """Of each arm, each metric of every task."""
    targets = data.targets[data.split.test]
    found = {}
    for name, logits in outputs.items():
        rows = all_metrics(logits, targets, data.tasks)
        found[name] = {
            metric: [round(float(row["value"]), 5) for row in rows if row["metric"] == metric]  # type: ignore[arg-type]
            for metric in METRICS
        }
    return found


def unit(data: Dataset, seed: int, problem: Problem, training: FitSettings) -> dict[str, Any]:
    """One seed: a map, its groupings, and the scores of all arms under both reductions."""
    started = perf_counter()
    training = {**training, "seed": seed}
    joint = ct.fit("cnn", data, record=True, **training)
    assert joint.data_map is not None
    groupings = groupings_of(joint.data_map, problem.n_groups, seed)
    arms = arms_of(groupings, problem.n_groups)
    summed = [arm for arm in arms if arm.name in WEIGHTINGS]
    return {
        "seed": seed,
        "agreement": agreement(groupings),
        "groups": {name: [list(g) for g in groupings[name].groups] for name in CLUSTERINGS},
        "membership at m = 2": groupings[SOFTER].membership.round(4).tolist(),
        "from published": from_published(groupings[SOFTER], problem.published),
        "models": [len(stack_rows(arms).weights), len(stack_rows(summed).weights)],
        "mean": scored(outputs_of(arms, data, joint, **training), data),
        "sum": scored(outputs_of(summed, data, **{**training, "reduction": "sum"}), data),
        "seconds": perf_counter() - started,
    }


def kept(name: str, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """Seeds that are there already, of the same settings."""
    file = RESULTS / f"stg_mtl_{name}.json"
    if not file.exists():
        return []
    found = json.loads(file.read_text(encoding="utf-8"))
    return found["seeds"] if found["settings"] == settings else []


def main() -> None:
    """Parse, run, save after every seed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("which", nargs="+", choices=PROBLEMS)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--test-images", type=int, default=4_000)
    parser.add_argument("--width", type=float, default=1.0, help="of the network's layers")
    parser.add_argument("--groups", type=int, help="of `hundred`, instead of the paper's 20")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    training: FitSettings = {**SETTINGS, "model_options": {"width": arguments.width}}
    data, problems, settings = {}, {}, {}
    for name in arguments.which:
        problem = PROBLEMS[name]
        if name == "hundred" and arguments.groups:
            problem = problem._replace(n_groups=arguments.groups)
        whole = problem.load(arguments.data, arguments.images)
        problems[name], data[name] = problem, small_parts(whole, 500, arguments.test_images)
        settings[name] = {
            **training,
            "images": arguments.images,
            "test images": arguments.test_images,
            "groups": problem.n_groups,
        }
    for seed in range(arguments.seeds):
        for name, problem in problems.items():
            done = kept(name, settings[name])
            if seed in [each["seed"] for each in done]:
                continue
            found = unit(data[name], seed, problem, training)
            log(f"{name}, seed {seed}: {found['models']} models, {found['seconds']:.0f} s")
            save_result(
                f"stg_mtl_{name}",
                {
                    "settings": settings[name],
                    "tasks": list(data[name].tasks.names),
                    "published": problem.published,
                    "seeds": [*done, found],
                },
            )


if __name__ == "__main__":
    main()
