"""A comparison with plausible numbers, made without training anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from coterie.affinities import AFFINITIES
from coterie.affinities.data_map import ABOUT
from coterie.differentiable import DifferentiableGrouping
from coterie.estimators import ESTIMATORS
from coterie.evaluation import ARMS, Comparison
from coterie.methods import Learn
from coterie.results import About, DataMap, Found, Grouping, Headroom, History, fuzzy_membership
from coterie.results.findings import Finding, find
from coterie.results.recommendation import Recommendation, Standing
from coterie.results.standings import run_means
from coterie.results.tables import COSTS, GAINS, MEAN, SCORES, CostRow, Part

EMOTIONS = ("amazed", "happy", "relaxed", "quiet", "sad", "angry", "excited", "bored")
METHODS = ("lookahead", "transfer_gain", "data_map", "gradtag", "train")
DIGITS = (*"0123456789", "even", "at least five", "closed loop", "random")
MARGIN = 0.5


def comparison(
    names: Sequence[str] = DIGITS,
    *,
    n_groups: int = 3,
    n_seeds: int = 3,
    n_examples: int = 400,
    n_epochs: int = 10,
    groupings: Sequence[str] = ("grouped",),
    lifts: Mapping[str, float] | None = None,
    fuzziness: float = 1.07,
    recorded: bool = True,
) -> Comparison:
    """Tasks of ``names``, the last of which nobody learns, in ``n_groups`` groups."""
    rng = np.random.default_rng(0)
    names = tuple(names)
    found = {name: _groupings(rng, names, n_groups, n_seeds, fuzziness) for name in groupings}
    arms = {"joint": Part("joint", None), "single": Part("single", None)}
    for name in groupings:
        arms[name] = Part("chosen" if name == "chosen" else "grouped", name)
        arms[f"random ({name})"] = Part("random", name)
    arms[f"ensemble (K={n_groups})"] = Part("ensemble", None)
    level = rng.uniform(0.82, 0.97, len(names))
    level[-1] = 0.5
    lift = {
        arm: {
            "single": -0.012,
            "joint": 0.0,
            "random": 0.003,
            "ensemble": 0.008,
            **(lifts or {}),
        }.get(arm if arm in groupings else part.role, 0.014)
        for arm, part in arms.items()
    }
    effect = {arm: lift[arm] + rng.normal(0, 0.006, len(names)) for arm in arms}
    scores = _scores(rng, names, arms, level, effect, n_seeds)
    gains = _gains(rng, names, groupings, arms, effect, n_groups, n_seeds)
    costs = _costs(arms, len(names), n_groups)
    standings = standings_of(scores, costs, names)
    nothing = Finding(about="nothing learnt", outcome="chance", tasks=((names[-1], 0.5),))
    return Comparison(
        tasks=names,
        kinds=("binary",) * len(names),
        metric_names=("balanced_accuracy",) * len(names),
        scores_table=scores,
        gains_table=gains,
        costs_table=costs,
        **found_by(found),
        data_map=_data_map(rng, names, next(iter(found.values()))[0], n_examples, n_epochs)
        if recorded
        else None,
        history={
            arm: _history(rng, arm, len(names), n_groups, n_epochs, level.mean() + lift[arm])
            for arm in arms
        },
        stability={
            name: {
                "adjusted Rand between repetitions": [0.86, 1.0, 0.86][:n_seeds],
                "adjusted Rand over resampled examples": rng.uniform(0.7, 1, 20).round(3).tolist(),
            }
            for name in groupings
        },
        findings=(*find(scores, gains, costs, unit_seconds=95.0), nothing),
        standings=standings,
        recommendation=recommended(standings),
        roles={role: kind.sentence for role, kind in ARMS.items()},
        config={
            "model": "cnn",
            "seeds": list(range(n_seeds)),
            "repeats": 1,
            "draws": 3,
            "bootstraps": 1000,
            "python": "3.11.2",
            "groupings": dict.fromkeys(groupings, f"Cluster(n_groups={n_groups})"),
            "training": {
                "epochs": n_epochs,
                "batch_size": 128,
                "lr": 1e-3,
                "optimiser": "adam",
                "clip": None,
            },
            "data": {
                "examples": n_examples,
                "input shape": [1, 8, 8],
                "notes": ["Column date was left out."],
            },
            "versions": {"coterie": "0.1.0", "torch": "2.13.0", "numpy": "2.4.6"},
            "hardware": {"processor": "x86_64", "cores": 2, "gpu": None},
        },
    )


def found_by(
    groupings: Mapping[str, Sequence[Grouping]],
) -> dict[str, Any]:
    """The fields of a comparison that say what was found: groupings whose details tell by what."""
    found = {name: [Found.of(each) for each in seeds] for name, seeds in groupings.items()}
    about = {
        name: About(family=seeds[0].family, measures=seeds[0].by)
        for name, seeds in found.items()
        if name != "chosen"
    }
    kinds = {**AFFINITIES, **ESTIMATORS}
    known = {name: getattr(kind, "about", ABOUT) for name, kind in kinds.items()}
    known["dmtg"] = Learn(DifferentiableGrouping(3)).about
    return {
        "found": found,
        "about": {
            name: each if each.family == "data map" else known.get(each.measures, each)
            for name, each in about.items()
        },
    }


GIVEN = About(family="given", measures="nothing: the groups were given")


def several_methods(
    names: Sequence[str] = EMOTIONS, *, n_groups: int = 3, n_seeds: int = 3, **options: Any
) -> Comparison:
    """Five methods on tasks of ``names``.

    Three measured affinities, two selected overlapping groups; one was chosen.
    """
    rng = np.random.default_rng(1)
    names, lifts = (
        tuple(names),
        dict(zip(METHODS, (0.016, 0.013, 0.010, 0.014, 0.018), strict=True)),
    )
    made = comparison(
        names,
        n_groups=n_groups,
        n_seeds=n_seeds,
        groupings=("chosen", *METHODS),
        lifts={**lifts, "chosen": 0.0155},
        **options,
    )
    home = np.arange(len(names)) * n_groups // len(names)
    found = {
        "lookahead": _measured(
            rng, names, home, n_seeds, "lookahead", scale=0.4, shift=0.0, steps=4510
        ),
        "transfer_gain": _measured(
            rng, names, home, n_seeds, "transfer_gain", scale=0.004, shift=-0.009, steps=9020
        ),
        "data_map": _measured(
            rng, names, home, n_seeds, "data_map", scale=0.08, shift=0.8, steps=0
        ),
        "gradtag": _selected(rng, names, home, n_seeds, "gradtag", steps=310, gap=0.0),
        "train": _selected(rng, names, home, n_seeds, "train", steps=239_700, gap=0.012),
    }
    picked = ["lookahead", "gradtag", "lookahead"]
    found["chosen"] = [
        replace(
            found[picked[u % 3]][u],
            details={**found[picked[u % 3]][u].details, "chosen": picked[u % 3]},
        )
        for u in range(n_seeds)
    ]
    agreed = {
        a: {b: round(float(rng.uniform(-0.1, 1)), 3) for b in METHODS if b != a} for a in METHODS
    }
    return replace(
        made,
        **found_by({name: found[name] for name in ("chosen", *METHODS)}),
        agreement={
            a: {b: agreed[min(a, b)][max(a, b)] for b in METHODS if b != a} for a in METHODS
        },
    )


def learnt(
    names: Sequence[str] = EMOTIONS, *, n_groups: int = 3, n_seeds: int = 3, n_epochs: int = 12
) -> Comparison:
    """Two searches that learn groups in training, one of them chosen, beside data maps."""
    made = comparison(
        names,
        n_groups=n_groups,
        n_seeds=n_seeds,
        groupings=("chosen", "data_map", "dmtg", "dmtg paper"),
        recorded=False,
    )
    found = dict(made.groupings)
    for name, mode, speed in (("dmtg", "annealed", 6.0), ("dmtg paper", "paper", 1.0)):
        found[name] = [
            search(names, n_groups, n_epochs, seed=u, mode=mode, speed=speed)
            for u in range(n_seeds)
        ]
    found["chosen"] = [replace(g, details={**g.details, "chosen": "dmtg"}) for g in found["dmtg"]]
    return replace(made, **found_by(found), history={})


def worked() -> Comparison:
    """Two methods and what was chosen, on two tasks and two seeds: scores and costs by hand."""
    made = comparison(
        ("a", "b"),
        n_groups=1,
        n_seeds=2,
        groupings=("chosen", "one", "two"),
        n_examples=20,
        recorded=False,
    )
    values = {
        "one": ((0.8, 0.6), (0.6, 0.4)),
        "two": ((0.7, 0.5), (0.7, 0.7)),
        "chosen": ((0.8, 0.6), (0.7, 0.7)),
    }
    values["joint"] = ((0.5, 0.5), (0.5, 0.5))
    rows = [
        {
            "arm": arm,
            **made.arms[arm]._asdict(),
            "seed": seed,
            "split": 0,
            "draw": 0,
            "task": task,
            "value": value,
        }
        | {"metric": "balanced_accuracy"}
        for arm, seeds in values.items()
        for seed, tasks in enumerate(seeds)
        for task, value in zip("ab", tasks, strict=True)
    ]
    measured = {"one": (100, 3.0), "two": (300, 9.0)}
    groupings = {
        name: [
            Grouping(tasks=("a", "b"), membership=np.ones((2, 1)), method="sdp", details=details)
            for details in (
                {
                    "cost": {"model_steps": steps + seed, "seconds": time},
                    "affinity": {"method": "cosine", "matrix": [[1, 0]] * 2},
                }
                for seed in (0, 20)
            )
        ]
        for name, (steps, time) in measured.items()
    }
    groupings["chosen"] = [
        replace(groupings[name][0], details={**groupings[name][0].details, "chosen": name})
        for name in ("one", "two")
    ]
    return replace(
        made,
        scores_table=pa.Table.from_pylist(rows),
        **found_by({name: groupings[name] for name in ("chosen", "one", "two")}),
    )


def search(
    names: Sequence[str],
    n_groups: int,
    n_epochs: int,
    *,
    seed: int = 0,
    mode: str = "annealed",
    speed: float = 6.0,
) -> Grouping:
    """What a search leaves whose logits drift apart by about ``speed``, as DMTG's do."""
    rng = np.random.default_rng(seed)
    drift = speed / n_epochs * rng.normal(size=(len(names), n_groups))
    logits = np.cumsum(drift + rng.normal(0, 0.1, (n_epochs, len(names), n_groups)), axis=0)
    probabilities = np.exp(logits) / np.exp(logits).sum(2, keepdims=True)
    return searched(names, probabilities, mode=mode, cost={"model_steps": 2820.0, "seconds": 9.4})


