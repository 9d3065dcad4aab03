"""The small world in which objects are checked.

Tables, trainings of a blink, and what must stay as it was.

Shapes: ``T`` tasks.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import fields, is_dataclass, replace
from inspect import signature
from typing import NoReturn, cast

import numpy as np
import torch
from torch import Tensor, nn

from coterie.data import Dataset, load
from coterie.errors import CoterieError
from coterie.identity import identity
from coterie.models import Architecture, ModelStack
from coterie.results import Affinity, DataMap, Grouping
from coterie.testing._checks import NotApplicableError, require
from coterie.training.config import TrainingSettings

SETTINGS: TrainingSettings = {
    "epochs": 2,
    "batch_size": 16,
    "lr": 0.05,
    "optimiser": "sgd",
    "strategy": "loop",
    "device": "cpu",
}
MIXED = ("binary", "multiclass", "regression")
ORDER = [2, 0, 3, 1]
_N, _N_INPUTS = 160, 5
_STOP_AT = 8  # in the second of two epochs of six steps


class StoppedError(Exception):
    """Stands for a kill."""


def stopped(done: int, total: int, text: str) -> None:  # noqa: ARG001
    """A progress that kills a training in its second epoch."""
    if done == _STOP_AT:
        raise StoppedError


def encoder(input_shape: Sequence[int]) -> nn.Module:
    """Of the least parts, and without batch statistics.

    An example's outputs do not depend on its company.
    """
    return nn.Sequential(nn.Linear(input_shape[0], 4), nn.Tanh())


def table(
    kinds: Sequence[str] = ("binary",) * 4,
    *,
    missing: float = 0.0,
    order: Sequence[int] | None = None,
) -> Dataset:
    """Related tasks of these kinds, a share of their labels ``missing``, in another ``order``."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(_N, _N_INPUTS)).astype(np.float32)
    scores = inputs @ rng.normal(size=(_N_INPUTS, 2)) @ rng.normal(size=(2, len(kinds)))
    scores += 0.5 * rng.normal(size=scores.shape)
    made = {
        "binary": lambda s: s > np.median(s),
        "multiclass": lambda s: np.digitize(s, [-0.7, 0.7]),
        "regression": lambda s: 3 * s + 10,
    }
    targets = np.stack([made[kind](scores[:, t]) for t, kind in enumerate(kinds)], axis=1).astype(
        np.float32
    )
    targets[rng.random(targets.shape) < missing] = np.nan
    order = range(len(kinds)) if order is None else order
    names = [f"task {t}" for t in order]
    return load(
        {"inputs": inputs, "targets": targets[:, list(order)]},
        names=names,
        kinds={f"task {t}": kind for t, kind in enumerate(kinds)},
    )


def unlabelled_pair() -> tuple[Dataset, Dataset]:
    """Data with training examples that have no label, and the same with other inputs of these."""
    data = table(missing=0.2)
    rows = data.split.train[:6]
    targets, inputs = data.targets.clone(), tensor(data.inputs).clone()
    targets[rows] = torch.nan
    before = replace(data, targets=targets)
    inputs[rows] = 100.0
    return before, replace(before, inputs=inputs)


def other_test_part() -> tuple[Dataset, Dataset]:
    """Data, and the same with another test part."""
    data = table()
    rows = data.split.test
    targets, inputs = data.targets.clone(), tensor(data.inputs).clone()
    targets[rows], inputs[rows] = 1 - targets[rows], 100.0
    return data, replace(data, targets=targets, inputs=inputs)


def starts(
    data: Dataset, reordered: Dataset, order: Sequence[int]
) -> tuple[ModelStack, ModelStack]:
    """One initialisation for binary tasks, and the same with its heads in another order."""
    stack = ModelStack.create(
        Architecture.of(encoder, data.input_shape, data.tasks), n_models=1, seed=0
    )
    other = stack.select([0])
    with torch.no_grad():
        for name in ("head.weight", "head.bias"):
            other.parameters[name].copy_(stack.parameters[name][:, list(order)])
    require(
        all(
            torch.equal(getattr(data.split, part), getattr(reordered.split, part))
            for part in ("train", "validation")
        ),
        "the same split for tasks in another order",
        "another one",
    )
    return stack, other


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Python's, numpy's and torch's global random states must stay what they are."""
    before = _random_states()
    yield
    after = _random_states()
    changed = [name for name, state in before.items() if state != after[name]]
    require(
        not changed,
        "the global random states as they were",
        f"that of {' and '.join(changed)} changed",
    )


