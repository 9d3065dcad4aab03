"""What finding groups costs against the number of tasks: data maps, look-aheads, Grad-TAG, pairs.

    python benchmarks/scalability.py

On tables, with the network `mlp`, each method is measured at 5, 10 and 20 tasks, in joint trainings of
the same run: steps of one model, and seconds of the processor. What :func:`coterie.plan` says before
anything trains stands beside, and alone at 50 and 100 tasks, and for images of CIFAR's shape with
STG-MTL's small network. All is what comes beyond the joint training, until groups could be read from
it; what Grad-TAG then takes to read the candidate subsets is told apart. Inputs are random and tasks
planted, since only their shapes cost anything. Rows that are in the results are not made again.
"""

from __future__ import annotations

import json
import time

# Other work on the machine must not be in the ratios: seconds are this process's own, of which there
# is one thread. Modules take their clock when they are imported.
time.perf_counter = time.process_time

# ruff: noqa: E402
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import torch
from _common import RESULTS, log, save_result, simulation_arguments

import coterie as ct
from coterie.data import Dataset
from coterie.datamaps import gram
from coterie.estimators import GradTagScores, PairScores, TrainedScores
from coterie.grouping import candidates
from coterie.methods import Timing, method_named
from coterie.results import Cost
from coterie.training.config import TrainingSettings

MEASURED, PRICED = (5, 10, 20), (5, 10, 20, 50, 100)
METHODS: tuple[str, ...] = ("data_map", "lookahead", "gradtag", "reading", "pairs")
EVERY = 10  # steps between look-aheads, as TAG has it on Taskonomy


class Setting(NamedTuple):
    """A network and what it is trained on."""

    model: str
    shape: tuple[int, ...]
    n_examples: int
    training: TrainingSettings


SETTINGS = {
    "tables": Setting("mlp", (40,), 2_500, {"epochs": 5, "batch_size": 64, "keep": "last"}),
    "images": Setting(
        "cnn",
        (3, 32, 32),
        12_000,
        {"epochs": 5, "batch_size": 128, "precision": "bf16", "keep": "last"},
    ),
}


def planted(setting: Setting, n_tasks: int) -> Dataset:
    """Binary tasks that a random direction of the inputs decides, with noise."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(setting.n_examples, *setting.shape)).astype(np.float32)
    flat = inputs.reshape(len(inputs), -1)
    scores = flat @ rng.normal(size=(flat.shape[1], n_tasks))
    noisy = scores / scores.std() + rng.normal(size=scores.shape)
    split = (0.8, 0.1, 0.1)
    return ct.load(
        {"inputs": inputs, "targets": (noisy > 0).astype(np.float32)}, split=split, rare="drop"
    )


def measured(setting: Setting, data: Dataset, repeats: int) -> dict[str, Any]:
    """Each method in joint trainings: steps, and the median of the seconds over repeats."""
    model, training = setting.model, setting.training
    seconds: dict[str, list[float]] = {name: [] for name in METHODS}
    steps = dict.fromkeys(METHODS, 0.0)
    one, n_steps = [], 1.0
    for seed in range(repeats):
        plain = ct.fit(model, data, seed=seed, **training)
        joint = ct.fit(model, data, seed=seed, record=True, **training)
        assert joint.data_map is not None
        n_steps = float(plain.cost["model_steps"])
        one.append(float(plain.cost["seconds"]))
        started = perf_counter()
        gram(joint.data_map)
        recording = float(joint.cost["seconds"]) - one[-1]
        seconds["data_map"].append(max(0.0, recording) + perf_counter() - started)
        ahead = ct.affinity("lookahead", model, data, seed=seed, every=EVERY, **training)
        beyond: Any = ahead.details["beyond_training"]
        read = GradTagScores(seed=seed).fit(joint, data)
        found = {"lookahead": beyond, "gradtag": read.cost}
        if not seed:  # the longest, and the least in need of a median
            found["pairs"] = PairScores().fit(TrainedScores(model, data, **training)).cost
            started = perf_counter()
            read.predict(candidates(data.tasks.names, read.predict)[0])
            seconds["reading"].append(perf_counter() - started)
        for name, cost in found.items():
            steps[name] = float(cost["model_steps"])
            seconds[name].append(float(cost["seconds"]))
    return {
        name: {"steps": steps[name] / n_steps, "seconds": median(seconds[name]) / median(one)}
        for name in METHODS
    }


def priced(setting: Setting, data: Dataset) -> dict[str, Any]:
    """Each method in joint trainings, before anything is trained."""
    timing = Timing(model=setting.model, data=data, settings=setting.training)
    costs: dict[str, Cost | None] = {
        name: method_named(name, 2).price(timing) for name in METHODS if name != "reading"
    }
    whole, estimated = costs["gradtag"], timing.cost_of_reading(GradTagScores(), 0)
    assert whole is not None
    assert estimated is not None
    costs |= {"gradtag": estimated, "reading": Cost(seconds=whole.seconds - estimated.seconds)}
    one = timing.training_seconds(1)
    return {
        name: {"steps": cost.model_steps / timing.n_steps, "seconds": cost.seconds / one}
        for name, cost in ((name, costs[name]) for name in METHODS)
        if cost is not None
    }


def main() -> None:
    """Measure and price, and save after every size."""
    arguments = simulation_arguments(__doc__)
    torch.set_num_threads(1)
    repeats = max(1, round(3 * arguments.scale))
    about = {
        name: {
            "model": setting.model,
            "training examples": round(0.8 * setting.n_examples),
            **setting.training,
        }
        for name, setting in SETTINGS.items()
    }
    found: dict[str, Any] = {"settings": about, "repeats": repeats, "every": EVERY, "rows": []}
    file = RESULTS / "scalability.json"
    if file.exists():
        before = json.loads(file.read_text(encoding="utf-8"))
        if all(before[key] == value for key, value in found.items() if key != "rows"):
            found["rows"] = before["rows"]
    done = {(row["setting"], row["tasks"]) for row in found["rows"]}
    for name, setting in SETTINGS.items():
        for n_tasks in PRICED:
            if (name, n_tasks) in done:
                continue
            data = planted(setting, n_tasks)
            row: dict[str, Any] = {"setting": name, "tasks": n_tasks}
            if name == "tables" and n_tasks in MEASURED:
                row["measured"] = measured(setting, data, repeats)
            found["rows"].append({**row, "priced": priced(setting, data)})
            log(f"{name}, {n_tasks} tasks: {found['rows'][-1]}")
            if not arguments.no_save:
                save_result("scalability", found)


if __name__ == "__main__":
    main()
