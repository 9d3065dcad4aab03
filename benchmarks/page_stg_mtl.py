"""The sections of docs/benchmarks.md with STG-MTL's own tables, and what methods cost with more tasks."""

from __future__ import annotations

from statistics import fmean
from typing import Any

import numpy as np
from page_methods import table, with_interval

from coterie.statistics import nadeau_bengio

METRICS = ("accuracy", "balanced accuracy", "F1", "AUROC")
CLUSTERINGS = {
    "fuzzy-kmeans": "soft, m = 1.07",
    "fuzzy-cmeans": "fuzzy-cmeans",
    "kmeans": "hard",
    "points": "points",
}
JOINT, ENSEMBLE = "no weights, one model", "no weights, K models"
SHOWN = (JOINT, ENSEMBLE, "soft, m = 1.07", "soft, m = 2")


def tables_of(found: dict[str, Any]) -> str:
    """Clusterings on one map, weightings, and scores by task."""
    seeds, settings = found["seeds"], found["settings"]
    n_seeds = f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''}"
    width = settings["model_options"]["width"]
    network = "the paper's small network" + ("" if width == 1 else f" at {width:g} of its width")
    models = " to ".join(
        str(n) for n in sorted({pick(sum(seed["models"]) for seed in seeds) for pick in (min, max)})
    )
    few = len(found["tasks"]) <= 20
    shown = "; ".join(f"`{name}` {_groups(seeds[0], name)}" for name in ("kmeans", "points"))
    groups = [f"Groups of the first seed: {shown}."]
    tasks = [
        "Accuracy / balanced accuracy / F1 by task, with the *sum* of losses:",
        table(["task", *SHOWN], _by_task(found)),
    ]
    return "\n\n".join(
        [
            f"{len(found['tasks'])} tasks, K = {settings['groups']}, {settings['images']:,} images, "
            f"{settings['epochs']} epochs, {network}, {n_seeds}; scores in points on "
            f"{settings['test images']:,} test images, means over tasks and seeds; {models} models "
            "a seed, since rows of weights that agree to six decimals are one. Losses are weighted "
            "by negatives over positives, so that accuracy stands beside a balanced threshold: who "
            "always says no is right about most examples of a rare class. Gains are in AUROC over "
            "as many models without weights"
            + (", with 95 % intervals over seeds" if len(seeds) > 1 else "")
            + ". The paper's scores are not known here"
            + (
                f", its memberships are: {_from_published(seeds)}"
                if seeds[0]["from published"] is not None
                else ""
            )
            + ".",
            "The four clusterings on one data map (m = 1.07 where fuzzy; the mean of losses):",
            table(
                [
                    "clustering",
                    *(f"adjusted Rand with `{name}`" for name in CLUSTERINGS),
                    *METRICS,
                    "gain",
                ],
                [_clustering(name, seeds) for name in CLUSTERINGS],
            ),
            *(groups if few else ()),
            "Weighting on and off, by the default clustering; *sum* is as published, and over the five "
            f"weightings {_of_the_sum(seeds)} from the *mean*:",
            table(
                ["weights", "losses", *METRICS, "gain"],
                [
                    [
                        name,
                        reduction,
                        *_scores(seeds, reduction, name),
                        _gain(seeds, reduction, name),
                    ]
                    for name in seeds[0]["sum"]
                    for reduction in ("mean", "sum")
                ],
            ),
            *(tasks if few else ("Scores by task are in the JSON file.",)),
        ]
    )


def _groups(seed: dict[str, Any], clustering: str) -> str:
    return " ".join("{" + ", ".join(names) + "}" for names in seed["groups"][clustering] if names)


def _values(seeds: list[dict[str, Any]], reduction: str, arm: str, metric: str) -> np.ndarray:
    """In points, (seeds, T)."""
    return 100 * np.array([seed[reduction][arm][metric] for seed in seeds])


def _scores(seeds: list[dict[str, Any]], reduction: str, arm: str) -> list[str]:
    return [f"{_values(seeds, reduction, arm, metric).mean():.1f}" for metric in METRICS]


