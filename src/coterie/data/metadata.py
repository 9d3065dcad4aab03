"""What a file says about itself: class names, labels, index columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from coterie.errors import CoterieError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

NO_LABEL = -1


def metadata_of(schema: pa.Schema) -> dict[str, object]:
    """Schema metadata with JSON decoded; class names that ``datasets`` writes as COLUMN_names."""
    found: dict[str, object] = {}
    for key, value in (schema.metadata or {}).items():
        text = value.decode("utf-8", "replace")
        try:
            found[key.decode("utf-8", "replace")] = json.loads(text)
        except (json.JSONDecodeError, RecursionError):
            found[key.decode("utf-8", "replace")] = text
    hub = found.get("huggingface")
    info = hub.get("info") if isinstance(hub, dict) else None
    features = info.get("features") if isinstance(info, dict) else None
    for column, feature in features.items() if isinstance(features, dict) else ():
        if isinstance(feature, dict) and isinstance(feature.get("names"), list):
            found[f"{column}_names"] = feature["names"]
    return found


def class_names(metadata: Mapping[str, object], column: str) -> list[str]:
    """Names of the classes of a column.

    COLUMN_names, fine_names for fine_label, names for label.
    """
    keys = [f"{column}_names", f"{column.removesuffix('label').rstrip('_')}_names"]
    if column == "label":
        keys.append("names")
    for key in keys:
        names = metadata.get(key)
        if isinstance(names, list) and names and all(isinstance(name, str) for name in names):
            return names
    return []


def with_class_names(column: pd.Series, names: Sequence[str]) -> pd.Series:
    """Give class numbers their names, as ordered categories; -1 is no label.

    A column of other numbers is left as it is.

    Raises:
        CoterieError: two classes have one name.

    >>> import pandas as pd
    >>> with_class_names(pd.Series([1, -1, 0]), ["no", "yes"]).tolist()
    ['yes', nan, 'no']
    """
    import pandas as pd

    if not names or not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    known = numbers[~np.isnan(numbers)]
    if (known % 1).any() or (known < NO_LABEL).any() or (known >= len(names)).any():
        return column
    if len(set(names)) < len(names):
        raise CoterieError(
            f"The classes of column {str(column.name)!r} must have names that differ; found "
            f"{list(names)[:20]}."
        )
    codes = np.where(np.isnan(numbers), NO_LABEL, numbers).astype(np.int64)
    return pd.Series(
        pd.Categorical.from_codes(codes, categories=list(names), ordered=True),
        index=column.index,
        name=column.name,
    )


def named_labels(metadata: Mapping[str, object], columns: Sequence[str]) -> frozenset[str]:
    """Columns that the file names as labels: its targets, and those whose classes have names."""
    targets = metadata.get("targets")
    listed = [
        *(targets if isinstance(targets, list) else ()),
        metadata.get("target"),
        metadata.get("label"),
    ]
    named = {name for name in listed if isinstance(name, str)}
    return frozenset(name for name in columns if name in named or class_names(metadata, name))


def index_columns(metadata: Mapping[str, object]) -> tuple[str, ...]:
    """Columns that were the index of a pandas frame."""
    pandas = metadata.get("pandas")
    found = pandas.get("index_columns", ()) if isinstance(pandas, dict) else ()
    return tuple(name for name in found if isinstance(name, str))
