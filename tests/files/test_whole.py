"""Files that are whole or absent, whatever the disk says.

Nothing is left of writers that were killed.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

import coterie as ct
from coterie.cli import main
from coterie.data.arrow_files import write_parquet
from coterie.datamaps import DataMapRecorder, to_parquet
from coterie.datamaps.storage import map_arrays
from coterie.errors import CoterieError
from coterie.files import (
    atomic,
    check_target,
    checksum,
    read_arrays,
    read_json,
    write_arrays,
    write_json,
)
from coterie.runs import MANIFEST, Run

resource = pytest.importorskip("resource")
MANY = np.random.default_rng(0).normal(size=20_000)


@contextmanager
def small_files(n_bytes: int) -> Iterator[None]:
    """No file of this process may grow beyond ``n_bytes``.

    What a full disk does, to this process alone.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def big_map() -> ct.DataMap:
    recorder = DataMapRecorder(4, 2_000)
    recorder.update(torch.arange(2_000), torch.rand(2_000, 4))
    return recorder.data_map()


def big_scores() -> ct.ScoreTable:
    subsets = np.ones((2_000, 2), dtype=bool)
    return ct.ScoreTable(
        tasks=("a", "b"),
        subsets=subsets,
        scores=MANY[:4_000].reshape(-1, 2),
        costs=MANY[:2_000] + 9.0,
    )


def big_grouping() -> ct.Grouping:
    names = tuple(f"task {i}" for i in range(500))
    return ct.Grouping(tasks=names, membership=np.eye(10)[np.arange(500) % 10], method="given")


