"""Data maps, and the distances that follow from them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet
import torch

import coterie as ct
from coterie.datamaps import as_type, gram, to_parquet
from tests.golden.cases.inputs import planted_map
from tests.golden.registry import case


@case(exact=("*/count",), close=("whole/confidence", "gaps/variability", "whole/correctness"))
def data_map_arrays() -> dict[str, Any]:
    """Recorded in batches, with gaps, as a smaller type, saved and read again, exported."""
    gaps = planted_map(gaps=0.3)
    with tempfile.TemporaryDirectory() as folder:
        gaps.save(Path(folder, "map.safetensors"))
        again = ct.DataMap.load(Path(folder, "map.safetensors"))
        to_parquet(gaps, Path(folder, "map.parquet"))
        table = pyarrow.parquet.read_table(Path(folder, "map.parquet"))
    return {
        "whole": planted_map(),
        "gaps": gaps,
        "half": as_type(gaps, "float16"),
        "again": again,
        "table": table,
    }


@case(close=("cells/distances2", "gaps/distances2", "density/distances2"))
def data_map_distances() -> dict[str, Any]:
    whole, gaps = planted_map(), planted_map(gaps=0.3)
    return {
        "cells": gram(whole),
        "gaps": gram(gaps),
        "chunked": gram(gaps, chunk=17),
        "density": gram(gaps, "density"),
        "sparse": gram(planted_map(gaps=0.7, n=100)),
    }


@case(close=("*",))
def confidences() -> dict[str, Any]:
    """Of every kind, one by one and together."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20, 5, generator=generator)
    targets = torch.stack(
        [torch.arange(20) % 2, torch.arange(20) % 3, torch.linspace(-2, 2, 20)], dim=1
    )
    targets[::7] = torch.nan
    tasks = ct.Tasks.plain(
        [
            ct.Task(name="b", kind=ct.Kind.BINARY),
            ct.Task(name="m", kind=ct.Kind.MULTICLASS, classes=("x", "y", "z")),
            ct.Task(name="r", kind=ct.Kind.REGRESSION),
        ]
    )
    return {
        "together": ct.confidence(logits, targets, tasks),
        "one": ct.confidence(logits[:, 1:4], targets[:, 1], tasks[1]),
        "kind": ct.confidence(logits[:, :3], targets, "regression"),
    }