def content(thing: Dataset | ModelStack) -> dict[str, object]:
    """Copies of what a stack or a data set holds, by name."""
    if isinstance(thing, Dataset):
        held = {"inputs": tensor(thing.inputs), "targets": thing.targets}
        held |= {part: getattr(thing.split, part) for part in ("train", "validation", "test")}
        return {name: each.clone() for name, each in held.items()}
    state = {name: tensor.clone() for name, tensor in thing.state().items()}
    flags = {
        name: (parameter.requires_grad, str(parameter.device))
        for name, parameter in thing.parameters.items()
    }
    gradients = {
        f"gradient of {name}": None if parameter.grad is None else parameter.grad.clone()
        for name, parameter in thing.parameters.items()
    }
    return {
        **state,
        **gradients,
        "flags": flags,
        "mode": thing.training,
        "strategy": thing.strategy,
    }


def content_of_arrays(thing: Affinity | DataMap) -> dict[str, object]:
    """Copies of the arrays among the fields of a result."""
    held = {each.name: getattr(thing, each.name) for each in fields(thing)}
    return {
        name: np.array(value) if isinstance(value, np.ndarray) else value
        for name, value in held.items()
    }


def require_unchanged(before: dict[str, object], after: dict[str, object], what: str) -> None:
    """Compare two contents to the last bit."""
    changed = [name for name, value in before.items() if not same(value, after.get(name))]
    require(not changed, f"{what} as it was", f"{', '.join(changed)} changed")


def same(one: object, other: object) -> bool:
    """Equality to the last bit, NaN equal to NaN."""
    if isinstance(one, Tensor | np.ndarray) and isinstance(other, Tensor | np.ndarray):
        a, b = (
            np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value)
            for value in (one, other)
        )
        return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
    return type(one) is type(other) and one == other


def require_close(
    one: np.ndarray, other: np.ndarray, expected: str, tolerance: float = 1e-2
) -> None:
    """Compare arrays up to ``tolerance`` times the largest value of the first."""
    require(one.shape == other.shape, expected, f"shapes {one.shape} and {other.shape}")
    gaps = np.isnan(one) != np.isnan(other)
    require(not gaps.any(), expected, "values missing elsewhere")
    difference, size = (
        np.nanmax(np.abs(one - other), initial=0.0),
        np.nanmax(np.abs(one), initial=0.0),
    )
    require(
        bool(difference <= tolerance * size + 1e-12),
        expected,
        f"a difference of {difference:.3g} in values up to {size:.3g}",
    )


def require_identity(make: Callable[[], object], what: str) -> None:
    """Two made alike have one identity of JSON types; those with another setting have another."""
    one = identity(thing := make(), what)
    require(json.loads(json.dumps(one)) == one, "an identity of JSON types", one)
    require(one == identity(make(), what), "one identity for two that are made alike", "two")
    for name, other in _with_other_settings(thing):
        require(identity(other, what) != one, f"another identity with another {name!r}", "the same")


def require_plain(thing: Grouping, expected: str) -> None:
    """It survives a file."""
    saved = json.loads(json.dumps(thing.to_dict()))
    require(type(thing).from_dict(saved).to_dict() == saved, expected, saved)


def refused_or_done(do: Callable[[], object]) -> None:
    """It works, or is refused with a message of ours."""
    try:
        do()
    except CoterieError:
        return


def _with_other_settings(thing: object) -> Iterator[tuple[str, object]]:
    """The same with one number or truth value among its settings changed.

    Fields, or arguments kept under their names.
    """
    if isinstance(thing, type) or not hasattr(thing, "__dict__"):
        return
    for name in (
        [each.name for each in fields(thing) if each.init]
        if is_dataclass(thing)
        else _arguments(type(thing))
    ):
        value = getattr(thing, name, None)
        if not isinstance(value, bool | int | float) or name in _WITHOUT_INFLUENCE:
            continue
        try:
            other = _changed(thing, name, not value if isinstance(value, bool) else value + 1)
        except Exception:  # noqa: S112 - it may refuse that one
            continue
        yield name, other


def _arguments(kind: type) -> list[str]:
    try:
        return list(signature(kind).parameters)
    except ValueError:  # of a built-in one
        return []


def _changed(thing: object, name: str, value: object) -> object:
    if is_dataclass(thing) and not isinstance(thing, type):
        return replace(thing, **{name: value})
    other = copy(thing)
    setattr(other, name, value)
    return other


_WITHOUT_INFLUENCE = ("memory",)  # by the house's word: how work is cut, not what comes out


def not_applicable(why: str) -> NoReturn:
    """There is nothing to look at."""
    raise NotApplicableError(why)


def tensor(inputs: object) -> Tensor:
    """Inputs that are known to be one, since :func:`table` made them."""
    return cast(Tensor, inputs)


def _random_states() -> dict[str, object]:
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    return {
        "random": random.getstate(),
        "numpy": (kind, np.asarray(keys).tobytes(), *rest),
        "torch": torch.get_rng_state().numpy().tobytes(),
    }