def _gain(seeds: list[dict[str, Any]], reduction: str, arm: str) -> str:
    if arm == ENSEMBLE:
        return "–"
    one, other = (_values(seeds, reduction, name, "AUROC").mean(1) for name in (arm, ENSEMBLE))
    return _over_seeds(one - other)


def _of_the_sum(seeds: list[dict[str, Any]]) -> str:
    """What the sum of losses gains over their mean, on average over the weightings."""
    summed, mean = (
        np.mean(
            [_values(seeds, reduction, arm, "AUROC").mean(1) for arm in seeds[0]["sum"]], axis=0
        )
        for reduction in ("sum", "mean")
    )
    return _over_seeds(summed - mean)


def _over_seeds(gains: np.ndarray) -> str:
    """Mean and interval of gains (seeds,)."""
    found, several = nadeau_bengio(gains), len(gains) > 1
    low, high = (float(found.low), float(found.high)) if several else (None, None)
    return with_interval(float(found.mean), low, high)


def _clustering(name: str, seeds: list[dict[str, Any]]) -> list[str]:
    """Agreement with each of the four, and what its models score."""

    def rand(other: str) -> str:
        pairs = (f"{name}, {other}", f"{other}, {name}")
        found = [
            seed["agreement"][pair] for seed in seeds for pair in pairs if pair in seed["agreement"]
        ]
        return f"{fmean(found):.2f}" if found else "–"

    arm = CLUSTERINGS[name]
    agree = [rand(other) for other in CLUSTERINGS]
    return [f"`{name}`", *agree, *_scores(seeds, "mean", arm), _gain(seeds, "mean", arm)]


def _by_task(found: dict[str, Any]) -> list[list[str]]:
    seeds = found["seeds"]
    rows = []
    for position, task in enumerate(found["tasks"]):
        cells = [
            " / ".join(
                f"{_values(seeds, 'sum', arm, metric)[:, position].mean():.1f}"
                for metric in METRICS[:3]
            )
            for arm in SHOWN
        ]
        rows.append([task, *cells])
    return rows


def _from_published(seeds: list[dict[str, Any]]) -> str:
    apart = ", ".join(f"{seed['from published']:.3f}" for seed in seeds)
    return f"those at m = 2 are on average {apart} from them (by seed)"


NAMES = {
    "data_map": "data map",
    "lookahead": "look-aheads (TAG)",
    "gradtag": "Grad-TAG",
    "reading": "and its reading of candidate subsets",
    "pairs": "all pairs (HOA)",
}


def scalability(found: dict[str, Any]) -> str:
    """What methods cost, in joint trainings, against the number of tasks."""
    parts = [
        "What finding groups costs beyond the joint training, in joint trainings of the same run, "
        f"against the number of tasks T: steps of one model (look-aheads every {found['every']} "
        "steps; a forward pass is a third of a step), and seconds of the processor. *measured* is "
        "the median of "
        f"{found['repeats']} trainings (of pairs one), *priced* what `coterie plan` says before "
        "anything trains, by timing a few steps: its seconds are mostly good to a factor of two, "
        "those of Grad-TAG's estimate, the difference of two short timings, are not. The map costs "
        "nothing there, since every joint training of a comparison records it. Pairs of small "
        "networks are cheaper in seconds than in steps, since they train as one stack. Grad-TAG is "
        "asked about a thousand subsets at ten tasks, and more beyond: with small networks that "
        "search, not the estimate, is what its time goes into."
    ]
    for name, settings in found["settings"].items():
        rows = [row for row in found["rows"] if row["setting"] == name]
        own = any("measured" in row for row in rows)
        head = ["T", "", *NAMES.values()]
        lines = []
        for row in rows:
            kinds = ["measured", "priced"] if own else ["priced"]
            for kind in kinds:
                if kind in row:
                    lines += [
                        [
                            row["tasks"],
                            f"{what}, {kind}",
                            *(_times(row[kind][m][what]) for m in NAMES),
                        ]
                        for what in ("steps", "seconds")
                    ]
        parts += [
            f"**{name}**, `{settings['model']}`, {settings['training examples']:,} training "
            f"examples, {settings['epochs']} epochs, batches of {settings['batch_size']}:",
            table(head, lines),
        ]
    return "\n\n".join(parts)


def _times(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}" if value < 10 else f"{value:.0f}"
