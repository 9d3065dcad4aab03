"""Affinities and groups of CIFAR-10's fifteen tasks, measured on few images instead of all.

    python benchmarks/proxy.py --data FOLDER                       # all arms, 100 and 500 images, 5 seeds
    python benchmarks/proxy.py --data FOLDER --part regret         # then: what the groups are worth
    python benchmarks/proxy.py --data FOLDER --small --no-save     # minutes on one core: is it whole?

Every arm trains the joint model for as many steps, on batches of as many images; few images come
round often. Gradient cosine and look-ahead are measured on the way on the images trained on (look-aheads
are scored on validation), data maps on real images that no arm trains on in particular. Figures:

* agreement: Spearman's correlation of the off-diagonal affinities with the mean of all runs on full
  data. Of full data it is that of each run with the mean of the others, which is the ceiling. Once for
  each run, once for the mean of the runs.
* rand: adjusted Rand index of the groups found with those of full data.
* regret: what models of the groups lose on the test part, trained on all images, against those of
  the groups found on full data, as a part of what the best groups met gain over random ones.

Images: of all training images at random; one of each cell of like labels; those nearest to the
median of the teacher's confidence, five a cell; these optimised all at once, by EarlyLate, by EarlyLate in
steps an eighth as long, and by EarlyLate of a joint teacher and models of random groups in turns. Labels:
their own (hard), or the teacher's probabilities of the tasks that it knows (soft).

Claimed beforehand (the rule of the notes on the method): distilled images are recommended as a proxy
only if EarlyLate beats the best of the cells, the median images and these with soft labels in agreement,
the 95 % interval of the difference over seeds above 0, and in regret; otherwise real images are. If it
is below the median images with soft labels at 100 and at 500 images, the matter is closed.

What is in the file already is not measured again."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from _common import RESULTS, log, save_result
from cifar import cifar10_fifteen
from scipy.stats import spearmanr
from sklearn.metrics import adjusted_rand_score

import coterie as ct
from coterie.affinities import AffinityProbe, Cosine, Lookahead, averaged, data_map_affinity
from coterie.data import Dataset
from coterie.distillation import skills
from coterie.distillation.teachers import LEAST_SKILL
from coterie.metrics import scores
from coterie.results import Affinity

PER_CELL = 5
TEACHER, REGRET = 1000, 2000  # first seeds of trainings that are not those of the arms
MEASURES = ("cosine", "lookahead", "data map")
REAL, DISTILLED = ("random", "cells", "median"), ("all at once", "EarlyLate", "gentle", "rotated")
FULL = "full"


@dataclass(frozen=True)
class Study:
    """What all arms share: images, network and the length of a training."""

    folder: Path
    n_train: int
    points: int
    epochs: int
    batch_size: int
    width: float
    iterations: int
    measurements: int
    n_groups: int

    @cached_property
    def data(self) -> Dataset:
        """All images."""
        return cifar10_fifteen(self.folder, self.n_train)

    @cached_property
    def probe_set(self) -> Dataset:
        """Real images on which data maps are recorded."""
        return ct.subset(self.data, self.points, rule="random", seed=TEACHER)

    @property
    def settings(self) -> dict[str, Any]:
        """Of every training."""
        return {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "keep": "last",
            "model_options": {"width": self.width},
        }

    @property
    def steps(self) -> int:
        """Of every training."""
        return self.epochs * -(-self.n_train // self.batch_size)

    def fit(self, data: Dataset, weights: Any = None, length: float = 1.0, **more: Any) -> ct.Fit:
        """Train for as many steps as all images take, or a part of them, however few there are."""
        train, n = data.split.train, int(length * self.n_train)
        often = train.repeat(-(-n // len(train)))[:n]
        data = replace(data, split=replace(data.split, train=often))
        return ct.fit("convnet", data, weights, **{**self.settings, **more})

    def measured(self, part: Dataset, seed: int, length: float = 1.0) -> dict[str, Any]:
        """Affinities measured while the joint model trains on ``part``, and how good it is."""
        every = max(1, int(length * self.steps) // (self.measurements + 1))
        probes: list[AffinityProbe] = [Cosine(every=every), Lookahead(every=every, batch_size=256)]
        recorder = ct.DataMapProbe(self.probe_set, every=every)
        joint = self.fit(part, seed=seed, probes=[*probes, recorder], length=length)
        test = self.data.split.test
        outputs = ct.predict(joint.stack, self.data, test)[0]
        found = {probe.name: probe.affinity() for probe in probes}
        found["data map"] = data_map_affinity(recorder.data_map())
        return {
            "affinities": {name: each.matrix.round(6).tolist() for name, each in found.items()},
            "auroc": float(scores(outputs, self.data.targets[test], self.data.tasks).nanmean()),
            "seconds": round(joint.cost["seconds"] - sum(each.seconds for each in probes), 1),
            "image passes": int(joint.cost["model_steps"]) * self.batch_size,
        }

    def part(self, images: str, n: int, seed: int) -> tuple[Dataset, ct.Fit, dict[str, float]]:
        """Images of an arm with their own labels, the teacher, and what was spent for them."""
        teacher = teacher_of(self, seed, images == "rotated")
        if images == "random":
            return ct.subset(self.data, n, rule="random", seed=seed), teacher, {}
        if images == "cells":
            return ct.subset(self.data, n, seed=seed), teacher, {}
        started = perf_counter()
        at_once = images == "all at once"
        distilled = ct.distill(
            teacher,
            self.data,
            PER_CELL,
            n_cells=n // PER_CELL,
            iterations=0 if images == "median" else self.iterations,
            round_iterations=self.iterations if at_once else self.iterations // PER_CELL,
            lr=0.03 if images == "gentle" else 0.25,
            seed=seed,
        )
        spent = {
            "seconds": round(perf_counter() - started, 1),
            # A forward pass and one to the pixels only.
            "image passes": int(distilled.iterations.sum() * 2 / 3) + self.n_train // 3,
        }
        return distilled.dataset(self.data), teacher, spent


@lru_cache(maxsize=2)
def teacher_of(study: Study, seed: int, rotated: bool) -> ct.Fit:
    """The joint model of all images, and models of three random groups besides if ``rotated``."""
    n_tasks = len(study.data.tasks)
    rows = [np.ones(n_tasks)]
    if rotated:
        group = np.random.default_rng(seed).permutation(n_tasks) % 3
        rows += [(group == each).astype(float) for each in range(3)]
    return study.fit(study.data, np.stack(rows), seed=TEACHER + seed, epochs=3 * study.epochs)


def softened(part: Dataset, teacher: ct.Fit) -> Dataset:
    """The part with the teacher's probabilities for labels of the binary tasks that it knows.

    Of a balanced model the logarithm of the weight of positives is taken off: the student's loss
    weighs them again."""
    knows = torch.from_numpy(skills(teacher) >= LEAST_SKILL)
    train, known, models = part.split.train, knows.any(0).nonzero()[:, 0], knows[:, None]
    outputs = ct.predict(teacher.stack, part, train).where(models, 0).sum(0) / models.sum(0)
    probabilities = (outputs - teacher.tasks.pos_weight.log()).sigmoid()
    targets = part.targets.clone()
    targets[train[:, None], known] = probabilities[:, known]
    return replace(part, targets=targets)


def measure(study: Study, found: dict[str, Any], asked: argparse.Namespace, save: Callable) -> None:
    """All arms, seed by seed, what is known first."""
    for seed in range(asked.seeds):
        for name, length in ((FULL, 1.0), ("full, short", 0.3)):
            if f"{name}/{seed}" not in found:
                found[f"{name}/{seed}"] = study.measured(study.data, seed, length=length)
                save()
        for n in asked.sizes:
            for images in asked.images:
                keys = {labels: f"{n} {images}, {labels}/{seed}" for labels in ("hard", "soft")}
                if set(keys.values()) <= found.keys():
                    continue
                part, teacher, spent = study.part(images, n, seed)
                for labels, key in keys.items():
                    used = softened(part, teacher) if labels == "soft" else part
                    found[key] = {**study.measured(used, seed), "once": spent}
                    log(f"{key}: {agreements(found, key)}, AUROC {found[key]['auroc']:.3f}")
                save()


def matrices(found: Mapping[str, Any], arm: str, measure: str) -> list[np.ndarray]:
    """Of all seeds of an arm, (T, T) each."""
    return [
        np.array(found[key]["affinities"][measure])
        for key in sorted(found)
        if key.rpartition("/")[0] == arm
    ]


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's correlation off the diagonal."""
    off = ~np.eye(len(one), dtype=bool)
    return float(spearmanr(one[off], other[off]).statistic)


