"""The command line, as its users meet it."""

from __future__ import annotations

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from rich.console import Console

from coterie.cli import main, options
from coterie.cli.asked import methods_asked
from coterie.cli.parsing import VERBS, from_toml, names, parse
from coterie.cli.show import Screen
from coterie.evaluation import BASELINES, RIVALS
from coterie.files import read_json
from coterie.grouping import AFFINITY_METHODS
from coterie.grouping import METHODS as CLUSTERINGS
from coterie.methods import METHODS, Cluster
from coterie.models.encoders import ENCODERS
from coterie.runs import Run
from coterie.tasks import KINDS
from coterie.training import TrainingConfig

QUICK = (
    "--epochs",
    "2",
    "--batch-size",
    "64",
    "--seeds",
    "2",
    "--repeats",
    "1",
    "--draws",
    "1",
    "--rivals",
    "none",
    "--no-headroom",
    "--groups",
    "2",
)
TARGETS = ("warm", "wet", "windy", "colour", "size")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 rows, 5 inputs, 3 binary targets, 1 multi-class, 1 regression."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 5))
    frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(5)])
    frame.insert(0, "sample_id", [f"s{i:03d}" for i in range(300)])
    frame["warm"] = x[:, 0] + x[:, 1] > 0
    frame["wet"] = np.where(x[:, 0] > 0.2, "yes", "no")
    frame["windy"] = (x[:, 2] > 0).astype(int)
    frame["colour"] = np.choose(np.digitize(x[:, 3], (-0.5, 0.5)), ["red", "green", "blue"])
    frame["size"] = 100 + 10 * x[:, 4]
    path = tmp_path_factory.mktemp("data") / "weather.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """people.parquet (150 rows, 3 inputs, 6 binary targets), and spoilt.parquet: much is wrong."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 3))
    frame = pd.DataFrame(x, columns=["age", "height", "weight"])
    for position, name in enumerate("ABCDEF"):
        frame[name] = (x[:, position % 3] + rng.normal(size=150) > 0).astype(int)
    folder = tmp_path_factory.mktemp("people")
    frame.to_parquet(folder / "people.parquet")
    spoilt = frame.assign(
        always=1, missing=np.nan, income=[*map(str, x[:-1, 0]), "plenty"], far=[*x[:-1, 0], np.inf]
    )
    spoilt.to_parquet(folder / "spoilt.parquet")
    return folder


