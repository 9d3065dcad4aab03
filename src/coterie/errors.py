"""The one exception that users are meant to read, and the commonest reasons for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from numbers import Integral, Real
from typing import Any


class CoterieError(ValueError):
    """Something about the input, a setting or a file is wrong, and the message says what and how to mend it.

    The command line prints the message alone and exits with status 2; in Python it is a ``ValueError``.
    """


class CoterieWarning(UserWarning):
    """Something about the input is unusual, such as values that training never saw; the work goes on."""


def require_whole(name: str, value: Any, least: int) -> None:
    """Refuse a setting that is not a whole number of at least ``least``.

    >>> require_whole("every", 0, 1)
    Traceback (most recent call last):
    ...
    coterie.errors.CoterieError: `every` must be a whole number of at least 1; found 0.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise CoterieError(f"`{name}` must be a whole number of at least {least}; found {value!r}.")


def require_positive(name: str, value: Any) -> None:
    """Refuse a setting that is not a finite number above 0.

    >>> require_positive("ridge", -1)
    Traceback (most recent call last):
    ...
    coterie.errors.CoterieError: `ridge` must be a positive, finite number; found -1.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < inf:
        raise CoterieError(f"`{name}` must be a positive, finite number; found {value!r}.")


@contextmanager
def blame(what: str, *, remedy: str = "") -> Iterator[None]:
    """Say of whatever code of the user's own raises that ``what`` failed; the original stays as the cause.

    >>> with blame("`model` 'mine' fails"):
    ...     {}["width"]
    Traceback (most recent call last):
    ...
    coterie.errors.CoterieError: `model` 'mine' fails: KeyError: 'width'
    """
    try:
        yield
    except CoterieError:
        raise
    except Exception as error:
        raise CoterieError(f"{what}: {reason(error)}{remedy}") from error


def reason(error: BaseException) -> str:
    r"""The kind of an error and the first line of its message, where there is one.

    >>> reason(KeyError()), reason(ValueError("\nnot so.\nSee there."))
    ('KeyError', 'ValueError: not so.')
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
