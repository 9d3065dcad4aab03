"""Tensors that are none of a model are refused before it is built."""

from __future__ import annotations

import pytest
import torch

from coterie.errors import CoterieError
from coterie.models import Architecture, ModelStack
from coterie.models.state import check_stack_state, without_memory

ENCODER = Architecture("mlp", (4,), 2, {"hidden": (8,)})


@pytest.mark.parametrize("stem", [0, 1])
def test_the_state_of_a_stack_is_one(stem: int) -> None:
    stack = ModelStack.create(ENCODER, n_models=3, seed=0, stem=stem)
    check_stack_state(ENCODER, stack.state(), 3, stem=stem)
    with pytest.raises(CoterieError, match=r"Tensor `.*` must be float32 of shape \(2, "):
        check_stack_state(ENCODER, stack.state(), 2, stem=stem)


@pytest.mark.parametrize("change", ["missing", "unknown", "must be"])
def test_a_tensor_that_does_not_fit_is_named(change: str) -> None:
    state = ModelStack.create(ENCODER, n_models=1, seed=0).state()
    name = next(iter(state))
    if change == "missing":
        del state[name]
    elif change == "unknown":
        state[name := "other"] = torch.zeros(1)
    else:
        state[name] = state[name].double()
    with pytest.raises(CoterieError, match=change) as found:
        check_stack_state(ENCODER, state, 1)
    assert f"`{name}`" in str(found.value)


def test_a_built_in_encoder_of_three_gigabytes_takes_no_memory() -> None:
    huge = Architecture("mlp", (10**5,), 2, {"hidden": (9_000,)})
    with without_memory(huge):
        assert all(each.is_meta for each in huge.build(0, 0).parameters())


def test_a_stack_has_at_least_one_model() -> None:
    with pytest.raises(CoterieError, match="at least one model"):
        check_stack_state(ENCODER, {}, 0)
