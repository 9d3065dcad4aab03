"""Published figures on CIFAR-10.

Two groups of ten tasks, and the budget at which three groups of fifteen tasks appear.

python benchmarks/reproduce_cifar10.py ten --data DATA_FOLDER python benchmarks/reproduce_cifar10.py
fifteen --data DATA_FOLDER --images 5000 10000 20000 --epochs 12"""

from __future__ import annotations

import argparse
from itertools import combinations
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from _common import log, save_result
from cifar import ANIMALS, MACHINES, cifar10, cifar10_fifteen

import coterie as ct
from coterie.results import DataMap

# Membership in the machine group, m = 2, as published (STG-MTL, 10 tasks, K = 2); animals have 1
# minus their own figure.
PUBLISHED = {
    "airplane": 0.76,
    "automobile": 0.81,
    "ship": 0.81,
    "truck": 0.80,
    "bird": 0.23,
    "cat": 0.21,
    "deer": 0.23,
    "dog": 0.20,
    "frog": 0.26,
    "horse": 0.23,
}
SETTINGS: dict[str, Any] = {"batch_size": 128, "lr": 1e-3, "precision": "bf16", "keep": "last"}


def ten(arguments: argparse.Namespace) -> dict[str, Any]:
    """Ten tasks, K = 2, read at m = 2."""
    data = cifar10(arguments.data, 10_000)
    runs = []
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        started = perf_counter()
        joint = ct.fit("cnn", data, epochs=5, record=True, seed=seed, **SETTINGS)
        grouping = ct.group(joint.data_map, 2, fuzziness=2.0, seed=seed)
        machine = int(grouping.labels[grouping.tasks.index("airplane")])
        membership = dict(
            zip(grouping.tasks, grouping.membership[:, machine].round(4).tolist(), strict=True)
        )
        difference = float(
            np.mean([abs(membership[task] - value) for task, value in PUBLISHED.items()])
        )
        runs.append(
            {
                "seed": seed,
                "seconds": perf_counter() - started,
                "membership_in_machine_group": membership,
                "published_groups": {frozenset(g) for g in grouping.groups}
                == {frozenset(MACHINES), frozenset(ANIMALS)},
                "mean_absolute_difference": difference,
                "auto": ct.group(joint.data_map, "auto", seed=seed).n_groups,
            }
        )
        log(f"seed {seed}: difference {difference:.3f}, groups {grouping.groups}")
    return {
        "task": "CIFAR-10, 10 tasks, K = 2, m = 2, 10,000 images, 5 epochs",
        "published": PUBLISHED,
        "runs": runs,
        "published_groups_on_all_seeds": all(run["published_groups"] for run in runs),
        "largest_mean_absolute_difference": max(run["mean_absolute_difference"] for run in runs),
    }


def fifteen(arguments: argparse.Namespace) -> dict[str, Any]:
    """Fifteen tasks, K = 3.

    One long run per seed and number of images is read at every snapshot.
    """
    rows = []
    for n_images in arguments.images:
        data = cifar10_fifteen(arguments.data, n_images)
        epochs = list(range(2, arguments.epochs + 1))
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
            started = perf_counter()
            joint = ct.fit(
                "cnn",
                data,
                epochs=arguments.epochs,
                record=True,
                snapshots=epochs,
                seed=seed,
                **SETTINGS,
            )
            maps = {snapshot.epoch: snapshot for snapshot in joint.data_map.snapshots}
            for read in _readings(epochs):
                grouping = ct.group(_only(maps, read), 3, fuzziness=2.0, seed=seed)
                rows.append(
                    {
                        "images": n_images,
                        "snapshots": list(read),
                        "seed": seed,
                        **_verdict(grouping),
                    }
                )
            mine = [row for row in rows if row["images"] == n_images and row["seed"] == seed]
            log(
                f"{n_images} images, seed {seed}: {perf_counter() - started:.0f} s; holds at "
                f"{_holding(mine)}"
            )
            log(f"  last: {mine[len(epochs) - 1]['groups']}")
    return {"task": "CIFAR-10, 15 tasks, K = 3", "budgets": _summary(rows), "rows": rows}


def _readings(epochs: list[int]) -> list[tuple[int, ...]]:
    """Every single snapshot, and the pairs and triples that end together."""
    spread = [pair for pair in combinations(epochs, 2) if pair[0] * 2 == pair[1]]
    return (
        [(epoch,) for epoch in epochs] + spread + [(3, 6, epoch) for epoch in epochs if epoch > 8]
    )


def _only(maps: dict[int, DataMap], read: tuple[int, ...]) -> DataMap:
    from dataclasses import replace

    singles = [replace(maps[epoch], earlier=()) for epoch in read]
    return replace(singles[-1], earlier=tuple(singles[:-1]))


def _verdict(grouping: ct.Grouping) -> dict[str, Any]:
    label = dict(zip(grouping.tasks, grouping.labels.tolist(), strict=True))
    random_alone = sum(v == label["random"] for v in label.values()) == 1
    living = label["living"] == label["not living"]
    machines = {label[task] for task in MACHINES}
    animals = {label[task] for task in ANIMALS}
    apart = len(machines) == 1 and len(animals) == 1 and machines != animals
    return {
        "random_alone": random_alone,
        "living_together": living,
        "machines_and_animals_apart": apart,
        "holds": random_alone and living and apart,
        "groups": [list(g) for g in grouping.groups],
    }


def _holding(rows: list[dict[str, Any]]) -> list[list[int]]:
    return [row["snapshots"] for row in rows if row["holds"]]


def _summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    keys = sorted(
        {(row["images"], tuple(row["snapshots"])) for row in rows},
        key=lambda k: (k[0] * max(k[1]), k),
    )
    checks = ("random_alone", "living_together", "machines_and_animals_apart", "holds")
    found = []
    for images, snapshots in keys:
        mine = [
            row for row in rows if row["images"] == images and tuple(row["snapshots"]) == snapshots
        ]
        passes = images * max(snapshots)
        found.append(
            {
                "images": images,
                "snapshots": list(snapshots),
                "image_passes": passes,
                "seeds": len(mine),
            }
            | {check: sum(row[check] for row in mine) for check in checks}
        )
    return found


def main() -> None:
    """Parse, run, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("which", choices=["ten", "fifteen"])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--images", type=int, nargs="+", default=[5_000, 10_000, 20_000])
    parser.add_argument("--epochs", type=int, default=12)
    arguments = parser.parse_args()
    result = ten(arguments) if arguments.which == "ten" else fifteen(arguments)
    size = f"_{'_'.join(map(str, arguments.images))}" if arguments.which == "fifteen" else ""
    save_result(f"cifar10_{arguments.which}{size}", result)


if __name__ == "__main__":
    main()
