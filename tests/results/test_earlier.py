"""Files of every type, of today and of earlier versions, are read to what was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from coterie.errors import CoterieError
from coterie.models import ModelStack
from coterie.results.tables import write_table
from tests.results.made import LATER, PLACES, earlier_comparison, everything, read

EARLIER = Path(__file__).parent / "earlier"


def require_alike(one: Any, other: Any, where: str = "") -> None:
    """Both are the same: their types, the types of their arrays, and every value, NaN included."""
    if isinstance(one, torch.Tensor):
        one, other = one.detach().numpy(), other.detach().numpy()
    if isinstance(one, np.ndarray):
        assert (one.dtype.kind, one.shape) == (other.dtype.kind, other.shape), where
        np.testing.assert_array_equal(one, other, where)
    elif isinstance(one, Mapping):
        assert list(one) == list(other), where
        for key, value in one.items():
            require_alike(value, other[key], f"{where}/{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for place, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            require_alike(mine, theirs, f"{where}/{place}")
    elif isinstance(one, torch.nn.Module):
        require_alike(one.state_dict(), other.state_dict(), where)
    elif isinstance(one, pa.Table):
        assert one.equals(other), where
    elif isinstance(one, ModelStack):
        require_alike(one.state(), other.state(), where)
        require_alike(one.architecture, other.architecture, where)
        require_alike(one.schema, other.schema, where)
    elif is_dataclass(one):
        assert type(one) is type(other), where
        for each in fields(one):
            require_alike(
                getattr(one, each.name), getattr(other, each.name), f"{where}/{each.name}"
            )
    else:
        assert one == other, where


@pytest.mark.parametrize("name", PLACES)
def test_what_is_written_is_read(name: str, tmp_path: Path) -> None:
    made = everything()[name]
    made.save(tmp_path / PLACES[name])
    require_alike(made, read(name, tmp_path))


# "unit" kept no outputs; the others are types that the first versions did not have.
LATER_TYPES = {"distilled", "diversity", "family model", "post-training", "unit"}


@pytest.mark.parametrize("name", sorted(PLACES.keys() - LATER_TYPES))
def test_files_of_earlier_versions_are_read(name: str) -> None:
    meant = earlier_comparison() if name == "comparison" else everything()[name]
    require_alike(meant, read(name, EARLIER))


@pytest.mark.parametrize("column", LATER["gains"])
def test_a_table_of_no_version_is_refused(column: str, tmp_path: Path) -> None:
    """One column of today's is missing: neither of an earlier version nor of this one."""
    made = everything()["comparison"]
    made.save(tmp_path)
    kept = made.gains_table.drop_columns([column, "role"])
    write_table(tmp_path / "gains.parquet", kept)
    with pytest.raises(CoterieError, match="it must have the columns"):
        type(made).load(tmp_path)


def test_units_of_earlier_versions_cannot_be_continued() -> None:
    with pytest.raises(CoterieError, match="it is of an earlier version, which kept no outputs"):
        read("unit", EARLIER)