WRITERS: dict[str, Callable[[Path], Any]] = {
    "JSON": lambda path: write_json(path, MANY.tolist()),
    "arrays": lambda path: write_arrays(path, {"a": MANY}),
    "table": lambda path: write_parquet(path, pa.table({"a": MANY})),
    "data map": lambda path: big_map().save(path),
    "data map, long": lambda path: to_parquet(big_map(), path),
    "scores": lambda path: big_scores().save(path),
    "grouping": lambda path: big_grouping().save(path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_no_room_is_one_sentence_and_what_was_there_stays(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("as it was")
    with (
        small_files(8_000),
        pytest.raises(CoterieError, match=r"/file' cannot be written: File too large\.$"),
    ):
        WRITERS[name](tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "as it was"
    WRITERS[name](tmp_path / "file")
    assert (tmp_path / "file").stat().st_size > 8_000


@pytest.mark.parametrize(
    "code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ENAMETOOLONG, errno.EIO]
)
@pytest.mark.parametrize("where", ["mkdir", "open", "fsync", "replace"])
def test_every_reason_at_every_step(
    code: int, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_json(tmp_path / "file", 1)

    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(code, "whatever the library says", "elsewhere/.file.1-0.tmp")

    monkeypatch.setattr(*{"fsync": (os, "fsync")}.get(where, (Path, where)), fail)
    with pytest.raises(CoterieError) as caught:
        write_json(tmp_path / "file", 2)
    monkeypatch.undo()
    assert (
        str(caught.value) == f"{str(tmp_path / 'file')!r} cannot be written: {os.strerror(code)}."
    )
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert read_json(tmp_path / "file") == 1


def test_where_no_file_can_be_is_said_before_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, reason in [
        (tmp_path, "Is a directory"),
        (tmp_path / "file" / "x", "Not a directory"),
        ("a\0", "null character"),
    ]:
        with pytest.raises(CoterieError, match=f"cannot be written: .*{reason}"):
            check_target(path)
        with pytest.raises(CoterieError, match="cannot be written"):
            write_json(path, 1)
    check_target(tmp_path / "new" / "folder" / "x")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("read", [read_json, read_arrays, checksum, map_arrays])
def test_what_cannot_be_read_is_one_sentence(read: Callable[[Path], Any], tmp_path: Path) -> None:
    for path, reason in [
        (tmp_path, "Is a directory"),
        (tmp_path / "no", "No such file"),
        (tmp_path / ("z" * 300), "too long"),
    ]:
        with pytest.raises(CoterieError, match=f"cannot be read: .*{reason}"):
            read(path)


def test_the_longest_names_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("ä" * 125 + ".json")
    write_json(path, 1)
    assert read_json(path) == 1
    stray = tmp_path / f".{'a' * 64}.{dead()}-0.tmp"
    stray.mkdir()
    write_json(path, 2)
    assert stray.exists()  # of a file with another name


def test_strays_of_the_dead_go_and_all_others_stay(tmp_path: Path) -> None:
    gone, me = dead(), os.getpid()
    living = os.getppid()
    for name in (
        f".a.json.{gone}.tmp",
        f".b.json.{gone}.tmp",
        f".a.json.{living}.tmp",
        f".a.json.{me}-9999.tmp",
        ".a.json.tmp",
    ):
        (tmp_path / name).write_text("")
    (tmp_path / f".a.json.{gone}-7.tmp").mkdir()
    (tmp_path / f".a.json.{gone}-7.tmp" / ".tmpX1").write_text("what a library left")
    write_json(tmp_path / "a.json", 1)
    assert {path.name for path in tmp_path.iterdir()} == {
        "a.json",
        f".b.json.{gone}.tmp",
        f".a.json.{living}.tmp",
        ".a.json.tmp",
    }


def test_a_block_within_a_block_takes_its_place_with_the_outer_one(tmp_path: Path) -> None:
    write_json(tmp_path / "a", 1)
    with atomic(tmp_path / "a") as temporary:
        write_json(temporary, 2)
        assert read_json(tmp_path / "a") == 1
    assert read_json(tmp_path / "a") == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_run_removes_strays_and_checkpoints_of_finished_stages(tmp_path: Path) -> None:
    run = Run.open(tmp_path, config={}, fingerprint="f")
    (run.checkpoint("unit") / "joint").mkdir(parents=True)
    run.checkpoint("other").mkdir()
    (run.checkpoint("other") / "checkpoint").write_text("")
    (tmp_path / "units").mkdir()
    (tmp_path / "units" / f".scores.parquet.{os.getppid()}.tmp").write_text("")
    run.complete("units/unit", [])
    with run.held():
        assert {path.name for path in tmp_path.rglob("*")} == {
            ".lock",
            MANIFEST,
            "checkpoints",
            "other",
            "checkpoint",
            "units",
        }
    run.complete("other", [])
    Run.open(tmp_path, config={}, fingerprint="f")
    assert not list((tmp_path / "checkpoints").iterdir())


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """A file system of its own, where that is allowed."""
    tool = shutil.which("mount")
    done = (
        tool
        and subprocess.run(
            [tool, *options, str(folder)], capture_output=True, check=False
        ).returncode
        == 0
    )
    if not done:
        pytest.skip("mounting is not allowed")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_verbs_on_full_and_read_only_disks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, disk = tmp_path / "made", tmp_path / "disk"
    disk.mkdir()
    options = [
        "--data",
        "digits",
        "--targets",
        "even",
        "random",
        "--epochs",
        "1",
        "--quiet",
        "--out",
    ]
    assert main(["record", *options, str(made)]) == 0
    assert main(["group", str(made), "--groups", "2", "--quiet"]) == 0
    run = disk / "run"
    predict = ["predict", str(run), "--data", "digits", "--quiet", "--out", str(disk / "p.csv")]
    commands = [
        ["record", *options, str(disk / "new")],
        ["group", str(run)],
        ["fit", str(run)],
        predict,
    ]
    with mounted(disk, "-t", "tmpfs", "-o", "size=2m", "tmpfs"):
        shutil.copytree(made, run)
        with suppress(OSError), (disk / "fill").open("wb", buffering=0) as file:
            while file.write(bytes(512)):
                pass
        before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
        for reason in ("No space left on device", "Read-only file system"):
            capsys.readouterr()
            for command in commands[: None if reason.startswith("Read") else 3]:
                assert main(command) == 2, command
                said = capsys.readouterr().err
                assert reason in said or command[0] == "predict"
                assert said.count("\n") == 1
            assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
            assert {path.name for path in disk.iterdir()} == {"run", "fill"}
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