def searched(names: Sequence[str], probabilities: Any, **details: Any) -> Grouping:
    """Groups learnt with these assignment probabilities (E, T, K)."""
    found = np.asarray(probabilities, dtype=np.float64).round(6)
    kept = {"mode": "annealed", "probabilities": found.tolist(), "pruned": 0, **details}
    membership = np.eye(found.shape[2])[found[-1].argmax(1)]
    return Grouping(tasks=tuple(names), membership=membership, method="dmtg", details=kept)


def _measured(
    rng: np.random.Generator,
    names: tuple[str, ...],
    home: np.ndarray,
    n_seeds: int,
    affinity: str,
    **shape: float,
) -> list[Grouping]:
    """Hard groups with the affinity that they come from, as :class:`coterie.Cluster` leaves it."""
    steps, n = shape["steps"], len(names)
    level = (home[:, None] == home) + rng.normal(0, 0.5, (n, n)) - 0.3
    if affinity == "data_map":
        level = (level + level.T) / 2
    made = []
    for _ in range(n_seeds):
        matrix = shape["shift"] + shape["scale"] * (
            level + (rng.normal(0, 0.15, (n, n)) if affinity != "data_map" else 0)
        )
        matrix = matrix.tolist()
        if affinity == "transfer_gain":
            matrix[0][n - 1] = None
        shown = {
            "method": affinity,
            "matrix": matrix,
            "stderr": np.full((n, n), 0.15 * shape["scale"]).tolist(),
        }
        details = {
            "density": 1.25,
            "cost": {"model_steps": steps, "seconds": steps / 300},
            "affinity": shown,
        }
        made.append(
            Grouping(
                tasks=names, membership=np.eye(home.max() + 1)[home], method="sdp", details=details
            )
        )
    return made


