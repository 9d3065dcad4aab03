"""Data sets of the ``datasets`` library, which is never imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from coterie.data.arrays import describe
from coterie.data.sources._raw import Reading
from coterie.data.sources._source import TableSource
from coterie.errors import CoterieError

if TYPE_CHECKING:
    import pyarrow as pa


class _Formatted(Protocol):
    def with_format(self, kind: str) -> Mapping[slice, pa.Table]: ...


class HubDataset(TableSource):
    """A ``datasets.Dataset``."""

    sentence = "a datasets.Dataset"

    def accepts(self, source: object) -> bool:
        """Whatever ``datasets`` has, but mappings of such, which are parts."""
        return is_of_datasets(source) and not isinstance(source, Mapping)

    def table(self, source: _Formatted, how: Reading) -> pa.Table:  # noqa: ARG002
        """All of it.

        Raises:
            CoterieError: it is streamed.
        """
        if not hasattr(source, "__getitem__") or not hasattr(source, "num_rows"):
            raise CoterieError(
                "`source` must be a `datasets.Dataset` that lies on disk or in memory; found "
                f"{describe(source)}."
            )
        return source.with_format("arrow")[:]


def is_of_datasets(source: object) -> bool:
    """Whether an object is one of ``datasets``, by the name of its module."""
    return type(source).__module__.startswith("datasets.") and hasattr(source, "with_format")
