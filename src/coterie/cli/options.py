"""Options of the command line.

Dataclasses whose fields are the Python keywords and whose doc texts are the help.

The set is kept small on purpose and frozen by a test; everything else is reachable from Python.
Nothing heavy is imported here, so that ``coterie --help`` answers at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import FlagCreatePairsOff, Positional, arg

Flag = Annotated[FlagCreatePairsOff[bool], arg(help_behavior_hint="")]
Count = Annotated[int, arg(metavar="N")]
Names = Annotated[tuple[str, ...], arg(metavar="NAME ...", help_behavior_hint="")]
Column = Annotated[str | None, arg(metavar="COLUMN", help_behavior_hint="")]
Pairs = Annotated[tuple[str, ...], arg(metavar="NAME=KIND ...", help_behavior_hint="")]


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Where examples and targets come from."""

    data: Annotated[tuple[str, ...], arg(metavar="PATH ...|digits")]
    """Parquet, CSV or Arrow files (a table, or images in the `datasets` layout), or scikit-learn's handwritten digits."""
    test: Annotated[tuple[str, ...], arg(metavar="PATH ...", help_behavior_hint="")] = ()
    """Files with the test examples, where they are apart."""
    targets: Names = ()
    """Columns to predict, one task each."""
    one_vs_rest: Column = None
    """Column of classes; each class becomes a yes-or-no task."""
    exclude: Names = ()
    """Columns that are neither input nor target."""
    keep: Names = ()
    """Columns that are inputs although they look like a row number or an id, or the file names them as labels."""
    kind: Pairs = ()
    """Kind of a target when the guess is wrong: binary, multiclass, regression, ordinal or count."""
    positive: Annotated[tuple[str, ...], arg(metavar="NAME=VALUE ...", help_behavior_hint="")] = ()
    """Positive class of a binary target; else the larger number, true, or the later in the alphabet."""
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
    encoding: Annotated[
        str | None,
        arg(metavar="NAME", help_behavior_hint="(default: utf-8, or utf-16 by its mark)"),
    ] = None
    """Encoding of CSV files."""


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How models are trained; the same for all of them."""

    model: Annotated[str, arg(metavar="NAME")] = "auto"
    """mlp, cnn, resnet18, or module:factory of your own; auto is cnn for images and mlp otherwise."""
    epochs: Count = 10
    """Passes over the training examples."""
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
    clustering: Literal[
        "auto",
        "fuzzy-kmeans",
        "fuzzy-cmeans",
        "kmeans",
        "points",
        "sdp",
        "spectral",
        "hierarchical",
    ] = "auto"
    """Clustering: the last three are for affinities; auto is fuzzy-kmeans for data maps, sdp for affinities."""
    features: Literal["cells", "density"] = "cells"
    """What of the data map is compared between tasks."""


@dataclass(frozen=True, kw_only=True)
class ComparisonOptions:
    """What is compared, and how often."""

    methods: Annotated[
        tuple[str, ...], arg(metavar="NAME ...", help_behavior_hint="", aliases=("--method",))
    ] = ()
    """Ways to find groups: data_map; affinities: cosine, lookahead, transfer_gain, auxiliary_gain; score estimators: train,
    early, pairs, surrogate, gradtag, mtgnet; dmtg. (default: data_map)"""
    seeds: Count = 3
    """Trainings of everything, each with its own seed."""
    repeats: Annotated[
        int | None, arg(metavar="N", help_behavior_hint="(default: 5 under 1,000 examples, else 1)")
    ] = None
    """Random splits."""
    draws: Count = 3
    """Random memberships per grouping, as baseline."""


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


OwnModel = Annotated[str | None, arg(metavar="NAME", help_behavior_hint="")]
RunFolder = Annotated[Positional[Path], arg(metavar="RUN")]
OutFolder = Annotated[
    Path | None, arg(metavar="RUN", help_behavior_hint="(default: runs/NAME OF THE DATA FILE)")
]


@dataclass(frozen=True, kw_only=True)
class Compare:
    """Record, group, and train the grouped models and all baselines on every seed.

    A run that was stopped continues when the same command is given again.
    """

    out: OutFolder = None
    """Run directory."""
    data: DataOptions
    training: TrainingOptions = field(default_factory=TrainingOptions)
    grouping: GroupOptions = field(default_factory=GroupOptions)
    comparison: ComparisonOptions = field(default_factory=ComparisonOptions)
    output: ConfigOptions = field(default_factory=ConfigOptions)


@dataclass(frozen=True, kw_only=True)
class Run(Compare):
    """Do it all: compare, save the grouped model, write the report.

    A run that was stopped continues when the same command is given again.
    """


@dataclass(frozen=True, kw_only=True)
class Record:
    """Train one model on all tasks and record its data map in a new run directory."""

    out: OutFolder = None
    """Run directory."""
    data: DataOptions
    training: TrainingOptions = field(default_factory=TrainingOptions)
    output: ConfigOptions = field(default_factory=ConfigOptions)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Group the tasks of a run by its data map, or by an affinity."""

    run: RunFolder
    """Run directory with a data map, or with the affinity named."""
    affinity: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="")] = None
    """Group by this measured affinity instead of the data map."""
    grouping: GroupOptions = field(default_factory=GroupOptions)
    output: OutputOptions = field(default_factory=OutputOptions)


