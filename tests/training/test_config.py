"""Settings are checked when they are made, in Python as on the command line."""

from __future__ import annotations

import math
from typing import Any, get_type_hints

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import coterie
from coterie.errors import CoterieError
from coterie.fitting import make_config
from coterie.training import TrainingConfig
from coterie.training.config import FitSettings

# What no type checker would let pass is what is tried here.
ct: Any = coterie

NUMBERS = ("epochs", "batch_size", "lr", "weight_decay", "momentum", "warmup", "clip", "seed")
wrong = st.one_of(
    st.just(math.nan),
    st.just(math.inf),
    st.just(-1),
    st.booleans(),
    st.text(),
    st.just(2**70),
    st.just([1]),
    st.binary(),
)


@given(name=st.sampled_from(NUMBERS), value=wrong)
def test_what_is_no_sensible_number_is_named(name: str, value: Any) -> None:
    if value == 2**70 and name in ("lr", "weight_decay", "clip"):
        return  # large, but a number
    with pytest.raises(CoterieError, match=f"`{name}`"):
        TrainingConfig(**{name: value})


@pytest.mark.parametrize(
    "setting",
    [
        *(
            {"augment": 1},
            {"compile": "no"},
            {"channels_last": "x"},
            {"device": "cuda:x"},
            {"device": 0},
            {"optimiser": []},
        ),
        *({"keep": None}, {"model_options": [1]}, {"model_options": {1: 2}}),
    ],
)
def test_what_is_no_such_setting_is_named(setting: dict[str, Any]) -> None:
    with pytest.raises(CoterieError, match=f"`{next(iter(setting))}`"):
        TrainingConfig(**setting)


def test_numbers_of_numpy_are_numbers() -> None:
    config = TrainingConfig(
        epochs=np.int64(3), lr=np.float32(0.1), seed=np.int32(2), clip=np.float64(1), warmup=0
    )  # type: ignore[arg-type]
    assert config.epochs == 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda data: ct.fit("mlp", "people.csv"), "`data` must be a Dataset; found 'people.csv'"),
        (lambda data: ct.compare("mlp", None), "`data` must be a Dataset"),
        (lambda data: ct.plan("mlp", 3), "`data` must be a Dataset"),
        (lambda data: ct.affinity("cosine", "mlp", "x"), "`data` must be a Dataset"),
        (
            lambda data: ct.evaluate("model", data),
            "`trained` must be a Fit or GroupedModel or FamilyModel",
        ),
        (lambda data: ct.group("x", 2), "`source` must be a DataMap"),
        (lambda data: ct.load(None), "`source` must be"),
        (
            lambda data: ct.load("digits", targets=3),
            "`targets` must be a text or a list of texts; found 3",
        ),
        (lambda data: ct.load("digits", limit=1.5), "`limit` must be a whole number"),
        (lambda data: ct.load("digits", limit=0), "`limit` must be at least 1; found 0"),
        (lambda data: ct.load("digits", seed="x"), "`seed` must be a whole number"),
        (lambda data: ct.load("digits", split="abc"), "`split` must be three positive fractions"),
        (lambda data: ct.load("digits", kinds="x"), "`kinds` must map names to values"),
        (lambda data: ct.load("digits", balance="x"), "`balance` must be True or False"),
        (lambda data: ct.fit(torch.nn.Linear(2, 2), data), "found a module, not what builds one"),
        (lambda data: ct.fit(dict, data), "found type"),
        (lambda data: ct.fit(len, data), "found builtin_function_or_method"),
        (lambda data: ct.fit("mlp", data, weights="x"), "`weights` must be numbers"),
        (lambda data: ct.fit("mlp", data, init=3), "`init` must be"),
        (lambda data: ct.fit("mlp", data, record="x"), "`record` must be a row"),
        (lambda data: ct.fit("mlp", data, start=3), "`start` must be a ModelStack"),
        (
            lambda data: ct.fit("mlp", data, model_options={"hiden": (4,)}),
            "unexpected keyword argument 'hiden'",
        ),
        (
            lambda data: ct.fit("mlp", data, model_options={"hidden": (10**9,)}),
            "`hidden` must be a whole number of at most",
        ),
        (
            lambda data: ct.fit("mlp", data, model_options={"hidden": (10**5, 10**5)}),
            "at most 1,000,000,000 are built",
        ),
        (
            lambda data: ct.fit("mlp", data, model_options={"dropout": math.nan}),
            "`dropout` must be a number",
        ),
        (lambda data: ct.compare("mlp", data, seeds=0), "`seeds` must be a positive number"),
        (lambda data: ct.compare("mlp", data, seeds=[1, 1]), "distinct seeds"),
        (lambda data: ct.compare("mlp", data, seeds=True), "`seeds`"),
        (lambda data: ct.compare("mlp", data, seeds=range(10**12)), "at most 10,000"),
        (lambda data: ct.compare("mlp", data, baselines=3), "`baselines` must be a sequence"),
        (
            lambda data: ct.compare("mlp", data, "cosine", n_groups=0),
            "`n_groups` must be a whole number",
        ),
        (lambda data: ct.compare("mlp", data, run=3), "`run` must be a Run or str or Path"),
    ],
)
def test_arguments_of_another_type_are_named_before_training(
    monkeypatch: pytest.MonkeyPatch, digits: coterie.Dataset, call: Any, message: str
) -> None:
    monkeypatch.setattr(
        "coterie.training.loop.gradient_step",
        lambda *_, **__: pytest.fail("nothing may be trained here"),
    )
    with pytest.raises(CoterieError, match=message):
        call(digits)


@pytest.fixture(scope="module")
def digits() -> coterie.Dataset:
    return ct.load("digits", limit=600)


def test_typed_settings_are_the_fields_of_the_configuration() -> None:
    """What completion offers is what is taken."""
    asked, kept = get_type_hints(FitSettings), get_type_hints(TrainingConfig)
    assert asked.pop("optimizer") == asked["optimiser"]
    assert asked == kept


def test_both_spellings_of_a_setting() -> None:
    assert make_config({"optimizer": "sgd"}) == make_config({"optimiser": "sgd"})
    with pytest.raises(CoterieError, match="`optimizer` and `optimiser` are one setting"):
        make_config({"optimizer": "sgd", "optimiser": "adam"})
