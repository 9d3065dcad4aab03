"""Few examples instead of many: a verb, students of what it leaves, and their report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from torch import nn

import coterie as ct
from coterie.cli import main
from coterie.cli.distilling import EPOCHS, SEEDS
from coterie.distillation import Recipe
from coterie.distillation.students import Course, Student
from coterie.locks import LOCK
from coterie.results import Diversity, PostTraining


def never(*_: Any, **__: Any) -> None:
    raise AssertionError("nothing may be computed here")


def narrow(input_shape: tuple[int, ...]) -> nn.Module:
    return nn.Linear(*input_shape, 2)


@pytest.fixture(scope="module")
def asked(people: Path) -> list[str]:
    command = ["distill", "--data", str(people), "--targets", "A", "B", "--epochs", "20"]
    command += ["--lr", "0.01", "--batch-size", "16", "--device", "cpu", "--quiet"]
    return [*command, "--per-class", "3", "--iterations", "4", "--round", "2"]


@pytest.fixture(scope="module")
def run(asked: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that is done, with students and a report."""
    folder = tmp_path_factory.mktemp("distilled") / "run"
    assert main([*asked, "--out", str(folder)]) == 0
    students = ["fit", str(folder), "--distilled", str(folder / "distilled.safetensors")]
    assert main([*students, "--epochs", "2", "--seeds", "2", "--quiet"]) == 0
    assert main(["report", str(folder), "--quiet"]) == 0
    return folder


def test_a_run_holds_teacher_examples_students_and_a_report(run: Path) -> None:
    names = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert names - {LOCK} == {
        "manifest.json",
        "teacher/fit.safetensors",
        "distilled.safetensors",
        "diversity.safetensors",
        "students/fit.safetensors",
        "students/post_training.safetensors",
        "report.html",
        "report.json",
    }
    found = ct.Distilled.load(run / "distilled.safetensors")
    assert sorted(set(found.iterations.tolist())) == [2, 4]
    assert Diversity.load(run / "diversity.safetensors").sets[0] == "distilled"
    students = PostTraining.load(run / "students" / "post_training.safetensors")
    assert students.seeds == (0, 1)
    assert ct.Fit.load(run / "students").history.learning_rate.shape == (2,)
    assert students.sentence in (run / "report.html").read_text()
    assert json.loads((run / "report.json").read_text())["students"]["seeds"] == [0, 1]


def test_python_gives_the_same(run: Path, people: Path) -> None:
    data = ct.load(str(people), targets=["A", "B"])
    teacher = ct.Fit.load(run / "teacher")
    again = ct.distill(teacher, data, 3, iterations=4, round_iterations=2, device="cpu")
    found = ct.Distilled.load(run / "distilled.safetensors")
    assert found.inputs.tobytes() == again.inputs.tobytes()
    assert found.teacher == again.teacher


