"""What a search costs.

Steps of K branches against K joint steps, with and without a shared stem, and pruned.

    python benchmarks/dmtg_cost.py --data DATA_FOLDER

Trainings of one epoch on CIFAR-10 (10 tasks, the ``cnn``) and on a table of that shape (the
``mlp``), in turn, so that a drifting machine is the same for all. "K joint steps" are K joint
models trained one after the other, and the same as a stack. The stem of the ``cnn`` is its first
convolution with pooling (4 layers), that of the ``mlp`` its first layer (3). A pruned search has
one of its branches empty. The model that is taken away is compared with that of an ordinary hard
grouping."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from _common import log, on_gpu, save_result
from cifar import cifar10
from speed import interleaved, ratios

import coterie as ct
from coterie.data import Dataset

K, REPEATS = 3, 4
STEMS = {"cnn": 4, "mlp": 3}


class OneEmpty(ct.DifferentiableGrouping):
    """A search that no task can choose the last branch of, as after pruning."""

    def prepare(self, *arguments: Any) -> None:
        """Prune that branch at once."""
        super().prepare(*arguments)
        pruned = torch.zeros_like(self.pruned)
        pruned[:, -1] = True
        self._prune(pruned)


def searches(model: str, data: Dataset, settings: dict[str, Any]) -> dict[str, Any]:
    """Seconds of one epoch, and their ratios."""
    n_tasks = len(data.tasks)
    one, many = np.ones((1, n_tasks)), np.ones((K, n_tasks))
    kind = ct.fit(model, data, many, **settings).cost["strategy"].split(",")[0]
    stacked = {**settings, "strategy": kind}
    search = lambda made, **options: lambda: ct.fit(model, data, made(K, **options), **stacked)  # noqa: E731
    runs: dict[str, Callable[[], object]] = {
        "K joint models": lambda: [
            ct.fit(model, data, one, init=[row], **settings) for row in range(K)
        ],
        "a stack of K joint models": lambda: ct.fit(model, data, many, **stacked),
        "search": search(ct.DifferentiableGrouping),
        "search, stem": search(ct.DifferentiableGrouping, stem=STEMS[model]),
        "search, one branch empty": search(OneEmpty),
    }
    seconds = interleaved(runs, REPEATS)
    against = {
        name: ratios(seconds, name, "K joint models") for name in runs if name.startswith("search")
    }
    beside = {
        name: ratios(seconds, name, "a stack of K joint models")
        for name in runs
        if name.startswith("search")
    }
    return {"strategy": kind, "seconds": seconds, "ratio": against, "ratio_to_the_stack": beside}


def taken_away(model: str, data: Dataset, settings: dict[str, Any]) -> dict[str, Any]:
    """The pruned model of a search against the hard model of a training of the same groups."""
    search = ct.fit(model, data, ct.DifferentiableGrouping(K), **settings)
    tuned, groups = ct.finetune(search, data, epochs=1)
    ordinary = ct.fit(model, data, groups.weights(), **settings)
    pack = lambda fit: ct.GroupedModel.from_stack(  # noqa: E731
        fit.stack, groups.membership, data.tasks, data.preprocessing
    ).hard()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    pruned, hard = pack(tuned).to(device), pack(ordinary).to(device)
    inputs = data.inputs[data.split.test[:2048]].to(device)
    with torch.inference_mode():
        seconds = interleaved(
            {"pruned": lambda: pruned(inputs), "hard": lambda: hard(inputs)}, 4 * REPEATS
        )
    count = lambda module: sum(parameter.numel() for parameter in module.parameters())  # noqa: E731
    heads = sum(len(served) for served in pruned.served)
    return {
        "groups": len(pruned.members),
        "heads": heads,
        "parameters": [count(pruned), count(hard)],
        "ratio": ratios(seconds, "pruned", "hard"),
        "milliseconds": 1e3 * median(seconds["pruned"]),
    }


def main() -> None:
    """Parse, run, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    images = cifar10(arguments.data, 5_120 if torch.cuda.is_available() else 2_560)
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(6_400, 72)).astype(np.float32)
    table = ct.load(
        {
            "inputs": inputs,
            "targets": (inputs[:, :10] + rng.normal(size=(6_400, 10)) > 0).astype(np.float32),
        }
    )
    cases: dict[str, tuple[Dataset, dict[str, Any]]] = {
        "cnn": (images, {"batch_size": 128, "precision": "bf16", "epochs": 1, "keep": "last"}),
        "mlp": (table, {"batch_size": 64, "epochs": 1, "keep": "last"}),
    }
    found = {}
    for model, (data, settings) in cases.items():
        found[model] = {
            "search": searches(model, data, settings),
            "taken away": taken_away(model, data, settings),
        }
        log(f"{model}: {found[model]['search']['ratio']}, {found[model]['taken away']}")
    save_result(
        on_gpu("dmtg_cost"),
        {"branches": K, "stems": STEMS, "asked": "at most 1.1 of K joint steps", "models": found},
    )


if __name__ == "__main__":
    main()
