"""CIFAR-100, 100 tasks, K = 20.

Are the people together, and do groups resemble the 20 superclasses never shown?

python benchmarks/reproduce_cifar100.py --data DATA_FOLDER --minutes 30
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from _common import log, save_result
from cifar import cifar100
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

import coterie as ct

PEOPLE = ("baby", "boy", "girl", "man", "woman")
SETTINGS: dict[str, Any] = {"batch_size": 128, "lr": 1e-3, "precision": "bf16", "keep": "last"}


def superclasses(file: Path) -> dict[str, int]:
    """Superclass of each class, by name."""
    names = json.loads(pq.read_schema(file).metadata[b"fine_names"])
    pairs = pq.read_table(file, columns=["fine_label", "coarse_label"]).to_pydict()
    return {
        names[fine]: coarse
        for fine, coarse in zip(pairs["fine_label"], pairs["coarse_label"], strict=True)
    }


def judge(grouping: ct.Grouping, truth: dict[str, int]) -> dict[str, Any]:
    """People together; agreement with the superclasses."""
    label = dict(zip(grouping.tasks, grouping.labels.tolist(), strict=True))
    expected = [truth[task] for task in grouping.tasks]
    people = [label[task] for task in PEOPLE]
    return {
        "people_together": len(set(people)) == 1,
        "people_in_largest_shared_group": max(people.count(group) for group in people),
        "adjusted_rand": adjusted_rand_score(expected, grouping.labels),
        "normalised_mutual_information": normalized_mutual_info_score(expected, grouping.labels),
        "groups": [list(group) for group in grouping.groups],
    }


def random_grouping(
    grouping: ct.Grouping, truth: dict[str, int], draws: int = 100
) -> dict[str, float]:
    """The same group sizes, tasks permuted: mean of both measures."""
    expected, rng = [truth[task] for task in grouping.tasks], np.random.default_rng(0)
    drawn = [rng.permutation(grouping.labels) for _ in range(draws)]
    return {
        "adjusted_rand": float(
            np.mean([adjusted_rand_score(expected, labels) for labels in drawn])
        ),
        "normalised_mutual_information": float(
            np.mean([normalized_mutual_info_score(expected, labels) for labels in drawn])
        ),
    }


def main() -> None:
    """Time one epoch, train as many as fit in the budget, group, judge, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--images", type=int, default=48_000)
    parser.add_argument("--epochs", type=int, help="instead of what fits in the budget")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    truth = superclasses(next((arguments.data / "cifar100").glob("test*.parquet")))
    data = cifar100(arguments.data, arguments.images)
    epochs = arguments.epochs
    if epochs is None:
        one = ct.fit("cnn", data, epochs=1, record=True, seed=arguments.seed, **SETTINGS)
        epochs = max(2, int(arguments.minutes * 60 / one.cost["seconds"]))
        log(f"an epoch takes {one.cost['seconds']:.0f} s: {epochs} epochs")
    started = perf_counter()
    halves = sorted({max(2, epochs // 2), epochs})
    joint = ct.fit(
        "cnn", data, epochs=epochs, record=True, snapshots=halves, seed=arguments.seed, **SETTINGS
    )
    readings = {}
    for snapshot in joint.data_map.snapshots:
        grouping = ct.group(replace(snapshot, earlier=()), 20, seed=arguments.seed)
        readings[f"{snapshot.epoch} epochs"] = {
            **judge(grouping, truth),
            "random": random_grouping(grouping, truth),
        }
    seconds = perf_counter() - started
    save_result(
        "cifar100",
        {
            "task": "CIFAR-100, 100 tasks, K = 20",
            "images": len(data.split.train),
            "epochs": epochs,
            "seconds": seconds,
            "seed": arguments.seed,
            "readings": readings,
        },
    )
    for name, found in readings.items():
        log(
            f"{name}: {json.dumps({key: value for key, value in found.items() if key != 'groups'})}"
        )


if __name__ == "__main__":
    main()