def _selected(
    rng: np.random.Generator,
    names: tuple[str, ...],
    home: np.ndarray,
    n_seeds: int,
    estimator: str,
    *,
    steps: float,
    gap: float,
) -> list[Grouping]:
    """Overlapping groups, as :class:`coterie.Select` leaves them.

    Unproven on the last seed if ``gap``.
    """
    made = []
    for seed in range(n_seeds):
        moved = np.where(rng.random(len(names)) < 0.2, (home + 1) % (home.max() + 1), home)
        serves = np.eye(home.max() + 1)[moved]
        trains = np.maximum(serves.T, rng.random(serves.T.shape) < 0.15)
        last = seed == n_seeds - 1
        details = {
            "objective": 6.2,
            "gap": gap if last else 0.0,
            "proven": not (last and gap),
            "candidates": "all 255 subsets",
            "cost": {"model_steps": steps, "seconds": steps / 300},
        }
        made.append(
            Grouping(
                tasks=names,
                membership=serves,
                method=estimator,
                row_weights=trains,
                details=details,
            )
        )
    return made


def _groupings(
    rng: np.random.Generator, names: tuple[str, ...], k: int, n_seeds: int, fuzziness: float
) -> list[Grouping]:
    auto = {"silhouette": {"2": 0.31, "3": 0.38, "4": 0.36, "5": 0.29}, "least_silhouette": 0.1}
    home = np.arange(len(names)) * k // len(names)
    made = []
    for seed in range(n_seeds):
        near = home.copy()
        if seed == 1 and len(names) > 3:
            near[1] = (near[1] + 1) % k
        d2 = rng.uniform(2.5, 4.5, (len(names), k))
        d2[np.arange(len(names)), near] = rng.uniform(0.5, 2.2, len(names))
        details = {"features": "cells", "negative_share": 0.0, "notes": [], **auto}
        made.append(
            Grouping(
                tasks=names,
                membership=fuzzy_membership(d2, fuzziness),
                method="fuzzy-kmeans",
                fuzziness=fuzziness,
                distances=d2,
                details=details,
            )
        )
    return made


