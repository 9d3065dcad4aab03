"""A small table that commands are tried on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coterie.cli import main

TARGETS = ("A", "B", "C", "D")
FEW = {"epochs": 2, "batch-size": 64, "seeds": 2, "repeats": 1, "draws": 1, "groups": 2}


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 rows, 3 inputs, 4 binary targets."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 3))
    frame = pd.DataFrame(x, columns=["age", "height", "weight"])
    for position, name in enumerate(TARGETS):
        frame[name] = (x[:, position % 3] + rng.normal(size=150) > 0).astype(int)
    frame.to_csv(path := tmp_path_factory.mktemp("people") / "people.csv", index=False)
    return path


@pytest.fixture(scope="session")
def command(people: Path) -> Callable[..., list[str]]:
    """``coterie run`` on the table, as short as it gets."""

    def given(out: Path, *more: str, **changed: object) -> list[str]:
        options = {**FEW, **changed, "out": out}
        flags = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        return ["run", "--data", str(people), "--targets", *TARGETS, "--quiet", *flags, *more]

    return given


@pytest.fixture(scope="session")
def finished(
    command: Callable[..., list[str]], tmp_path_factory: pytest.TempPathFactory
) -> list[str]:
    """The command of a run with a forest that is finished."""
    asked = command(
        tmp_path_factory.mktemp("runs") / "run",
        *("--rivals", "forest", "linear", "--no-headroom", "--baselines", "single"),
    )
    assert main(asked) == 0
    return asked
