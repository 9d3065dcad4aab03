"""From what was read, and the roles of its columns, to all that is known before the split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch.utils.data
from torch import Tensor

from coterie.data.cells import MISSING, reading_notes
from coterie.data.columns import finite_numbers, plain_text, series, some, strange_cells
from coterie.data.images import decode_images
from coterie.data.leaks import equal_inputs, time_order_note, times_of
from coterie.data.roles import Columns, given_split
from coterie.data.row_numbers import counts_rows
from coterie.data.sources import RawData
from coterie.data.tables import Table, choose_features
from coterie.data.targets import Labels, largest_task
from coterie.errors import CoterieError

if TYPE_CHECKING:
    import pandas as pd

_SCALED = 20.0  # images from 0 to 1, or standardised, stay within; levels of grey do not


@dataclass(frozen=True, kw_only=True, eq=False)
class Groups:
    """Examples that stay together.

    ``codes`` (N,), ``names`` by code, what they are, and whether overlaps are allowed.
    """

    codes: np.ndarray
    names: np.ndarray
    what: str
    overlap: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Recipe:
    """All that is known before the split: what a resplit starts from.

    Codes, (N,): ``groups`` stay in one part, ``given`` is the part where the data say so, ``same``
    is shared by equal inputs. ``times`` (N,) split instead of chance. ``notes`` say how the source
    was read. ``share`` of the labels of training and validation is kept, drawn by ``share_seed``.
    """

    stored: Tensor | torch.utils.data.Dataset | Table
    labels: Labels
    ids: np.ndarray
    fractions: tuple[float, float, float] = (0.6, 0.2, 0.2)
    rare: str = "error"
    balance: bool = True
    groups: Groups | None = None
    given: np.ndarray | None = None
    times: np.ndarray | None = None
    same: np.ndarray | None = None
    keep: tuple[str, ...] = ()
    missing: tuple[str, ...] = MISSING
    image_column: str | None = None
    notes: tuple[str, ...] = ()
    share: float = 1.0
    share_seed: int = 0


def recipe_of(
    raw: RawData, columns: Columns, labels: Labels, *, overlap: bool, missing: tuple[str, ...]
) -> Recipe:
    """Settle inputs, groups, times and a given split.

    Args:
        raw: what was read.
        columns: which of its columns plays which part.
        labels: tasks and labels made of these.
        overlap: groups may have rows in several parts of a given split.
        missing: words that stand for a missing cell.

    Raises:
        CoterieError: no input, or one that cannot be used; groups, times or a split that are none.
    """
    one_task = None if columns.task is None else largest_task(labels)
    stored, notes = _inputs_of(raw, columns, one_task)
    same, given = equal_inputs(stored), given_split(raw, columns)
    read = [name for name in raw.frame.columns if name not in columns.exclude]
    notes += reading_notes(raw.read, read)
    if given is None and columns.time is None:
        others = raw.frame.drop(columns=[*columns.exclude, *columns.labelled])
        notes += time_order_note(others, one_task)
    return Recipe(
        stored=stored,
        labels=labels,
        groups=_groups(raw, columns, same, overlap),
        given=given,
        same=same,
        keep=columns.keep,
        missing=missing,
        times=None if columns.time is None else times_of(series(raw.frame, columns.time)),
        ids=_ids(raw, stored),
        image_column=raw.image_column,
        notes=(*notes, *_array_notes(stored)),
    )


def _inputs_of(
    raw: RawData, columns: Columns, sample: np.ndarray | None
) -> tuple[Tensor | torch.utils.data.Dataset | Table, list[str]]:
    """Inputs as they are stored, and notes on them."""
    if raw.inputs is not None:
        return raw.inputs, list(raw.notes)
    if raw.images is not None:
        images, notes = decode_images(raw.images, raw.frame.index.to_numpy(), str(raw.image_column))
        if rest := [repr(name) for name in raw.frame.columns if name not in columns.not_inputs]:
            notes = (
                *notes,
                f"Left out, because the inputs are the images of {raw.image_column!r} alone: "
                f"{some(rest)}.",
            )
        return images, [*raw.notes, *notes]
    features = choose_features(
        raw.frame.drop(columns=columns.not_inputs),
        keep=columns.keep,
        index=raw.index,
        labels=raw.labels,
        sample=sample,
    )
    if not features.numeric and not features.categorical:
        raise CoterieError(" ".join(("No column is left to be an input.", *features.notes)))
    for name in features.numeric:
        finite_numbers(series(raw.frame, name))
    frame = raw.frame.loc[:, [*features.numeric, *features.categorical]]
    return Table(frame, features), list(raw.notes)


def _groups(
    raw: RawData, columns: Columns, same: np.ndarray | None, overlap: bool
) -> Groups | None:
    """What must stay together.

    The groups that the user names or, in long form, one example under several tasks.
    """
    if columns.group is not None:
        codes, names = _group_codes(series(raw.frame, columns.group))
        return Groups(
            codes=codes, names=names, what=f"groups of {columns.group!r}", overlap=overlap
        )
    if columns.task is None or same is None or len(np.unique(same)) == len(same):
        return None
    first = raw.frame.index.to_numpy()[np.unique(same, return_index=True)[1]]
    names = np.array([f"row {row}" for row in first], dtype=object)
    return Groups(codes=same, names=names, what="examples with equal inputs", overlap=overlap)


def _group_codes(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Group of each row, and the names of the groups; a row without a group is one of its own."""
    if strange_cells(column).startswith("lists"):
        raise CoterieError(
            f"`group_column` {str(column.name)!r} holds lists or structures; it must name groups."
        )
    codes, values = column.factorize(use_na_sentinel=True)
    alone = np.flatnonzero(codes < 0)
    codes = codes.astype(np.int64)
    codes[alone] = len(values) + np.arange(len(alone))
    return codes, np.array(
        [*map(plain_text, values), *(f"row {row}" for row in alone)], dtype=object
    )


def _array_notes(stored: object) -> list[str]:
    """What is taken as it is, but said.

    Columns that follow the row number, and images that are not scaled.
    """
    if isinstance(stored, Tensor) and stored.dim() == 4 and stored.is_floating_point():
        low, high = (float(value) for value in stored.aminmax())
        if max(-low, high) <= _SCALED:
            return []
        return [
            f"Images of `inputs` are taken as they are, {low:g} to {high:g}, unscaled: only uint8 "
            "and uint16 are scaled."
        ]
    if not isinstance(stored, Tensor) or stored.dim() != 2:
        return []
    found = [
        (place, reason)
        for place, values in enumerate(stored.T.double().numpy())
        if (reason := counts_rows(values))
    ]
    return [
        f"Column {place} of `inputs` may be a row number: {reason}." for place, reason in found[:5]
    ]


def _ids(raw: RawData, stored: object) -> np.ndarray:
    """What the source, or the only column that numbers its rows, calls the examples, (N,)."""
    if raw.ids is not None:
        return raw.ids
    if isinstance(stored, Table) and len(stored.features.ids) == 1:
        ids = series(raw.frame, stored.features.ids[0]).to_numpy()
        return ids if ids.dtype.kind in "iu" else np.array([plain_text(value) for value in ids])
    return raw.frame.index.to_numpy()
