"""What any grouping could gain comes first in a run, is kept, and decides what is trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import coterie as ct
from coterie.cli import main
from coterie.evaluation import Comparison
from coterie.runs import Run

Command = Callable[..., list[str]]
QUICK = ("--rivals", "none", "--baselines", "single")


def never(*_: Any, **__: Any) -> None:
    raise AssertionError("nothing may be trained here")


def arms(folder: Path) -> set[str]:
    return set(Comparison.load(folder / "comparison").scores["arm"])


def test_it_comes_first_and_is_kept(
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = command(tmp_path / "run", *QUICK, epochs=1)

    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("coterie.evaluation.compare", stopped)
        assert main(asked) == 130
    run = Run.existing(tmp_path / "run")
    assert run.stages == ("headroom",)
    bound = ct.Headroom.load(tmp_path / "run" / "headroom.safetensors")
    assert (bound.n_groups, bound.tasks) == (2, tuple("ABCD"))
    with monkeypatch.context() as patched:
        patched.setattr("coterie.bounds.headroom", never)
        assert main(asked) == 0
    assert Run.existing(tmp_path / "run").stages[0] == "headroom"
    capsys.readouterr()
    monkeypatch.setattr("coterie.training.loop.gradient_step", never)
    assert main(asked) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert bound.sentence in said


@pytest.mark.parametrize(
    ("more", "trained"), [((), False), (("--anyway",), True), (("--no-headroom",), True)]
)
def test_groups_that_cannot_pay_are_trained_only_if_one_asks(
    more: tuple[str, ...],
    trained: bool,
    command: Command,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No grouping can gain 90 points."""
    folder = tmp_path / "run"
    assert main(command(folder, *QUICK, *more, epochs=1, margin=90)) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert ("grouped" in arms(folder)) == trained
    assert ("Groups were found, but not trained." in said) == (not trained)
    assert "Group 2: " in said
    assert ("headroom" in Run.existing(folder).stages) == ("--no-headroom" not in more)


def test_one_group_has_nothing_to_be_bounded(command: Command, tmp_path: Path) -> None:
    assert main(command(tmp_path / "run", *QUICK, epochs=1, groups=1)) == 0
    assert "headroom" not in Run.existing(tmp_path / "run").stages


def test_the_verb_prints_and_keeps_a_bound(
    people: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = ["--data", str(people), "--targets", *"ABCD", "--epochs", "1", "--quiet"]
    asked = ["headroom", *data, "--groups", "2", "--rows", "6", "--seeds", "2"]
    asked += ["--out", str(tmp_path / "run")]
    assert main(asked) == 0
    first = capsys.readouterr().out
    found = ct.Headroom.load(tmp_path / "run" / "headroom.safetensors")
    assert found.scores.shape[0] == 2
    assert found.sentence in " ".join(first.split())
    assert max(len(line) for line in first.splitlines() if str(tmp_path) not in line) <= 80
    monkeypatch.setattr("coterie.training.loop.gradient_step", never)
    assert main(asked) == 0
    assert capsys.readouterr().out == first
