"""How often the intervals of `coterie.statistics` hold what they say, by simulation.

    python benchmarks/coverage.py

Latent scores of two arms on six correlated tasks are drawn with effects of seeds, of test examples,
and of seeds on examples; real metrics turn them into gains, whose true mean over seeds and over the
population has a closed form. Scores of 20 seeds are drawn, and intervals taken from each 3, 5 and
10 and from all of them by both rules: the interval over seeds and examples, and the earlier one,
Student's over seeds alone. "False better" is the share that lies above the true gain, as it would
above 0 if that were 0; "false not worth it" the share below it, as it would below the margin if
that were the margin; "undecided" is at a true gain of 0. A regime says which effects are large; the
summary is over regimes, with the lowest and the highest coverage of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from time import process_time
from typing import Any

import numpy as np
from _common import log, save_result, simulation_arguments
from scipy.stats import norm

from coterie.seeds import numpy_generator
from coterie.statistics import (
    Interval,
    accuracy,
    auroc,
    interval,
    nadeau_bengio,
    outcome,
    r2,
    with_mean,
)

SEEDS = (3, 5, 10, 20)
TASKS = 6
SHARED = 0.3  # of the variance of every effect is common to the tasks
IN_GROUP = 0.5  # of the variance of every effect of examples is common to a group of rows
ROWS_OF_GROUP = 5
GAP = 1.2  # times the signal of one arm is that of the other


@dataclass(frozen=True)
class Regime:
    """Standard deviations of effects on latent scores, whose noise common to both arms is 1."""

    seeds: float
    examples: float
    interaction: float


REGIMES = {
    "seeds": Regime(seeds=0.3, examples=0.15, interaction=0.3),
    "examples": Regime(seeds=0.05, examples=0.5, interaction=0.3),
    "interaction": Regime(seeds=0.02, examples=0.1, interaction=0.6),
}


@dataclass(frozen=True)
class Metric:
    """Latent signal and labels, the metric on scores of arms (A, n), and its margin in points.

    ``truth`` is its mean over seeds in the population, given the signal, the variance of the signal
    over seeds and that of all noise."""

    signal: float
    labels: Callable[[np.ndarray], np.ndarray]
    score: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
    truth: Callable[[float, float, float], float]
    margin: float

    def gain(self, regime: Regime) -> float:
        """The true gain of the second arm, in points."""
        noise = 1 + regime.examples**2 + regime.interaction**2
        better, plain = (
            self.truth(signal, regime.seeds**2, noise)
            for signal in (self.signal * GAP, self.signal)
        )
        return 100 * float(better - plain)


def _auroc(threshold: float) -> Metric:
    return Metric(
        signal=1.5,
        labels=lambda latent: (latent > threshold) * 1.0,
        score=auroc,
        truth=lambda signal, seeds, noise: norm.cdf(signal / sqrt(2 * noise + seeds)),
        margin=0.5,
    )


METRICS = {
    "auroc, 30 % positive": _auroc(norm.isf(0.3)),
    "auroc, 5 % positive": _auroc(norm.isf(0.05)),
    "accuracy": Metric(
        signal=2.0,
        labels=lambda latent: np.where(latent > 0, 0.5, -0.5),
        score=lambda scores, y: accuracy((scores > 0) == (y > 0)),
        truth=lambda signal, seeds, noise: norm.cdf(signal / 2 / sqrt(noise + seeds / 4)),
        margin=1.0,
    ),
    "r2": Metric(
        signal=1.0,
        labels=lambda latent: latent,
        score=lambda scores, y: r2(scores * 0.6, y),
        truth=lambda signal, seeds, noise: 1 - (1 - 0.6 * signal) ** 2 - 0.36 * (seeds + noise),
        margin=1.0,
    ),
}


def effects(
    rng: np.random.Generator, shape: tuple[int, ...], group: np.ndarray | None
) -> np.ndarray:
    """Standard normal effects (..., n, T): correlated over tasks, and within groups of rows."""

    def drawn(*size: int) -> np.ndarray:
        common, each = (rng.standard_normal((*size, k), dtype=np.float32) for k in (1, TASKS))
        return common * np.float32(sqrt(SHARED)) + each * np.float32(sqrt(1 - SHARED))

    own = drawn(*shape)
    if group is None:
        return own
    of_groups = drawn(*shape[:-1], group.max() + 1)
    own *= np.float32(sqrt(1 - IN_GROUP))
    return own + (np.float32(sqrt(IN_GROUP)) * of_groups)[..., group, :]


def measured(
    rng: np.random.Generator, metric: Metric, regime: Regime, n: int, group: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Mean gains over tasks less the true one (S,) and contributions (S, n), in points."""
    n_seeds = max(SEEDS)
    y = metric.labels(effects(rng, (n,), group))
    signal = metric.signal * np.reshape([GAP, 1], (2, 1, 1))
    signal = signal + regime.seeds * effects(rng, (2, n_seeds), None)
    latent = signal[:, :, None] * y + effects(rng, (n,), group)
    latent += regime.examples * effects(rng, (2, 1, n), group)
    latent += regime.interaction * effects(rng, (2, n_seeds, n), group)
    gains, contributions = np.empty((n_seeds, TASKS)), np.empty((n_seeds, n, TASKS))
    for task in range(TASKS):
        values, parts = metric.score(latent[..., task].reshape(-1, n), y[:, task])
        gains[:, task] = np.subtract(*values.reshape(2, -1))
        contributions[..., task] = np.subtract(*parts.reshape(2, n_seeds, n))
    gains, contributions = with_mean(100 * gains - metric.gain(regime), 100 * contributions)
    return gains[:, -1].copy(), contributions[..., -1].copy()


