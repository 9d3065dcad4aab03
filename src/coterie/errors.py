"""The one exception that users are meant to read, and the commonest reasons for it."""

from __future__ import annotations

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
