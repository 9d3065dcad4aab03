"""The command line: the same verbs as in Python, on files and run directories.

:mod:`~coterie.cli.options` says what can be asked, :mod:`~coterie.cli.parsing` reads it,
:mod:`~coterie.cli.verbs` does it and :mod:`~coterie.cli.show` tells the outcome. Exit status: 0
done, 2 the user's mistake or a file that cannot be read or written (one line says which), 130
stopped by Ctrl-C, 143 by SIGTERM, 3 undecided under ``--fail-undecided``, 1 anything unexpected.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from coterie.cli.stopping import Stopping
from coterie.errors import CoterieError
from coterie.texts import visible

if TYPE_CHECKING:
    from coterie.cli.options import Verb

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line on ``arguments``, by default the process's, and return the exit status.

    >>> main(["--version"])
    coterie 0.1.0
    0
    """
    if arguments is None:
        # Processes that libraries start (``python -c``, ``python -m``) do not search the current
        # folder either.
        os.environ.setdefault("PYTHONSAFEPATH", "1")
    for stream in (sys.stdout, sys.stderr):
        # Names may hold signs that the stream does not have.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    given = list(sys.argv[1:] if arguments is None else arguments)
    with Stopping() as stopping:
        try:
            _main(given)
            sys.stdout.flush()
        except BaseException as error:
            stopping.end()
            if isinstance(error, KeyboardInterrupt) or stopping.status:
                _complain(
                    "stopped. What is finished is kept; the same command continues from there."
                )
                status = stopping.status or 130
                if any(thread.name == "HiGHS" for thread in threading.enumerate()):
                    _leave(status)
                return status
            return _status(error, debug="--debug" in given)
        return 0


def _main(given: list[str]) -> None:
    if given == ["--version"]:
        from coterie import __version__

        sys.stdout.write(f"coterie {__version__}\n")
        return
    from coterie.cli.parsing import parse

    verb = parse(given)
    from coterie.cli.verbs import perform

    with _searched_last(_folders(verb)):
        perform(verb)


def _status(error: BaseException, *, debug: bool) -> int:
    """Say what went wrong, in one line, and return the exit status."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 2
    if isinstance(error, BrokenPipeError):
        # The reader, such as head, has seen enough.
        _close_output()
        return 1
    if debug or not isinstance(error, Exception):
        raise error
    if isinstance(error, CoterieError):
        _complain(f"error: {error}")
        return 2
    if isinstance(error, OSError):
        named = (
            f"{os.fsdecode(error.filename)!r}: " if isinstance(error.filename, str | bytes) else ""
        )
        _complain(f"error: {named}{error.strerror or error}")
        _close_output()
        return 2
    _complain(f"unexpected error: {type(error).__name__}: {error} (--debug shows where)")
    return 1


def _leave(status: int) -> None:
    """End at once.

    A search that was left (:mod:`coterie.grouping`) works on, and Python would wait for it.
    """
    with suppress(OSError):
        sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _close_output() -> None:
    """Python would complain when it flushes at exit what cannot be written."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _folders(verb: Verb) -> list[str]:
    """Where modules of the user are looked for.

    The current folder, but only if the user named one or trusts the run's.
    """
    from coterie.cli.arguments import objects_named

    return [str(Path.cwd())] if objects_named(verb) or getattr(verb, "trust", False) else []


@contextmanager
def _searched_last(folders: Sequence[str]) -> Iterator[None]:
    """Last, so that no file beside the data takes the place of a module of a library."""
    added = [folder for folder in folders if folder not in sys.path]
    sys.path.extend(added)
    try:
        yield
    finally:
        for folder in added:
            sys.path.remove(folder)


def _complain(message: str) -> None:
    sys.stderr.write(f"coterie: {visible(' '.join(message.split()))}\n")
