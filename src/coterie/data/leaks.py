"""What may stand on both sides of a split, or give an answer away.

Equal inputs, shared groups, order in time, telling columns.

Shapes: ``N`` examples, ``T`` tasks, ``P`` columns of labels (one per class, or the value).
"""

from __future__ import annotations

import hashlib
import re
import warnings
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from coterie.data.columns import as_numbers, as_text, first_row, series, some, strange_cells
from coterie.data.row_numbers import steps_between
from coterie.data.splits import PARTS
from coterie.data.tables import Table
from coterie.data.targets import Labels
from coterie.errors import CoterieError

if TYPE_CHECKING:
    import pandas as pd
    from scipy.sparse import csr_matrix

_TIME = re.compile(
    r"(?:.*[\s_.\-])?"
    r"(?:time|date|datetime|timestamp|ts|year|month|week|day|hour|minute|second|epoch|when|period)s?",
    re.IGNORECASE,
)
_ORDERED = 0.99
_ROWS, _BINS, _WORK = 2000, 256, 2**31
_TELLING, _EXPLAINED = 0.97, 0.99
_FEWEST = 10


def equal_inputs(stored: object) -> np.ndarray | None:
    """A number per example, (N,), that equal inputs share; None where examples are streamed.

    Numbers are compared as float32, which is what a model sees of them.

    >>> import torch
    >>> equal_inputs(torch.tensor([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]]))
    array([0, 1, 0])
    """
    import pandas as pd

    if isinstance(stored, Table):
        return pd.factorize(_hashed(stored))[0]
    if not isinstance(stored, Tensor):
        return None
    rows = stored.flatten(1).numpy()
    hashed = [hashlib.blake2b(row.tobytes(), digest_size=16).hexdigest() for row in rows]
    return pd.factorize(np.array(hashed, dtype=object))[0]


def _hashed(table: Table) -> pd.Series:
    """A number of each row, (N,)."""
    import pandas as pd
    from pandas.util import hash_pandas_object

    plain: dict[str, np.ndarray] = {}
    for name in table.features.numeric:
        with np.errstate(over="ignore"):
            numbers = as_numbers(series(table.frame, name))[0].astype(np.float32)
            plain[name] = numbers + 0.0  # -0 is 0
    for name in table.features.categorical:
        column = series(table.frame, name)
        plain[name] = np.where(column.isna().to_numpy(), "", as_text(column))
    # Pandas' own annotations know nothing of what is in `pandas.util`.
    return hash_pandas_object(pd.DataFrame(plain), index=False)  # type: ignore[operator]


def identical_note(same: np.ndarray, parts: np.ndarray) -> list[str]:
    """How many test examples have the inputs of a training example, in a sentence, or nothing."""
    test = same[parts == 2]
    found = int(np.isin(test, same[parts == 0]).sum())
    if not found:
        return []
    return [
        f"{found} of {len(test)} test examples have inputs identical to those of a training "
        "example (duplicates): if they are the same things, keep them in one part with "
        "`group_column`."
    ]


def shared_groups(groups: np.ndarray, parts: np.ndarray) -> tuple[np.ndarray, str]:
    """Numbers of groups in several parts, and in which, such as "train and test".

    Examples of part -1 do not count.
    """
    found = [np.unique(groups[parts == part]) for part in range(3)]
    shared, where = [], dict[str, None]()
    for one, other in ((0, 2), (0, 1), (1, 2)):
        both = np.intersect1d(found[one], found[other])
        shared.append(both)
        if len(both):
            where[f"{PARTS[one]} and {PARTS[other]}"] = None
    return np.unique(np.concatenate(shared)), ", ".join(where)


def times_of(column: pd.Series) -> np.ndarray:
    """A time column as numbers that sort, (N,).

    Raises:
        CoterieError: missing cells, or cells that are no times.
    """
    name = str(column.name)
    if column.isna().any():
        raise CoterieError(
            f"`time_column` {name!r} is empty in row "
            f"{first_row(column, column.isna().to_numpy())}: every row needs a time."
        )
    if not strange_cells(column):
        values, stray = as_numbers(column)
        if not stray.any():
            return values
    times = _parsed(column)
    if times is None:
        raise CoterieError(
            f"`time_column` {name!r} must hold dates, times or numbers; found {column.iloc[0]!r}."
        )
    return times


def time_order_note(frame: pd.DataFrame, sample: np.ndarray | None = None) -> list[str]:
    """A sentence if a column of times orders the rows, or nothing.

    A random split then trains on the future of its test rows.
    """
    for name in frame.columns:
        column = series(frame, name)
        column = (column if sample is None else column.iloc[sample]).dropna()
        values = _moments(column) if len(column) >= _FEWEST else None
        if values is None or column.nunique() < _FEWEST / 2:
            continue
        steps = steps_between(np.asarray(values).astype(np.float64))
        if max((steps >= 0).mean(), (steps <= 0).mean()) >= _ORDERED:
            return [
                f"The rows are ordered by {str(name)!r}: a random split trains on the future of "
                "its test rows. Split by time with `time_column`."
            ]
    return []


def _moments(column: pd.Series) -> np.ndarray | None:
    """Numbers that sort where a column holds dates, or numbers and is named like a time."""
    strange, kind = strange_cells(column), column.dtype.kind
    if kind in "iuf" and _TIME.fullmatch(str(column.name)) is not None:
        return column.to_numpy(dtype=np.float64)
    dated = strange == "dates" or kind == "M"
    if dated or (not strange and kind in "OT" and _looks_dated(column)):
        return _parsed(column)
    return None


