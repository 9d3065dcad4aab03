"""Small data sets and teachers of them, trained once."""

from __future__ import annotations

from functools import cache

import numpy as np

import coterie as ct

SHORT = {"iterations": 8, "round_iterations": 2, "device": "cpu"}


def pictures(n: int = 150, seed: int = 0, dtype: type = np.uint8, factor: int = 1) -> ct.Dataset:
    """Images of 8 x 8 pixels in three classes: which channel is bright on the left."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) % 3
    images = rng.integers(0, 100, (n, 3, 8, 8))
    images[np.arange(n), label, :, :4] += 120
    return ct.load(
        {"inputs": (factor * images).astype(dtype), "targets": {"c": np.array(list("xyz"))[label]}}
    )


def table(n: int = 240, seed: int = 0) -> ct.Dataset:
    """Numbers, and tasks of all kinds: one rare, one with gaps, a number and a coin."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    gaps = (x[:, 1] > 0).astype(float)
    gaps[::5] = np.nan
    targets = {
        "rare": (x[:, 0] > 0.8) * 1,
        "gaps": gaps,
        "number": 3 * x[:, 2] + 5,
        "coin": rng.integers(0, 2, n),
    }
    return ct.load({"inputs": x, "targets": targets})


@cache
def of_pictures() -> tuple[ct.Dataset, ct.Fit]:
    """The images, and a network that knows them."""
    data = pictures()
    options = {"width": 0.25, "dropout": 0.0}
    return data, ct.fit(
        "cnn", data, epochs=8, lr=0.01, batch_size=32, model_options=options, device="cpu"
    )


@cache
def of_table() -> tuple[ct.Dataset, ct.Fit]:
    """The table, and a network that knows all tasks but the coin."""
    data = table()
    return data, ct.fit(
        "mlp",
        data,
        epochs=15,
        lr=0.01,
        batch_size=32,
        model_options={"hidden": (16,)},
        device="cpu",
    )
