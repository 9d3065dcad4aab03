"""Five ways to group nine attributes of faces: groups, agreement, cost of measuring, gains on test.

    python benchmarks/celeba_methods.py --data DATA_FOLDER --runs RUN_FOLDER
    python benchmarks/celeba_methods.py --all --data DATA_FOLDER --runs RUN_FOLDER  # for a GPU

3,000 images (or all 15,723) split by identity, the ``cnn``, 4 epochs, K = 3, three seeds; the attributes are those of Fifty et
al. (2021). A stopped run continues.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from _common import log, save_result
from does_it_pay import IMAGES, attributes, summary

import coterie as ct
from coterie.data import Dataset

NINE = (
    "5_o_Clock_Shadow", "Black_Hair", "Blond_Hair", "Brown_Hair", "Goatee", "Mustache", "No_Beard", "Rosy_Cheeks",
    "Wearing_Hat",
)  # fmt: skip
METHODS = ("data_map", "cosine", "lookahead", "transfer_gain", "gradtag")
SETTINGS: dict[str, Any] = {**IMAGES, "epochs": 4}


def nine(folder: Path, n_images: int | None) -> Dataset:
    """The nine attributes, split by identity; of all images if None."""
    others = [name for name in attributes(folder) if name not in NINE]
    return ct.load(
        str(folder / "celeba/faces.parquet"), targets=NINE, group_column="identity", exclude=[*others, "partition"],
        limit=n_images,
    )  # fmt: skip


def main() -> None:
    """Parse, run, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--all", action="store_true", help="all images, not 3,000 of them")
    arguments = parser.parse_args()
    name = "celeba_methods_all" if arguments.all else "celeba_methods"
    data = nine(arguments.data, None if arguments.all else 3_000)
    started = perf_counter()
    # Convolutions are looped over on a CPU; on a GPU the better strategy is measured.
    strategy = "auto" if torch.cuda.is_available() else "loop"
    comparison = ct.compare(
        "cnn", data, METHODS, n_groups=3, seeds=3, draws=1 if arguments.all else 3, run=arguments.runs / name,
        **{**SETTINGS, "strategy": strategy},
    )  # fmt: skip
    comparison.report(arguments.runs / name / "report.html")
    measured = {which: [dict(found.details.get("cost", {})) for found in each] for which, each in comparison.groupings.items()}
    found = summary(comparison, perf_counter() - started)
    save_result(name, {**found, "agreement": comparison.agreement, "measurement": measured})
    for sentence in comparison.verdict:
        log(sentence)


if __name__ == "__main__":
    main()
