"""What ``coterie run`` answers, what it leaves behind, and its exit status."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from coterie.cli import main
from coterie.data import load
from coterie.evaluation import Comparison
from coterie.files import read_json
from coterie.runs import Run

Command = Callable[..., list[str]]
QUICK = ("--rivals", "none", "--no-headroom", "--baselines", "single")


@pytest.fixture
def run(finished: list[str], tmp_path: Path) -> tuple[Path, list[str]]:
    """A copy of a finished run, and the command that continues it."""
    position = finished.index("--out") + 1
    folder = shutil.copytree(finished[position], tmp_path / "run")
    return folder, [*finished[:position], str(folder), *finished[position + 1 :]]


def comparison(folder: Path) -> Comparison:
    return Comparison.load(folder / "comparison")


def never(*_: Any, **__: Any) -> None:
    raise AssertionError("nothing may be trained here")


def test_what_to_use_comes_first_and_its_model_is_left(
    run: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, asked = run
    monkeypatch.setattr("coterie.training.loop.gradient_step", never)
    assert main(asked) == 0
    said = capsys.readouterr().out
    found = comparison(folder).recommendation
    assert found is not None
    assert re.match(r"Use |Undecided\. Until more is known, use ", said)
    assert " ".join(said.split()).startswith(" ".join(found.sentences))
    assert f"> {found.arm} " in said
    assert f"Probabilities of {found.arm} are off by" in said
    assert f"Model of {found.arm}: {folder / 'model.safetensors'}\n" in said
    assert Run.existing(folder).about("model") == {"arm": found.arm}
    kept = folder / "models" / f"{found.arm}.safetensors"
    assert (folder / "model.safetensors").read_bytes() == kept.read_bytes()
    assert all(len(line) <= 80 for line in said.splitlines() if str(folder) not in line)


@pytest.mark.parametrize("arm", ["joint", "single", "grouped", "forest", "linear"])
def test_a_saved_arm_scores_as_it_did_in_the_comparison(
    arm: str, run: tuple[Path, list[str]]
) -> None:
    """So it is the model of that arm, of the first split and seed."""
    folder, asked = run
    assert main([*asked, "--save", arm]) == 0
    told = comparison(folder).reliability
    assert told is not None
    assert told.arm == arm
    assert f"Probabilities of {arm} are off by" in (folder / "report.html").read_text().replace(
        "\N{NO-BREAK SPACE}", " "
    )
    assert main(["evaluate", str(folder), "--quiet"]) == 0
    measured = {
        row["task"]: row["value"]
        for row in read_json(folder / "metrics.json")
        if row["metric"] == "AUROC"
    }
    scores = comparison(folder).scores
    first = scores[(scores["arm"] == arm) & (scores["split"] == 0) & (scores["seed"] == 0)]
    known = first[first["metric"] == "AUROC"].set_index("task")["value"]
    assert measured == pytest.approx(known.drop("mean", errors="ignore").to_dict(), abs=1e-6)


def test_predictions_are_those_of_the_saved_arm(
    run: tuple[Path, list[str]], people: Path, tmp_path: Path
) -> None:
    from coterie.models import GroupedModel

    folder, asked = run
    assert main([*asked, "--save", "joint"]) == 0
    new = pd.read_csv(people)[["age", "height", "weight"]].head(40)
    new.to_csv(tmp_path / "new.csv", index=False)
    out = tmp_path / "p.csv"
    predict = ["predict", str(folder), "--data", str(tmp_path / "new.csv"), "--out", str(out)]
    assert main([*predict, "--quiet"]) == 0
    joint = GroupedModel.load(folder / "models" / "joint.safetensors")
    meanings = read_json(tmp_path / "p.csv.json")["tasks"]
    told = comparison(folder).reliability
    assert told is not None
    assert {each.task: each.threshold for each in told.tasks} == pytest.approx(
        {name: meanings[name]["threshold"] for name in "ABCD"}, abs=1e-4
    )
    assert {meanings[name]["threshold rule"] for name in "ABCD"} == set(told.rules)
    found = pd.read_csv(out)[list("ABCD")]
    np.testing.assert_allclose(found, joint.predict(new)[list("ABCD")], atol=1e-6)


def test_a_forest_predicts_without_scikit_learn(
    run: tuple[Path, list[str]], people: Path, tmp_path: Path
) -> None:
    from coterie.families import FamilyModel

    folder, asked = run
    assert main([*asked, "--save", "forest"]) == 0
    new = pd.read_csv(people)[["age", "height", "weight"]].head(40) + 0.1
    new.to_csv(tmp_path / "new.csv", index=False)
    out = tmp_path / "p.csv"
    predict = ["predict", str(folder), "--data", str(tmp_path / "new.csv"), "--out", str(out)]
    code = (
        "import sys; sys.modules['sklearn'] = None; from coterie.cli import main; "
        f"sys.exit(main({predict!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(out)[list("ABCD")]
    assert found.to_numpy().min() >= 0
    assert found.to_numpy().max() <= 1
    forest = FamilyModel.load(folder / "models" / "forest.safetensors")
    np.testing.assert_allclose(found, forest.predict(new)[list("ABCD")], atol=1e-6)


def test_saving_no_arm_names_those_there_are(
    run: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, asked = run
    before = (folder / "model.safetensors").read_bytes()
    assert main([*asked, "--save", "jiont"]) == 2
    said = capsys.readouterr().err
    assert "`save` must be an arm: " in said
    assert all(arm in said for arm in ("joint", "single", "grouped", "forest", "linear"))
    assert (folder / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("bounded", [True, False])
def test_an_arm_that_there_will_not_be_is_refused_before_training(
    bounded: bool,
    command: Command,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("coterie.training.loop.gradient_step", never)
    more = ["--rivals", "forest", *([] if bounded else ["--no-headroom"])]
    assert main([*command(tmp_path / "run", *more), "--save", "boosting"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert (
        "`save` must be an arm: joint, grouped, single, ensemble (K=2), forest; found 'boosting'"
        in said
    )
    assert not (tmp_path / "run").exists()


def test_a_finished_run_leaves_the_recommended_arm_again(
    run: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, asked = run
    found = comparison(folder).recommendation
    assert found is not None
    other = "single" if found.arm != "single" else "joint"
    assert main([*asked, "--save", other]) == 0
    assert f"Model of {other}: " in capsys.readouterr().out
    assert main(asked) == 0
    assert f"Model of {found.arm}: " in capsys.readouterr().out
    kept = folder / "models" / f"{found.arm}.safetensors"
    assert (folder / "model.safetensors").read_bytes() == kept.read_bytes()


def test_a_model_of_coterie_fit_stays_unless_another_arm_is_asked_for(
    run: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, asked = run
    assert main(["group", str(folder), "--groups", "2", "--quiet"]) == 0
    assert main(["fit", str(folder), "--quiet"]) == 0
    fitted = (folder / "model.safetensors").read_bytes()
    capsys.readouterr()
    assert main(asked) == 0
    assert "Model of `coterie fit`: " in capsys.readouterr().out
    assert (folder / "model.safetensors").read_bytes() == fitted
    assert main([*asked, "--save", "joint"]) == 0
    assert "Model of joint: " in capsys.readouterr().out


@pytest.mark.parametrize(("margin", "outcome"), [(90, "decided"), (1e-9, "undecided")])
def test_scripts_learn_whether_it_is_decided(
    margin: float, outcome: str, command: Command, tmp_path: Path
) -> None:
    asked = command(tmp_path / "run", *QUICK, epochs=1, margin=margin)
    undecided = outcome == "undecided"
    assert main([*asked, "--fail-undecided"]) == (3 if undecided else 0)
    found = comparison(tmp_path / "run").recommendation
    assert found is not None
    assert (found.outcome, found.margin) == (outcome, margin)
    # All is there nevertheless, and only who asks is told by the status.
    assert Run.existing(tmp_path / "run").done("report")
    assert main(asked) == 0
    assert main([*asked, "--fail-undecided"]) == (3 if undecided else 0)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--margin", "-1"], "`margin`"),
        (["--metric", "accurcy"], "accurcy"),
        (["--metric", "Z=accuracy"], "'Z'"),
        (["--metric", "AUROC", "accuracy"], "`--metric` names 'AUROC' and 'accuracy' for all"),
        (["--rivals", "none", "forest"], "`rivals` must be 'none', 'auto', or of "),
        (["--groups", "5"], "fewer tasks than groups"),
    ],
)
def test_mistakes_in_what_decides_are_told_before_training(
    more: list[str],
    message: str,
    command: Command,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("coterie.training.loop.gradient_step", never)
    assert main(command(tmp_path / "run", *more)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_the_metric_asked_for_decides(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = command(tmp_path / "run", *QUICK, "--metric", "balanced accuracy", epochs=1)
    assert main(asked) == 0
    assert "Mean balanced accuracy on test and what it costs" in capsys.readouterr().out
    found = comparison(tmp_path / "run")
    assert found.recommendation is not None
    assert found.recommendation.metric == "balanced accuracy"
    scores = found.scores
    # What else is measured stays in the table.
    assert {"balanced accuracy", "AUROC", "log loss", "Brier score"} <= set(scores["metric"])


def test_no_rivals_are_trained_where_none_are_asked_for(command: Command, tmp_path: Path) -> None:
    assert main(command(tmp_path / "run", *QUICK, epochs=1)) == 0
    assert set(comparison(tmp_path / "run").scores["arm"]) == {"joint", "grouped", "single"}


def test_the_data_of_the_run_are_those_of_python(people: Path, finished: list[str]) -> None:
    folder = Path(finished[finished.index("--out") + 1])
    data = load(str(people), targets=list("ABCD"))
    assert Run.existing(folder).fingerprint == data.fingerprint()


def test_seeds_are_added_until_it_is_narrow_and_more_with_a_smaller_width(
    command: Command,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "run"
    whole = command(folder, *QUICK)
    position = whole.index("--seeds")
    asked = [*whole[:position], *whole[position + 2 :]]
    assert main([*asked, "--within", "90"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Stopped after 5 seeds: the widest interval that decides" in said
    assert "asked ±90." in said
    page = (folder / "report.html").read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert "Stopped after 5 seeds" in page
    (finding,) = (each for each in comparison(folder).findings if each.about == "seeds")
    assert finding.outcome == "narrow enough"

    # In no time there is nothing to add, although it is not narrow.
    assert main([*asked, "--within", "1e-3", "--time", "1s"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert re.search("Stopped after 5 seeds(: test examples alone|, as the time)", said)
    assert "Stopped after 5 seeds" in (folder / "report.html").read_text()
    monkeypatch.setattr("coterie.training.loop.gradient_step", never)
    monkeypatch.setattr("coterie.evaluation.compare", never)
    assert main([*asked, "--within", "1e-3", "--time", "1s"]) == 0
    assert main(whole) == 2
    assert "comparison.seeds was null, now 2" in capsys.readouterr().err


def test_how_many_and_until_when_are_not_both_asked(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for flag, value in (("--within", "0.5"), ("--time", "20m")):
        assert main(command(tmp_path / "run", flag, value)) == 2
        assert "`seeds` says how many there are" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
