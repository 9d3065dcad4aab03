"""One process at a time writes in a run directory.

A lock ends with its process, however that ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import coterie as ct
from coterie import locks
from coterie.cli import main
from coterie.errors import CoterieError
from coterie.locks import LOCK, locked
from coterie.runs import MANIFEST, Run, check_folder

pytestmark = pytest.mark.skipif(locks.fcntl is None, reason="this system has no flock")

HOLD = """
import sys
from coterie.locks import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds ``folder`` until it is told, or made, to end."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Run.open(tmp_path / "run", config={"a": 1}, fingerprint="f").folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A run with everything in it, and the options that made it."""
    place = tmp_path_factory.mktemp("locks")
    x = np.random.default_rng(0).normal(size=(200, 2))
    frame = pd.DataFrame(x, columns=["x", "y"]).assign(
        A=(x[:, 0] > 0).astype(int), B=(x[:, 1] > 0).astype(int)
    )
    frame.to_csv(place / "data.csv", index=False)
    options = [
        "--data",
        str(place / "data.csv"),
        "--targets",
        "A",
        "B",
        "--epochs",
        "1",
        "--quiet",
        "--out",
        str(place / "run"),
    ]
    assert main(["record", *options]) == 0
    assert main(["group", str(place / "run"), "--groups", "2", "--quiet"]) == 0
    assert main(["fit", str(place / "run"), "--quiet"]) == 0
    return place / "run", options


def test_every_verb_that_writes_is_refused_and_a_reader_is_not(
    finished: tuple[Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, options = finished
    run = str(folder)
    writers = [
        *(
            ["record", *options],
            ["affinity", *options],
            ["compare", *options],
            ["run", *options],
            ["group", run],
        ),
        *(
            ["fit", run],
            ["evaluate", run],
            ["report", run],
            ["select", run, "--budget", "1", "--affinity", "cosine"],
        ),
    ]
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with another(folder) as process:
        capsys.readouterr()
        for command in writers:
            assert main(command) == 2, command
            said = capsys.readouterr().err
            held = f"{run!r} is in use by process {process.pid}: wait for it, or stop it."
            assert said == f"coterie: error: {held}\n"
        assert (
            main(
                ["predict", run, "--data", options[1], "--out", str(tmp_path / "p.csv"), "--quiet"]
            )
            == 0
        )
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert main(["fit", run, "--quiet"]) == 0


def test_compare_in_python_is_refused_too(folder: Path, tmp_path: Path) -> None:
    data = ct.load("digits")
    with another(tmp_path / "run"), pytest.raises(CoterieError, match="is in use by process"):
        ct.compare("mlp", data, run=folder)


def test_a_killed_process_leaves_no_lock(folder: Path) -> None:
    with another(folder) as process:
        process.kill()
        process.wait()
        assert (folder / LOCK).exists()
        with locked(folder):
            assert (folder / LOCK).read_text().split()[0] == str(os.getpid())
    assert not (folder / LOCK).exists()


def test_a_thread_may_take_its_own_lock_again_but_no_other(folder: Path) -> None:
    refused = []

    def take() -> None:
        try:
            with locked(folder):
                refused.append(None)
        except CoterieError as error:
            refused.append(str(error))

    def in_a_thread() -> None:
        thread = threading.Thread(target=take)
        thread.start()
        thread.join()

    with locked(folder), Run.existing(folder).held():
        in_a_thread()
    in_a_thread()
    assert refused == [
        f"{str(folder)!r} is in use by another thread of this process, {os.getpid()}: wait for it, "
        "or stop it.",
        None,
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_neither_holds_the_lock_nor_lets_it_go(folder: Path) -> None:
    with locked(folder):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                with locked(folder):
                    status = 2
            except CoterieError:
                status = 0
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert (folder / LOCK).exists()
        sleeper = os.fork()
        if sleeper == 0:
            signal.pause()
            os._exit(0)
    try:
        with locked(folder):  # though a child of the last holder lives on
            pass
    finally:
        os.kill(sleeper, signal.SIGKILL)
        os.waitpid(sleeper, 0)


def test_what_was_made_for_nothing_is_removed(tmp_path: Path) -> None:
    with locked(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b" / LOCK).exists()
    assert not (tmp_path / "a").exists()
    (tmp_path / "mine").mkdir()
    with locked(tmp_path / "mine"):
        pass
    assert (tmp_path / "mine").is_dir()


def test_a_lock_makes_no_folder_foreign_nor_a_run_less_bare(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text("123 elsewhere\n")
    check_folder(tmp_path)
    run = Run.open(tmp_path, config={}, fingerprint="f")
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]
    with run.held():
        assert run.is_bare
        run.abandon()
    assert not tmp_path.exists()


def test_held_run_sees_what_others_entered(folder: Path) -> None:
    mine, others = Run.existing(folder), Run.existing(folder)
    others.complete("theirs", [])
    with mine.held():
        mine.complete("mine", [])
    assert Run.existing(folder).stages == ("theirs", "mine")


def test_a_system_without_locks_is_named_and_keeps_nobody_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "fcntl", None)
    with pytest.warns(UserWarning, match="cannot be locked on this system"), locked(folder):
        Run.existing(folder).complete("mine", [])
    assert not (folder / LOCK).exists()
