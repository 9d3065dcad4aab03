"""Five ways to group nine attributes of faces: groups, agreement, cost of measuring, gains on test.

    python benchmarks/celeba_methods.py --data DATA_FOLDER --runs RUN_FOLDER
    python benchmarks/celeba_methods.py --all --data DATA_FOLDER --runs RUN_FOLDER  # for a GPU

3,000 images (or all 15,723) split by identity, the ``cnn``, 4 epochs, K = 3, three seeds; the
attributes are those of Fifty et al. (2021). A stopped run continues."""

from __future__ import annotations

import argparse
import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

from _common import log, save_result
from does_it_pay import IMAGES, attributes, summary

import coterie as ct
from coterie.affinities import Lookahead, TransferGain
from coterie.data import Dataset
from coterie.evaluation.units import unit_stage
from coterie.runs import Run

NINE = (
    "5_o_Clock_Shadow",
    "Black_Hair",
    "Blond_Hair",
    "Brown_Hair",
    "Goatee",
    "Mustache",
    "No_Beard",
    "Rosy_Cheeks",
    "Wearing_Hat",
)
METHODS = {
    "data_map": "data_map",
    "cosine": "cosine",
    "lookahead": Lookahead(step=1, scored_on="train", normalise=False, batch_size=None),
    "transfer_gain": TransferGain(step=1, scored_on="train", normalise=False, batch_size=None),
    "gradtag": "gradtag",
}
"""Look-aheads as published, which is what the results were measured with."""
SETTINGS: dict[str, Any] = {**IMAGES, "epochs": 4}
SEEDS = 3


def nine(folder: Path, n_images: int | None) -> Dataset:
    """The nine attributes, split by identity; of all images if None."""
    others = [name for name in attributes(folder) if name not in NINE]
    return ct.load(
        str(folder / "celeba/faces.parquet"),
        targets=NINE,
        group_column="identity",
        exclude=[*others, "partition"],
        limit=n_images,
    )


def compared(
    folder: Path, run: Path | Run, seeds: list[int], *, every_image: bool
) -> ct.Comparison:
    """The comparison of these seeds; finished ones are read."""
    data = nine(folder, None if every_image else 3_000)
    return ct.compare("cnn", data, METHODS, n_groups=3, seeds=seeds, draws=1, run=run, **SETTINGS)


def together(parts: list[Path], whole: Path, fingerprint: str) -> Run:
    """One run with the finished units of several."""
    run = Run.open(whole, config={"parts": len(parts)}, fingerprint=fingerprint)
    for seed, part in enumerate(parts):
        stage = unit_stage(0, seed)
        shutil.copytree(part / stage, whole / stage, dirs_exist_ok=True)
        run.complete(stage, sorted((whole / stage).iterdir()))
    return run


def main() -> None:
    """Parse, run each seed in a process, ``--jobs`` at a time, put them together, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--all", action="store_true", help="all images, not 3,000 of them")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    name = "celeba_methods_all" if arguments.all else "celeba_methods"
    started = perf_counter()
    parts = [arguments.runs / f"{name}-{seed}" for seed in range(SEEDS)]
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        running = [
            pool.submit(compared, arguments.data, part, [seed], every_image=arguments.all)
            for seed, part in enumerate(parts)
        ]
        for job in running:
            job.result()
    run = together(parts, arguments.runs / name, Run.existing(parts[0]).fingerprint)
    comparison = compared(arguments.data, run, list(range(SEEDS)), every_image=arguments.all)
    comparison.report(arguments.runs / name / "report.html")
    measured = {
        which: [dict(found.details.get("cost", {})) for found in each]
        for which, each in comparison.groupings.items()
    }
    found = summary(comparison, perf_counter() - started)
    save_result(name, {**found, "agreement": comparison.agreement, "measurement": measured})
    for sentence in comparison.verdict:
        log(sentence)


if __name__ == "__main__":
    main()
