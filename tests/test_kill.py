"""A run killed at any moment continues and ends bit for bit as if never stopped."""

import hashlib
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from coterie.files import checksum, read_arrays

OPTIONS = "--data digits --groups 2 --seeds 2 --epochs 3 --draws 1 --model tests.test_kill:encoder"
COMPARED = ("scores.parquet", "statistics.safetensors", "data_map.safetensors", "history.safetensors", "model.safetensors")


def encoder(input_shape):
    """A small network with dropout and BatchNorm, slow enough to be killed in any epoch."""
    from coterie.models.encoders import mlp

    time.sleep(0.2)
    return mlp(input_shape, hidden=(16,), dropout=0.2)


def start(folder: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "coterie", "run", *OPTIONS.split(), "--quiet", "--out", str(folder)],
        cwd=Path(__file__).parents[1], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(process: subprocess.Popen) -> None:
    _, errors = process.communicate(timeout=250)
    assert process.returncode == 0, errors


def contents(folder: Path) -> dict[str, str]:
    """Checksums of all results; of statistics the arrays only, because the costs beside them hold seconds."""
    found = {}
    for file in (file for name in COMPARED for file in folder.rglob(name)):
        if file.name == "statistics.safetensors":
            arrays = sorted(read_arrays(file)[0].items())
            found[str(file.relative_to(folder))] = hashlib.sha256(b"".join(a.tobytes() for _, a in arrays)).hexdigest()
        else:
            found[str(file.relative_to(folder))] = checksum(file)
    return found


def kill_until_done(folder: Path, moments: list[float]) -> int:
    kills = 0
    for moment in moments:
        process = start(folder)
        try:
            process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
    finish(start(folder))
    return kills


def started_after(folder: Path) -> float:
    """Seconds until the run directory appears: imports take most of a short run."""
    process, begun = start(folder), time.perf_counter()
    while not (folder / "manifest.json").exists() and process.poll() is None:
        time.sleep(0.02)
    found = time.perf_counter() - begun
    finish(process)
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_killed_at_random_moments(tmp_path, seed):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    before = started_after(whole)
    rng = random.Random(seed)
    kills = kill_until_done(killed, [before + rng.uniform(0.0, 4.0) for _ in range(4)])
    assert kills, "no run was killed: the test is too fast for this machine"
    assert contents(killed) == contents(whole)


@pytest.mark.timeout(600)
def test_killed_once(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    before = started_after(whole)
    assert kill_until_done(killed, [before + 1.0]) == 1
    found = contents(killed)
    assert found == contents(whole)
    assert {Path(name).name for name in found} >= set(COMPARED[:3])
