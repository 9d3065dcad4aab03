"""Numbers and names as reports and verdicts print them: rounded once, with a true minus sign."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import TypeGuard

import numpy as np

MISSING = "–"
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:%|ms\b|s\b|min\b|h\b))|(?<=\d min) (?=\d)")
MOST_NAMED = 12


def is_number(value: object) -> TypeGuard[float]:
    """Whether ``value`` is a finite number.

    >>> is_number(1.5), is_number(None), is_number(float("nan")), is_number(True)
    (True, False, False, False)
    """
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def number(value: object, digits: int = 3) -> str:
    """A number with fixed digits, or a dash where there is none.

    >>> number(-0.25, 2), number(None)
    ('−0.25', '–')
    """
    return f"{value:.{digits}f}".replace("-", "−") if is_number(value) else MISSING


def rounded(values: np.ndarray) -> list[object]:
    """An array as nested lists of numbers of four digits, None where there is none.

    Small enough for JSON.

    >>> rounded(np.array([[0.123456, np.nan], [0.0, 1.0]]))
    [[0.1235, None], [0, 1]]
    """
    if values.ndim > 1:
        return [rounded(row) for row in values]
    return [_short(value) if math.isfinite(value) else None for value in values.tolist()]


def _short(value: float) -> float:
    short = float(f"{value:.4g}")
    return int(short) if short.is_integer() else short


def share(value: object) -> str:
    """A share between 0 and 1 as the papers print it.

    >>> share(0.755), share(1.0)
    ('.76', '1.00')
    """
    return number(value, 2).removeprefix("0")


def score(value: object) -> str:
    """A score to three digits, without the zero before the point.

    >>> score(0.8812), score(-0.5), score(1.0)
    ('.881', '−.500', '1.000')
    """
    return (
        number(value, 3).replace("0.", ".", 1)
        if is_number(value) and abs(value) < 1
        else number(value, 3)
    )


def signed(value: object, digits: int = 1) -> str:
    """A difference with its sign.

    >>> signed(1.25), signed(-0.31), signed(-0.01)
    ('+1.2', '−0.3', '0.0')
    """
    if not is_number(value):
        return MISSING
    rounded = round(value, digits) + 0.0
    return number(rounded, digits) if rounded <= 0 else f"+{rounded:.{digits}f}"


def interval(low: object, high: object, digits: int = 1) -> str:
    """Both ends of an interval of differences.

    >>> interval(-0.5, 2), interval(None, None)
    ('−0.5 to +2.0', '–')
    """
    return (
        f"{signed(low, digits)} to {signed(high, digits)}"
        if is_number(low) and is_number(high)
        else MISSING
    )


def count(value: object) -> str:
    """A whole number with thousands set apart.

    >>> count(1234567)
    '1,234,567'
    """
    return f"{value:,.0f}" if is_number(value) else MISSING


def models(value: float) -> str:
    """A number of models, which is a fraction where it differs between repetitions.

    >>> models(1.0), models(7 / 3)
    ('1 model', '2.3 models')
    """
    return "1 model" if value == 1 else f"{plain(round(value, 1))} models"


def seconds(value: object) -> str:
    """A duration in the unit that suits it.

    >>> seconds(0.0123), seconds(7.31), seconds(95), seconds(7322), seconds(900)
    ('12 ms', '7.3 s', '1 min 35 s', '2 h 2 min', '15 min')
    """
    if not is_number(value):
        return MISSING
    if 0 < value < 0.1:
        return f"{max(1, round(1000 * value))} ms"
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


def unbroken(sentence: str) -> str:
    r"""A sentence whose numbers stay on one line with their units.

    >>> unbroken("trained in 1 min 35 s (95 %)")
    'trained in 1\xa0min\xa035\xa0s (95\xa0%)'
    """
    return _BEFORE_UNIT.sub("\u00a0", sentence)


def probability(value: object) -> str:
    """A p value to three digits, never 0.

    >>> probability(0.0123), probability(1e-9)
    ('.012', '< .001')
    """
    if not is_number(value):
        return MISSING
    return "< .001" if value < 0.001 else number(value, 3).removeprefix("0")


def listing(names: Iterable[str]) -> str:
    """Names in a sentence.

    >>> listing(["a", "b", "c"])
    'a, b and c'
    """
    *most, last = list(names) or [""]
    return f"{', '.join(most)} and {last}" if most else last


def plain(value: object) -> str:
    """Any setting as text.

    >>> plain([1, 2.50001]), plain(None), plain({"a": True})
    ('1, 2.5', '–', 'a: yes')
    """
    match value:
        case None:
            return MISSING
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value + 0.0:.5g}".replace("-", "−") if math.isfinite(value) else MISSING
        case str():
            return value
        case Mapping():
            return ", ".join(f"{key}: {plain(item)}" for key, item in value.items()) or MISSING
        case Iterable():
            return ", ".join(plain(item) for item in value) or MISSING
        case _:
            return str(value)


def shortened(text: str, length: int) -> str:
    """``text`` on one line without control signs, cut in the middle so that both ends are read.

    >>> shortened("abcdefghij", 7)
    'abcd…ij'
    """
    text = "".join(sign for sign in " ".join(text.split()) if sign.isprintable())
    if len(text) <= length:
        return text
    tail = (length - 1) // 3
    return f"{text[: length - 1 - tail]}…{text[-tail:]}" if tail else f"{text[: length - 1]}…"
