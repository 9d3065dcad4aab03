"""Whether what ``load`` was given is of the right type, before anything is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import cast

import numpy as np

from coterie.errors import CoterieError, is_listed, require_count, require_whole, shown
from coterie.seeds import MOST_SEED

_TEXTS = (
    "one_vs_rest",
    "task_column",
    "target_column",
    "image_column",
    "group_column",
    "split_column",
    "time_column",
    "encoding",
)
_LISTS = ("targets", "exclude", "keep", "names", "na")
_TABLES = ("kinds", "positive", "losses", "metrics")
_SWITCHES = ("balance", "allow_overlap")
_WITH_LIKE = ("source", "like", "encoding", "task_column", "target_column", "one_vs_rest")
_MOST_ROWS = 2**63 - 1


def check_arguments(given: Mapping[str, object]) -> None:
    """Refuse arguments of a type that ``load`` does not take.

    Those it does not know are left alone.

    Raises:
        CoterieError: naming the argument.

    >>> check_arguments({"targets": ["A"], "limit": None})
    >>> check_arguments({"targets": 3})
    Traceback (most recent call last):
    coterie.errors.CoterieError: `targets` must be a text or a list of texts; found 3.
    """
    for name, value in given.items():
        if name == "seed":
            require_whole(name, value, 0, MOST_SEED)
        elif name in _SWITCHES:
            if not isinstance(value, bool | np.bool_):
                raise CoterieError(f"`{name}` must be True or False; found {shown(value)}.")
        elif value is None:
            continue
        elif name == "limit":
            require_count(name, value, _MOST_ROWS)
        elif name in _TEXTS and not isinstance(value, str):
            raise CoterieError(f"`{name}` must be a text; found {shown(value)}.")
        elif name in _LISTS and not _are_texts(value):
            raise CoterieError(f"`{name}` must be a text or a list of texts; found {shown(value)}.")
        elif name in _TABLES and not (isinstance(value, Mapping) and _are_texts(list(value))):
            raise CoterieError(f"`{name}` must map names to values; found {shown(value)}.")


def refuse_with_like(given: Mapping[str, object], defaults: Mapping[str, object]) -> None:
    """Refuse what the schema of a model decides, or what is about parts that there are not.

    It would have no effect.

    >>> given = {"like": "a model", "targets": None, "limit": 9}
    >>> refuse_with_like(given, {"targets": None, "limit": None})
    Traceback (most recent call last):
    coterie.errors.CoterieError: `like` leaves no effect to `limit`: ...
    """
    told = [
        name
        for name in defaults
        if name not in _WITH_LIKE and _plain(given[name]) != _plain(defaults[name])
    ]
    if told:
        raise CoterieError(
            f"`like` leaves no effect to {', '.join(f'`{name}`' for name in told)}: the model's "
            "schema says what is read, and all examples are test examples. Leave them out."
        )


def _plain(value: object) -> object:
    """For comparison: lists of any sort are alike, and an empty mapping says nothing."""
    if isinstance(value, Mapping):
        return dict(value) or None
    listed = isinstance(value, Iterator | AbstractSet) or is_listed(value)
    return tuple(cast("Iterable[object]", value)) if listed else value


def _are_texts(value: object) -> bool:
    if isinstance(value, str | Iterator):  # what can be read only once is read where it is needed
        return True
    listed = isinstance(value, AbstractSet) or is_listed(value)
    return listed and all(isinstance(each, str) for each in cast("Iterable[object]", value))
