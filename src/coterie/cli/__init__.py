"""The command line: the same verbs as in Python, on files and run directories.

:mod:`~coterie.cli.options` says what can be asked, :mod:`~coterie.cli.parsing` reads it, :mod:`~coterie.cli.verbs` does it and
:mod:`~coterie.cli.show` tells the outcome. Exit status: 0 done, 2 the user's mistake (one line says which), 130 stopped by
Ctrl-C, 1 anything unexpected.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from coterie.errors import CoterieError

if TYPE_CHECKING:
    from coterie.cli.options import Verb

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line on ``arguments`` (those of the process by default) and return the exit status.

    >>> main(["--version"])
    coterie 0.1.0
    0
    """
    if arguments is None:
        # Processes that libraries start (``python -c``, ``python -m``) do not search the current folder either.
        os.environ.setdefault("PYTHONSAFEPATH", "1")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # names of files need not be Unicode
            stream.reconfigure(errors="backslashreplace")
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
    try:
        from coterie.cli.parsing import parse

        verb = parse(given)
        from coterie.cli.verbs import perform

        with _searched_last(_folders(verb)):
            perform(verb)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    except KeyboardInterrupt:
        _complain("stopped. What is finished is kept; the same command continues from there.")
        return 130
    except BrokenPipeError:
        raise
    except (CoterieError, OSError) as error:
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


def _folders(verb: Verb) -> list[str]:
    """Where modules of the user are looked for: the current folder, but only if the user named one or trusts the run's."""
    model = getattr(getattr(verb, "training", verb), "model", None) or ""
    return [str(Path.cwd())] if ":" in model or getattr(verb, "trust", False) else []


@contextmanager
def _searched_last(folders: Sequence[str]) -> Iterator[None]:
    """Last, so that no file beside the data takes the place of a module of Python or of a library."""
    added = [folder for folder in folders if folder not in sys.path]
    sys.path.extend(added)
    try:
        yield
    finally:
        for folder in added:
            sys.path.remove(folder)


def _complain(message: str) -> None:
    sys.stderr.write(f"coterie: {' '.join(message.split())}\n")
