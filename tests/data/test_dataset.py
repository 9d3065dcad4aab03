"""What a data set knows of itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from coterie.data import load


def test_a_fingerprint_sees_every_example() -> None:
    inputs, targets = np.zeros((6000, 2), np.float32), np.arange(6000) % 2
    one = load({"inputs": inputs, "targets": targets})
    changed = inputs.copy()
    changed[1234, 1] = 1e-6
    other = load({"inputs": changed, "targets": targets})
    assert one.fingerprint() != other.fingerprint()
    assert replace(other, inputs=one.inputs).fingerprint() == one.fingerprint()


def test_a_fingerprint_is_taken_once_and_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = {
        "inputs": np.random.default_rng(0).normal(size=(100, 3)),
        "targets": np.arange(100) % 2,
    }
    data = load(arrays)
    whole = data.fingerprint()
    monkeypatch.setattr("coterie.data.dataset._HASHED_AT_ONCE", 50)
    assert load(arrays).fingerprint() == whole
    monkeypatch.setattr("hashlib.sha256", lambda: pytest.fail("hashed again"))
    assert data.fingerprint() == whole
