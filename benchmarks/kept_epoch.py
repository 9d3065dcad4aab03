"""Which epoch should a model keep, how long should it train, and what does patience cost?

    python benchmarks/kept_epoch.py --data DATA_FOLDER

Joint models and single-task models are trained far too long on tables and images, and every epoch
is judged on validation and on test. Of each training the epochs kept by three rules are compared on
test: the lowest mean validation loss, the highest mean of what decides (AUROC, R2), and the highest
mean balanced accuracy (ties by the loss). Then: how late the lowest loss comes, and what is lost by
whoever stops after some epochs without a lower one."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _common import log, save_result
from cifar import cifar10
from does_it_pay import parkinsons, table
from scipy.stats import rankdata
from torch import Tensor

import coterie as ct
from coterie.data import Batches, Dataset
from coterie.data.batches import supports
from coterie.metrics import scores, with_metric
from coterie.tasks import Kind, example_losses, mean_losses
from coterie.training import Limit

SEEDS, MOST_STEPS, BATCH = 3, 3000, 128
PATIENCE: dict[str, Callable[[int], int]] = {
    "3": lambda _: 3,
    "5": lambda _: 5,
    "10": lambda _: 10,
    "20": lambda _: 20,
    "40": lambda _: 40,
    "default": lambda n_steps: Limit.of(n_steps).patience or 0,
}
RULES = ("loss", "decides", "threshold")


@dataclass
class Judge:
    """After each epoch: losses and metrics (M, T) of a stack on a part of the data."""

    data: Dataset
    every: int
    part: Tensor
    found: list[dict[str, np.ndarray]] = field(default_factory=list)

    def on_step(self, moment: Any) -> None:
        """Judge the stack as it stands before the first step of an epoch."""
        outputs = ct.predict(moment.stack, self.data, self.part)
        moment.stack.train()
        self.found.append(judged(outputs, self.data.targets[self.part], self.data))

    def state(self) -> dict[str, np.ndarray]:
        """Nothing is continued here."""
        return {}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Nothing is continued here."""

    def curves(self) -> dict[str, np.ndarray]:
        """Each of them (E, M, T)."""
        return {name: np.stack([each[name] for each in self.found]) for name in self.found[0]}


def judged(outputs: Tensor, targets: Tensor, data: Dataset) -> dict[str, np.ndarray]:
    """Mean loss; the metric at a threshold, or R2; and what decides, AUROC or R2; each (M, T)."""
    tasks = data.tasks
    losses = mean_losses(
        example_losses(outputs, targets, tasks).sum(-2), (~targets.isnan()).sum(0), tasks
    )
    binary = {task.name: "balanced accuracy" for task in tasks if task.kind == Kind.BINARY}
    threshold = scores(outputs, targets, with_metric(tasks, binary)).numpy()
    decides = threshold.copy()
    for t, task in enumerate(tasks):
        if task.kind == Kind.BINARY:
            seen = ~targets[:, t].isnan()
            decides[:, t] = auroc(outputs[:, seen, t].numpy(), targets[seen, t].numpy())
    return {"loss": losses.numpy(), "threshold": threshold, "decides": decides}