def setting(
    metric: str, n: int, grouped: bool, repetitions: int, seed: int
) -> list[dict[str, Any]]:
    """One line for each regime and number of seeds."""
    group = np.arange(n) // ROWS_OF_GROUP if grouped else None
    lines = []
    for name, regime in REGIMES.items():
        rng = numpy_generator(seed, "coverage", metric, n, str(grouped), name)
        drawn = [measured(rng, METRICS[metric], regime, n, group) for _ in range(repetitions)]
        gains, contributions = (np.stack(each, axis=-1) for each in zip(*drawn, strict=True))
        found: dict[int, list[tuple[Interval, Interval]]] = {count: [] for count in SEEDS}
        for count in SEEDS:
            for first in range(0, len(gains) - count + 1, count):
                some = slice(first, first + count)
                new = interval(gains[some], contributions[some], groups=group)
                found[count].append((new, nadeau_bengio(gains[some])))
        about = {"metric": metric, "examples": n, "grouped": grouped, "regime": name}
        lines += [
            {**about, "seeds": count, **summary(pairs, METRICS[metric].margin)}
            for count, pairs in found.items()
        ]
    return lines


def summary(pairs: list[tuple[Interval, Interval]], margin: float) -> dict[str, Any]:
    """Of intervals of a gain less the true one, by the rule and by the earlier one."""
    means = np.concatenate([new.mean for new, _ in pairs])
    line: dict[str, Any] = {"intervals": len(means), "known_half_width": 1.96 * float(means.std())}
    for rule, intervals in zip(("", "earlier_"), zip(*pairs, strict=True), strict=True):
        low, high = (
            np.concatenate([getattr(one, end) for one in intervals]) for end in ("low", "high")
        )
        outcomes = [outcome(one[i], margin) for one in intervals for i in range(len(one.mean))]
        line |= {
            f"{rule}coverage": float(np.mean((low <= 0) & (high >= 0))),
            f"{rule}half_width": float(np.nanmean(high - low) / 2),
            f"{rule}false_better": float(np.mean(low > 0)),
            f"{rule}false_not_worth_it": float(np.mean(high < 0)),
            f"{rule}undecided": outcomes.count("undecided") / len(outcomes),
        }
    return line


def pooled(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over the regimes, with the lowest and the highest coverage among them."""
    keys = ("metric", "examples", "grouped", "seeds")
    by_setting: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for line in lines:
        by_setting.setdefault(tuple(line[key] for key in keys), []).append(line)
    return [
        dict(zip(keys, setting, strict=True))
        | {
            name: float(np.mean([line[name] for line in of]))
            for name in of[0]
            if name not in {*keys, "regime", "intervals"}
        }
        | {
            "intervals": sum(line["intervals"] for line in of),
            "lowest_coverage": min(line["coverage"] for line in of),
            "highest_coverage": max(line["coverage"] for line in of),
        }
        for setting, of in by_setting.items()
    ]


def main() -> None:
    """Simulate, print, save."""
    arguments = simulation_arguments(__doc__)
    started = process_time()
    lines = []
    for grouped in (False, True):
        for n, repetitions in ((40, 1500), (200, 500), (2000, 320)):
            for metric in METRICS:
                # 5 % of 40 examples are often fewer than two positives, which defines no AUROC.
                if metric.endswith(" 5 % positive") and (n == 40 or grouped):
                    continue
                lines += setting(
                    metric, n, grouped, max(2, int(arguments.scale * repetitions)), arguments.seed
                )
                for line in pooled(lines)[-len(SEEDS) :]:
                    log(
                        f"{metric:20} n={n:4} {'groups' if grouped else 'rows':6} "
                        f"seeds={line['seeds']:2} coverage {line['coverage']:.3f} "
                        f"({line['lowest_coverage']:.3f}-{line['highest_coverage']:.3f}) "
                        f"half {line['half_width']:.2f} known {line['known_half_width']:.2f}; "
                        f"earlier {line['earlier_coverage']:.3f} "
                        f"{line['earlier_half_width']:.2f}; better {line['false_better']:.3f} "
                        f"not worth it {line['false_not_worth_it']:.3f}"
                    )
    found = {
        "settings": vars(arguments),
        "processor_seconds": process_time() - started,
        "summary": pooled(lines),
        "by_regime": lines,
    }
    if not arguments.no_save:
        save_result("coverage", found)


if __name__ == "__main__":
    main()