def test_what_is_done_is_not_done_again(
    run: Path,
    asked: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("coterie.distillation.distill", never)
    monkeypatch.setattr("coterie.distillation.post_train", never)
    monkeypatch.setattr("coterie.fitting.fit", never)
    assert main([*asked, "--out", str(run)]) == 0
    said = capsys.readouterr().out
    assert "12 examples of 4 cells of like labels (2 tasks)" in " ".join(said.split())
    assert "Diversity" in said
    assert max(map(len, said.splitlines()[:-1])) <= 80
    students = ["fit", str(run), "--quiet"]  # on the examples of the run
    assert main([*students, "--epochs", "2", "--seeds", "2"]) == 0
    assert "on test examples" in capsys.readouterr().out
    with pytest.raises(AssertionError, match="nothing may be computed"):
        main([*students, "--epochs", "3", "--seeds", "2", "--debug"])


def test_another_run_lends_its_teacher(
    run: Path, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake does not bind the folder."""
    monkeypatch.setattr("coterie.fitting.fit", never)
    for number, teacher in enumerate((run, run / "teacher")):
        out = tmp_path / str(number)
        lent = [*asked, "--out", str(out), "--teacher", str(teacher)]
        assert main([*lent, "--per-class", "1000"]) == 2
        assert not out.exists()
        assert main(lent) == 0
        mine, theirs = (
            ct.Distilled.load(each / "distilled.safetensors").teacher for each in (out, run)
        )
        assert mine == theirs


def test_students_that_are_finished_are_not_trained_again(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the second student of two, then continued, it leaves the bytes of one go."""
    out = tmp_path / "run"
    shutil.copytree(run, out)
    students = ["fit", str(out), "--distilled", str(out / "distilled.safetensors"), "--quiet"]
    train, seeds = Course.train, []

    def trained(course: Course, seed: int, progress: Any) -> Student:
        seeds.append(seed)
        if seeds == [0, 1]:
            raise KeyboardInterrupt
        return train(course, seed, progress)

    monkeypatch.setattr(Course, "train", trained)
    assert main([*students, "--epochs", "1", "--seeds", "1"]) == 0
    seeds.clear()
    asked = [*students, "--epochs", "2", "--seeds", "2"]
    assert main(asked) == 130
    assert main(asked) == 0
    assert seeds == [0, 1, 1]
    assert not list((out / "checkpoints").rglob("*"))
    mine, theirs = (each / "students" / "post_training.safetensors" for each in (out, run))
    assert mine.read_bytes() == theirs.read_bytes()


def test_students_may_have_another_encoder_than_the_teacher(
    run: Path, asked: list[str], tmp_path: Path
) -> None:
    """One built in, or one's own. Pixels are optimised in the precision asked for."""
    own = "tests.cli.test_distilling:narrow"
    for number, student in enumerate(("tabm", own)):
        out = tmp_path / str(number)
        more = ["--out", str(out), "--teacher", str(run), "--model", student]
        assert main([*asked, *more, "--precision", "bf16"]) == 0
        found = ct.Distilled.load(out / "distilled.safetensors")
        assert found.settings["precision"] == "bf16"
        students = ["fit", str(out), "--distilled", str(out / "distilled.safetensors"), "--quiet"]
        named = ["--model", own] if student == own else []
        assert main([*students, "--epochs", "1", "--seeds", "1", *named]) == 0
        assert ct.Fit.encoder_of(out / "teacher") == "mlp"
        assert ct.Fit.encoder_of(out / "students") == student


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--round", "3"], "`--round` must divide `--iterations`, 4; found 3"),
        (["--per-class", "0"], "`--per-class`"),
        (["--rule", "best"], "`--rule` must be"),
        (["--per-class", "1000"], "need 1000 labelled examples; found 90"),
        (["--teacher", "nowhere"], "nowhere"),
        (["--model", "tabm"], "The teacher must have BatchNorm layers"),
    ],
)
def test_a_slip_leaves_nothing(
    asked: list[str],
    more: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("coterie.fitting.fit", never)
    out = tmp_path / "run"
    assert main([*asked, *more, "--out", str(out)]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_students_need_a_teacher_and_only_they_have_epochs(
    run: Path, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    command = ["record", "--data", str(people), "--targets", "A", "B", "--epochs", "1", "--quiet"]
    assert main([*command, "--out", str(other)]) == 0
    assert main(["fit", str(other), "--epochs", "3"]) == 2
    assert "give `--distilled` too" in capsys.readouterr().err
    examples = str(run / "distilled.safetensors")
    assert main(["fit", str(other), "--distilled", examples]) == 2
    assert "has no teacher" in capsys.readouterr().err
    assert main(["fit", str(run), "--distilled", str(other / "data_map.safetensors")]) == 2
    assert "data map, not a distilled data set" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--teacher", "nowhere"], "`--teacher` must be a run directory of coterie distill"),
        (["--epochs", "0"], "`--epochs` must be a whole number of at least 1"),
        (["--iterations", "-1"], "`--iterations` must be"),
    ],
)
def test_slips_do_not_wait_for_data(
    asked: list[str],
    more: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("coterie.cli.shared.load_data", never)
    assert main([*asked, *more, "--out", str(tmp_path / "run")]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--epochs", "0"], "`--epochs` must be"),
        (["--seeds", "0"], "`--seeds` must be a whole number of at least 1"),
        (["--distilled", "."], "`--distilled` must be a file of distilled examples"),
        (["--distilled", "gone"], "'gone' does not exist"),
    ],
)
def test_slips_of_students_do_not_wait_for_data(
    run: Path,
    more: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("coterie.cli.shared.load_data", never)
    assert main(["fit", str(run), *more]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verb", "lacks"),
    [
        (["evaluate"], "no model for new examples"),
        (["predict", "--data", "new.csv", "--out", "out.csv"], "no model for new examples"),
        (["group", "--groups", "2"], "no data map"),
        (["group", "--groups", "2", "--affinity", "lookahead"], "no affinity"),
        (["select", "--budget", "2", "--affinity", "lookahead"], "no affinity"),
    ],
)
def test_other_verbs_say_what_a_run_holds(
    run: Path, verb: list[str], lacks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Instead of sending each other around."""
    assert main([verb[0], str(run), *verb[1:]]) == 2
    said = capsys.readouterr().err
    assert f"is of coterie distill: it has {lacks}" in said
    assert "coterie fit trains students" in said


def test_the_report_says_what_was_run(run: Path, people: Path) -> None:
    html = (run / "report.html").read_text()
    for name, value in (
        ("data", str(people)),
        ("teacher", "mlp, 20 epochs"),
        ("students", "mlp, 2 epochs, 2 seeds"),
        ("iterations of a round", "2"),
    ):
        assert f"<dt>{name}</dt><dd>{value}</dd>" in html
    assert "None" not in html
    students = PostTraining.load(run / "students" / "post_training.safetensors")
    assert students.teacher is not None
    assert f"The teacher, which saw all examples: {100 * students.teacher.mean():.1f}." in html


def test_defaults_are_those_of_python() -> None:
    from inspect import signature

    assert Recipe().epochs == EPOCHS
    assert signature(ct.post_train).parameters["seeds"].default == SEEDS