def _scores(
    rng: np.random.Generator,
    names: tuple[str, ...],
    arms: Mapping[str, Part],
    level: np.ndarray,
    effect: dict[str, np.ndarray],
    n_seeds: int,
) -> pa.Table:
    metrics = {
        "balanced_accuracy": 0.0,
        "accuracy": 0.01,
        "f1": -0.05,
        "auroc": 0.02,
        "average_precision": -0.02,
    }
    rows = []
    for arm, part in arms.items():
        for seed in range(n_seeds):
            for draw in range(3 if part.role == "random" else 1):
                noise = rng.normal(0, 0.004, len(names))
                for metric, shift in metrics.items():
                    values = np.clip(level + effect[arm] + noise + shift, 0, 1)
                    rows += [
                        {
                            "arm": arm,
                            **part._asdict(),
                            "seed": seed,
                            "split": 0,
                            "draw": draw,
                            "task": task,
                            "metric": metric,
                            "value": float(value),
                        }
                        for task, value in zip(names, values, strict=True)
                    ]
    return pa.Table.from_pylist(rows, schema=SCORES)


def _gains(
    rng: np.random.Generator,
    names: tuple[str, ...],
    groupings: Sequence[str],
    arms: Mapping[str, Part],
    effect: dict[str, np.ndarray],
    n_groups: int,
    n_seeds: int,
) -> pa.Table:
    references = {
        name: ("joint", "single", f"random ({name})", f"ensemble (K={n_groups})")
        for name in groupings
    }
    references |= {arm: ("joint",) for arm in arms if arm != "joint" and arm not in groupings}
    rows = []
    for arm, reference in (
        (arm, reference) for arm, found in references.items() for reference in found
    ):
        difference = 100 * (effect[arm] - effect[reference])
        known = n_seeds > 1
        for task, gain in (*zip(names, difference, strict=True), (MEAN, difference.mean())):
            tests, steady = (1, 0.5) if task == MEAN else (len(names), 1)
            half, band = float(rng.gamma(4, 0.35)) * steady, float(rng.uniform(0.8, 1.6)) * steady
            p = float(np.clip(2 * np.exp(-2.5 * abs(gain) / half), 1e-6, 1))
            rows.append(
                {
                    "arm": arm,
                    **arms[arm]._asdict(),
                    "reference": reference,
                    "reference_role": arms[reference].role,
                    "task": task,
                    "metric": "balanced_accuracy",
                    "gain": float(gain),
                    "low": float(gain - half) if known else None,
                    "high": float(gain + half) if known else None,
                    "p": p if known else None,
                    "p_holm": min(1.0, p * tests) if known else None,
                    "training_se": half / 2.5 if known else None,
                    "examples_se": band / 2.5,
                    **_decided(float(gain), half if known else None),
                    "relative_gain": None if task == names[-1] else float(gain / 10),
                }
            )
    return pa.Table.from_pylist(rows, schema=GAINS)


