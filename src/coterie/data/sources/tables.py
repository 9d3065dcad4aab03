"""Arrow tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coterie.data.sources._raw import Reading
from coterie.data.sources._source import TableSource

if TYPE_CHECKING:
    import pyarrow as pa


class ArrowTable(TableSource):
    """A ``pyarrow.Table``."""

    sentence = "an Arrow table"

    def accepts(self, source: object) -> bool:
        """A ``pyarrow.Table``."""
        import pyarrow as pa

        return isinstance(source, pa.Table)

    def table(self, source: pa.Table, how: Reading) -> pa.Table:  # noqa: ARG002
        """As it is."""
        return source
