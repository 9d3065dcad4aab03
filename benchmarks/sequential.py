"""How often intervals hold when seeds are added until they are narrow, by simulation.

    python benchmarks/sequential.py

Gains of one or four arms over a reference, in units of the half width asked for, follow the layout of
`coterie.statistics`: effects of seeds (normal, or Student's with 3 degrees of freedom), of test
examples, and of seeds on examples, as large as those of seeds. Seeds are added by `look` and `wave`
until the intervals, simultaneous ones of four arms, are narrow or surely decided, at most 100. The
reference is common to all arms, so that their gains are correlated. With splits, seeds are added on
each of five, and the interval is that of Nadeau and Bengio, whose assumption of how splits overlap
holds. "Oracle" is the number of seeds at which intervals with known variances would be as narrow. Half
of the repetitions have no gain, in which "false better" is counted, half a gain of the margin, for
"false not worth it". "Unwidened" is the coverage without the factor on standard errors that a stop
for narrowness has."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import product
from math import inf, sqrt
from time import process_time
from typing import Any

import numpy as np
from _common import log, save_result, simulation_arguments
from scipy.stats import norm

from coterie.seeds import numpy_generator
from coterie.statistics import (
    Interval,
    interval,
    nadeau_bengio,
    outcome,
    simultaneous,
)
from coterie.statistics.sequential import (
    MOST,
    PILOT,
    Look,
    Widths,
    inflation,
    look,
    most_seeds,
    surely,
    wave,
)

MARGIN = WITHIN = 1.0
SPLITS, OVERLAP = 5, 1 / 3


@dataclass(frozen=True)
class Setting:
    """What is simulated: ``seed_sd`` of one seed's gain and what test examples (or splits) leave of
    half an interval after infinitely many seeds, ``floor``, both in units of the width asked for."""

    seed_sd: float
    floor: float
    tail: str
    examples: int
    arms: int = 1
    splits: int = 1

    def oracle(self) -> float:
        """How many seeds known variances ask for."""
        reach = norm.isf(0.025 / self.arms) / norm.isf(0.025)  # Bonferroni's; it is a little less
        rest = WITHIN**2 - (self.floor * reach) ** 2
        variance = self.seed_sd**2 / self.splits * (1 + self.splits * OVERLAP * (self.splits > 1))
        return (
            float(max(1.0, norm.isf(0.025 / self.arms) ** 2 * variance / rest)) if rest > 0 else inf
        )


def effects(rng: np.random.Generator, tail: str, shape: tuple[int, ...]) -> np.ndarray:
    """Of variance 1."""
    return rng.standard_normal(shape) if tail == "normal" else rng.standard_t(3, shape) / sqrt(3)


class OneSplit:
    """Gains (S, C) and contributions (S, n, C) of more and more seeds."""

    def __init__(self, rng: np.random.Generator, of: Setting, gain: float) -> None:
        self.rng, self.of, self.gain, self.seeds = rng, of, gain, 0
        scale = of.floor / norm.isf(0.025) * sqrt(of.examples)
        self.shared = scale * self._minus_reference(
            rng.standard_normal((of.examples, of.arms + (of.arms > 1)))
        )
        self.parts: list[np.ndarray] = []

    def _minus_reference(self, drawn: np.ndarray) -> np.ndarray:
        """Differences of variance 1; one arm alone stands for its difference."""
        return drawn if self.of.arms == 1 else (drawn[..., 1:] - drawn[..., :1]) / sqrt(2)

    def add(self, number: int) -> None:
        arms, n = self.of.arms + (self.of.arms > 1), self.of.examples
        sd = self.of.seed_sd / sqrt(2)
        alone = effects(self.rng, self.of.tail, (number, 1, arms))
        on_examples = self.rng.standard_normal((number, n, arms)) * sqrt(n)
        self.parts.append(sd * self._minus_reference(alone + on_examples) + self.shared)
        self.seeds += number

    def found(self) -> tuple[Interval, None]:
        each = np.concatenate(self.parts)
        means = each.mean(1, keepdims=True)
        added = (each - means) / sqrt(self.of.examples * (self.of.examples - 1))
        rule = interval if self.of.arms == 1 else simultaneous
        return rule(self.gain + means[:, 0], added), None


class Splits:
    """Gains (U, S) of more and more seeds on each split."""

    def __init__(self, rng: np.random.Generator, of: Setting, gain: float) -> None:
        self.rng, self.of, self.seeds = rng, of, 0
        # The variance of a mean over splits is s2 (1 / U + overlap): their effects are correlated.
        spread = of.floor / norm.isf(0.025) / sqrt(1 / SPLITS + OVERLAP)
        common = sqrt(OVERLAP) * rng.standard_normal()
        self.split = gain + spread * (rng.standard_normal((SPLITS, 1)) + common)
        self.parts: list[np.ndarray] = []

    def add(self, number: int) -> None:
        drawn = effects(self.rng, self.of.tail, (SPLITS, number))
        self.parts.append(self.split + self.of.seed_sd * drawn)
        self.seeds += number

    def found(self) -> tuple[Interval, np.ndarray]:
        each = np.concatenate(self.parts, 1)
        within = each.var(1, ddof=1, keepdims=True).mean(0)
        return nadeau_bengio(each.mean(1, keepdims=True), overlap=OVERLAP), within


def until_narrow(drawn: OneSplit | Splits) -> tuple[Interval, np.ndarray, Look]:
    """The intervals at the stop, half their widths, and why it stopped."""
    drawn.add(PILOT)
    while True:
        found, within_splits = drawn.found()
        widths = Widths(
            found=found,
            half=found.high - found.mean,
            seeds=drawn.seeds,
            within_splits=within_splits,
        )
        seen = look(widths, WITHIN, surely(widths, 0.0, MARGIN))
        if seen.reason is not None:
            return found, widths.half, seen
        splits = 1 if within_splits is None else found.seeds
        drawn.add(wave(seen, drawn.seeds, most=most_seeds(splits)))


def simulated(of: Setting, repetitions: int, seed: int) -> dict[str, Any]:
    """One line: how often intervals hold, all of them at once, and what that takes."""
    rng = numpy_generator(seed, "sequential", *map(str, asdict(of).values()))
    lines: list[dict[str, Any]] = []
    for number in range(repetitions):
        gain = (number % 2) * MARGIN
        drawn = (Splits if of.splits > 1 else OneSplit)(rng, of, gain)
        found, half, seen = until_narrow(drawn)
        factor = inflation(seen.reason, drawn.seeds, over_splits=of.splits > 1)
        off = np.abs(found.mean - gain)
        low, high = found.mean - factor * half, found.mean + factor * half
        answers = [outcome(_between(found[i], low[i], high[i]), MARGIN) for i in range(len(low))]
        lines.append(
            {
                "coverage": bool((off <= factor * half).all()),
                "unwidened": bool((off <= half).all()),
                "seeds": drawn.seeds,
                "half_width": float(half.max() * factor),
                "false_better": None if gain else "better" in answers,
                "false_not_worth_it": ("not worth it" in answers or "worse" in answers)
                if gain
                else None,
                "undecided": answers.count("undecided") / len(answers),
                "reason": seen.reason,
            }
        )
    reasons = [line.pop("reason") for line in lines]
    told = {
        name: float(np.mean([line[name] for line in lines if line[name] is not None]))
        for name in lines[0]
    }
    shares = {reason: reasons.count(reason) / len(reasons) for reason in sorted(set(reasons))}
    return {**asdict(of), "repetitions": repetitions, "oracle": of.oracle(), **told, **shares}


def _between(found: Interval, low: float, high: float) -> Interval:
    from dataclasses import replace

    return replace(found, low=np.asarray(low), high=np.asarray(high))


def settings() -> list[tuple[Setting, int]]:
    """All that is simulated, with the number of repetitions."""
    sizes = ((50, 1, 1000), (500, 1, 1500), (500, 4, 500), (5000, 1, 400))
    sds, tails = (0.5, 1.0, 1.5, 2.0, 3.0), ("normal", "t3")
    one = [
        (Setting(sd, floor, tail, examples, arms), repetitions)
        for (examples, arms, repetitions), floor, tail, sd in product(sizes, (0.3, 0.7), tails, sds)
        # As many seeds as these need are beyond what anyone trains.
        if not (floor == 0.7 and sd * sqrt(arms) > 1.5) and not (arms > 1 and sd > 2)
    ]
    several = [
        (Setting(sd, floor, "normal", 0, splits=SPLITS), 2000)
        for floor, sd in product((0.2, 0.5), sds)
    ]
    return [*several, *one]


def main() -> None:
    """Simulate, print, save."""
    arguments = simulation_arguments(__doc__)
    started, lines = process_time(), []
    for each, repetitions in settings():
        lines.append(simulated(each, max(4, int(arguments.scale * repetitions)), arguments.seed))
        line = lines[-1]
        log(
            f"{'splits' if each.splits > 1 else f'n={each.examples}, {each.arms} arms':14} "
            f"{each.tail:6} sd {each.seed_sd:.1f} floor {each.floor:.1f} coverage "
            f"{line['coverage']:.3f} ({line['unwidened']:.3f} unwidened) seeds {line['seeds']:.1f} "
            f"(oracle {line['oracle']:.1f}) half {line['half_width']:.2f} better "
            f"{line['false_better']:.3f} not worth it {line['false_not_worth_it']:.3f}"
        )
        found = {
            "settings": {**vars(arguments), "pilot": PILOT, "most": MOST},
            "processor_seconds": process_time() - started,
            "lines": lines,
        }
        if not arguments.no_save:
            save_result("sequential", found)


if __name__ == "__main__":
    main()
