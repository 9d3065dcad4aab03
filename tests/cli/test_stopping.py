"""Ctrl-C and a scheduler's SIGTERM stop at any moment, and the same command continues."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from coterie.cli import main
from coterie.cli.stopping import Stopping
from coterie.runs import Run

OPTIONS = ["--data", "digits", "--targets", "even", "random", "--model", "mlp", "--quiet"]
AFFINITY = [
    "affinity",
    *OPTIONS,
    "--epochs",
    "1",
    "--methods",
    "cosine",
    "lookahead",
    "--every",
    "4",
]


def start(arguments: list[str]) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "coterie", *arguments],
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def test_signals_stop_a_training(tmp_path: Path) -> None:
    """Two are started at once, because that is what takes long."""
    said = "coterie: stopped. What is finished is kept; the same command continues from there.\n"
    with ExitStack() as stack:
        started = []
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            folder = tmp_path / number.name
            process = start(["record", *OPTIONS, "--epochs", "5000", "--out", str(folder)])
            stack.callback(process.kill)
            started.append((process, folder, number, status))
        for process, folder, number, status in started:
            while not list(folder.rglob("checkpoint.safetensors")) and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
            assert (process.returncode, err) == (status, said)
            assert not list(folder.rglob(".*"))
            assert list(folder.rglob("checkpoint.safetensors"))


def test_status_is_that_of_the_signal_even_where_code_was_executed_from_text(
    tmp_path: Path,
) -> None:
    """As named tuples and data classes do when they are imported."""
    code = (
        "import os, sys, coterie.cli, coterie.cli.parsing as parsing\n"
        "parsing.parse = lambda _: exec('import os; os.kill(os.getpid(), 15)\\nwhile True: pass')\n"
        "sys.exit(coterie.cli.main(['group', 'x']))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.startswith("coterie: stopped.")) == (143, True), (
        done.stderr
    )


def test_a_search_that_goes_on_is_not_waited_for(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys, threading, time, numpy, coterie.cli, coterie.cli.parsing as "
        "parsing\n"
        "from coterie.grouping import _highs\n"
        "rng = numpy.random.default_rng(0)\n"
        "takes = rng.integers(1, 1000, (25, 300)).astype(float)\n"
        "loads = takes / (takes.sum(1, keepdims=True) / 3)\n"
        "parsing.parse = lambda _: _highs.solve(rng.random(300), [], loads, time.perf_counter() + "
        "40)\n"
        "def stop():\n"
        "    pathlib.Path('stopped').write_text(str(time.time()))\n"
        "    os.kill(os.getpid(), 15)\n"
        "threading.Timer(1, stop).start()\n"
        "sys.exit(coterie.cli.main(['select', 'x']))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, "coterie: stopped." in done.stderr) == (143, True), done.stderr
    assert time.time() - float((tmp_path / "stopped").read_text()) < 3


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.2, 0.4, 0.7, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0])
def test_interrupted_while_importing_and_loading(delay: float, tmp_path: Path) -> None:
    process = start(["record", *OPTIONS, "--epochs", "5000", "--out", str(tmp_path / "run")])
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.count("\n"), "stopped" in err) == (130, 1, True), err


def test_an_interrupt_that_a_library_turned_into_another_error_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def swallow(_: Path) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
        except KeyboardInterrupt:
            raise ImportError("half a library") from None

    monkeypatch.setattr("coterie.cli.shared.check_folder", swallow)
    assert main(["record", *OPTIONS, "--out", str(tmp_path / "run")]) == 143
    assert capsys.readouterr().err.startswith("coterie: stopped.")


def test_handlers_of_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    for handler in (signal.SIG_IGN, lambda *_: None):
        before = signal.signal(signal.SIGTERM, handler)
        try:
            with Stopping():
                assert signal.getsignal(signal.SIGTERM) is handler
        finally:
            signal.signal(signal.SIGTERM, before)
    before = signal.getsignal(signal.SIGINT)
    with Stopping():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("when", ["before", "after"])
def test_affinities_stopped_between_their_results_continue(
    when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert main([*AFFINITY, "--out", str(whole)]) == 0
    complete, calls = Run.complete_together, 0

    def stop(self: Run, *arguments: Any, **about: Any) -> None:
        if when == "after":
            complete(self, *arguments, **about)
        raise KeyboardInterrupt

    monkeypatch.setattr(Run, "complete_together", stop)
    assert main([*AFFINITY, "--out", str(stopped)]) == 130
    monkeypatch.undo()
    assert list(stopped.rglob("checkpoint.safetensors"))

    def count(*_: Any, **__: Any) -> None:
        nonlocal calls
        calls += 1

    monkeypatch.setattr("coterie.affinities._probe.AffinityProbe.on_step", count)
    assert main([*AFFINITY, "--out", str(stopped)]) == 0
    assert calls == 0
    assert not list(stopped.glob("checkpoints/*"))
    assert Run.existing(stopped).stages == Run.existing(whole).stages


def test_another_set_of_affinities_does_not_meet_the_checkpoint_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, out = AFFINITY, ["--out", str(tmp_path)]
    monkeypatch.setattr(
        Run, "complete_together", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    assert main([*command, *out]) == 130
    monkeypatch.undo()
    alone = [*OPTIONS, "--epochs", "1", "--methods", "cosine", "--every"]
    assert main(["affinity", *alone, "3", *out]) == 0
    assert list(tmp_path.rglob("checkpoint.safetensors"))  # every 4 steps is another question
    assert main(["affinity", *alone, "4", *out]) == 0
    assert not list(tmp_path.glob("checkpoints/*"))  # of the two, one is measured
    assert main([*command, *out]) == 0