def agreements(found: Mapping[str, Any], key: str) -> dict[str, float]:
    """Of one run with the mean of full data."""
    return {
        name: round(
            agreement(
                np.array(found[key]["affinities"][name]), np.mean(matrices(found, FULL, name), 0)
            ),
            3,
        )
        for name in MEASURES
    }


def of_runs(found: Mapping[str, Any], arm: str, measure: str) -> np.ndarray:
    """Agreement of each run of an arm with full data; of full data with its other runs."""
    full, own = matrices(found, FULL, measure), matrices(found, arm, measure)
    if arm != FULL:
        return np.array([agreement(each, np.mean(full, 0)) for each in own])
    if len(full) < 2:
        return np.array([np.nan])
    others = [np.mean(full[:run] + full[run + 1 :], 0) for run in range(len(full))]
    return np.array([agreement(*pair) for pair in zip(full, others, strict=True)])


def grouping(study: Study, found: Mapping[str, Any], arm: str, measure: str) -> ct.Grouping:
    """Groups by the mean affinity of an arm."""
    runs = [
        Affinity(tasks=study.data.tasks.names, matrix=each, method=measure)
        for each in matrices(found, arm, measure)
    ]
    return ct.group(averaged(runs), study.n_groups)


def summary(study: Study, found: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of every arm, and the differences that decide."""
    arms = sorted({key.rpartition("/")[0] for key in found})
    table: dict[str, Any] = {}
    for arm in arms:
        runs = [found[key] for key in found if key.rpartition("/")[0] == arm]
        table[arm] = {
            "auroc": round(float(np.mean([run["auroc"] for run in runs])), 4),
            "seconds of a run": round(float(np.mean([run["seconds"] for run in runs])), 1),
            "once": runs[0].get("once", {}),
        }
        for name in MEASURES:
            each = of_runs(found, arm, name)
            mean = np.mean(matrices(found, arm, name), 0)
            truth = grouping(study, found, FULL, name).labels
            mine = grouping(study, found, arm, name).labels
            table[arm][name] = {
                "agreement": round(float(each.mean()), 3),
                "sd": round(float(each.std(ddof=1)), 3) if len(each) > 1 else None,
                "of the mean": round(agreement(mean, np.mean(matrices(found, FULL, name), 0)), 3),
                "rand": round(float(adjusted_rand_score(truth, mine)), 3),
            }
    return {"arms": table, "differences": differences(found, arms)}


def differences(found: Mapping[str, Any], arms: Iterable[str]) -> dict[str, Any]:
    """Agreement of optimised images minus that of the best real ones, with 95 % bootstrap intervals."""
    rng, answer = np.random.default_rng(0), {}
    for arm in arms:
        n, _, images = arm.partition(",")[0].partition(" ")
        if images not in DISTILLED:
            continue
        rivals = (f"{n} cells, hard", f"{n} median, hard", f"{n} median, soft")
        for name in MEASURES:
            known = {each: of_runs(found, each, name) for each in rivals if each in arms}
            if not known:
                continue
            best = max(known, key=lambda each: known[each].mean())
            mine = of_runs(found, arm, name)
            apart = mine[: len(known[best])] - known[best][: len(mine)]
            drawn = rng.choice(apart, size=(10_000, len(apart))).mean(1)
            answer[f"{arm}, {name}"] = {
                "best real": best,
                "difference": round(float(apart.mean()), 3),
                "interval": np.quantile(drawn, [0.025, 0.975]).round(3).tolist(),
            }
    return answer


def regret(
    study: Study, found: Mapping[str, Any], seeds: int, measures: Iterable[str]
) -> dict[str, Any]:
    """What the groups of every arm lose on all images, beside those of full data."""
    arms = sorted({key.rpartition("/")[0] for key in found})
    groups = {
        f"{arm}, {name}": grouping(study, found, arm, name).labels
        for arm in arms
        for name in measures
    }
    rng = np.random.default_rng(0)
    by_chance = {
        name: [rng.permutation(groups[f"{FULL}, {name}"]) for _ in range(5)] for name in measures
    }
    several = [*groups.values(), *(each for drawn in by_chance.values() for each in drawn)]
    rows = {tuple(labels == k) for labels in several for k in np.unique(labels)}
    listed = sorted(rows, reverse=True)
    test, total = study.data.split.test, np.zeros((len(listed), len(study.data.tasks)))
    for seed in range(seeds):
        trained = study.fit(study.data, np.array(listed, dtype=float), seed=REGRET + seed)
        outputs = ct.predict(trained.stack, study.data, test)
        total += scores(outputs, study.data.targets[test], study.data.tasks).numpy() / seeds
        log(f"regret, seed {seed}: {len(listed)} models")

    def worth(labels: np.ndarray) -> float:
        served = [listed.index(tuple(labels == label)) for label in labels]
        return float(np.nanmean(total[served, np.arange(len(labels))]))

    answer = {}
    for name in measures:
        chance = float(np.mean([worth(labels) for labels in by_chance[name]]))
        best = max(worth(labels) for labels in several)
        reference = worth(groups[f"{FULL}, {name}"])
        answer[name] = {
            "random": round(chance, 5),
            "best": round(best, 5),
            "regret": {
                arm: round((reference - worth(groups[f"{arm}, {name}"])) / (best - chance), 3)
                for arm in arms
            },
        }
    return answer


def main() -> None:
    """Parse, run, save after every arm."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with cifar10/*.parquet")
    parser.add_argument("--part", choices=("affinities", "regret"), default="affinities")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 500])
    parser.add_argument(
        "--images", nargs="+", choices=REAL + DISTILLED, default=(*REAL, *DISTILLED)
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--n-train", type=int, default=40_000)
    parser.add_argument(
        "--epochs", type=int, default=1, help="of all images; of few, as many steps"
    )
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--width", type=float, default=0.25, help="times 128 channels")
    parser.add_argument("--iterations", type=int, default=500, help="of the first ranks")
    parser.add_argument("--points", type=int, default=1000, help="on which data maps are recorded")
    parser.add_argument("--measurements", type=int, default=15, help="in each training")
    parser.add_argument("--groups", type=int, default=3)
    parser.add_argument(
        "--measures", nargs="+", choices=MEASURES, default=MEASURES, help="of regret"
    )
    parser.add_argument("--small", action="store_true", help="one seed, few images and steps")
    parser.add_argument("--no-save", action="store_true", help="print only")
    asked = parser.parse_args()
    if asked.small:
        asked.seeds, asked.sizes, asked.n_train, asked.epochs = 1, [100], 1000, 3
        asked.width, asked.iterations, asked.points, asked.measurements = 0.0625, 10, 100, 3
    study = Study(
        folder=asked.data,
        n_train=asked.n_train,
        points=asked.points,
        epochs=asked.epochs,
        batch_size=asked.batch_size,
        width=asked.width,
        iterations=asked.iterations,
        measurements=asked.measurements,
        n_groups=asked.groups,
    )
    path = RESULTS / "proxy.json"
    kept = json.loads(path.read_text()) if path.exists() and not asked.no_save else {}
    settings = {name: each for name, each in asdict(study).items() if name != "folder"}
    if kept.setdefault("settings", settings) != settings:
        parser.error(f"{path} was measured with {kept['settings']}")
    result: dict[str, Any] = {"runs": {}} | kept
    found = result["runs"]

    def save() -> None:
        result["summary"] = summary(study, found)
        if not asked.no_save:
            save_result("proxy", result)

    if asked.part == "affinities":
        measure(study, found, asked, save)
    else:
        result["regret"] = result.get("regret", {}) | regret(
            study, found, asked.seeds, asked.measures
        )
        save()
    log(
        json.dumps(
            {name: result[name] for name in ("summary", "regret") if name in result}, indent=1
        )
    )


if __name__ == "__main__":
    main()
