"""Checks of a data source of your own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import pandas as pd
from torch import Tensor

from coterie.data import Dataset, load
from coterie.data.sources import SOURCES, RawData, Reading, Source, TableSource
from coterie.errors import CoterieError
from coterie.testing._checks import Suite, require
from coterie.testing._world import content, not_applicable, random_state_kept, same


def check_source(
    subject: Source,
    source: object,
    *,
    targets: Sequence[str] | str | None = None,
    frame: pd.DataFrame | None = None,
    refused: Sequence[object] = (),
    expected_failures: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """Check a kind of data source.

    An object of a subclass of :class:`coterie.data.sources.Source` that was registered.

    The checks, in order: *registered*, *others*, *rows*, *twice*, *random state*, *alike*, *missing
    cells*, *parts*, *refused*; :func:`checks_of` tells what each one says.

    Args:
        subject: what to check.
        source: one that it accepts, of a hundred rows or more, best with missing cells.
        targets: as of :func:`coterie.load`.
        frame: the same table in pandas, which must read alike.
        refused: sources of its kind that must be refused, such as a file that is not there.
        expected_failures: by check, the reason why it fails; such a check must fail.

    Returns:
        Names of the checks that hold; those with nothing to look at are not among them.

    Raises:
        CheckFailed: one does not hold.

    >>> import pandas as pd
    >>> from coterie.data.sources import SOURCES
    >>> ours = next(source for source in SOURCES if source.sentence == "a pandas frame")
    >>> table = pd.DataFrame({"x": [0.5, 2.0, None, 1.5] * 30, "y": ["a", "b"] * 60})
    >>> check_source(ours, table, targets=["y"])[:3]
    ('registered', 'others', 'rows')
    """
    options = {"source": source, "targets": targets, "frame": frame, "refused": refused}
    return _SUITE.run(subject, expected_failures, **options)


class _Sourcing:
    """A kind of source with one of its sources."""

    def __init__(
        self,
        subject: Source,
        source: object,
        *,
        targets: Sequence[str] | str | None = None,
        frame: pd.DataFrame | None = None,
        refused: Sequence[object] = (),
    ) -> None:
        self.subject, self.source, self.targets = subject, source, targets
        self._frame, self.refused = frame, refused

    def read(self, source: object = None) -> RawData:
        """As the house asks for it."""
        return self.subject.read(self.source if source is None else source, Reading())

    def load(self, source: object = None) -> Dataset:
        """As a user does."""
        return load(self.source if source is None else source, targets=self.targets)

    @cached_property
    def data(self) -> Dataset:
        """Loaded once."""
        return self.load()

    @property
    def frame(self) -> pd.DataFrame:
        """The same table."""
        if self._frame is None:
            not_applicable("no `frame` of the same table was given")
        return self._frame


_SUITE = Suite("source", _Sourcing)


@_SUITE.check
def registered(sourcing: _Sourcing) -> None:
    """It is registered, has a sentence, and is the one that is asked to read its source."""
    require(sourcing.subject in SOURCES, "coterie.data.sources.register to know it", "it unknown")
    require(bool(sourcing.subject.sentence.strip()), "a sentence that says what it is", "none")
    asked = _asked(sourcing.source)
    require(asked is sourcing.subject, "that it is asked to read its source", asked)


@_SUITE.check
def others(sourcing: _Sourcing) -> None:
    """It claims nothing that is certainly of another kind."""
    own = type(sourcing.source)
    foreign = ("digits", {"inputs": [], "targets": []}, pd.DataFrame(), np.zeros(3), 3, None)
    for each in foreign:
        akin = same(each, sourcing.source) if isinstance(each, str) else isinstance(each, own)
        require(akin or _asked(each) is not sourcing.subject, "that others are asked", each)


@_SUITE.check
def rows(sourcing: _Sourcing) -> None:
    """All that it gives has as many rows, counted from 0, under names of columns that differ."""
    raw = sourcing.read()
    names = list(raw.frame.columns)
    require(all(isinstance(name, str) for name in names), "names that are text", names)
    require(len(set(names)) == len(names), "names that differ", names)
    counted = list(range(len(raw)))
    require(raw.frame.index.tolist() == counted, "rows counted from 0", raw.frame.index)
    held = {"inputs": raw.inputs, "images": raw.images, "part": raw.part, "ids": raw.ids}
    for name, each in held.items():
        length = len(raw) if each is None else len(each)  # type: ignore[arg-type]
        require(length == len(raw), f"{name!r} of {len(raw)} rows", length)


@_SUITE.check
def twice(sourcing: _Sourcing) -> None:
    """Loaded twice, it gives the same bits, and the same fingerprint."""
    one, other = sourcing.data, sourcing.load()
    _require_alike(one, other, "the same when loaded again")
    require(one.fingerprint() == other.fingerprint(), "the same fingerprint", other.fingerprint())


@_SUITE.check
def random_state(sourcing: _Sourcing) -> None:
    """The global random states of Python, numpy and torch stay as they are."""
    with random_state_kept():
        sourcing.read()


@_SUITE.check
def alike(sourcing: _Sourcing) -> None:
    """The same table as a pandas frame loads alike."""
    _require_alike(sourcing.load(sourcing.frame), sourcing.data, "what the frame loads as")


@_SUITE.check
def missing_cells(sourcing: _Sourcing) -> None:
    """What is missing stays missing, in every column."""
    wanted = sourcing.frame.isna().to_numpy()
    if not wanted.any():
        not_applicable("nothing is missing")
    found = sourcing.read().frame
    require(list(found) == list(sourcing.frame), "the columns of the frame", list(found))
    gaps = found.isna().to_numpy()
    require(same(gaps, wanted), f"{wanted.sum()} missing cells, where they are", gaps.sum())


@_SUITE.check
def parts(sourcing: _Sourcing) -> None:
    """A source that has columns may be a part of another."""
    if not isinstance(sourcing.subject, TableSource):
        not_applicable("it has no columns of its own")
    whole = sourcing.load({"train": sourcing.source, "test": sourcing.source})
    n_rows = len(sourcing.read())
    require(len(whole) == 2 * n_rows, f"{2 * n_rows} rows of two parts", len(whole))
    first = int(whole.split.test.min())
    require(first >= n_rows, "the test part where its rows are", f"row {first} among it")


@_SUITE.check
def refused(sourcing: _Sourcing) -> None:
    """What cannot be read is refused with a CoterieError, not with an error of another kind."""
    if not sourcing.refused:
        not_applicable("no sources to be `refused` were given")
    for source in sourcing.refused:
        require(sourcing.subject.accepts(source), "that it accepts its own kind", source)
        try:
            found = sourcing.read(source)
        except CoterieError:
            continue
        require(False, f"{source!r} to be refused", found)


def _asked(source: object) -> Source | None:
    return next((kind for kind in SOURCES if kind.accepts(source)), None)


def _require_alike(one: Dataset, other: Dataset, expected: str) -> None:
    require(one.tasks.names == other.tasks.names, f"{expected}: the tasks", other.tasks.names)
    held, found = content(one), content(other)
    if not isinstance(one.inputs, Tensor):
        not_applicable("its inputs are streamed")
    for name, value in held.items():
        require(same(value, found[name]), f"{expected}: the {name}", "others")
