"""Run directories: agreement, stages, damage, refusal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coterie.errors import CoterieError
from coterie.runs import MANIFEST, Run, check_folder

CONFIG = {"model": "cnn", "epochs": 3, "groups": [2, 3], "fit": {"lr": 0.001}}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.open(tmp_path / "run", config=CONFIG, fingerprint="f" * 64)


def write(run: Run, name: str, text: str = "content") -> Path:
    path = run.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_manifest_tells_configuration_data_and_versions(run: Run) -> None:
    manifest = json.loads((run.folder / MANIFEST).read_text())
    assert manifest["config"] == CONFIG
    assert manifest["fingerprint"] == "f" * 64
    assert manifest["environments"][0]["versions"]["torch"]
    assert manifest["stages"] == {}


def test_same_run_is_continued_and_keeps_its_manifest(run: Run) -> None:
    run.complete("fit", [write(run, "units/a.txt")], seconds=2.0)
    before = (run.folder / MANIFEST).read_bytes()
    again = Run.open(run.folder, config=CONFIG, fingerprint="f" * 64)
    assert again.done("fit")
    assert again.about("fit") == {"seconds": 2.0}
    assert again.stages == ("fit",)
    assert (run.folder / MANIFEST).read_bytes() == before


def test_tuples_agree_with_the_lists_they_were_saved_as(run: Run) -> None:
    Run.open(run.folder, config={**CONFIG, "groups": (2, 3)}, fingerprint="f" * 64)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 5}, "epochs was 3, now 5"),
        ({"fit": {"lr": 0.01}}, r"fit\.lr was 0\.001, now 0\.01"),
        ({"extra": True}, "extra was null, now true"),
        ({str(i): i for i in range(8)}, "and 3 more"),
    ],
)
def test_other_settings_are_refused_and_named(run: Run, change: dict, message: str) -> None:
    write(run, "checkpoints/checkpoint.safetensors")
    with pytest.raises(CoterieError, match=message):
        Run.open(run.folder, config={**CONFIG, **change}, fingerprint="f" * 64)


def test_other_data_is_refused(run: Run) -> None:
    write(run, "checkpoints/checkpoint.safetensors")
    with pytest.raises(CoterieError, match="other data"):
        Run.open(run.folder, config=CONFIG, fingerprint="0" * 64)


def test_existing_reads_a_run_and_refuses_what_is_none(run: Run, tmp_path: Path) -> None:
    assert Run.existing(run.folder).config == CONFIG
    with pytest.raises(CoterieError, match="no manifest"):
        Run.existing(tmp_path / "nowhere")


def test_unfinished_stage_is_not_done_and_has_no_facts(run: Run) -> None:
    assert not run.done("fit")
    with pytest.raises(CoterieError, match="has not finished stage 'fit'"):
        run.about("fit")


def test_damaged_and_missing_files_are_named(run: Run) -> None:
    path = write(run, "units/scores.parquet")
    run.complete("unit", [path])
    path.write_text("contenT")
    with pytest.raises(CoterieError, match=r"units/scores\.parquet is damaged"):
        run.done("unit")
    path.unlink()
    with pytest.raises(CoterieError, match=r"units/scores\.parquet is missing"):
        Run.existing(run.folder).done("unit")


def test_damaged_manifest_is_named(run: Run) -> None:
    (run.folder / MANIFEST).write_text('{"format": ')
    with pytest.raises(CoterieError, match=r"manifest\.json is damaged"):
        Run.open(run.folder, config=CONFIG, fingerprint="f" * 64)


def test_a_stage_holds_files_of_the_run_only(run: Run, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("x")
    with pytest.raises(ValueError, match="outside"):
        run.complete("fit", [outside])
    assert not run.done("fit")


def test_foreign_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(CoterieError, match=r"not a run of coterie \(it holds 'thesis\.txt'\)"):
        check_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_manifest_of_another_program_is_foreign(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text('{"name": "a web app"}')
    with pytest.raises(CoterieError, match="not written by coterie"):
        Run.open(tmp_path, config=CONFIG, fingerprint="f")


def test_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CoterieError, match="cannot be written"):
        Run.open(tmp_path / "file" / "run", config=CONFIG, fingerprint="f")


def test_killed_while_writing_the_first_manifest_may_start_again(tmp_path: Path) -> None:
    (tmp_path / f".{MANIFEST}.123.tmp").write_text('{"for')
    run = Run.open(tmp_path, config=CONFIG, fingerprint="f")
    assert [path.name for path in run.folder.iterdir()] == [MANIFEST]


def test_nothing_is_made_before_the_run_is_opened(tmp_path: Path) -> None:
    check_folder(tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no /proc, which nobody can write")
def test_unwritable_folder_is_refused() -> None:
    with pytest.raises(CoterieError, match=r"'/proc/coterie' cannot be written"):
        Run.open("/proc/coterie", config=CONFIG, fingerprint="f")


def test_run_that_keeps_nothing_gives_way_to_other_settings(run: Run) -> None:
    again = Run.open(run.folder, config={**CONFIG, "epochs": 5}, fingerprint="0" * 64)
    assert again.config["epochs"] == 5
    write(again, "checkpoints/joint/checkpoint.safetensors")
    with pytest.raises(CoterieError, match="epochs was 5, now 3"):
        Run.open(run.folder, config=CONFIG, fingerprint="0" * 64)


def test_only_a_run_that_keeps_nothing_can_be_abandoned(run: Run) -> None:
    path = write(run, "checkpoints/joint/checkpoint.safetensors")
    run.abandon()
    assert path.exists()
    path.unlink()
    run.abandon()
    assert not run.folder.exists()


def test_forgotten_stages_are_not_done_and_their_files_stay(run: Run) -> None:
    for stage in ("group", "model"):
        run.complete(stage, [write(run, stage)])
    run.forget("model", "evaluate")
    again = Run.existing(run.folder)
    assert again.stages == ("group",)
    assert not again.done("model")
    assert (run.folder / "model").exists()


def test_another_environment_is_added_not_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(run, "checkpoints/checkpoint.safetensors")
    monkeypatch.setattr("coterie.runs.environment", lambda: {"python": "9.9"})
    again = Run.open(run.folder, config=CONFIG, fingerprint="f" * 64)
    assert again.manifest["environments"][-1] == {"python": "9.9"}
    assert len(Run.existing(run.folder).manifest["environments"]) == 2


def test_not_a_number_is_refused_in_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        Run.open(tmp_path / "run", config={"lr": float("nan")}, fingerprint="f")
