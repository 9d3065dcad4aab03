"""Options that verbs share: of data, training, grouping, comparing, and of what is said.

Nothing heavy is imported here, so that ``coterie --help`` answers at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import FlagCreatePairsOff, arg

Flag = Annotated[FlagCreatePairsOff[bool], arg(help_behavior_hint="")]
Count = Annotated[int, arg(metavar="N")]
Names = Annotated[tuple[str, ...], arg(metavar="NAME ...", help_behavior_hint="")]
Encoding = Annotated[
    str | None, arg(metavar="NAME", help_behavior_hint="(default: utf-8, or utf-16 by its mark)")
]
Column = Annotated[str | None, arg(metavar="COLUMN", help_behavior_hint="")]
Bound = Annotated[int | None, arg(metavar="N", help_behavior_hint="")]
Linked = Annotated[tuple[str, ...], arg(metavar="A+B ...", help_behavior_hint="")]
Limits = Annotated[tuple[str, ...], arg(metavar="COLUMN=LIMIT ...", help_behavior_hint="")]
Pairs = Annotated[tuple[str, ...], arg(metavar="NAME=KIND ...", help_behavior_hint="")]


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Where examples and targets come from."""

    data: Annotated[tuple[str, ...], arg(metavar="PATH ...|digits")]
    """Files (Parquet, CSV, Arrow; images in the `datasets` layout), or handwritten digits."""
    test: Annotated[tuple[str, ...], arg(metavar="PATH ...", help_behavior_hint="")] = ()
    """Files with the test examples, where they are apart."""
    targets: Names = ()
    """Columns to predict, one task each."""
    one_vs_rest: Column = None
    """Column of classes; each class becomes a yes-or-no task."""
    exclude: Names = ()
    """Columns that are neither input nor target."""
    keep: Names = ()
    """Inputs although they look like row numbers or ids, or the file names them as labels."""
    kind: Pairs = ()
    """Kind of a target if guessed wrong, such as ordinal or count, or module:Kind of your own."""
    positive: Annotated[tuple[str, ...], arg(metavar="NAME=VALUE ...", help_behavior_hint="")] = ()
    """Positive class of a binary target; else the larger, true, or the later in the alphabet."""
    metric: Annotated[
        tuple[str, ...],
        arg(
            metavar="NAME|TASK=NAME ...",
            help_behavior_hint="(default: AUROC, log-loss skill, R2, ...)",
        ),
    ] = ()
    """By which models are compared, such as accuracy or "balanced accuracy"."""
    task_column: Column = None
    """Long form: the column that names the task of each row."""
    target_column: Column = None
    """Long form: the column with the value to predict."""
    image_column: Column = None
    """Column of images, if there are several."""
    group_column: Column = None
    """Rows with equal values here stay in one part of the split."""
    split_column: Column = None
    """Column that says train, validation or test."""
    time_column: Column = None
    """Train on the earliest rows by this column and test on the latest."""
    allow_overlap: Flag = False
    """Groups may have rows in several parts of a given split."""
    rare: Literal["error", "drop"] = "error"
    """What to do with tasks of fewer than 5 positives in a part of the split."""
    limit: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: all)")] = None
    """Use only so many examples, drawn at random."""
    na: Annotated[
        tuple[str, ...] | None,
        arg(metavar="WORD ...", help_behavior_hint="(default: ? NA N/A NaN null ...)"),
    ] = None
    """Words that stand for a missing cell, besides the empty one."""
    encoding: Encoding = None
    """Encoding of CSV files."""


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How models are trained; the same for all of them."""

    model: Annotated[str, arg(metavar="NAME")] = "auto"
    """Encoder, such as mlp, or module:factory of your own; auto is cnn for images, else mlp."""
    epochs: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: until done)")] = (
        None
    )
    """Passes over the training examples; left out, models train until validation is no better."""
    patience: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 10 to 30)")] = (
        None
    )
    """Epochs that a model trains on without being better; with --epochs only if given."""
    lr: Annotated[float, arg(metavar="RATE")] = 1e-3
    """Learning rate."""
    batch_size: Count = 128
    """Examples of a step."""
    optimiser: Annotated[
        Literal["adam", "adamw", "nadam", "sgd"], arg(aliases=("--optimizer",))
    ] = "adam"
    """Optimiser."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Number format; bf16 is autocast."""
    reduction: Literal["mean", "sum"] = "mean"
    """What a model minimises of its weighted task losses: their mean, or their sum as published."""
    augment: Annotated[bool, arg(help_behavior_hint="")] = False
    """Flip and crop training images."""
    device: Annotated[str, arg(metavar="NAME")] = "auto"
    """cpu, cuda, or auto."""
    seed: Count = 0
    """Seed of the split and of the first training."""


