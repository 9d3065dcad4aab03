"""Affinities, each measured while a joint model trains."""

from __future__ import annotations

from typing import Any

import coterie as ct
from coterie.affinities import TransferGain, affinities, data_map_affinity
from tests.golden.cases.inputs import SMALL, binary, digits, disjoint, mixed, planted_map
from tests.golden.registry import case


def _measured(method: Any) -> dict[str, Any]:
    """On images, on mixed kinds with gaps, and on tasks with examples of their own."""
    told = {**SMALL, "epochs": 2, "every": 4}
    sources = {"digits": digits(), "gaps": mixed(gaps=0.2), "disjoint": disjoint()}
    return {
        name: ct.affinity(method, "mlp", data, seed=2, **told) for name, data in sources.items()
    }


@case(exact=("*/counts",))
def affinity_cosine() -> dict[str, Any]:
    return _measured("cosine")


@case(exact=("*/counts",))
def affinity_lookahead() -> dict[str, Any]:
    return _measured("lookahead")


@case(exact=("*/counts",))
def affinity_transfer_gain() -> dict[str, Any]:
    return _measured("transfer_gain") | {
        "first order": _measured(TransferGain(pairs="first-order"))
    }


@case(exact=("*/counts",))
def affinity_auxiliary_gain() -> dict[str, Any]:
    return _measured("auxiliary_gain")


@case(close=("planted/matrix", "gaps/matrix"))
def affinity_data_map() -> dict[str, Any]:
    found = {name: data_map_affinity(source) for name, source in _maps().items()}
    return found | {"digits": ct.affinity("data_map", "mlp", digits(), **SMALL)}


def _maps() -> dict[str, ct.DataMap]:
    return {"planted": planted_map(), "gaps": planted_map(gaps=0.3)}


@case()
def affinity_several() -> dict[str, Any]:
    """On one training, which they leave as it is.

    With a convolutional network and another optimiser.
    """
    told = {**SMALL, "epochs": 2, "every": 3, "optimiser": "sgd", "lr": 0.02}
    names = ["cosine", "lookahead", "data_map"]
    images = {**told, "every": 1, "epochs": 1, "model_options": {}}
    return {
        "mlp": affinities(names, "mlp", binary(), **told),
        "cnn": affinities(names, "cnn", digits(150), **images),
    }
