"""A run killed at any moment continues and ends bit for bit as if never stopped."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from coterie.cli import main
from coterie.files import checksum, read_arrays
from coterie.runs import Run

TARGETS = ("even", "at least five", "closed loop", "random")
OPTIONS = "--data digits --groups 2 --draws 1 --epochs 3 --model tests.test_kill:encoder --quiet"
COMPARED = (
    "scores.parquet",
    "statistics.safetensors",
    "data_map.safetensors",
    "history.safetensors",
    "model.safetensors",
)


class Reluctant(torch.nn.Module):
    """Looks at its values, which vmap rejects.

    A measured choice of strategy may differ between runs, and rounding with it.
    """

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return the features, after a moment in which to be killed."""
        time.sleep(0.002 if features.sum().isfinite().item() else 0.0)
        return features


def encoder(input_shape):
    """A small network with dropout and BatchNorm."""
    from coterie.models.encoders import mlp

    return torch.nn.Sequential(mlp(input_shape, hidden=(16,), dropout=0.2), Reluctant())


def command(folder: Path, seeds: int, *more: str) -> list[str]:
    return [
        "compare",
        *OPTIONS.split(),
        "--targets",
        *TARGETS,
        "--seeds",
        str(seeds),
        "--out",
        str(folder),
        *more,
    ]


def start(folder: Path, seeds: int, *more: str) -> subprocess.Popen:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "coterie", *command(folder, seeds, *more)],
        cwd=Path(__file__).parents[1],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen) -> None:
    _, errors = process.communicate(timeout=250)
    assert process.returncode == 0, errors


def kill(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def wait_for(folder: Path, pattern: str, process: subprocess.Popen) -> None:
    while not any(folder.glob(pattern)) and process.poll() is None:
        time.sleep(0.005)


def contents(folder: Path) -> dict[str, str]:
    """Checksums of all results.

    Of statistics the arrays only, because the costs beside them hold seconds.
    """
    found = {}
    for file in (file for name in COMPARED for file in folder.rglob(name)):
        if file.name == "statistics.safetensors":
            arrays = sorted(read_arrays(file)[0].items())
            found[str(file.relative_to(folder))] = hashlib.sha256(
                b"".join(a.tobytes() for _, a in arrays)
            ).hexdigest()
        else:
            found[str(file.relative_to(folder))] = checksum(file)
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_killed_at_random_moments(tmp_path, seed):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(process := start(whole, seeds=2))
    generator, kills = random.Random(seed), 0
    for _ in range(4):
        process = start(killed, seeds=2)
        # Imports take most of a short run: the clock starts where the work does.
        wait_for(killed, "manifest.json", process)
        try:
            process.communicate(timeout=generator.uniform(0.0, 3.0))
        except subprocess.TimeoutExpired:
            kill(process)
            kills += 1
    finish(start(killed, seeds=2))
    assert kills, "no run was killed: the test is too fast for this machine"
    assert contents(killed) == contents(whole)


@pytest.mark.timeout(600)
def test_killed_once(tmp_path):
    """In the middle of the second training, that of groups, and without what others kill.

    What is not killed runs in this process, at the same time to save some.
    """
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    alone = ("--rivals", "none", "--no-headroom")
    process = start(killed, 1, *alone)

    def kill_in_second_training() -> None:
        wait_for(killed, "checkpoints/*/groups", process)
        time.sleep(0.1)
        kill(process)

    killer = threading.Thread(target=kill_in_second_training)
    killer.start()
    assert main(command(whole, 1, *alone)) == 0
    killer.join()
    assert process.returncode == -signal.SIGKILL
    assert list(killed.glob("checkpoints/**/groups/checkpoint.safetensors"))
    assert main(command(killed, 1, *alone)) == 0
    found = contents(killed)
    assert found == contents(whole)
    assert {Path(name).name for name in found} == set(COMPARED)
    strategies = Run.existing(killed).about("units/split-0-seed-0")["strategies"]
    assert strategies == ["loop", "loop"]
