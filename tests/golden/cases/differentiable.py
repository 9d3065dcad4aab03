"""Groupings that are learnt while the models train."""

from __future__ import annotations

from typing import Any

import coterie as ct
from tests.golden.cases.inputs import SMALL, binary, digits, mixed
from tests.golden.registry import case

_LOSS = ("digits/history/train_loss",)


def _searched(mode: Any) -> dict[str, Any]:
    found = {
        name: ct.fit("mlp", data, ct.DifferentiableGrouping(2, mode), seed=1, **SMALL)
        for name, data in {"digits": digits(), "gaps": mixed(gaps=0.2)}.items()
    }
    return found | {
        "vmap": ct.fit(
            "mlp", digits(), ct.DifferentiableGrouping(3, mode), **{**SMALL, "strategy": "vmap"}
        )
    }


@case(close=_LOSS)
def dmtg_paper() -> dict[str, Any]:
    return _searched("paper")


@case(close=_LOSS)
def dmtg_annealed() -> dict[str, Any]:
    return _searched("annealed")


@case(close=_LOSS)
def dmtg_expected() -> dict[str, Any]:
    return _searched("expected")


@case(close=_LOSS)
def dmtg_straight_through() -> dict[str, Any]:
    return _searched("straight_through")


@case()
def dmtg_finetuned() -> dict[str, Any]:
    """With a shared stem, a warm-up, held-out examples, penalties and pruning.

    Then trained on, hard.
    """
    data = binary()
    provider = ct.DifferentiableGrouping(
        2,
        "annealed",
        learning_rate=5.0,
        warmup=0.2,
        held_out=0.25,
        balance=0.01,
        entropy=0.01,
        prune=0.3,
        stem=1,
        temperature=(2.0, 0.5),
        init="independent",
    )
    search = ct.fit("mlp", data, provider, **{**SMALL, "model_options": {"hidden": (16, 8)}})
    tuned, grouping = ct.finetune(search, data, epochs=2)
    return {
        "search": search,
        "tuned": tuned,
        "grouping": grouping,
        "test": ct.predict(tuned.stack, data, data.split.test),
    }
