"""Every verb, killed before any file operation and given again, ends as if never killed.

That is byte for byte.

Compared are all files and folders that the verb leaves, its run directory included. The clock
stands still in all processes (:func:`tests.fuzz.kills.stop_the_clock`), so that not even seconds
are left out. Where a verb has more operations than its share of ``COTERIE_KILLS`` (360 by default),
some of them are taken, evenly spaced, others with every commit; verbs that take long have smaller
shares. With ``COTERIE_WHOLE`` all are taken."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.fuzz import TURN
from tests.fuzz.kills import perform

TRAINING = ["--epochs", "2", "--batch-size", "16", "--model", "mlp"]
COMPARING = ["--groups", "2", "--seeds", "1", "--repeats", "1", "--draws", "1"]
DATA = ["--data", "../../data.csv", "--targets", "A", "B", "C"]
RECORD = ["record", *DATA, *TRAINING, "--out", "run"]
COMPARE = [*DATA, *TRAINING, *COMPARING, "--out", "run"]
AFFINITY = [
    "affinity",
    *DATA,
    *TRAINING,
    "--out",
    "run",
    "--methods",
    "cosine",
    "lookahead",
    "data_map",
    "--every",
]
GROUP = ["group", "run", "--groups", "2"]
# What was done before, and the verb that is killed.
SCENARIOS = {
    "record": ([], RECORD),
    "affinity": ([], [*AFFINITY, "2"]),
    "affinity again, otherwise": ([[*AFFINITY, "2"]], [*AFFINITY, "3"]),
    "group": ([RECORD], GROUP),
    "group again, otherwise": (
        [RECORD, GROUP, ["fit", "run"], ["evaluate", "run"]],
        ["group", "run", "--groups", "3"],
    ),
    "select": ([[*AFFINITY, "2"]], ["select", "run", "--affinity", "cosine", "--budget", "2"]),
    "select from a table": (
        [],
        ["select", "../../scores.csv", "--budget", "1", "--out", "chosen.json"],
    ),
    "fit": ([RECORD, GROUP], ["fit", "run"]),
    "evaluate": ([RECORD, GROUP, ["fit", "run"]], ["evaluate", "run"]),
    "compare": ([], ["compare", *COMPARE]),
    "run": ([], ["run", *COMPARE]),
    "fit after compare": ([["compare", *COMPARE], GROUP], ["fit", "run"]),
    "report": ([["compare", *COMPARE]], ["report", "run"]),
    "predict": (
        [RECORD, GROUP, ["fit", "run"]],
        ["predict", "run", "--data", "../../data.csv", "--out", "new.parquet"],
    ),
    "plan": ([], ["plan", *DATA, *TRAINING, *COMPARING]),
}
WHOLE = "COTERIE_WHOLE" in os.environ
EACH = int(os.environ.get("COTERIE_KILLS", "360")) // 10
LONG = ("compare", "run", "report")
kills = Counter()


class Server:
    """Forks processes from one in which everything is imported and nothing has been done yet."""

    def __init__(self, root: Path) -> None:
        self.root, self.context = root, multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["tests.fuzz.kills"])

    def run(self, folder: Path, command: list[str], die_at: int | None = None) -> tuple[int, int]:
        """Exit status and number of file operations; of a process that was killed -9 and where."""
        mine, theirs = self.context.Pipe(duplex=False)
        process = self.context.Process(target=perform, args=(folder, command, die_at, theirs))
        process.start()
        theirs.close()
        process.join(60)
        assert process.exitcode is not None, f"{command} hangs: {self.said()}"
        return mine.recv() if process.exitcode == 0 else (process.exitcode, die_at or 0)

    def finish(self, folder: Path, command: list[str]) -> int:
        """The number of file operations of a command that must succeed."""
        status, operations = self.run(folder, command)
        assert status == 0, f"{' '.join(command)}: {status}, {self.said()}"
        return operations

    def said(self) -> str:
        """What the last process had to say."""
        return next(self.root.rglob("said.txt")).read_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("kills")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    frame = pd.DataFrame(x, columns=["x", "y", "z"])
    for name, column in zip("ABC", x.T, strict=True):
        frame[name] = (column + 0.5 * rng.normal(size=80) > 0).astype(int)
    frame.to_csv(root / "data.csv", index=False)
    (root / "scores.csv").write_text("subset,task,value\nA+B,A,0.8\nA+B,B,0.7\nA,A,0.9\nB,B,0.6\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(Path(__file__).parents[2])
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        patch.setenv("OMP_NUM_THREADS", "1")  # no threads in the server
        patch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # no files but those of the verbs
        yield Server(root)


def contents(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def chosen(operations: int, share: int, turn: int = TURN) -> np.ndarray:
    """As many different operations, evenly spaced; turn by turn every one of them."""
    return (np.arange(share) * operations // max(share, 1) + turn) % max(operations, 1)


@pytest.mark.parametrize(("operations", "share"), [(0, 0), (5, 5), (100, 36), (37, 36)])
def test_every_operation_has_its_turn(operations: int, share: int) -> None:
    turns = [chosen(operations, share, turn) for turn in range(operations)]
    assert all(len(set(turn)) == share for turn in turns)
    assert {position for turn in turns for position in turn} == set(range(operations))


@pytest.mark.slow
@pytest.mark.timeout(7200 if WHOLE else 900)
@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_anywhere(server: Server, tmp_path: Path, name: str) -> None:
    before, command = SCENARIOS[name]
    place = server.root / name.replace(" ", "_").replace(",", "")
    start, whole, killed = (place / each for each in ("start", "whole", "killed"))
    start.mkdir(parents=True)
    for earlier in before:
        server.finish(start, earlier)
    shutil.copytree(start, whole)
    operations = server.finish(whole, command)
    expected = contents(whole)
    share = operations if WHOLE else min(EACH // 3 if name in LONG else EACH, operations)
    for position in chosen(operations, share):
        shutil.copytree(start, killed)
        assert server.run(killed, command, int(position))[0] == -signal.SIGKILL
        kills[name] += 1
        server.finish(killed, command)
        found = contents(killed)
        assert found.keys() == expected.keys(), (
            f"killed before operation {position} of {operations}"
        )
        different = [path for path in found if found[path] != expected[path]]
        assert not different, f"killed before operation {position} of {operations}"
        shutil.rmtree(killed)
    shutil.rmtree(place)
    assert operations or name == "plan"


@pytest.mark.slow
def test_enough_were_killed() -> None:
    if len(kills) < len(SCENARIOS) - 1 or EACH < 36:  # a plan writes nothing
        pytest.skip("only a part was asked for")
    assert sum(kills.values()) >= 300, kills
