"""The command line: the same verbs as in Python, on files and run directories.

:mod:`~coterie.cli.options` says what can be asked, :mod:`~coterie.cli.parsing` reads it, :mod:`~coterie.cli.verbs` does it and
:mod:`~coterie.cli.show` tells the outcome. Exit status: 0 done, 2 the user's mistake or a file that cannot be read or written
(one line says which), 130 stopped by Ctrl-C, 143 by SIGTERM, 1 anything unexpected.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from coterie.cli.stopping import Stopping
from coterie.errors import CoterieError
from coterie.texts import visible

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line on ``arguments`` (those of the process by default) and return the exit status.

    >>> main(["--version"])
    coterie 0.1.0
    0
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names may hold signs that the stream does not have
    given = list(sys.argv[1:] if arguments is None else arguments)
    with Stopping() as stopping:
        try:
            _main(given)
            sys.stdout.flush()
        except BaseException as error:
            stopping.end()
            if isinstance(error, KeyboardInterrupt) or stopping.status:
                _complain("stopped. What is finished is kept; the same command continues from there.")
                return stopping.status or 130
            return _status(error, debug="--debug" in given)
        return 0


def _main(given: list[str]) -> None:
    if given == ["--version"]:
        from coterie import __version__

        sys.stdout.write(f"coterie {__version__}\n")
        return
    # ``--model module:factory`` names a module of the user, who expects the current folder to be searched as by python -m.
    sys.path[:0] = [] if str(Path.cwd()) in sys.path else [str(Path.cwd())]
    from coterie.cli.parsing import parse

    verb = parse(given)
    from coterie.cli.verbs import perform

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
        named = f"{os.fsdecode(error.filename)!r}: " if isinstance(error.filename, str | bytes) else ""
        _complain(f"error: {named}{error.strerror or error}")
        _close_output()
        return 2
    _complain(f"unexpected error: {type(error).__name__}: {error} (--debug shows where)")
    return 1


def _close_output() -> None:
    """Python would complain when it flushes at exit what cannot be written."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str) -> None:
    sys.stderr.write(f"coterie: {visible(' '.join(message.split()))}\n")