def _decided(gain: float, half: float | None) -> dict[str, object]:
    """How a gain and the half width of its interval stand against the margin."""
    if half is None:
        outcome = None
    elif gain - half > 0:
        outcome = "better"
    elif gain + half < 0:
        outcome = "worse"
    else:
        outcome = "not worth it" if gain + half < MARGIN else "undecided"
    return {
        "margin": MARGIN,
        "outcome": outcome,
        "more_seeds": 4 if outcome == "undecided" and gain > 0 else None,
        "more_examples": 2310 if outcome == "undecided" and gain <= 0 else None,
    }


def standings_of(scores: pa.Table, costs: pa.Table, names: Sequence[str]) -> tuple[Standing, ...]:
    """Every arm but random groups against the best other, known to a point, cheapest first."""
    means = run_means(scores, dict.fromkeys(names, "balanced_accuracy"))
    rows: list[CostRow] = [row for row in costs.to_pylist() if row["role"] != "random"]
    score = {row["arm"]: float(np.mean(list(means[row["arm"]].values()))) for row in rows}
    made = []
    for row in sorted(rows, key=lambda row: row["models"]):
        arm = row["arm"]
        gap = 100 * (score[arm] - max(score[other] for other in score if other != arm))
        made.append(
            Standing(
                arm=arm,
                role=row["role"],
                score=score[arm],
                low=min(0.0, gap - 0.7),
                high=max(0.0, gap + 0.7),
                validation=score[arm],
                **{name: row[name] for name in ("models", "parameters", "latency", "seconds")},
            )
        )
    return tuple(made)


