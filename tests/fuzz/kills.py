"""A verb in a process of its own that kills itself before a given file operation.

Imported by the server that forks these processes, so that none of them has to import anything.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from coterie import runs
from coterie.cli import main

_CHANGES = (
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.mkdir",
    "os.chmod",
    "os.truncate",
    "os.link",
    "os.symlink",
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT

torch.set_num_threads(1)  # threads of a process that forks would be missing in its children


class Counter:
    """Counts what changes files, in order, and kills the process just before number ``die_at``."""

    def __init__(self, die_at: int | None) -> None:
        self.die_at, self.count = die_at, 0

    def install(self) -> None:
        """There is no way back: for a process that ends soon."""
        sync = os.fsync

        def counted_sync(descriptor: Any) -> None:
            self.step()
            sync(descriptor)

        os.fsync = counted_sync
        sys.addaudithook(self.hear)

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit event of Python: it comes before what it tells."""
        if event in _CHANGES:
            self.step()
        elif event == "open":
            path, mode, flags = arguments
            writes = (
                any(letter in mode for letter in "wax+")
                if isinstance(mode, str)
                else bool(flags & _WRITING)
            )
            if writes and path != os.devnull:
                self.step()

    def step(self) -> None:
        """One operation is about to happen."""
        if self.count == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.count += 1


def perform(folder: Path, command: list[str], die_at: int | None, answer: Connection) -> None:
    """Run ``command`` in ``folder``; answer its exit status and the number of file operations."""
    said = os.open(folder.parent / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, sys.stdout.fileno())
    os.dup2(said, sys.stderr.fileno())
    os.chdir(folder)
    stop_the_clock()
    counter = Counter(die_at)
    counter.install()
    status = main([*command, "--quiet"])
    answer.send((status, counter.count))


def stop_the_clock() -> None:
    """Seconds and dates are the one thing in which two runs may differ.

    Here they do not, and strategies are not measured.
    """
    for name, module in list(sys.modules.items()):
        if name.startswith("coterie") and hasattr(module, "perf_counter"):
            module.perf_counter = lambda: 0.0  # type: ignore[attr-defined]
    runs._now = lambda: "now"


def import_what_verbs_import() -> None:
    """Much is imported when it is first needed.

    A child does all that once, and says which modules it needed.

    This process itself does nothing but import them, so that it has no threads.
    """
    with tempfile.TemporaryDirectory() as folder:
        names = Path(folder) / "names.json"
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                os.chdir(folder)
                sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
                data = [
                    "--data",
                    "digits",
                    "--epochs",
                    "1",
                    "--model",
                    "mlp",
                    "--targets",
                    "even",
                    "random",
                    "--quiet",
                    "--out",
                ]
                commands = [
                    [
                        "run",
                        *data,
                        "a",
                        *["--groups", "2", "--seeds", "1", "--repeats", "1", "--draws", "1"],
                    ],
                    ["affinity", *data, "b", *["--methods", "cosine", "lookahead", "--every", "2"]],
                    ["select", "b", "--affinity", "cosine", "--budget", "2"],
                    ["group", "a", "--groups", "2"],
                    ["fit", "a"],
                    ["evaluate", "a"],
                ]
                if not any(map(main, commands)):
                    names.write_text(json.dumps(list(sys.modules)))
            os._exit(0)
        os.waitpid(child, 0)
        for name in json.loads(names.read_text()):
            with suppress(Exception):
                import_module(name)


if "forkserver" in " ".join(sys.orig_argv):  # in the server
    import_what_verbs_import()
