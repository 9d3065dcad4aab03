"""Columns that say which row it is.

Row numbers and ids, which memorise a table instead of describing it.
"""

from __future__ import annotations

import re

import numpy as np

NEARLY = 0.95
_FEWEST = 10
_LEAST_SHARE = 0.15
_THINGS = (
    "patient|subject|person|user|sample|record|customer|client|case|order|item|product|visit|encounter|admission|device|machine|"
    "compound|molecule|mol|gene|protein|cell|image|img|file|doc|document|article|post|tweet|message|session|event|employee|"
    "student|member|account|transaction|booking|passenger|vehicle|station|sensor|site|batch|lot|plant|study|trial|participant|"
    "donor|respondent|household|object|entity|instance|example|row|line"
)
_ID = re.compile(
    rf"(?:.*[\s_.\-])?(?:id|uid|uuid|guid|(?:{_THINGS})s?[\s_.\-]?(?:id|no|nr|number))(?:[\s_.\-]?(?:no|nr|num|number))?",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"|unnamed:?[\s_]*\d+(?:\.\d+)?|__index_level_\d+__|level_\d+"
    r"|(?:.*[\s_.\-])?(?:index|idx|key|no|nr|row|rowid|rownum|rownames?)",
    re.IGNORECASE,
)


def named_like_an_id(name: str) -> bool:
    """Whether the name says that the column tells who or what a row is about.

    >>> names = "patientid", "ID_number", "userId", "acid", "body_mass_index"
    >>> [named_like_an_id(name) for name in names]
    [True, True, True, False, False]
    """
    return bool(_ID.fullmatch(name) or re.fullmatch(r".*[a-z]I[dD]", name))


def named_like_a_row_number(name: str) -> bool:
    """Whether the name says that the column numbers rows, if its content agrees.

    An empty name does.

    >>> names = "", "Unnamed: 0", "__index_level_0__", "row", "arrow"
    >>> [named_like_a_row_number(name) for name in names]
    [True, True, True, True, False]
    """
    return bool(_NUMBER.fullmatch(name)) or named_like_an_id(name)


def nearly_unique(n_distinct: int, n_known: int) -> bool:
    """Whether hardly any value occurs twice."""
    return n_distinct >= NEARLY * n_known


def counts_rows(values: np.ndarray) -> str:
    """Say how numbers (n,) follow the row number, or "".

    They count rows, with gaps, restarts or repeats, or they rise or fall.

    Time, dose and ramps look the same, which is why the user may overrule.

    >>> counts_rows(np.arange(40.0) * 5), counts_rows(np.repeat(np.arange(12.0), 3))
    ('it counts the rows', 'it counts the rows in runs of 3')
    >>> counts_rows(np.tile(np.arange(20.0), 2))
    'it counts the rows'
    >>> counts_rows(np.random.default_rng(0).normal(size=40))
    ''
    """
    known = values[~np.isnan(values)]
    if len(known) < _FEWEST or not np.isfinite(known).all():
        return ""
    n_distinct = len(np.unique(known))
    if n_distinct < max(2, _LEAST_SHARE * len(known)):
        return ""
    if _steady(known):
        return "it counts the rows"
    starts = np.flatnonzero(np.append(True, known[1:] != known[:-1]))
    lengths = np.diff(starts)
    if (
        len(starts) < len(known)
        and len(starts) >= _FEWEST
        and (lengths == lengths[0]).mean() >= NEARLY
        and _steady(known[starts])
    ):
        return f"it counts the rows in runs of {lengths[0]}"
    steps = steps_between(known)
    if (
        nearly_unique(n_distinct, len(known))
        and max((steps > 0).mean(), (steps < 0).mean()) >= NEARLY
    ):
        return f"it {'rises' if (steps > 0).mean() >= NEARLY else 'falls'} with the row number"
    return ""


def evenly_numbered(values: np.ndarray) -> bool:
    """Whether whole numbers (n,) fill a range evenly, in any order, hardly one twice.

    Row numbers of a shuffled table.

    >>> evenly_numbered(np.random.default_rng(0).permutation(40))
    True
    >>> evenly_numbered(np.array([3.0, 90, 17, 4, 55] * 4))
    False
    """
    known = values[~np.isnan(values)]
    if len(known) < _FEWEST or not np.isfinite(known).all() or (known % 1).any():
        return False
    distinct = np.unique(known)
    return nearly_unique(len(distinct), len(known)) and _steady(distinct)


def steps_between(values: np.ndarray) -> np.ndarray:
    """Differences of neighbours in quarters, which are finite for all finite numbers (n,).

    >>> steps_between(np.array([4.0, 8.0, -1.7e308])).tolist()
    [1.0, -4.25e+307]
    """
    return np.diff(values / 4)


def _steady(values: np.ndarray) -> bool:
    """Whether nearly all steps are one and the same, not 0."""
    steps = steps_between(values)
    usual = np.median(steps)
    return bool(usual != 0 and (np.abs(steps - usual) <= 1e-6 * abs(usual)).mean() >= NEARLY)
