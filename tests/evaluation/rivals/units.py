"""Units of comparisons as rivals meet them: small tables, trained."""

from __future__ import annotations

import numpy as np

import coterie as ct
from coterie.evaluation import _unit
from coterie.evaluation._repetitions import Repetition
from coterie.evaluation._trainings import Trainings
from coterie.methods import Case, Given, Method

SMALL = {
    "epochs": 4,
    "batch_size": 32,
    "lr": 1e-2,
    "model_options": {"hidden": (8,)},
    "strategy": "loop",
    "device": "cpu",
}


def table(*, disjoint: bool = False, n_tasks: int = 4) -> ct.Dataset:
    """Binary tasks, the first of them with few positives; with labels of one task a row."""
    rng, n = np.random.default_rng(0), 800 if disjoint else 320
    x = rng.normal(size=(n, 5)).astype(np.float32)
    z = np.stack([x[:, t % 5] + x[:, (t + 1) % 5] for t in range(n_tasks)], axis=1)
    y = (z + 0.5 * rng.normal(size=z.shape) > np.array([0.6, *[0] * (n_tasks - 1)])).astype(float)
    if disjoint:
        y[rng.integers(0, n_tasks, n)[:, None] != np.arange(n_tasks)] = np.nan
    return ct.load({"inputs": x, "targets": y})


def mixed_kinds(n: int = 300) -> ct.Dataset:
    """A class of three, a number with gaps, and a binary task."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(n, 4)).astype(np.float32)
    number = 5 * x[:, 0] + rng.normal(size=n)
    number[:60] = np.nan
    y = np.stack([np.digitize(x[:, 0], (-0.5, 0.5)), number, x[:, 1] > 0], axis=1)
    kinds = {"task 0": "multiclass", "task 1": "regression", "task 2": "binary"}
    return ct.load({"inputs": x, "targets": y}, kinds=kinds)


def halves(data: ct.Dataset, n_groups: int = 2) -> ct.Grouping:
    t = len(data.tasks)
    return ct.Grouping(
        tasks=data.tasks.names,
        membership=np.eye(n_groups)[np.arange(t) * n_groups // t],
        method="halves",
    )


def trained(
    data: ct.Dataset, n_groups: int = 2, method: Method | None = None, **settings
) -> tuple[Case, Trainings]:
    """The joint model, single-task models, groups (halves by default) and their baselines."""
    plan = _unit.Plan(
        model=settings.pop("model", "mlp"),
        methods={"grouped": method or Given(halves(data, n_groups))},
        draws=1,
        settings={**SMALL, **settings},
    )
    first = [Repetition(split=0, seed=0, train_seed=0)]
    (case,) = _unit._joint_trainings(plan, data, first, None, None)
    found = {name: method(case, seed=0) for name, method in plan.methods.items()}
    parts = _unit._Parts(None, first, own=1, common=0)
    return case, *_unit._train(plan, [case], [found], first, None, parts)
