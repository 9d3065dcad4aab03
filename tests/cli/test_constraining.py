"""``coterie group --clustering principled``: constraints on the command line are those of Python."""

from __future__ import annotations

from pathlib import Path

import pytest

import coterie as ct
from coterie.cli import main
from coterie.files import read_json
from tests.cli.conftest import TARGETS

PRINCIPLED = ["--affinity", "transfer_gain", "--clustering", "principled", "--groups", "2"]


@pytest.fixture(scope="module")
def run(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with transfer gains of four tasks."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    data = ["--data", str(people), "--targets", *TARGETS, "--epochs", "2", "--batch-size", "64"]
    measure = ["--methods", "transfer_gain", "--every", "2", "--out", str(folder), "--quiet"]
    assert main(["affinity", *data, *measure]) == 0
    return folder


def groups(run: Path, *given: str) -> tuple[tuple[str, ...], ...]:
    assert main(["group", str(run), *PRINCIPLED, *given]) == 0
    return ct.Grouping.load(run / "grouping.json").groups


def test_constraints_are_those_of_python(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gains = ct.Affinity.load(run / "affinity-transfer_gain.safetensors")
    free = ct.group(gains, 2, method="principled")
    assert groups(run) == free.groups
    said = capsys.readouterr().out
    assert f"groups {free.details['objective']:.6g}; proven best." in said
    for flags, asked in (
        (["--min-size", "2"], {"sizes": (2, None)}),
        (["--max-size", "2"], {"sizes": (None, 2)}),
        (["--must-link", "A+B", "C+D"], {"must_link": [("A", "B"), ("C", "D")]}),
        (["--cannot-link", "A+B", "C+D"], {"cannot_link": [("A", "B"), ("C", "D")]}),
    ):
        assert groups(run, *flags) == ct.group(gains, 2, method="principled", **asked).groups
    amounts = tmp_path / "amounts.csv"
    amounts.write_text("task,memory\nD,1\nB,1\nA,5\nC,3\n")
    assert groups(run, "--amounts", str(amounts), "--row-limit", "memory=5") == (
        ("A",),
        ("B", "C", "D"),
    )
    assert "A" in groups(run, "--amounts", str(amounts), "--row-limit", "memory=4,6")[1]
    assert read_json(run / "grouping.json")["details"]["proven"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--max-size", "1"], "keeps to sizes of at most 1. Relax it."),
        (["--must-link", "A+Z"], "`must_link` names the unknown task 'Z'"),
        (["--must-link", "A"], "`--must-link` takes pairs of task names such as A+B; found 'A'"),
        (["--row-limit", "memory=5"], "`--amounts FILE` is not given"),
        (["--amounts", "{}/few.csv"], "`--row-limit COLUMN=LIMIT` is not given"),
        (["--amounts", "{}/few.csv", "--row-limit", "memory=5"], "no row of the task 'D'"),
        (["--amounts", "{}/twice.csv", "--row-limit", "memory=5"], "it has a task twice"),
        (["--amounts", "{}/few.csv", "--row-limit", "time=5"], "few.csv lacks the column 'time'"),
        (["--amounts", "{}/words.csv", "--row-limit", "memory=5"], "column 'memory' must hold a"),
        (["--amounts", "{}/none.csv", "--row-limit", "memory=5"], "as a table of amounts"),
        (["--clustering", "sdp", "--min-size", "2"], "`--clustering principled` only; found 'sdp'"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str], message: str
) -> None:
    (tmp_path / "few.csv").write_text("task,memory\nA,1\nB,1\nC,5\n")
    (tmp_path / "twice.csv").write_text("task,memory\nA,1\nB,1\nC,5\nD,1\nD,2\n")
    (tmp_path / "words.csv").write_text("task,memory\nA,1\nB,much\nC,5\nD,1\n")
    given = [text.format(tmp_path) for text in given]
    assert main(["group", str(run), *PRINCIPLED, *given]) == 2
    assert message in capsys.readouterr().err
