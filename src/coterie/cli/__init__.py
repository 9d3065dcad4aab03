"""The command line: the same verbs as in Python, on files and run directories.

:mod:`~coterie.cli.options` says what can be asked, :mod:`~coterie.cli.parsing` reads it, :mod:`~coterie.cli.verbs` does it and
:mod:`~coterie.cli.show` tells the outcome. Exit status: 0 done, 2 the user's mistake (one line says which), 130 stopped by
Ctrl-C, 1 anything unexpected.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

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
    try:
        status = _main(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, such as head, has seen enough. Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _main(given: list[str]) -> int:
    if given == ["--version"]:
        from coterie import __version__

        sys.stdout.write(f"coterie {__version__}\n")
        return 0
    # ``--model module:factory`` names a module of the user, who expects the current folder to be searched as by python -m.
    sys.path[:0] = [] if str(Path.cwd()) in sys.path else [str(Path.cwd())]
    try:
        from coterie.cli.parsing import parse

        verb = parse(given)
        from coterie.cli.verbs import perform

        perform(verb)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    except KeyboardInterrupt:
        _complain("stopped. What is finished is kept; the same command continues from there.")
        return 130
    except BrokenPipeError:
        raise
    except CoterieError as error:
        if "--debug" in given:
            raise
        _complain(f"error: {error}")
        return 2
    except Exception as error:
        if "--debug" in given:
            raise
        _complain(f"unexpected error: {type(error).__name__}: {error} (--debug shows where)")
        return 1
    return 0


def _complain(message: str) -> None:
    sys.stderr.write(f"coterie: {visible(' '.join(message.split()))}\n")