@dataclass(frozen=True, kw_only=True)
class Affinity:
    """Measure how tasks help each other while one model of all of them trains.

    With the same data and training options it continues a run of coterie record.
    """

    out: OutFolder = None
    """Run directory."""
    methods: Annotated[tuple[str, ...], arg(metavar="NAME ...")] = ("lookahead",)
    """What to measure, in one training: cosine, lookahead, transfer_gain, auxiliary_gain, data_map."""
    every: Count = 10
    """Steps between measurements."""
    data: DataOptions
    training: TrainingOptions = field(default_factory=TrainingOptions)
    output: ConfigOptions = field(default_factory=ConfigOptions)


@dataclass(frozen=True, kw_only=True)
class Select:
    """Select the models that serve all tasks best within a budget."""

    source: Annotated[Positional[Path], arg(metavar="SCORES|RUN")]
    """Table (Parquet or CSV) with columns subset (names joined by +), task, value, perhaps cost; or a run with an affinity."""
    budget: Annotated[float, arg(metavar="B")]
    """Number of models, or their summed cost where the table has costs."""
    affinity: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="")] = None
    """Measured affinity of the run, averaged over the members of a group."""
    lower_is_better: Flag = False
    """The values are losses."""
    partition: Flag = False
    """Every task is trained in one model only."""
    min_size: Annotated[int | None, arg(metavar="N", help_behavior_hint="")] = None
    """Fewest tasks of a model."""
    max_size: Annotated[int | None, arg(metavar="N", help_behavior_hint="")] = None
    """Most tasks of a model."""
    must_link: Annotated[tuple[str, ...], arg(metavar="A+B ...", help_behavior_hint="")] = ()
    """Tasks that are trained together or not at all in a model."""
    cannot_link: Annotated[tuple[str, ...], arg(metavar="A+B ...", help_behavior_hint="")] = ()
    """Tasks that are never trained in one model."""
    resource: Annotated[
        tuple[str, ...], arg(metavar="COLUMN=LIMIT ...", help_behavior_hint="")
    ] = ()
    """Limits on the sum of a column of the table over the selected models, such as memory=2000."""
    row_limit: Annotated[
        tuple[str, ...], arg(metavar="COLUMN=LIMIT ...", help_behavior_hint="")
    ] = ()
    """Limits on a column of the table for each model, such as latency=20."""
    task_weight: Annotated[
        tuple[str, ...], arg(metavar="TASK=WEIGHT ...", help_behavior_hint="")
    ] = ()
    """What the score of a task counts, 1 unless given."""
    time_limit: Annotated[float, arg(metavar="SECONDS")] = 60.0
    """Stop with the best found so far, and say how far from proven it is."""
    out: Annotated[
        Path | None,
        arg(metavar="FILE.json", help_behavior_hint="(default: a run keeps it as its grouping)"),
    ] = None
    """Where to write the selection."""
    output: OutputOptions = field(default_factory=OutputOptions)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Estimate what comparing methods would take, before anything long starts."""

    budget: Annotated[str | None, arg(metavar="TIME", help_behavior_hint="")] = None
    """Pick the methods that fit, such as 90s, 30m or 2h."""
    data: DataOptions
    training: TrainingOptions = field(default_factory=TrainingOptions)
    grouping: GroupOptions = field(default_factory=GroupOptions)
    comparison: ComparisonOptions = field(default_factory=ComparisonOptions)
    output: ConfigOptions = field(default_factory=ConfigOptions)


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Train one specialised model per group of a grouped run; save them as one."""

    run: RunFolder
    """Run directory with a grouping."""
    model: OwnModel = None
    """The encoder module:factory that the run names, if it is your own: named again, because importing it runs code."""
    trust: Flag = False
    """Import whatever encoder the run names."""
    output: OutputOptions = field(default_factory=OutputOptions)


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Measure the saved model of a run on its test examples."""

    run: RunFolder
    """Run directory with a model."""
    model: OwnModel = None
    """The encoder module:factory of the model, if it is your own: named again, because importing it runs code."""
    trust: Flag = False
    """Import whatever encoder the model file names."""
    data: Annotated[
        tuple[str, ...],
        arg(metavar="PATH ...", help_behavior_hint="(default: the run's own test examples)"),
    ] = ()
    """Other labelled examples to measure it on, read with the types, classes and units of training."""
    encoding: Annotated[
        str | None,
        arg(metavar="NAME", help_behavior_hint="(default: utf-8, or utf-16 by its mark)"),
    ] = None
    """Encoding of CSV files."""
    output: OutputOptions = field(default_factory=OutputOptions)


@dataclass(frozen=True, kw_only=True)
class Report:
    """Write the report of a comparison: one HTML file, and a JSON twin beside it."""

    run: RunFolder
    """Run directory with a comparison."""
    output: OutputOptions = field(default_factory=OutputOptions)


@dataclass(frozen=True, kw_only=True)
class Predict:
    """Write the predictions of a saved model for new examples as a table."""

    run: Annotated[Positional[Path], arg(metavar="RUN|MODEL")]
    """Run directory with a model, or a model file."""
    data: Annotated[Path, arg(metavar="PATH")]
    """New examples: a file like the one that the model was trained on; targets may be absent."""
    model: OwnModel = None
    """The encoder module:factory of the model, if it is your own: named again, because importing it runs code."""
    trust: Flag = False
    """Import whatever encoder the model file names."""
    encoding: Annotated[
        str | None,
        arg(metavar="NAME", help_behavior_hint="(default: utf-8, or utf-16 by its mark)"),
    ] = None
    """Encoding of a CSV file."""
    out: Annotated[Path, arg(metavar="FILE.parquet|FILE.csv")]
    """Table to write: id, then a probability of the positive class, a class with its probability, or a value per task.
    FILE.json beside it says which class is positive."""
    output: OutputOptions = field(default_factory=OutputOptions)


@dataclass(frozen=True, kw_only=True)
class Export:
    """Write a saved model as one program, from raw numbers to predictions."""

    run: Annotated[Positional[Path], arg(metavar="RUN|MODEL")]
    """Run directory with a model, or a model file."""
    model: OwnModel = None
    """The encoder module:factory of the model, if it is your own: named again, because importing it runs code."""
    trust: Flag = False
    """Import whatever encoder the model file names."""
    out: Annotated[Path, arg(metavar="PROGRAM.onnx|PROGRAM.pt2")]
    """File to write, for ONNX or torch.export. What it reads and gives stands in it, and is shown."""
    output: OutputOptions = field(default_factory=OutputOptions)


Verb = (
    Run
    | Record
    | Affinity
    | Group
    | Select
    | Fit
    | Evaluate
    | Compare
    | Plan
    | Report
    | Predict
    | Export
)
