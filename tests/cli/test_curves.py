"""What arms score with fewer labels: a verb of its own, and a part of a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import coterie as ct
from coterie.cli import main
from coterie.evaluation import Comparison
from coterie.locks import LOCK
from coterie.runs import Run

Command = Callable[..., list[str]]
QUICK = ("--rivals", "none", "--baselines", "single", "--no-headroom")


def never(*_: Any, **__: Any) -> None:
    raise AssertionError("nothing may be trained here")


@pytest.fixture
def asked(people: Path, tmp_path: Path) -> list[str]:
    command = ["learning-curve", "--data", str(people), "--targets", *"ABCD", "--epochs", "1"]
    command += ["--groups", "2", "--seeds", "2", "--repeats", "1", "--rivals", "linear", "--quiet"]
    return [*command, "--out", str(tmp_path / "run"), "--shares", "0.3", "1"]


def test_the_verb_prints_and_keeps_a_curve(
    asked: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert main(asked) == 0
    first = capsys.readouterr().out
    found = ct.LearningCurve.load(tmp_path / "run" / "learning_curve.safetensors")
    assert found.arms == ("joint", "grouped", "single", "linear")
    assert found.shares.tolist() == [0.3, 1.0]
    said = " ".join(first.split())
    assert all(sentence in said for sentence in found.sentences)
    assert max(len(line) for line in first.splitlines() if str(tmp_path) not in line) <= 80
    # The comparisons that it was made of are not kept.
    files = {path.name for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert files <= {"learning_curve.safetensors", "manifest.json", LOCK}
    monkeypatch.setattr("coterie.training.loop.gradient_step", never)
    assert main(asked) == 0
    assert capsys.readouterr().out == first


def test_a_stopped_curve_continues_also_with_other_shares(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(asked) == 0
    more = [*asked[:-2], "0.3", "0.6"]
    left = tmp_path / "run" / "checkpoints" / "learning_curve"

    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("coterie.evaluation._learning_curve._curve", stopped)
        assert main(more) == 130
    assert len(list(left.iterdir())) == 4
    with monkeypatch.context() as patched:
        patched.setattr("coterie.training.loop.gradient_step", never)
        assert main(more) == 0
    found = ct.LearningCurve.load(tmp_path / "run" / "learning_curve.safetensors")
    assert found.shares.tolist() == [0.3, 0.6]
    assert not left.exists()


def test_a_run_has_it_in_its_report_and_a_finished_run_gets_it(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    run = command(folder, *QUICK, epochs=1)
    assert main(run) == 0
    assert Comparison.load(folder / "comparison").learning_curve is None
    capsys.readouterr()
    assert main([*run, "--learning-curve"]) == 0
    found = Comparison.load(folder / "comparison").learning_curve
    assert found is not None
    assert found.shares.tolist() == [0.05, 0.1, 0.2, 0.5, 1.0]
    assert found.arms == ("joint", "grouped", "single")
    out = capsys.readouterr().out
    assert found.sentences[0] in " ".join(out.split())
    assert "Few labels" in (folder / "report.html").read_text(encoding="utf-8")
    twin = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert twin["learning_curve"]["sentences"] == list(found.sentences)
    stages = Run.existing(folder).stages
    # It stays, asked for again or not.
    assert main(run) == 0
    assert found.sentences[0] in " ".join(capsys.readouterr().out.split())
    assert set(Run.existing(folder).stages) == set(stages)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--shares", "2"], "`shares` must lie above 0"),
        (["--seeds", "0"], "`seeds`"),
        (["--rivals", "forst"], "Did you mean 'forest'?"),
        (["--methods", "nothing"], "nothing"),
        (["--margin", "-1"], "`margin`"),
    ],
)
def test_mistakes_leave_no_trace(
    wrong: list[str],
    said: str,
    asked: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*asked, *wrong]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "run").exists()
