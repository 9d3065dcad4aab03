"""Which columns become inputs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from coterie.data.sources import read_source
from coterie.data.tables import choose_features


def test_columns_are_typed_and_left_out_with_a_reason() -> None:
    n = 40
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "customer_id": generator.permutation(n) + 1000,
            "row": np.arange(n),
            "age": generator.integers(20, 70, n),
            "height": [np.nan, *generator.normal(size=n - 1)],
            "member": generator.random(n) < 0.5,
            "city": generator.choice(["Rome", "Oslo", None], n),
            "grade": pd.Categorical(generator.choice([1, 2, 3], n)),
            "as_text": [str(i % 7) for i in range(n)],
            "when": pd.date_range("2020-01-01", periods=n),
            "day": ["2020-01-02"] * (n - 1) + ["2020-02-02 10:00"],
            "key": [f"k{i}" for i in range(n)],
            "remark": [f"said {i // 1.1:.0f}" for i in range(n)],
            "constant": ["same"] * n,
            "empty": [None] * n,
            "typos": ["1.5"] * (n - 2) + ["2", "n/a?"],
            "vector": [[1, 2]] * n,
        }
    )
    features = choose_features(read_source(frame).frame)
    assert features.numeric == ("age", "height", "member", "as_text")
    assert features.categorical == ("city", "grade")
    assert features.ids == ("customer_id", "row", "key")
    reasons = dict(
        note.removeprefix("Column '").rstrip(".").split("' left out: ") for note in features.notes
    )
    assert reasons == {
        "customer_id": "it numbers the rows",
        "row": "it numbers the rows",
        "when": "it holds dates",
        "day": "it holds dates",
        "key": "it differs in every row (an id or free text)",
        "remark": f"it is free text ({frame['remark'].nunique()} distinct values)",
        "constant": "it is constant",
        "empty": "it is empty",
        "typos": "it holds numbers, but also text such as 'n/a?' in row 39",
        "vector": "its cells are lists or structures",
    }


def test_distinct_measurements_are_no_ids() -> None:
    frame = pd.DataFrame({"paid": [0.5, 1.5, 2.5], "counts": [10, 7, 3]})
    assert choose_features(frame).numeric == ("paid", "counts")
