"""One input, one child.

What came of a function that may crash, hang or exhaust memory, with its imports paid once.

The child is forked from the test process, so that thousands of inputs cost milliseconds each and a
segmentation fault ends one input only."""

from __future__ import annotations

import faulthandler
import os
import resource
import selectors
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from coterie.errors import CoterieError

Kind = Literal["value", "CoterieError", "TRACEBACK", "SIGNAL", "HANG"]
ACCEPTABLE: tuple[Kind, ...] = ("value", "CoterieError")


class Outcome(NamedTuple):
    """What came of one input.

    ``text`` is the value, the error's message, the traceback, or the name of the signal.
    """

    kind: Kind
    text: str


def outcome(function: Callable[[], Any], timeout: float = 20.0, memory: int = 2 << 30) -> Outcome:
    """Call ``function`` in a forked child and say what came of it.

    Args:
        function: called without arguments; what it returns is turned into text in the child.
        timeout: seconds until the child is killed and the outcome is "HANG".
        memory: bytes that the child may allocate beyond what it was forked with; more is a
            MemoryError, a "TRACEBACK".
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _run(function, writing, timeout, memory)
    os.close(writing)
    message = _read(reading, timeout + 5)
    os.close(reading)
    if message is None:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if message is None:
        return Outcome("HANG", f"after {timeout:g} s, deaf to its own clock")
    if message.startswith(b"Timeout ("):
        return Outcome("HANG", message.decode(errors="replace"))
    if os.WIFSIGNALED(status):
        return Outcome("SIGNAL", signal.Signals(os.WTERMSIG(status)).name)
    kind, _, text = message.decode(errors="replace").partition("\n")
    return (
        Outcome(kind, text) if kind else Outcome("SIGNAL", f"ended without a word, status {status}")
    )  # type: ignore[arg-type]


def _run(function: Callable[[], Any], writing: int, timeout: float, memory: int) -> None:
    """The child's whole life; it never returns."""
    try:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        faulthandler.disable()  # the signal is the outcome
        faulthandler.dump_traceback_later(timeout, exit=True, file=writing)  # says where it hung
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (_size() + memory, hard))
        try:
            kind, text = "value", str(function())
        except CoterieError as error:
            kind, text = "CoterieError", str(error)
        except BaseException:
            kind, text = "TRACEBACK", traceback.format_exc(limit=-4)
        faulthandler.cancel_dump_traceback_later()
        rest = f"{kind}\n{text}".encode(errors="replace")
        while rest:
            rest = rest[os.write(writing, rest) :]
    finally:
        os._exit(0)


def _size() -> int:
    """Bytes of address space in use."""
    if sys.platform != "linux":
        return 0
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - a child should touch little
        return int(file.read().split()[0]) * resource.getpagesize()


def _read(pipe: int, timeout: float) -> bytes | None:
    """All that the child says until it closes the pipe; None if that takes too long."""
    end, parts = time.monotonic() + timeout, []
    with selectors.DefaultSelector() as ready:
        ready.register(pipe, selectors.EVENT_READ)
        while True:
            if not ready.select(max(0.0, end - time.monotonic())):
                return None
            if not (part := os.read(pipe, 1 << 16)):
                return b"".join(parts)
            parts.append(part)