def auroc(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of scores (M, n) for labels (n,)."""
    positive = y > 0.5
    n = positive.sum()
    if n in (0, len(y)):
        return np.full(len(z), np.nan)
    return (rankdata(z, axis=1)[:, positive].sum(1) - n * (n + 1) / 2) / (n * (len(y) - n))


def trained(
    model: str, data: Dataset, rows: np.ndarray, seed: int, steps: int
) -> list[dict[str, dict[str, np.ndarray]]]:
    """Curves of each row on validation and test; rows with examples of their own train alone."""
    stacks = [rows] if isinstance(supports(data, rows), Tensor) else [row[None] for row in rows]
    found = []
    for stack in stacks:
        an_epoch = Batches(data, _positions(data, stack), batch_size=BATCH, seed=0).n_steps
        epochs = int(np.clip(steps / an_epoch, 20, 800))
        parts = {"validation": data.split.validation, "test": data.split.test}
        judges = {name: Judge(data, an_epoch, part) for name, part in parts.items()}
        ct.fit(
            model,
            data,
            stack,
            seed=seed,
            probes=list(judges.values()),
            epochs=epochs + 1,
            batch_size=BATCH,
            keep="last",
        )
        curves = {name: judge.curves() for name, judge in judges.items()}
        found += [
            {
                "an_epoch": np.array(an_epoch),
                "weights": stack[row],
                **{
                    part: {name: curve[:, row] for name, curve in each.items()}
                    for part, each in curves.items()
                },
            }
            for row in range(len(stack))
        ]
    return found


def once(path: Path | None, train: Callable[[], Any]) -> Any:
    """What was trained before and kept at ``path``, else trained now."""
    if path is not None and path.exists():
        return np.load(path, allow_pickle=True).tolist()
    found = train()
    if path is not None:
        path.parent.mkdir(exist_ok=True, parents=True)
        np.save(path, np.array(found, dtype=object))
    return found


def _positions(data: Dataset, rows: np.ndarray) -> Tensor:
    found = supports(data, rows)
    return found if isinstance(found, Tensor) else found[0]


def mean(curve: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Over a row's tasks with a figure, (E,)."""
    known = (weights > 0) & ~np.isnan(curve).any(0)
    return curve[:, known].mean(1) if known.any() else np.full(len(curve), np.nan)


def kept(row: Mapping[str, Any]) -> dict[str, int]:
    """The epoch that each rule keeps, counted from 0."""
    means = {name: mean(row["validation"][name], row["weights"]) for name in RULES}
    highest = np.flatnonzero(means["threshold"] >= means["threshold"].max() - 1e-12)
    return {
        "loss": int(means["loss"].argmin()),
        "decides": int(means["decides"].argmax()),
        "threshold": int(highest[means["loss"][highest].argmin()]),
    }


def stopped(loss: np.ndarray, patience: int) -> tuple[int, int]:
    """The epoch kept and the epochs trained by whoever waits so many epochs for a lower loss."""
    best = 0
    for epoch in range(1, len(loss)):
        if loss[epoch] < loss[best]:
            best = epoch
        elif epoch - best >= patience:
            return best, epoch + 1
    return best, len(loss)


def judgeable(row: Mapping[str, Any]) -> bool:
    """Whether the row's tasks have labels of both sorts in validation and in test."""
    figures = [
        mean(row["validation"]["loss"], row["weights"]),
        mean(row["test"]["decides"], row["weights"]),
    ]
    return all(np.isfinite(each).all() for each in figures)


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the rules, and patience, mean on test."""
    usable = [row for row in rows if judgeable(row)]
    test = [100 * mean(row["test"]["decides"], row["weights"]) for row in usable]
    test_loss = [mean(row["test"]["loss"], row["weights"]) for row in usable]
    picks = [kept(row) for row in usable]
    losses = [mean(row["validation"]["loss"], row["weights"]) for row in usable]
    steps = [int(row["an_epoch"]) for row in usable]
    at = {rule: np.array([t[p[rule]] for t, p in zip(test, picks, strict=True)]) for rule in RULES}
    late = np.array([(p["loss"] + 1) for p in picks])
    found: dict[str, Any] = {
        "rows": len(usable),
        "steps_an_epoch": sorted(set(steps)),
        "epochs": sorted({len(t) for t in test}),
        "test": {rule: spread(values) for rule, values in at.items()},
        "against_loss": {rule: spread(at[rule] - at["loss"]) for rule in RULES[1:]},
        "last": spread(np.array([t[-1] for t in test]) - at["loss"]),
        "oracle": spread(np.array([t.max() for t in test]) - at["loss"]),
        "test_loss": {
            rule: spread(np.array([t[p[rule]] for t, p in zip(test_loss, picks, strict=True)]))
            for rule in RULES
        },
        "best_epoch": quantiles(late),
        "best_step": quantiles(late * np.array(steps)),
        "patience": {},
    }
    for name, patience in PATIENCE.items():
        ends = [stopped(loss, patience(n)) for loss, n in zip(losses, steps, strict=True)]
        kept_then = np.array([t[best] for t, (best, _) in zip(test, ends, strict=True)])
        missed = [best != p["loss"] for (best, _), p in zip(ends, picks, strict=True)]
        length = np.array([end for _, end in ends])
        found["patience"][name] = {
            "gained": spread(kept_then - at["loss"]),
            "missed": round(float(np.mean(missed)), 3),
            "epochs": quantiles(length),
            "steps": quantiles(length * np.array(steps)),
        }
    return found


def spread(values: np.ndarray) -> dict[str, float]:
    """Mean, and its standard error over trainings."""
    values = np.asarray(values, dtype=float)
    return {
        "mean": round(float(values.mean()), 4),
        "se": round(float(values.std(ddof=1) / np.sqrt(len(values))), 4),
    }


def quantiles(values: np.ndarray) -> list[float]:
    """Least, quarters, nine tenths and most."""
    return [round(float(v), 1) for v in np.quantile(values, [0, 0.25, 0.5, 0.75, 0.9, 1])]


@dataclass(frozen=True)
class Study:
    """Data, model, the tasks that are trained alone too, and the steps that are far too many."""

    load: Callable[[Path], Dataset]
    model: str = "mlp"
    alone: int = 7
    steps: int = MOST_STEPS


STUDIES = {
    "emotions": Study(lambda folder: table(folder, "emotions"), steps=1500),
    "scene": Study(lambda folder: table(folder, "scene")),
    "flags": Study(lambda folder: table(folder, "flags"), steps=800),
    "landmine": Study(
        lambda folder: ct.load(str(folder / "tabular/landmine.parquet"), rare="drop"),
        alone=2,
        steps=1500,
    ),
    "parkinsons": Study(parkinsons, alone=3, steps=1500),
    "digits": Study(lambda _: ct.load("digits"), model="cnn", alone=3, steps=900),
    "cifar10": Study(lambda folder: cifar10(folder, 2000), model="cnn", alone=2, steps=400),
}


def main() -> None:
    """Run the studies asked for, and keep one result of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studies", nargs="*", default=list(STUDIES))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--curves", type=Path, help="folder that keeps curves, to go on from")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, Any] = {}
    for name in arguments.studies:
        study = STUDIES[name]
        data = study.load(arguments.data)
        n_tasks = len(data.tasks)
        rows = np.vstack([np.ones((1, n_tasks)), np.eye(n_tasks)[: study.alone]])
        every = [
            once(
                arguments.curves and arguments.curves / f"{name}-{seed}.npy",
                partial(trained, study.model, data, rows, seed, study.steps),
            )
            for seed in range(SEEDS)
        ]
        found[name] = {
            "joint": summary([seed[0] for seed in every]),
            "single": summary([row for seed in every for row in seed[1:]]),
        }
        log(f"{name}: {found[name]['joint']['against_loss']}")
        save_result("kept_epoch", {"seeds": SEEDS, "batch_size": BATCH, "studies": found})


if __name__ == "__main__":
    main()