def recommended(standings: Sequence[Standing]) -> Recommendation:
    """The cheapest surely within the margin of the best; undecided where there is none."""
    sure = [each for each in standings if each.low is not None and each.low > -MARGIN]
    return Recommendation(
        outcome="decided" if sure else "undecided",
        chosen=(sure or standings)[0],
        best=max(standings, key=lambda each: each.score),
        margin=MARGIN,
        arms=len(standings),
        metric="balanced accuracy",
    )


def bounded(names: Sequence[str], *, n_groups: int = 3) -> Headroom:
    """A limit below the margin on what groups of tasks of ``names`` can gain."""
    names, n = tuple(names), len(names)
    subsets = np.concatenate([np.ones((1, n), bool), np.eye(n, dtype=bool)])
    return Headroom(
        tasks=names,
        n_groups=n_groups,
        margin=MARGIN,
        low=0.0,
        estimate=0.12,
        bound=0.31,
        overlapping_bound=0.38,
        joint=np.full(n, 91.0),
        single=np.full(n, 90.0),
        subset_variance=np.full(n, 0.04),
        seed_variance=np.full(n, 0.25),
        pairs_met=1.0,
        subsets=subsets,
        scores=np.where(subsets, 0.9, np.nan)[None].repeat(3, axis=0),
    )


def _costs(arms: Mapping[str, Part], n_tasks: int, n_groups: int) -> pa.Table:
    models = {"joint": 1, "single": n_tasks}
    rows = []
    for arm, part in arms.items():
        n = models.get(arm, n_groups)
        rows.append(
            {
                "arm": arm,
                **part._asdict(),
                "models": n,
                "parameters": 81_934 * n,
                "model_steps": 940 * n,
                "seconds": 6.4 * n,
                "latency": 0.011 * n,
            }
        )
    return pa.Table.from_pylist(rows, schema=COSTS)


def _data_map(
    rng: np.random.Generator, names: tuple[str, ...], grouping: Grouping, n: int, epochs: int
) -> DataMap:
    ease = rng.beta(5, 2, (n, 1)) ** rng.uniform(0.3, 2, len(names))
    ease[:, -1] = rng.beta(30, 30, n)
    confidence = np.clip(ease + rng.normal(0, 0.05, ease.shape), 0, 1).astype(np.float32)
    spread = np.sqrt(confidence * (1 - confidence)) * rng.uniform(0.3, 0.9, ease.shape)
    missing = rng.random(ease.shape) < 0.02
    confidence[missing] = np.nan
    spread[missing] = np.nan
    count = np.where(missing, 0, epochs).astype(np.float32)
    return DataMap(
        tasks=names,
        kinds=("binary",) * len(names),
        ids=np.arange(n),
        epoch=epochs,
        confidence=confidence,
        variability=spread.astype(np.float32),
        correctness=(confidence > 0.5).astype(np.float32),
        count=count,
    )


def _history(
    rng: np.random.Generator, arm: str, n_tasks: int, n_groups: int, epochs: int, end: float
) -> History:
    models = {"joint": 1, "single": n_tasks}.get(arm, n_groups)
    progress = 1 - np.exp(-np.arange(1, epochs + 1) / 2.5)[:, None, None]
    noise = rng.normal(0, 0.006, (epochs, models, n_tasks))
    score = 0.5 + (end - 0.5) * progress + noise
    loss = 0.7 - 0.5 * progress + noise
    if arm == "single":
        off = ~np.eye(n_tasks, dtype=bool)
        score[:, off] = loss[:, off] = np.nan
    return History(
        train_loss=loss - 0.05 * progress,
        validation_loss=loss,
        validation_score=score,
        learning_rate=np.full(epochs, 1e-3),
        best_epoch=np.full(models, epochs - 1),
    )


def hard(labels: list[int], n_groups: int) -> Grouping:
    """Groups by label, without distances."""
    tasks = tuple(f"t{i}" for i in range(len(labels)))
    return Grouping(tasks=tasks, membership=np.eye(n_groups)[labels], method="kmeans")
