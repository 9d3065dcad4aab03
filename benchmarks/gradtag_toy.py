"""Grad-TAG where the truth is what it estimates.

Fine-tuning from the joint model, on planted clusters of tasks.

    python benchmarks/gradtag_toy.py

Twelve binary tasks in three clusters, an MLP of 4,428 parameters, 60 subsets of four tasks. Two
truths: *fine-tuned* goes on from the joint model for a few epochs on the tasks of a subset, heads
included; *from scratch* trains the subset as the joint model was trained, which is what a choice of
groups is about. Within-target correlation (Pearson) and relative distance of validation losses,
means over five tables: of the estimate with random signs, as published, and with our own
projection; of the guess that is blind to subsets; and of the same truth with another seed, the
ceiling."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch
from _common import log, save_result
from torch import nn

import coterie as ct
from coterie.data import Batches, Dataset
from coterie.estimators import GradTagScores, TrainedScores, judge, random_subsets
from coterie.models import Strategy
from coterie.training.device import Place
from coterie.training.step import gradient_step, held_out_losses

TASKS, CLUSTERS, INPUTS, EXAMPLES, SUBSETS, SIZE = 12, 3, 30, 1000, 60, 4
SETTINGS: dict[str, Any] = {"epochs": 30, "lr": 1e-3, "batch_size": 64, "device": "cpu"}
TUNED_EPOCHS, OTHER_SEED = 10, 100
ESTIMATES = {
    "random signs": {"projection": "dense", "n_features": 200},
    "eigenbases": {"n_features": 200},
}


def encoder(shape: tuple[int, ...]) -> nn.Module:
    """Two hidden layers, with neither normalisation nor dropout."""
    return nn.Sequential(nn.Linear(shape[0], 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU())


def table(seed: int) -> Dataset:
    """Each task reads its cluster's function of the inputs, its own at half the size, and noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(EXAMPLES, INPUTS)).astype(np.float32)

    def drawn() -> np.ndarray:
        values = np.tanh(2 / INPUTS**0.5 * x @ rng.normal(size=(INPUTS, 8))) @ rng.normal(size=8)
        return values / values.std()

    shared = [drawn() for _ in range(CLUSTERS)]
    scores = [
        shared[t % CLUSTERS] + 0.5 * drawn() + 0.5 * rng.normal(size=EXAMPLES) for t in range(TASKS)
    ]
    return ct.load({"inputs": x, "targets": (np.stack(scores, 1) > 0).astype(np.float32)})


def fine_tuned(
    joint: ct.Fit, data: Dataset, rows: np.ndarray, seed: int, epochs: int = TUNED_EPOCHS
) -> np.ndarray:
    """Negated validation losses (R, T) of copies of the joint model trained on with a row."""
    place = Place.of("cpu", "fp32")
    stack = joint.stack.replicate(0, len(rows))
    stack.strategy = Strategy("vmap", len(rows))
    stack.train()
    optimiser = torch.optim.Adam(stack.trainable(), lr=SETTINGS["lr"])
    weights = torch.from_numpy(rows / rows.sum(1, keepdims=True)).float()
    batches = Batches(data, data.split.train, batch_size=SETTINGS["batch_size"], seed=seed)
    for epoch in range(epochs):
        for step, batch in enumerate(batches.epoch(epoch)):
            gradient_step(stack, batch, weights, data.tasks, step, place)
            optimiser.step()
    held_out = next(Batches(data, data.split.validation, batch_size=len(data), seed=0).ordered())
    losses = held_out_losses(stack, held_out, data.tasks, place).double().numpy()
    return np.where(rows > 0, -losses, np.nan)


def quality(guess: np.ndarray, truth: np.ndarray, rows: np.ndarray) -> dict[str, float]:
    """Within-target correlation and relative distance."""
    return {
        "correlation": judge.within_target_correlation(guess, truth, rows),
        "distance": judge.relative_distance(guess, truth),
    }


def study(seed: int) -> dict[str, dict[str, dict[str, float]]]:
    """One table: truth by truth, estimate by estimate."""
    data, rows = table(seed), random_subsets(TASKS, SIZE, SUBSETS, seed)
    joint = ct.fit(encoder, data, seed=seed, init="shared", **SETTINGS)
    blind = judge.blind_baseline(
        fine_tuned(joint, data, np.ones((1, TASKS)), seed, epochs=0)[0], rows
    )
    guesses = {
        name: GradTagScores(seed=seed, **made).fit(joint, data).predict(rows)
        for name, made in ESTIMATES.items()
    }
    tuned, scratch = (
        [fine_tuned(joint, data, rows, s) for s in (seed, seed + OTHER_SEED)],
        [
            TrainedScores(encoder, data, measure="loss", seed=s, **SETTINGS).predict(rows)
            for s in (seed, seed + OTHER_SEED)
        ],
    )
    found = {}
    for name, (truth, again) in (("fine-tuned", tuned), ("from scratch", scratch)):
        found[name] = {
            key: quality(guess, truth, rows)
            for key, guess in (guesses | {"blind": blind, "again": again}).items()
        }
    found["from scratch"]["fine-tuned"] = quality(tuned[0], scratch[0], rows)
    return found


def main() -> None:
    """Run, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    each = []
    for seed in range(arguments.tables):
        each.append(study(seed))
        log(f"table {seed}: {each[-1]}")
    means = {
        truth: {
            key: {
                what: float(np.mean([one[truth][key][what] for one in each]))
                for what in ("correlation", "distance")
            }
            for key in each[0][truth]
        }
        for truth in each[0]
    }
    save_result("gradtag_toy", {"tables": arguments.tables, "settings": SETTINGS, **means})


if __name__ == "__main__":
    main()
