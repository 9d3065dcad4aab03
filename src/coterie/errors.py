"""The one exception that users are meant to read, and the commonest reasons for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from difflib import get_close_matches
from math import inf
from numbers import Integral, Real
from reprlib import Repr
from typing import TypeVar

Each = TypeVar("Each")
_SHORT = Repr()
_SHORT.maxstring, _SHORT.maxlong, _SHORT.maxother = 50, 50, 80


class CoterieError(ValueError):
    """Something about the input, a setting or a file is wrong.

    The message says what and how to mend it. The command line prints the message alone and exits
    with status 2; in Python it is a ``ValueError``.
    """


class CoterieWarning(UserWarning):
    """Something about the input is unusual, such as values that training never saw.

    The work goes on.
    """


def require_whole(name: str, value: object, least: int, most: int | None = None) -> None:
    """Refuse a setting that is not a whole number from ``least`` to ``most``, if there is a most.

    >>> require_whole("every", 0, 1)
    Traceback (most recent call last):
    ...
    coterie.errors.CoterieError: `every` must be a whole number of at least 1; found 0.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise CoterieError(
            f"`{name}` must be a whole number of at least {least}; found {shown(value)}."
        )
    if most is not None and int(value) > most:
        raise CoterieError(
            f"`{name}` must be a whole number of at most {most}; found {shown(value)}."
        )


def require_count(name: str, value: object, most: int) -> None:
    """Refuse what does not say how many, from 1 to ``most``.

    >>> require_count("draws", 10**9, most=10_000)
    Traceback (most recent call last):
    ...
    coterie.errors.CoterieError: `draws` must be a whole number of at most 10000; found 1000000000.
    """
    if isinstance(value, Integral) and not isinstance(value, bool) and int(value) < 1:
        raise CoterieError(f"`{name}` must be at least 1; found {shown(value)}.")
    require_whole(name, value, 1, most)


def require_positive(name: str, value: object) -> None:
    """Refuse a setting that is not a finite number above 0.

    >>> require_positive("ridge", -1)
    Traceback (most recent call last):
    ...
    coterie.errors.CoterieError: `ridge` must be a positive, finite number; found -1.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < _order(value) < inf:
        raise CoterieError(f"`{name}` must be a positive, finite number; found {shown(value)}.")


def require_number(name: str, value: object, *, least: float, below: float = inf) -> None:
    """Refuse a setting that is not a finite number from ``least`` to below ``below``.

    >>> require_number("warmup", 1.0, least=0, below=1)
    Traceback (most recent call last):
    ...
    coterie.errors.CoterieError: `warmup` must be a number of at least 0 and below 1; found 1.0.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not least <= _order(value) < below:
        limit = "finite" if below == inf else f"below {below:g}"
        raise CoterieError(
            f"`{name}` must be a number of at least {least:g} and {limit}; found {shown(value)}."
        )


def require_type(name: str, value: object, *kinds: type) -> None:
    """Refuse an argument of another type than one of ``kinds``.

    >>> require_type("data", "people.csv", dict)
    Traceback (most recent call last):
    ...
    coterie.errors.CoterieError: `data` must be a dict; found 'people.csv'.
    """
    if not isinstance(value, kinds):
        raise CoterieError(
            f"`{name}` must be a {' or '.join(kind.__name__ for kind in kinds)}; found "
            f"{shown(value)}."
        )


def require_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Refuse what is none of a few texts.

    >>> require_choice("part", "exam", ["train", "test"])
    Traceback (most recent call last):
    ...
    coterie.errors.CoterieError: `part` must be one of 'train', 'test'; found 'exam'.
    """
    choices = list(choices)
    if not isinstance(value, str) or value not in choices:
        raise CoterieError(
            f"`{name}` must be one of {', '.join(map(repr, map(str, choices)))}; found "
            f"{shown(value)}."
        )


def require_settings(kind: type, settings: Iterable[str], of: str) -> None:
    """Refuse names that are no fields of the dataclass ``kind``, the settings of ``of``.

    >>> from dataclasses import make_dataclass
    >>> require_settings(make_dataclass("Settings", ["lr", "epochs"]), ["epoch"], "fit")
    Traceback (most recent call last):
    ...
    coterie.errors.CoterieError: `epoch` is not a setting of fit; there are lr, epochs. Did you mean \
`epochs`?
    """
    known = [field.name for field in fields(kind)]
    for name in settings:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f" Did you mean `{close[0]}`?" if close else ""
            raise CoterieError(
                f"`{name}` is not a setting of {of}; there are {', '.join(known)}.{hint}"
            )


def require_list(name: str, value: object, *kinds: type[Each]) -> tuple[Each, ...]:
    """Several values of one of ``kinds`` as a tuple; one text is not several.

    >>> require_list("names", ["a", 3], str)
    Traceback (most recent call last):
    ...
    coterie.errors.CoterieError: `names` must be a list of str; found ['a', 3].
    """
    found = tuple(value) if isinstance(value, Iterable) and is_listed(value) else None
    if found is None or not all(isinstance(each, kinds) for each in found):
        raise CoterieError(
            f"`{name}` must be a list of {' or '.join(kind.__name__ for kind in kinds)}; found "
            f"{shown(value)}."
        )
    return found


def require_texts(name: str, value: object) -> tuple[str, ...]:
    """Several texts as a tuple, each a plain one."""
    return tuple(map(str, require_list(name, value, str)))


def is_listed(value: object) -> bool:
    """Whether a value lists others, in some order.

    Neither one text, nor a mapping or a set, nor to be read only once.

    >>> is_listed((1, 2)), is_listed("ab"), is_listed({"a": 1})
    (True, False, False)
    """
    if isinstance(value, str | bytes | bytearray | Mapping | set | frozenset) or not isinstance(
        value, Collection
    ):
        return False
    # Arrays of no dimension claim to be collections.
    return getattr(value, "ndim", 1) > 0


def _order(value: Real) -> float:
    """A number that compares like ``value``; ``float`` refuses whole numbers beyond its range."""
    return value if isinstance(value, int) else float(value)


def shown(value: object) -> str:
    """``repr`` of what a user gave, shortened: it may be anything.

    >>> shown([1.5] * 1000)
    '[1.5, 1.5, 1.5, 1.5, 1.5, 1.5, ...]'
    """
    return _SHORT.repr(value)


@contextmanager
def blame(what: str, *, remedy: str = "") -> Iterator[None]:
    """Say of whatever code of the user's own raises that ``what`` failed.

    The original stays as the cause.

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
    ('KeyError', 'ValueError: not so')
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (
        f"{type(error).__name__}: {lines[0][:300].rstrip('.')}" if lines else type(error).__name__
    )
