"""How results look in a notebook: a line and a table."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_MOST = 12  # rows and columns of a table


def as_html(line: object, frame: pd.DataFrame) -> str:
    """One line, a text or a result that says it, and a table, its middle left out if large.

    >>> import pandas as pd
    >>> "<b>" in as_html("<b>", pd.DataFrame({"<b>": ["<b>"]}))
    False
    """
    table = frame.to_html(
        max_rows=_MOST,
        max_cols=_MOST,
        border=0,
        na_rep="–",
        float_format=lambda value: f"{value:.4g}",
    )
    return f"<p>{escape(str(line))}</p>\n{table}"


def numbered(count: int) -> list[str]:
    """Names of so many groups.

    >>> numbered(2)
    ['1', '2']
    """
    return [str(number + 1) for number in range(count)]