def _looks_dated(column: pd.Series) -> bool:
    text = column.astype(str)
    return bool(text.str.fullmatch(r"\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?").all())


def _parsed(column: pd.Series) -> np.ndarray | None:
    """Dates and times as numbers that sort, or None."""
    import pandas as pd

    if column.dtype.kind == "m":
        return column.astype("int64").to_numpy()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a guess at the order of day and month
            plain = column.astype(str) if column.dtype.kind == "O" else column
            return pd.to_datetime(plain, utc=True).dt.tz_localize(None).astype("int64").to_numpy()
    except (ValueError, TypeError, OverflowError):
        return None


def telling_columns(table: Table, labels: Labels, train: np.ndarray, seed: int) -> list[str]:
    """Name suspected leaks: columns that alone predict a target almost perfectly in training.

    Half of at most 2,000 rows say the label of each category or range of a number, or the value
    between two numbers; the other half is predicted. Balanced accuracy of .97 or R2 of .99 is
    almost perfect.
    """
    frame, numeric = table.frame, table.features.numeric
    names = [*numeric, *table.features.categorical]
    rows = np.random.default_rng(seed).permutation(train)
    width = sum(max(1, len(task.classes)) for task in labels.tasks)
    rows = rows[: max(200, min(_ROWS, _WORK // max(1, len(names) * width)))]
    known, asked = labels.values[rows[::2]], labels.values[rows[1::2]]
    if len(asked) < 2 * _FEWEST:
        return []
    found: dict[str, list[str]] = {}
    for name in names:
        cells = series(frame, name).iloc[rows]
        numbers = as_numbers(cells)[0] if name in numeric else None
        bins = _bins(cells, numbers)
        one_hot = _one_hot(bins[::2], int(bins.max()) + 1)
        for position, task in enumerate(labels.tasks):
            before, after = known[:, position], asked[:, position]
            if task.kind.has_classes:
                told = _classified(one_hot, before, after, bins[1::2], len(task.classes))
            elif numbers is None:
                told = _explained(_means(one_hot, before)[bins[1::2]], after)
            else:
                told = _explained(_between(numbers[::2], before, numbers[1::2]), after)
            if told:
                found.setdefault(name, []).append(task.name)
    return [
        f"Column {name!r} alone predicts {some([repr(task) for task in tasks], 5)} almost "
        "perfectly: a suspected leak? `exclude` leaves it out."
        for name, tasks in found.items()
    ]


def _bins(cells: pd.Series, numbers: np.ndarray | None) -> np.ndarray:
    """Category or range of each row, counted from 0; missing cells are one of their own."""
    import pandas as pd

    if numbers is None:
        return pd.factorize(np.where(cells.isna().to_numpy(), "", as_text(cells)))[0]
    finite, n_bins = numbers[np.isfinite(numbers)], max(2, min(_BINS, len(numbers) // 8))
    edges = np.unique(finite)
    if len(edges) > n_bins:
        edges = np.unique(np.quantile(finite, np.linspace(0, 1, n_bins)))
    return np.where(
        np.isfinite(numbers), np.searchsorted(edges, numbers, side="right"), len(edges) + 1
    )


def _one_hot(bins: np.ndarray, n_bins: int) -> csr_matrix:
    from scipy.sparse import csr_matrix

    return csr_matrix((np.ones(len(bins)), (bins, np.arange(len(bins)))), shape=(n_bins, len(bins)))


def _means(one_hot: csr_matrix, values: np.ndarray) -> np.ndarray:
    """Mean value of each bin, NaN where it has none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return (one_hot @ np.nan_to_num(values)) / (
            one_hot @ (~np.isnan(values)).astype(np.float64)
        )


def _between(known: np.ndarray, values: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Values at ``asked`` by interpolation between known ones, NaN where there is no number."""
    both = np.isfinite(known) & ~np.isnan(values)
    if both.sum() < _FEWEST:
        return np.full(len(asked), np.nan)
    points, place = np.unique(known[both], return_inverse=True)
    means = np.bincount(place, weights=values[both]) / np.bincount(place)
    return np.where(np.isfinite(asked), np.interp(asked, points, means), np.nan)


def _explained(predicted: np.ndarray, truth: np.ndarray) -> bool:
    both = ~np.isnan(predicted) & ~np.isnan(truth)
    if both.sum() < 2 * _FEWEST or np.ptp(truth[both]) == 0:
        return False
    return 1 - np.square(predicted - truth)[both].mean() / truth[both].var() >= _EXPLAINED


def _classified(
    one_hot: csr_matrix,
    values: np.ndarray,
    truth: np.ndarray,
    asked_bins: np.ndarray,
    n_classes: int,
) -> bool:
    classes = values[:, None] == np.arange(n_classes)
    shares = (one_hot @ classes.astype(np.float64)) / classes.sum(0).clip(1)
    predicted = shares.argmax(1)[asked_bins]
    seen = [truth == code for code in range(n_classes)]
    recalls = [
        (predicted[mask] == code).mean() for code, mask in enumerate(seen) if mask.sum() >= _FEWEST
    ]
    return (
        len(recalls) > 1
        and len(recalls) >= sum(mask.any() for mask in seen) / 2
        and float(np.mean(recalls)) >= _TELLING
    )
