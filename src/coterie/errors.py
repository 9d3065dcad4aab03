"""The one exception that users are meant to read."""

from __future__ import annotations


class CoterieError(ValueError):
    """Something about the input, a setting or a file is wrong, and the message says what and how to mend it.

    The command line prints the message alone and exits with status 2; in Python it is a ``ValueError``.
    """
