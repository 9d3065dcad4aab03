"""Preprocessing measured on the training part."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from coterie.data import Preprocessing
from coterie.data.fit_preprocessing import fit_images, fit_table

number = st.one_of(st.none(), st.floats(-1e6, 1e6, allow_subnormal=False))


word = st.sampled_from([None, "red", "green", "blue"])


row = st.tuples(number, number, word)


def _frame(rows: list[tuple[float | None, float | None, str | None]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["a", "b", "colour"])
    return frame.astype({"a": float, "b": float, "colour": object}).where(frame.notna(), np.nan)


@settings(max_examples=40, deadline=None)
@given(train=st.lists(row, min_size=2, max_size=30), new=st.lists(row, min_size=1, max_size=10))
def test_it_equals_the_column_transformer_after_json(train: list[tuple], new: list[tuple]) -> None:
    fitted_on, applied_to = _frame([*train, (1.0, 2.0, "red")]), _frame(new)
    numeric = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    categorical = make_pipeline(
        SimpleImputer(strategy="most_frequent"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    reference = ColumnTransformer(
        [("numeric", numeric, ["a", "b"]), ("categorical", categorical, ["colour"])]
    )
    expected = reference.fit(fitted_on).transform(applied_to)
    fitted, _ = fit_table(fitted_on, ["a", "b"], ["colour"], keep=["a", "b", "colour"])
    rebuilt = Preprocessing.from_dict(json.loads(json.dumps(fitted.to_dict(), allow_nan=False)))
    assert rebuilt == fitted
    np.testing.assert_allclose(
        rebuilt.table(applied_to).numpy(), expected.astype(np.float32), rtol=1e-5, atol=1e-5
    )
    assert len(rebuilt.feature_names) == rebuilt.input_shape[0] == expected.shape[1]


def test_empty_columns_and_unseen_categories_are_harmless() -> None:
    train = pd.DataFrame({"empty": [np.nan, np.nan], "kind": ["x", "y"]})
    fitted, notes = fit_table(train, ["empty"], ["kind"])
    assert fitted.table(pd.DataFrame({"empty": [5.0], "kind": ["z"]})).tolist() == [[0.0, 0.0]]
    assert notes == ["Column 'empty' left out: it is empty in the training part."]


def test_images_are_normalised_by_the_training_part() -> None:
    images = torch.randint(
        0, 256, (20, 3, 5, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    train = torch.arange(10)
    fitted = fit_images(images, train, "photo")
    assert fitted.kind == "images"
    assert Preprocessing.from_dict(json.loads(json.dumps(fitted.to_dict()))) == fitted
    normal = fitted.normalise(images[train])
    assert normal.dtype == torch.float32
    torch.testing.assert_close(normal.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(normal.std((0, 2, 3), correction=0), torch.ones(3))


def test_a_black_channel_divides_by_one() -> None:
    images = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)
    assert fit_images(images, torch.arange(4)).normalise(images).abs().sum() == 0


@pytest.mark.parametrize(("bits", "dtype"), [(8, torch.uint8), (16, torch.int32)])
def test_every_level_of_an_image_comes_back(bits: int, dtype: torch.dtype) -> None:
    levels = torch.arange(2**bits).to(dtype).view(-1, 1, 1, 1)
    fitted = fit_images(levels, torch.arange(len(levels)))
    again = fitted.stored(fitted.normalise(levels))
    assert again.dtype == dtype
    assert torch.equal(again, levels)
