"""Options of the command line, verb by verb.

Dataclasses whose fields are the Python keywords and whose doc texts are the help.

The set is kept small on purpose and frozen by a test; everything else is reachable from Python.
Nothing heavy is imported here, so that ``coterie --help`` answers at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from coterie.cli.option_groups import (
    ComparisonOptions,
    ConfigOptions,
    ConstraintOptions,
    Count,
    DataOptions,
    DistillationOptions,
    Encoding,
    Flag,
    GroupOptions,
    Limits,
    OutputOptions,
    TrainingOptions,
)

Name = Annotated[str | None, arg(metavar="NAME", help_behavior_hint="")]
Margin = Annotated[
    float | None,
    arg(metavar="POINTS", help_behavior_hint="(default: .5 for AUROC, 1 for R2 and skills)"),
]
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
    learning_curve: Flag = False
    """Tell also what arms score with 5, 10, 20 and 50 % of the labels."""
    data: DataOptions
    training: TrainingOptions = field(default_factory=TrainingOptions)
    grouping: GroupOptions = field(default_factory=GroupOptions)
    comparison: ComparisonOptions = field(default_factory=ComparisonOptions)
    output: ConfigOptions = field(default_factory=ConfigOptions)


@dataclass(frozen=True, kw_only=True)
class Run(Compare):
    """Do it all: compare, save the model of the recommended arm, write the report.

    A run that was stopped continues when the same command is given again.
    """

    save: Annotated[
        str | None, arg(metavar="ARM", help_behavior_hint="(default: the recommended one)")
    ] = None
    """Arm whose model is left behind for coterie predict."""
    fail_undecided: Flag = False
    """Exit with status 3 if it is undecided what to use."""


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
    affinity: Name = None
    """Group by this measured affinity instead of the data map."""
    amounts: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    """Table (Parquet or CSV) with a column task and, by column, what --row-limit limits."""
    grouping: GroupOptions = field(default_factory=GroupOptions)
    constraints: ConstraintOptions = field(default_factory=ConstraintOptions)
    output: OutputOptions = field(default_factory=OutputOptions)


@dataclass(frozen=True, kw_only=True)
class Affinity:
    """Measure how tasks help each other while one model of all of them trains.

    With the same data and training options it continues a run of coterie record.
    """

    out: OutFolder = None
    """Run directory."""
    methods: Annotated[tuple[str, ...], arg(metavar="NAME ...")] = ("lookahead",)
    """To measure in one training, such as lookahead or cosine, or module:object of your own."""
    every: Count = 10
    """Steps between measurements."""
    data: DataOptions
    training: TrainingOptions = field(default_factory=TrainingOptions)
    output: ConfigOptions = field(default_factory=ConfigOptions)


@dataclass(frozen=True, kw_only=True)
class Select:
    """Select the models that serve all tasks best within a budget."""

    source: Annotated[Positional[Path], arg(metavar="SCORES|RUN")]
    """Table (Parquet or CSV) with columns subset (names joined by +), task, value, perhaps cost;
    or a run with an affinity."""
    budget: Annotated[float, arg(metavar="B")]
    """Number of models, or their summed cost where the table has costs."""
    affinity: Name = None
    """Measured affinity of the run, averaged over the members of a group."""
    lower_is_better: Flag = False
    """The values are losses."""
    partition: Flag = False
    """Every task is trained in one model only."""
    resource: Limits = ()
    """Limits on the sum of a column of the table over the selected models, such as memory=2000."""
    task_weight: Annotated[
        tuple[str, ...], arg(metavar="TASK=WEIGHT ...", help_behavior_hint="")
    ] = ()
    """What the score of a task counts, 1 unless given."""
    constraints: ConstraintOptions = field(default_factory=ConstraintOptions)
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
    learning_curve: Flag = False
    """Count a learning curve, too."""
    data: DataOptions
    training: TrainingOptions = field(default_factory=TrainingOptions)
    grouping: GroupOptions = field(default_factory=GroupOptions)
    comparison: ComparisonOptions = field(default_factory=ComparisonOptions)
    output: ConfigOptions = field(default_factory=ConfigOptions)


@dataclass(frozen=True, kw_only=True)
class Headroom:
    """Bound what any grouping could gain, before anything is grouped.

    Trains random groups on several seeds; a run that was stopped continues.
    """

    out: OutFolder = None
    """Run directory."""
    groups: Annotated[int, arg(metavar="K")]
    """Number of groups, at most."""
    rows: Count = 32
    """Random groups to train."""
    seeds: Count = 5
    """Trainings of each."""
    margin: Margin = None
    """Least gain that is worth having."""
    data: DataOptions
    training: TrainingOptions = field(default_factory=TrainingOptions)
    output: ConfigOptions = field(default_factory=ConfigOptions)


@dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """Tell what joint, grouped, single-task and other models score with fewer labels.

    Each seed draws labels of its own; a run that was stopped continues.
    """

    out: OutFolder = None
    """Run directory."""
    shares: Annotated[tuple[float, ...], arg(metavar="SHARE ...")] = (0.05, 0.1, 0.2, 0.5, 1.0)
    """Of the labels of training and validation, up to 1."""
    methods: Annotated[
        tuple[str, ...], arg(metavar="NAME ...", help_behavior_hint="(default: data_map)")
    ] = ()
    """Ways to find groups."""
    rivals: Annotated[
        tuple[str, ...], arg(metavar="none|auto|NAME ...", help_behavior_hint="(default: forest)")
    ] = ()
    """What one might use instead of groups."""
    margin: Margin = None
    """Least gain that is worth having."""
    seeds: Count = 3
    """Trainings of everything, each with its own seed and labels."""
    repeats: Annotated[
        int | None, arg(metavar="N", help_behavior_hint="(default: 5 under 1,000 examples, else 1)")
    ] = None
    """Random splits."""
    data: DataOptions
    training: TrainingOptions = field(default_factory=TrainingOptions)
    grouping: GroupOptions = field(default_factory=GroupOptions)
    output: ConfigOptions = field(default_factory=ConfigOptions)


@dataclass(frozen=True, kw_only=True)
class Distill:
    """Distil the training examples into a few of each class.

    With several tasks, into a few of each cell of like labels.

    Training options are the teacher's; --model and --device its students', too.

    A run that was stopped continues when the same command is given again.
    """

    out: OutFolder = None
    """Run directory."""
    data: DataOptions
    training: TrainingOptions = field(default_factory=TrainingOptions)
    distillation: DistillationOptions = field(default_factory=DistillationOptions)
    output: ConfigOptions = field(default_factory=ConfigOptions)


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Train one specialised model per group; save them as one.

    Of a run of coterie distill: train students on its examples, and score them.
    """

    run: RunFolder
    """Run directory with a grouping, or of coterie distill."""
    distilled: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    """Train students on these distilled examples, with labels of the teacher of the run; in a run
    of coterie distill its own if left out."""
    epochs: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 300)")] = None
    """Passes of students over distilled examples; groups train as the run says."""
    seeds: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 3)")] = None
    """Number of students on distilled examples, each with a seed of its own: 0, 1, ..."""
    model: Name = None
    """Your own encoder module:factory, named again because importing it runs code."""
    trust: Flag = False
    """Import whatever encoder and kinds of targets the run names."""
    output: OutputOptions = field(default_factory=OutputOptions)


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Measure the saved model of a run on its test examples."""

    run: RunFolder
    """Run directory with a model."""
    model: Name = None
    """Your own encoder module:factory, named again because importing it runs code."""
    trust: Flag = False
    """Import whatever encoder and kinds of targets the run or model file names."""
    data: Annotated[
        tuple[str, ...],
        arg(metavar="PATH ...", help_behavior_hint="(default: the run's own test examples)"),
    ] = ()
    """Other labelled examples, read with the types, classes and units of training."""
    encoding: Encoding = None
    """Encoding of CSV files."""
    output: OutputOptions = field(default_factory=OutputOptions)


@dataclass(frozen=True, kw_only=True)
class Report:
    """Write the report of a run: one HTML file, and a JSON twin beside it."""

    run: RunFolder
    """Run directory with a comparison, or with distilled examples."""
    output: OutputOptions = field(default_factory=OutputOptions)


@dataclass(frozen=True, kw_only=True)
class Predict:
    """Write the predictions of a saved model for new examples as a table."""

    run: Annotated[Positional[Path], arg(metavar="RUN|MODEL")]
    """Run directory with a model, or a model file."""
    data: Annotated[Path, arg(metavar="PATH")]
    """New examples: a file like the one that the model was trained on; targets may be absent."""
    model: Name = None
    """Your own encoder module:factory, named again because importing it runs code."""
    trust: Flag = False
    """Import whatever encoder and kinds of targets the run or model file names."""
    encoding: Encoding = None
    """Encoding of a CSV file."""
    out: Annotated[Path, arg(metavar="FILE.parquet|FILE.csv")]
    """Table to write: id, then by task a probability, a class with its probability, or a value.
    FILE.json beside it says which class is positive."""
    output: OutputOptions = field(default_factory=OutputOptions)


@dataclass(frozen=True, kw_only=True)
class Export:
    """Write a saved model as one program, from raw numbers to predictions."""

    run: Annotated[Positional[Path], arg(metavar="RUN|MODEL")]
    """Run directory with a model, or a model file."""
    model: Name = None
    """Your own encoder module:factory, named again because importing it runs code."""
    trust: Flag = False
    """Import whatever encoder and kinds of targets the run or model file names."""
    out: Annotated[Path, arg(metavar="PROGRAM.onnx|PROGRAM.pt2")]
    """File to write, for ONNX or torch.export; it says what it reads and gives."""
    output: OutputOptions = field(default_factory=OutputOptions)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """List methods, clusterings, kinds, encoders and baselines by name."""

    output: OutputOptions = field(default_factory=OutputOptions)


Verb = (
    Run
    | Record
    | Affinity
    | Group
    | Select
    | Distill
    | Fit
    | Evaluate
    | Compare
    | Plan
    | Headroom
    | LearningCurve
    | Report
    | Predict
    | Export
    | Parts
)