@pytest.fixture(scope="module")
def recorded(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory taken through record, group and fit."""
    folder = tmp_path_factory.mktemp("runs") / "steps"
    assert (
        main(
            [
                "record",
                "--data",
                str(table),
                "--targets",
                *TARGETS,
                "--epochs",
                "3",
                "--out",
                str(folder),
            ]
        )
        == 0
    )
    assert main(["group", str(folder), "--groups", "2"]) == 0
    assert main(["fit", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def finished(table: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A finished run and the command that made it."""
    folder = tmp_path_factory.mktemp("runs") / "all"
    command = [
        "run",
        "--data",
        str(table),
        "--targets",
        *TARGETS,
        *QUICK,
        "--quiet",
        "--out",
        str(folder),
    ]
    assert main(command) == 0
    return folder, command


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a user's mistake is answered with."""
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert err.count("\n") == 1
    assert err.startswith("coterie: error: ")
    return err


# Help and options


def test_help_is_readable_at_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["--help"]) == 0
    top = capsys.readouterr().out
    assert all(verb in top for verb in VERBS)
    assert max(map(len, top.splitlines())) <= 80
    for verb in VERBS:
        assert main([verb, "--help"]) == 0
        assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
    assert main(["run", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for default in (
        "(default: until done)",
        "(default: 0.001)",
        "(default: adam)",
        "(default: auto)",
        "(default: 3)",
        "(default: 1.07)",
    ):
        assert default in text


def test_no_arguments_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "usage: coterie" in capsys.readouterr().out


DATA = [
    *(
        "data",
        "test",
        "targets",
        "one_vs_rest",
        "exclude",
        "keep",
        "kind",
        "positive",
        "metric",
        "task_column",
        "target_column",
    ),
    *(
        "image_column",
        "group_column",
        "split_column",
        "time_column",
        "allow_overlap",
        "rare",
        "limit",
        "na",
        "encoding",
    ),
]
TRAINING = [
    "model",
    "epochs",
    "patience",
    "lr",
    "batch_size",
    "optimiser",
    "precision",
    "reduction",
    "augment",
    "device",
    "seed",
]
GROUPING = ["groups", "fuzziness", "clustering", "features"]
CONSTRAINTS = [
    *("min_size", "max_size", "must_link", "cannot_link", "row_limit", "time_limit"),
]
COMPARISON = [
    *("methods", "baselines", "rivals", "margin", "no_headroom", "anyway"),
    *("seeds", "within", "time", "repeats", "draws"),
]


@pytest.mark.parametrize(
    ("verb", "expected"),
    [
        (
            "run",
            [
                *("out", "learning_curve", *DATA, *TRAINING, *GROUPING, *COMPARISON),
                *("quiet", "debug", "config", "save", "fail_undecided"),
            ],
        ),
        (
            "compare",
            [
                *("out", "learning_curve", *DATA, *TRAINING, *GROUPING, *COMPARISON),
                *("quiet", "debug", "config"),
            ],
        ),
        ("record", ["out", *DATA, *TRAINING, "quiet", "debug", "config"]),
        ("affinity", ["out", "methods", "every", *DATA, *TRAINING, "quiet", "debug", "config"]),
        ("group", ["run", "affinity", "amounts", *GROUPING, *CONSTRAINTS, "quiet", "debug"]),
        (
            "select",
            [
                *("source", "budget", "affinity", "lower_is_better", "partition"),
                *("resource", "task_weight", *CONSTRAINTS, "out", "quiet", "debug"),
            ],
        ),
        (
            "plan",
            [
                "budget",
                "learning_curve",
                *DATA,
                *TRAINING,
                *GROUPING,
                *COMPARISON,
                "quiet",
                "debug",
                "config",
            ],
        ),
        (
            "headroom",
            [
                *("out", "groups", "rows", "seeds", "margin"),
                *(*DATA, *TRAINING, "quiet", "debug", "config"),
            ],
        ),
        (
            "learning-curve",
            [
                *("out", "shares", "methods", "rivals", "margin", "seeds", "repeats"),
                *(*DATA, *TRAINING, *GROUPING, "quiet", "debug", "config"),
            ],
        ),
        (
            "distill",
            [
                *("out", *DATA, *TRAINING, "teacher", "per_class", "iterations", "round", "rule"),
                *("quiet", "debug", "config"),
            ],
        ),
        (
            "fit",
            ["run", "distilled", "epochs", "seeds", "model", "trust", "quiet", "debug"],
        ),
        ("evaluate", ["run", "model", "trust", "data", "encoding", "quiet", "debug"]),
        ("report", ["run", "quiet", "debug"]),
        ("predict", ["run", "data", "model", "trust", "encoding", "out", "quiet", "debug"]),
        ("export", ["run", "model", "trust", "out", "quiet", "debug"]),
        ("parts", ["quiet", "debug"]),
    ],
)
def test_options_are_frozen(verb: str, expected: list[str]) -> None:
    """Everything else is set from Python: think twice before adding a flag."""
    assert list(names(VERBS[verb])) == expected


def test_a_metric_is_for_all_tasks_or_for_one(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    command = ["compare", "--data", str(table), "--targets", "warm", "wet", *QUICK]
    for wrong, message in (
        (["warm=R2"], "`metric` of the binary task 'warm' must be one of 'AUROC', "),
        (["F1", "AUROC"], "`--metric` names 'F1' and 'AUROC' for all tasks"),
        (["cold=F1"], "`metric` names 'cold', which is no task"),
    ):
        assert main([*command, "--out", str(run), "--metric", *wrong]) == 2
        assert message in complaint(capsys)
        assert not run.exists()
    asked = ["--metric", "balanced accuracy", "--metric", "warm=F1"]
    assert main([*command, "--out", str(run), *asked]) == 0
    found = read_json(run / "comparison" / "comparison.json")
    assert found["metric_names"] == ["F1 skill", "balanced accuracy skill"]


def test_choices_and_defaults_are_those_of_python() -> None:
    hints, known = get_type_hints(options.TrainingOptions), get_type_hints(TrainingConfig)
    for name in ("optimiser", "precision", "reduction"):
        assert get_args(hints[name]) == get_args(known[name])
    config, ours = TrainingConfig(), options.TrainingOptions()
    for name in (
        "epochs",
        "patience",
        "lr",
        "batch_size",
        "optimiser",
        "precision",
        "reduction",
        "augment",
        "device",
        "seed",
    ):
        assert getattr(ours, name) == getattr(config, name)


def test_parts_are_those_of_the_registries(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    made = partial(Cluster, "cosine", by="spectral")
    monkeypatch.setitem(METHODS, "seldom", made)
    for name, kind in list(KINDS.items()):
        if not type(kind).__module__.startswith("coterie."):
            monkeypatch.delitem(KINDS, name)  # another test's
    assert main(["parts"]) == 0
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    rows = {line.split()[0]: line.split()[1:] for line in said.splitlines() if line.strip()}
    registries = (METHODS, CLUSTERINGS, AFFINITY_METHODS, KINDS, ENCODERS, BASELINES, RIVALS)
    for name in [name for registry in registries for name in registry]:
        assert len(rows[name]) > 1, name  # with a sentence
    assert rows["seldom"] == rows["cosine"]
    assert "``" not in said
    assert "*" not in said


def test_help_names_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """It names only some, which must exist, and where all are listed."""
    assert main(["run", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "coterie parts lists all" in text
    examples = re.findall(r"[Ss]uch as ((?:\w+(?:, | or | for data maps, | for tables )?)+)", text)
    named = {name for found in examples for name in re.findall(r"\w+", found)}
    known = {*METHODS, *CLUSTERINGS, *AFFINITY_METHODS, *KINDS, *ENCODERS, *RIVALS}
    assert named & known == {
        *("data_map", "lookahead", "gradtag", "kmeans", "spectral", "ordinal", "count", "mlp"),
        *("wide", "tuned", "blend", "hybrid", "forest", "boosting", "linear"),
    }
    assert set(re.search(r"Of (.+) those to train", text)[1].replace(",", "").split()) - {
        "and"
    } == {*BASELINES} - {"joint"}


def test_methods_of_one_name_are_all_compared() -> None:
    own = ("tests.test_cli:flat", "math:sqrt", "cmath:sqrt", "math:sqrt", "cosine", "cosine")
    compared = options.ComparisonOptions(methods=own)
    found = methods_asked(options.GroupOptions(groups=(2,)), compared)
    assert list(found) == [
        "flat K=auto",
        "sqrt K=auto",
        "cmath:sqrt sqrt K=auto",
        "cosine K=2",
    ]


def test_unknown_parts_are_named_before_the_data_are_read(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for extra, message in (
        (["--clustering", "k-means"], "`clustering` must be one of fuzzy-kmeans, "),
        (["--clustering", "math:pi"], "`clustering` must be one of fuzzy-kmeans, "),
        (["--clustering", "math"], "`clustering` must be one of fuzzy-kmeans, "),
        (["--methods", "math:none"], "`method"),
        (["--methods", "math:pi"], "`methods` must be a Grouping, a method or the name of one"),
        (["--methods", "cosine", "--clustering", "kmeans"], "which groups data maps"),
        (["--baselines", "double"], "`baselines` must be a sequence of joint, single, "),
        (["--rivals", "tund"], "found 'tund'. Did you mean 'tuned'?"),
        (["--rivals", "none", "wide"], "`rivals` must be 'none', 'auto', or of wide, "),
        (["--rivals", "math:pi"], "`rivals` must be names or objects of Rival; found 3.14"),
        (["--baselines", "math:pi"], "`--baselines` 'math:pi' must be of type ArmKind; found 3.14"),
        (["--kind", "warm=math:pi"], "`--kind` 'math:pi' must be of type Kind; found 3.14"),
        (["--kind", "warm=coterie.tasks:Numbers"], "cannot be made: TypeError"),
    ):
        command = ["run", "--data", str(table), "--targets", *TARGETS, "--out", str(tmp_path / "r")]
        assert main([*command, *extra]) == 2, extra
        assert message in complaint(capsys), extra
        assert not (tmp_path / "r").exists()


def test_what_is_known_without_torch_is_said_without_it() -> None:
    code = (
        "import sys; from coterie.cli import main; main(['--version']); main(['run', '-h']); "
        "main(['fit', 'nowhere']); main(['run', '--data', 'digits', '--out', sys.executable]); "
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("coterie 0.")
    assert done.stderr.count("coterie: error: ") == 2


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "OMP_NUM_THREADS": "1",
    }


# Configuration files


def test_file_gives_options_and_flags_win(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(
        'data = "t.csv"\ntargets = ["a", "b c"]\nepochs = 3\nbatch-size = 7\naugment = true\n'
        'groups = [2, "auto"]\n'
        'out = "r"\nquiet = false\n[kind]\n"b c" = "regression"\n'
    )
    verb: Any = parse(["run", "--config", str(path), "--epochs", "5"])
    assert verb.data.data == ("t.csv",)
    assert verb.data.targets == ("a", "b c")
    assert verb.data.kind == ("b c=regression",)
    assert (verb.training.epochs, verb.training.batch_size, verb.training.augment) == (5, 7, True)
    assert verb.grouping.groups == (2, "auto")
    assert verb.out == Path("r")
    assert not parse(["run", f"--config={path}", "--no-augment"]).training.augment
    assert parse(["run", "--config", str(path), "--targets", "z"]).data.targets == ("z",)


def test_unknown_option_in_file_names_close_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.toml"
    path.write_text("epoch = 3\n")
    assert main(["run", "--config", str(path)]) == 2
    assert "unknown option 'epoch': did you mean epochs?" in complaint(capsys)
    path.write_text("zzz = 3\n")
    assert main(["record", "--config", str(path)]) == 2
    assert "known are allow_overlap, augment, batch_size" in complaint(capsys)


@pytest.mark.parametrize("content", [None, "epochs = ", b"\xff\xfe"])
def test_unreadable_file_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | bytes | None
) -> None:
    path = tmp_path / "c.toml"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert main(["run", "--config", str(path)]) == 2
    assert "c.toml' cannot be read" in complaint(capsys)


def test_wrong_type_in_file_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.toml"
    path.write_text('epochs = "many"\ndata = "d"\nout = "o"\n')
    assert main(["run", "--config", str(path)]) == 2
    captured = capsys.readouterr()
    assert "--epochs" in captured.out + captured.err


def test_options_of_a_verb_only(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("seeds = 3\n")
    assert from_toml(str(path), VERBS["run"]) == ["--seeds", "3"]
    assert main(["record", "--config", str(path)]) == 2


# Mistakes


def flat(input_shape: tuple[int, ...]) -> Any:
    """An encoder of the wrong shape: it gives (B,)."""
    return torch.nn.Sequential(torch.nn.Linear(*input_shape, 1), torch.nn.Flatten(0))


def breaking(input_shape: tuple[int, ...]) -> Any:
    """An encoder that gives NaN from its fourth training step on."""
    steps = 0

    class Breaking(torch.nn.Linear):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            nonlocal steps
            steps += self.training
            return super().forward(inputs) * (1.0 if steps < 4 else torch.nan)

    return Breaking(*input_shape, 4)


BINARY = ("A", "B", "C")


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--targets", "A", "B", "Z"], "`targets` names 'Z', which is no column"),
        (["--targets", "A", "B", "A"], "`targets` names 'A' twice"),
        (["--targets", *BINARY, "always"], "Target 'always' is constant: every label is '1'"),
        (
            ["--targets", *BINARY, "income"],
            "Target 'income' must hold numbers; found the text 'plenty' in row 149",
        ),
        (["--targets", *BINARY, "missing"], "Target 'missing' has no label at all"),
        (["--targets", *BINARY], "Column 'far' holds an infinite value in row 149"),
        (["--targets", *BINARY, "--exclude", "far", "--groups", "4"], "fewer tasks than groups"),
        (
            ["--targets", *BINARY, "--exclude", "far", "--groups", "0"],
            "at least 1, or 'auto'; found 0",
        ),
        (
            ["--targets", *BINARY, "--exclude", "far", "--model", "tests.test_cli:flat"],
            "for B = 2 it gave (2,)",
        ),
        (
            ["--targets", *BINARY, "--exclude", "far", "--model", "tests.test_cli:none"],
            "could not be imported",
        ),
    ],
)
def test_bad_input_leaves_nothing_behind(
    people: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    extra: list[str],
    message: str,
) -> None:
    monkeypatch.setattr("coterie.training.loop.gradient_step", never)
    out = tmp_path / "run"
    assert (
        main(
            ["run", "--quiet", "--data", str(people / "spoilt.parquet"), "--out", str(out), *extra]
        )
        == 2
    )
    assert message in complaint(capsys)
    assert not out.exists()


def test_bytes_that_are_no_image_are_named_by_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    Image.new("RGB", (2, 2)).save(image := BytesIO(), "PNG")
    cells = [
        {"bytes": data, "path": None}
        for data in (image.getvalue(), b"no picture", image.getvalue())
    ]
    pq.write_table(pa.table({"image": cells, "A": [0, 1, 0]}), tmp_path / "images.parquet")
    assert (
        main(
            [
                "run",
                "--data",
                str(tmp_path / "images.parquet"),
                "--targets",
                "A",
                "--out",
                str(tmp_path / "run"),
            ]
        )
        == 2
    )
    assert "Row 1 of image column 'image' is no readable image" in complaint(capsys)
    assert not (tmp_path / "run").exists()


def test_loss_that_is_not_finite_stops_and_keeps_the_last_checkpoint(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from coterie.files import read_arrays

    command = [
        "record",
        "--data",
        str(people / "people.parquet"),
        "--targets",
        *BINARY,
        "--quiet",
        "--out",
        str(tmp_path),
    ]
    assert main([*command, "--epochs", "6", "--model", "tests.test_cli:breaking"]) == 2
    assert "loss of task 'A' in model 0 is not finite in epoch 4, step 4" in complaint(capsys)
    assert Run.existing(tmp_path).stages == ()
    assert (
        read_arrays(tmp_path / "checkpoints" / "record" / "checkpoint.safetensors")[1]["epoch"] == 3
    )


@pytest.mark.parametrize(
    "arguments", [["rnu"], ["run", "--epochs", "x"], ["run"], ["group"], ["run", "--wrong", "1"]]
)
def test_usage_errors_have_status_2(arguments: list[str]) -> None:
    assert main(arguments) == 2


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--targets", "warn", "wet"], "warm"),
        (["--targets", "warm", "warm"], "warm"),
        (["--targets", "warm", "--exclude", "nothing"], "nothing"),
        (["--targets", "warm", "wet", "--kind", "warm"], "NAME=KIND"),
        (["--targets", "warm", "wet", "--kind", "warm=odd"], "odd"),
        (["--targets", *TARGETS, "--groups", "0"], "0"),
        (["--targets", *TARGETS, "--groups", "9"], "9"),
        (["--targets", *TARGETS, "--fuzziness", "1"], "fuzziness"),
        (["--targets", *TARGETS, "--lr", "-1"], "lr"),
        (["--targets", *TARGETS, "--epochs", "0"], "epochs"),
        (["--targets", *TARGETS, "--seeds", "0"], "seeds"),
        (["--targets", *TARGETS, "--model", "cmn"], "cnn"),
    ],
)
def test_mistakes_are_one_line_before_training(
    table: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    extra: list[str],
    message: str,
) -> None:
    monkeypatch.setattr("coterie.training.loop.gradient_step", never)
    assert (
        main(["run", "--quiet", "--data", str(table), "--out", str(tmp_path / "run"), *extra]) == 2
    )
    assert message in complaint(capsys)
    assert not (tmp_path / "run").exists()


def never(*_: Any, **__: Any) -> None:
    raise AssertionError("nothing may be trained here")


def test_missing_data_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--data", "people.parquet", "--out", str(tmp_path / "run")]) == 2
    assert "people.parquet" in complaint(capsys)


def test_foreign_and_unwritable_folders_are_refused_before_loading(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    assert main(["run", "--data", "no such file", "--out", str(tmp_path)]) == 2
    assert "not a run of coterie" in complaint(capsys)
    assert (
        main(["run", "--data", "no such file", "--out", str(tmp_path / "thesis.txt" / "run")]) == 2
    )
    assert "cannot be written" in complaint(capsys)


@pytest.mark.parametrize("verb", ["group", "fit", "evaluate", "report"])
def test_verbs_on_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    assert main([verb, str(tmp_path)]) == 2
    assert "not a run directory" in complaint(capsys)


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    from coterie.errors import CoterieError

    with pytest.raises(CoterieError):
        main(["group", str(tmp_path), "--debug"])


def test_unexpected_error_has_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coterie.cli.shared.check_folder", lambda _: 1 / 0)
    assert main(["record", "--data", "digits", "--out", str(tmp_path / "r")]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_interrupt_has_status_130_and_says_how_to_continue(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("coterie.cli.shared.check_folder", interrupt)
    assert main(["record", "--data", "digits", "--out", str(tmp_path / "r")]) == 130
    assert "the same command continues" in capsys.readouterr().err


def test_reader_that_has_seen_enough_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "coterie", "run", "--help"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        check=False,
    )
    os.close(writer)
    assert done.stderr == ""


# Single steps


def test_steps_leave_their_files_and_no_checkpoints(recorded: Path) -> None:
    run = Run.existing(recorded)
    assert run.stages == ("record", "group", "model")
    assert all(run.done(stage) for stage in run.stages)
    assert not list(recorded.glob("checkpoints/*"))
    assert len(read_json(recorded / "grouping.json")["membership"]) == len(TARGETS)


def test_record_again_trains_nothing(
    recorded: Path, table: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coterie.training.loop.gradient_step", never)
    command = ["record", "--data", str(table), "--targets", *TARGETS, "--out", str(recorded)]
    assert main([*command, "--epochs", "3", "--quiet"]) == 0
    capsys.readouterr()
    assert main([*command, "--epochs", "4", "--quiet"]) == 2
    assert "training.epochs was 3, now 4" in complaint(capsys)


def test_changed_data_are_refused(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.csv"
    own.write_bytes(table.read_bytes())
    command = [
        "record",
        "--data",
        str(own),
        "--targets",
        *TARGETS,
        "--epochs",
        "1",
        "--quiet",
        "--out",
        str(tmp_path / "run"),
    ]
    assert main(command) == 0
    own.write_text(own.read_text().replace("yes", "no", 1))
    capsys.readouterr()
    assert main(command) == 2
    assert "other data" in complaint(capsys)


def test_group_prints_groups_and_takes_one_setting(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["group", str(recorded), "--groups", "2"]) == 0
    out = capsys.readouterr().out
    assert "Group 1: warm" in out
    assert "Group 2:" in out
    assert main(["group", str(recorded), "--groups", "2", "3"]) == 2
    assert "one value each" in complaint(capsys)


def test_auto_shows_how_it_chose(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(recorded, folder := tmp_path / "run")
    assert main(["group", str(folder), "--groups", "auto"]) == 0
    captured = capsys.readouterr()
    assert "Number of groups by silhouette: 2 (" in captured.out
    assert re.search(r"The largest is (at least|below) \.\d\d", captured.out)
    assert "Tasks are of mixed kinds" in captured.err


def test_groups_by_difficulty_are_said_to_be_that(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(recorded, folder := tmp_path / "run")
    for features, said in (("density", True), ("centred", False)):
        assert main(["group", str(folder), "--groups", "2", "--features", features]) == 0
        assert ("Groups by difficulty: " in capsys.readouterr().out) == said


def test_fit_again_keeps_the_model_and_another_grouping_drops_it(
    recorded: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(recorded, folder := tmp_path / "run")
    run = str(folder)
    about = Run.existing(folder).about("model")
    assert about["strategy"].startswith(("loop", "vmap"))
    assert about["strategy_reason"]
    assert about["grouping"]["groups"] == 2
    monkeypatch.setattr("coterie.training.loop.gradient_step", never)
    assert main(["group", run, "--groups", "2"]) == 0
    assert main(["fit", run]) == 0
    assert "Nothing has changed" in capsys.readouterr().err
    assert main(["evaluate", run]) == 0
    assert Run.existing(folder).stages[-1] == "evaluate"
    assert main(["group", run, "--groups", "3"]) == 0
    assert Run.existing(folder).stages == ("record", "group")
    capsys.readouterr()
    assert main(["evaluate", run]) == 2
    assert "has no model yet" in complaint(capsys)


def test_fit_needs_a_grouping_and_evaluate_a_model(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    command = [
        "record",
        "--data",
        str(table),
        "--targets",
        "warm",
        "wet",
        "--epochs",
        "1",
        "--quiet",
        "--out",
        str(folder),
    ]
    assert main(command) == 0
    capsys.readouterr()
    assert main(["fit", str(folder)]) == 2
    assert "has no grouping yet: coterie group" in complaint(capsys)
    assert main(["evaluate", str(folder)]) == 2
    assert "has no model yet" in complaint(capsys)
    assert main(["report", str(folder)]) == 2
    assert "no finished comparison" in complaint(capsys)


def test_evaluate_prints_every_metric(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(recorded), "--quiet"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert max(len(line) for line in captured.out.splitlines() if str(recorded) not in line) <= 80
    rows = read_json(recorded / "metrics.json")
    assert {row["task"] for row in rows} == set(TARGETS)
    assert {row["metric"] for row in rows if row["task"] == "size"} == {"R2", "RMSE", "MAE"}


# Predictions


def test_predictions_of_every_kind(recorded: Path, table: Path, tmp_path: Path) -> None:
    new = pd.read_csv(table).head(40).drop(columns=list(TARGETS))
    new.to_parquet(tmp_path / "new.parquet")
    out = tmp_path / "predictions.parquet"
    assert (
        main(["predict", str(recorded), "--data", str(tmp_path / "new.parquet"), "--out", str(out)])
        == 0
    )
    rows = pq.read_table(out)
    assert rows.column_names == [
        "id",
        "warm",
        "wet",
        "windy",
        "colour",
        "colour probability",
        "size",
    ]
    assert rows["id"].to_pylist() == list(new["sample_id"])
    assert set(rows["colour"].to_pylist()) <= {"red", "green", "blue"}
    for name in ("warm", "wet", "windy", "colour probability"):
        values = rows[name].to_numpy()
        assert ((values >= 0) & (values <= 1)).all()
    assert 80 < rows["size"].to_numpy().mean() < 120


def test_ids_are_never_inputs_or_targets_of_the_model(
    recorded: Path, table: Path, tmp_path: Path
) -> None:
    """Of three rows, any column may differ in each."""
    from coterie.cli.predictions import new_examples
    from coterie.models import GroupedModel

    model = GroupedModel.load(recorded / "model.safetensors")
    new = pd.read_csv(table).drop_duplicates("colour").assign(x0=[5, 6, 7])
    new.to_csv(tmp_path / "new.csv", index=False)
    assert list(new_examples(tmp_path / "new.csv", model.schema)[0]) == list(new["sample_id"])
    new.drop(columns="sample_id").to_csv(tmp_path / "new.csv", index=False)
    assert list(new_examples(tmp_path / "new.csv", model.schema)[0]) == [0, 1, 2]


def own(input_shape: tuple[int, ...]) -> Any:
    """An encoder of the user's own."""
    return torch.nn.Linear(*input_shape, 4)


def test_predict_with_an_encoder_of_ones_own(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, run, out = str(people / "people.parquet"), str(tmp_path / "run"), str(tmp_path / "p.csv")
    encoder = ["--model", "tests.test_cli:own"]
    assert (
        main(
            [
                "record",
                "--data",
                data,
                "--targets",
                *BINARY,
                *encoder,
                "--epochs",
                "1",
                "--quiet",
                "--out",
                run,
            ]
        )
        == 0
    )
    assert main(["group", run, "--groups", "2"]) == 0
    model = f"{run}/model.safetensors"
    for command in (
        ["fit", run],
        ["evaluate", run],
        *(["predict", m, "--data", data, "--out", out] for m in (run, model)),
    ):
        capsys.readouterr()
        assert main(command) == 2
        assert "names an encoder that is not built in, 'tests.test_cli:own'" in complaint(capsys)
        assert main([*command, "--model", "tests.test_cli:flat"]) == 2
        assert "`model` is 'tests.test_cli:flat', but " in complaint(capsys)
        assert main([*command, *encoder, "--quiet"]) == 0
        assert main([*command, "--trust", "--quiet"]) == 0


def test_predictions_as_csv_from_the_model_file(
    recorded: Path, table: Path, tmp_path: Path
) -> None:
    model, out = recorded / "model.safetensors", tmp_path / "predictions.csv"
    assert main(["predict", str(model), "--data", str(table), "--out", str(out), "--quiet"]) == 0
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 300
    assert rows[7]["id"] == "s007"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"out": "p.xlsx"}, "must end in .parquet or .csv"),
        ({"run": "nowhere"}, "no run directory or model file"),
        ({"data": "nowhere.csv"}, "nowhere.csv"),
        ({"out": "file/p.csv"}, "cannot be written"),
    ],
)
def test_mistakes_in_predict(
    recorded: Path,
    table: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, str],
    message: str,
) -> None:
    (tmp_path / "file").write_text("")
    used = {"run": str(recorded), "data": str(table), "out": str(tmp_path / "p.csv")}
    used |= {name: str(tmp_path / value) for name, value in change.items()}
    assert main(["predict", used["run"], "--data", used["data"], "--out", used["out"]]) == 2
    assert message in complaint(capsys)


def test_predict_names_a_missing_column(
    recorded: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pd.read_csv(table).drop(columns="x3").to_csv(tmp_path / "new.csv", index=False)
    assert (
        main(
            [
                "predict",
                str(recorded),
                "--data",
                str(tmp_path / "new.csv"),
                "--out",
                str(tmp_path / "p.csv"),
            ]
        )
        == 2
    )
    assert "x3" in complaint(capsys)


# Exports


def test_a_model_is_exported(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model.pt2"
    assert main(["export", str(recorded), "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert re.search(r"reads +numeric +float64 +batch x \d+", said.out)
    assert re.search(r"gives +predictions +float\d+ +batch x \d+", said.out)
    assert out.stat().st_size > 0


@pytest.mark.parametrize(
    ("run", "out", "message"),
    [
        ("", "m.pkl", "must end in .onnx or .pt2"),
        ("nowhere", "m.pt2", "no run directory or model file"),
        ("", "file/m.pt2", "cannot be written"),
    ],
)
def test_mistakes_in_export(
    recorded: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    run: str,
    out: str,
    message: str,
) -> None:
    (tmp_path / "file").write_text("")
    assert (
        main(["export", str(tmp_path / run if run else recorded), "--out", str(tmp_path / out)])
        == 2
    )
    assert message in complaint(capsys)


# The whole


def test_the_shortest_command_works(
    people: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from coterie.bounds import headroom
    from coterie.evaluation import compare

    def quick(*arguments: Any, **options: Any) -> Any:
        assert (options["seeds"], options["within"], options["time"]) == (None, None, "15m")
        few = {"time": 0.01, "repeats": 1, "draws": 1, "epochs": 1}
        return compare(*arguments, **{**options, **few})

    def quick_bound(*arguments: Any, **options: Any) -> Any:
        return headroom(*arguments, **{**options, "epochs": 1})

    monkeypatch.setattr("coterie.evaluation.compare", quick)
    monkeypatch.setattr("coterie.bounds.headroom", quick_bound)
    monkeypatch.chdir(tmp_path)
    shutil.copy(people / "people.parquet", tmp_path)
    assert (
        main(
            [
                "run",
                "--data",
                "people.parquet",
                "--targets",
                "A",
                "B",
                "C",
                "D",
                "E",
                "F",
                "--groups",
                "2",
            ]
        )
        == 0
    )
    assert (tmp_path / "runs" / "people" / "report.html").exists()
    said = capsys.readouterr().out
    assert re.search("^Model of .+: runs/people/model.safetensors$", said, re.MULTILINE)
    assert said.startswith(("Use ", "Undecided. Until more is known, use "))
    assert said.index("> ") > said.index("Mean AUROC on test")


@pytest.mark.parametrize("verb", ["compare", "record"])
def test_every_verb_that_starts_a_run_names_it_after_the_data(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "digits").mkdir(parents=True)
    (tmp_path / "runs" / "digits" / "thesis.txt").write_text("years of work")
    assert main([verb, "--data", "digits"]) == 2
    assert "'runs/digits' is not empty" in complaint(capsys)


def test_several_groupings_are_shown_and_the_model_of_one_is_left(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "run",
        "--data",
        str(people / "people.parquet"),
        "--targets",
        *BINARY,
        *QUICK[:-2],
        "--epochs",
        "1",
        "--quiet",
    ]
    several = [*command, "--groups", "2", "auto", "--out", str(tmp_path / "run")]
    assert main([*several, "--save", "K=2 m=1.07"]) == 0
    out = capsys.readouterr().out
    assert "Model of K=2 m=1.07: " in out
    assert "Number of groups by silhouette: 2 (" in out


def test_run_leaves_model_comparison_and_report(finished: tuple[Path, list[str]]) -> None:
    run = Run.existing(finished[0])
    for stage in ("comparison", "model", "report"):
        assert run.done(stage)
    assert "<html" in (run.folder / "report.html").read_text()
    assert read_json(run.folder / "report.json")


def test_same_command_reads_what_is_finished(
    finished: tuple[Path, list[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("coterie.training.loop.gradient_step", never)
    assert main(finished[1]) == 0
    out = capsys.readouterr().out
    assert "on test and what it costs, fewest models first" in out
    assert all(word in out for word in ("models", "predictions", "training"))
    assert "report.html" in out
    lines = [line for line in out.splitlines() if str(finished[0]) not in line]
    assert max(map(len, lines)) <= 80


def test_other_settings_in_the_same_folder_are_refused(
    finished: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*finished[1], "--draws", "2"]) == 2
    assert "comparison.draws was 1, now 2" in complaint(capsys)


def test_finished_run_can_be_evaluated_predicted_grouped_and_reported(
    finished: tuple[Path, list[str]],
    table: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = str(finished[0])
    assert main(["evaluate", folder]) == 0
    assert (
        main(["predict", folder, "--data", str(table), "--out", str(tmp_path / "p.parquet")]) == 0
    )
    assert main(["report", folder]) == 0
    assert "report.html" in capsys.readouterr().out


def test_damaged_file_is_named(
    finished: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    model = finished[0] / "model.safetensors"
    whole = model.read_bytes()
    try:
        model.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        assert main(["evaluate", str(finished[0])]) == 2
        assert "model.safetensors is damaged" in complaint(capsys)
    finally:
        model.write_bytes(whole)


# What is said


def test_quiet_says_results_only(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "record",
        "--data",
        str(table),
        "--targets",
        "warm",
        "wet",
        "--epochs",
        "1",
        "--out",
        str(tmp_path / "a"),
    ]
    assert main([*command, "--quiet"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "data_map.safetensors" in captured.out


def test_notes_and_plain_progress_without_a_terminal(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "record",
        "--data",
        str(table),
        "--targets",
        "warm",
        "wet",
        "--epochs",
        "1",
        "--out",
        str(tmp_path / "a"),
    ]
    assert main(command) == 0
    err = capsys.readouterr().err
    assert "sample_id" in err
    assert "epoch 1 of 1" in err
    assert "\x1b" not in err


def test_bar_on_a_terminal() -> None:
    screen = Screen()
    screen.err = Console(file=(file := StringIO()), force_terminal=True, width=80)
    with screen.progress() as progress:
        progress(1, 4, "epoch 1")
    assert "epoch 1" in file.getvalue()
    assert "1/4" in file.getvalue()


def test_a_long_text_leaves_room_for_the_bar() -> None:
    screen = Screen()
    screen.err = Console(file=(file := StringIO()), force_terminal=True, width=80)
    with screen.progress() as progress:
        progress(700, 30000, f"split 0, seed 0 (1 of 3): {'single, ' * 6}(4 of 6): epoch 24 of 334")
    said = " ".join(file.getvalue().split())
    assert "epoch 24" in said
    assert "of 334" in said
    assert "700/30000" in said
    assert "━━━" in said


def test_names_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    screen.table("[bold]t[/bold]", ["[red]c"], [["[/x] $x_1$ <script>"]])
    screen.say("[/nothing]")
    out = capsys.readouterr().out
    assert all(
        text in out for text in ("[bold]t[/bold]", "[red]c", "[/x] $x_1$ <script>", "[/nothing]")
    )


def test_numbers_are_not_broken_over_lines(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().table(
        "t", ["arm", "parameters", "steps"], [["ensemble of " * 9, "1,234,567,890", "12,345,678"]]
    )
    out = capsys.readouterr().out
    assert "1,234,567,890" in out
    assert "12,345,678" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.slow
def test_interrupted_run_continues(
    table: Path, tmp_path: Path, finished: tuple[Path, list[str]]
) -> None:
    folder = tmp_path / "run"
    command = [*finished[1][:-1], str(folder)]
    process = subprocess.Popen(
        [sys.executable, "-m", "coterie", *command],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list(folder.rglob("*.safetensors")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "the same command continues" in err
    done = subprocess.run(
        [sys.executable, "-m", "coterie", *command],
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Run.existing(folder).stages == Run.existing(finished[0]).stages


# Measuring and choosing


def test_run_with_groups_that_are_learnt(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", str(people / "people.parquet"), "--targets", *"ABCDEF", "--quiet"]
    assert main(["run", *data, *QUICK, "--method", "dmtg", "--out", str(tmp_path / "run")]) == 0
    assert "Groups by dmtg" in capsys.readouterr().out
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Assignment probability" in page
    assert (
        read_json(tmp_path / "run" / "report.json")["groupings"]["grouped"][0]["evidence"][
            "assignments"
        ]["mode"]
        == "annealed"
    )
    assert (
        main(["run", *data, *QUICK[:-1], "7", "--method", "dmtg", "--out", str(tmp_path / "other")])
        == 2
    )
    assert "fewer tasks than groups" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_affinity_group_select_fit(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    data = [
        "--data",
        str(people / "people.parquet"),
        "--targets",
        *"ABCDEF",
        "--epochs",
        "4",
        "--batch-size",
        "16",
        "--quiet",
    ]
    assert (
        main(
            [
                "affinity",
                *data,
                "--out",
                str(run),
                "--methods",
                "lookahead",
                "cosine",
                "--every",
                "3",
            ]
        )
        == 0
    )
    assert capsys.readouterr().out.count("strongest and weakest") == 2
    assert main(["group", str(run), "--affinity", "lookahead", "--groups", "2", "--quiet"]) == 0
    assert read_json(run / "grouping.json")["method"] == "sdp"
    assert (
        main(
            [
                "select",
                str(run),
                "--affinity",
                "cosine",
                "--budget",
                "2",
                "--cannot-link",
                "A+B",
                "--quiet",
            ]
        )
        == 0
    )
    out = capsys.readouterr().out
    assert "proven best" in out
    assert "Candidates: all 63 subsets; tasks alone left out." in out
    weights = np.array(read_json(run / "grouping.json")["row_weights"])
    assert (weights[:, 0] * weights[:, 1] == 0).all()
    assert main(["fit", str(run), "--quiet"]) == 0
    assert main(["group", str(run), "--affinity", "transfer_gain"]) == 2
    assert (
        "has no affinity 'transfer_gain': there are lookahead, cosine." in capsys.readouterr().err
    )


def test_select_reads_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "scores.csv"
    table.write_text("subset,task,value\na,a,0.5\nb,b,0.4\na+b,a,0.6\na+b,b,0.3\n")
    assert (
        main(
            [
                "select",
                str(table),
                "--budget",
                "2",
                "--lower-is-better",
                "--out",
                str(tmp_path / "s.json"),
            ]
        )
        == 0
    )
    assert read_json(tmp_path / "s.json")["objective"] == pytest.approx(-0.8)
    for options_given, message in (
        (["--budget", "1", "--cannot-link", "a+b"], "cannot_link"),
        (["--budget", "1", "--must-link", "a"], "`--must-link` takes pairs"),
        (["--budget", "-1"], "`budget`"),
        (["--budget", "1", "--affinity", "cosine"], "needs a run directory"),
    ):
        capsys.readouterr()
        assert main(["select", str(table), *options_given]) == 2
        assert message in capsys.readouterr().err


def test_select_knows_tasks_with_a_plus_and_orders_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names may hold the sign between names, and what would steer a terminal."""
    table, out = tmp_path / "scores.csv", tmp_path / "s.json"
    rows = (
        "C++,C++,1",
        "+,+,1",
        "\x1b[31m,\x1b[31m,1",
        "C+++\x1b[31m,C++,0.1",
        "C+++\x1b[31m,\x1b[31m,0.2",
    )
    table.write_text("subset,task,value\n" + "\n".join(rows))
    chosen = ["select", str(table), "--budget", "2", "--out", str(out)]
    for pair in ("C+++\x1b[31m", r"C\+\++" + "\x1b[31m"):
        assert main([*chosen, "--must-link", pair]) == 0
        said = capsys.readouterr().out
        assert "C++, \\x1b[31m" in said
        assert "\x1b" not in said
        assert read_json(out)["objective"] == pytest.approx(1.3)
    for pair, message in (
        ("C", "takes pairs"),
        ("C+++++", "takes pairs"),
        ("\x1b[31m+z", "unknown task 'z'"),
    ):
        assert main([*chosen, "--cannot-link", pair]) == 2
        said = capsys.readouterr().err
        assert message in said
        assert "\x1b" not in said


def test_a_doubtful_pair_asks_for_marks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "scores.csv"
    names = ("a", "b+c", "a+b", "c")
    table.write_text(
        "subset,task,value\n"
        + "\n".join(f"{name},{name},1" for name in names)
        + "\n"
        + r"a\+b+c,c,1"
        + "\n"
    )
    assert main(["select", str(table), "--budget", "4", "--must-link", "a+b+c"]) == 2
    assert r"Write a + within a name as \+" in complaint(capsys)


def test_a_stream_of_few_signs_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "scores.csv"
    table.write_text("subset,task,value\né,é,1\nb,b,1\n", encoding="utf-8")
    out, err = (TextIOWrapper(BytesIO(), encoding="ascii") for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    assert main(["select", str(table), "--budget", "2", "--out", str(tmp_path / "s.json")]) == 0
    for stream in (out, err):
        stream.flush()
    assert rb"\xe9" in out.buffer.getvalue()
    assert err.buffer.getvalue() == b""


def test_select_keeps_to_columns_of_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, out = tmp_path / "scores.csv", tmp_path / "s.json"
    rows = ("a,a,0.9,5,1", "b,b,0.9,5,1", "a+b,a,0.8,7,3", "a+b,b,0.2,7,3")
    table.write_text("subset,task,value,memory,latency\n" + "\n".join(rows))

    def objective(*given: str) -> float:
        assert main(["select", str(table), "--budget", "2", "--out", str(out), *given]) == 0
        return read_json(out)["objective"]

    assert objective() == pytest.approx(1.8)
    assert objective("--resource", "memory=9") == pytest.approx(1.0)
    assert objective("--resource", "memory=10", "--row-limit", "latency=2") == pytest.approx(1.8)
    assert objective("--resource", "memory=9", "--task-weight", "a=3") == pytest.approx(2.6)
    for given, message in (
        (
            ["--resource", "memory=9", "--row-limit", "latency=2"],
            "No choice of rows serves a, b under",
        ),
        (
            ["--resource", "size=9"],
            "has no column 'size'; needed are subset, task, value, size and perhaps cost",
        ),
        (["--resource", "memory"], "`--resource` takes NAME=NUMBER; found 'memory'"),
        (["--row-limit", "memory=much"], "`--row-limit` takes NAME=NUMBER; found 'memory=much'"),
        (
            ["--row-limit", "memory=-1"],
            "`row_limits['memory']` must be a finite number of at least 0; found -1.0",
        ),
        (
            ["--task-weight", "z=2"],
            "`--task-weight` names the unknown task 'z'; the tasks are a, b",
        ),
    ):
        capsys.readouterr()
        assert main(["select", str(table), "--budget", "2", *given]) == 2
        assert message in capsys.readouterr().err


def test_a_plan_says_what_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    from coterie.cli.outcomes import show_plan
    from coterie.evaluation import Plan, Workload

    known = Workload(
        method="pairs K=2",
        trainings=1234,
        look_aheads=0,
        model_steps=5e4,
        seconds=60.0,
        bytes=2**21,
        grouped_seconds=1.0,
    )
    mine = Workload(
        method="mine",
        trainings=None,
        look_aheads=None,
        model_steps=None,
        seconds=None,
        bytes=None,
        grouped_seconds=1.0,
        fits=None,
    )
    plan = Plan(
        workloads=(known, mine),
        units=2,
        step_seconds=0.1,
        shared_seconds=8.0,
        picked=("pairs K=2", "mine"),
        rivals=(Workload(method="wide", trainings=1, model_steps=70, seconds=3.0, bytes=2**22),),
        headroom=Workload(method="headroom", trainings=60, model_steps=4200, seconds=20.0),
    )
    show_plan(Screen(), plan)
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if line.startswith("mine"))
    assert row.split() == ["mine", "–", "–", "–", "–", "1.0", "s", "–", "unknown"]
    shown = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.split()}
    assert shown["wide"] == ["1", "–", "70", "3.0", "s", "4", "MB"]
    assert shown["headroom"] == ["60", "–", "4,200", "20.0", "s", "–"]
    # (8 + 1 + 61 + 3) * 2, and the bound of the headroom once.
    assert "about 2 min 46 s" in out
    assert "Unknown, and not in it, is what these take: mine." in out


def test_plan_is_shown_before_anything_long(
    people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = [
        "--data",
        str(people / "people.parquet"),
        "--targets",
        *"ABCDEF",
        "--epochs",
        "4",
        "--batch-size",
        "16",
        "--quiet",
    ]
    assert (
        main(
            [
                "plan",
                *data,
                "--groups",
                "2",
                "--methods",
                "data_map",
                "lookahead",
                "pairs",
                "--budget",
                "1h",
            ]
        )
        == 0
    )
    out = capsys.readouterr().out
    assert "Rivals on one seed, and the headroom, once" in out
    assert all(f"\n{name} " in out for name in ("wide", "forest", "hybrid", "headroom"))
    assert "Picked within" in out
    assert max(map(len, out.splitlines())) <= 80
    # Five splits of a small table, as compare takes them.
    assert ", 25 repetitions" in " ".join(out.split())
    assert "a pilot of 5 seeds; more are added until" in " ".join(out.split())
    assert main(["plan", *data, "--budget", "soon"]) == 2
    assert "`budget` must be a positive time" in capsys.readouterr().err