@dataclass(frozen=True, kw_only=True)
class GroupOptions:
    """How tasks are grouped."""

    groups: Annotated[tuple[int | Literal["auto"], ...], arg(metavar="K|auto ...")] = ("auto",)
    """Number of groups; several are compared. auto may answer 1."""
    fuzziness: Annotated[tuple[float, ...], arg(metavar="M ...")] = (1.07,)
    """1.07 is nearly hard, 2 is soft; several are compared."""
    clustering: Annotated[str, arg(metavar="NAME")] = "auto"
    """Such as kmeans for data maps, spectral for affinities, or module:function of your own;
    auto is fuzzy-kmeans for data maps, sdp for affinities."""
    features: Literal["cells", "centred", "density"] = "cells"
    """What of the data map is compared between tasks; centred leaves out how hard each is."""


@dataclass(frozen=True, kw_only=True)
class ConstraintOptions:
    """What may share a model."""

    min_size: Bound = None
    """Fewest tasks of a model."""
    max_size: Bound = None
    """Most tasks of a model."""
    must_link: Linked = ()
    """Tasks that are trained together or not at all in a model."""
    cannot_link: Linked = ()
    """Tasks that are never trained in one model."""
    row_limit: Limits = ()
    """Limits on a column of a table for each model, such as latency=20."""
    time_limit: Annotated[float, arg(metavar="SECONDS")] = 60.0
    """Stop with the best found so far, and say how far from proven it is."""


@dataclass(frozen=True, kw_only=True)
class ComparisonOptions:
    """What is compared, and how often."""

    methods: Annotated[
        tuple[str, ...], arg(metavar="NAME ...", help_behavior_hint="", aliases=("--method",))
    ] = ()
    """Ways to find groups, such as data_map, lookahead or gradtag, or module:object of your own;
    NAME:published is as the method's paper has it; coterie parts lists all. (default: data_map)"""
    baselines: Annotated[
        tuple[str, ...], arg(metavar="NAME ...", help_behavior_hint="(default: all of coterie's)")
    ] = ()
    """Of single, random and ensemble those to train, or module:object of your own."""
    rivals: Annotated[
        tuple[str, ...], arg(metavar="none|auto|NAME ...", help_behavior_hint="(default: auto)")
    ] = ()
    """What one might use instead of groups, such as wide, tuned, blend, hybrid, or for tables
    forest, boosting, linear, or module:object of your own; auto is all that suit the data."""
    margin: Annotated[
        float | None,
        arg(metavar="POINTS", help_behavior_hint="(default: .5 for AUROC, 1 for R2 and skills)"),
    ] = None
    """Least gain that is worth having."""
    no_headroom: Flag = False
    """Do not bound first what any grouping could gain."""
    anyway: Flag = False
    """Train groups even if no grouping can gain what is worth having."""
    seeds: Annotated[int | None, arg(metavar="N", help_behavior_hint="")] = None
    """Trainings of everything, each with its own seed: exactly so many."""
    within: Annotated[
        float | None, arg(metavar="POINTS", help_behavior_hint="(default: the margin)")
    ] = None
    """Without --seeds they are added, 5 at least, until what decides is known to so many points
    to either side."""
    time: Annotated[str | None, arg(metavar="TIME", help_behavior_hint="(default: 15m)")] = None
    """Without --seeds, none is begun that would not be done in so long, such as 90s, 20m or 1h30m;
    more time continues a run."""
    repeats: Annotated[
        int | None, arg(metavar="N", help_behavior_hint="(default: 5 under 1,000 examples, else 1)")
    ] = None
    """Random splits."""
    draws: Count = 3
    """Random memberships per grouping, as baseline."""


@dataclass(frozen=True, kw_only=True)
class DistillationOptions:
    """What is distilled, and how."""

    teacher: Annotated[str | None, arg(metavar="RUN", help_behavior_hint="(default: trained)")] = (
        None
    )
    """Run directory of another coterie distill, or folder of a saved fit, whose teacher is used."""
    per_class: Count = 10
    """Examples of each class; with several tasks, of each cell of like labels.
    There are as many cells as classes of all tasks, or fewer."""
    iterations: Count = 4000
    """Steps of the longest optimised examples; 0 leaves real examples as they are."""
    round: Annotated[
        int | None, arg(metavar="N", help_behavior_hint="(default: an eighth of the iterations)")
    ] = None
    """Steps after which more examples join; as many as iterations: all at once."""
    rule: Annotated[str, arg(metavar="NAME")] = "median"
    """Which real examples to start from: median, top, low (by the teacher) or random.
    By data map only in Python."""


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """What is said while working."""

    quiet: Flag = False
    """No progress and no notes, only results and errors."""
    debug: Flag = False
    """Show the traceback of an error."""


@dataclass(frozen=True, kw_only=True)
class ConfigOptions(OutputOptions):
    """What is said while working, and a file of options."""

    config: Annotated[Path | None, arg(metavar="FILE.toml", help_behavior_hint="")] = None
    """Options by name; those given as flags win."""
