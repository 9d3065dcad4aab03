"""Encoders that files name: what a file may say about a model, and when code is run because of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

from torch import nn

from coterie.errors import CoterieError, shown
from coterie.models.architecture import Architecture
from coterie.models.encoders import ENCODERS

_MOST_DIMENSIONS, _MOST_VALUES = 9, 2**31


def trusted(
    named: Any, given: str | Callable[..., nn.Module] | None, path: object, *, trust: bool = False
) -> str | Callable[..., nn.Module]:
    """The factory of a saved model. A file's word is not enough to run code: it must be built in, or named by the caller again.

    Args:
        named: what the file names.
        given: what the caller names: the same name, or the factory itself.
        path: the file.
        trust: whether the caller trusts whatever the file names.

    Raises:
        CoterieError: an encoder that is not built in and that the caller did not name, or named otherwise.

    >>> trusted("mlp", None, "model.safetensors")
    'mlp'
    >>> trusted("theirs:encoder", None, "model.safetensors")
    Traceback (most recent call last):
    coterie.errors.CoterieError: model.safetensors names an encoder that is not built in, 'theirs:encoder', ...
    """
    if not isinstance(named, str):
        raise CoterieError(f"{path} is damaged: it must name its encoder; found {shown(named)}.")
    if isinstance(given, str) and given != named:
        raise CoterieError(f"`model` is {given!r}, but {path} names {named!r}: give that name, or the factory itself.")
    if given is None and named not in ENCODERS and not trust:
        raise CoterieError(
            f"{path} names an encoder that is not built in, {named!r}, and loading it runs code. If you trust it, say so: "
            f"model={named!r} or trust=True, on the command line --model {named} or --trust."
        )
    return named if given is None else given


def saved_architecture(
    about: Mapping[str, Any], path: object, *, n_outputs: int, n_models: int, n_values: int, model: Any = None,
    trust: bool = False,
) -> Architecture:  # fmt: skip
    """The architecture that a model file describes, once it is known to be harmless to build.

    Args:
        about: the description: "model", "input_shape", "options", and perhaps "stem".
        path: the file, for messages.
        n_outputs: output columns P.
        n_models: how many of them will be built.
        n_values: numbers that the file holds: a built-in encoder has no more parameters than that.
        model: as ``given`` in :func:`trusted`.
        trust: as in :func:`trusted`.

    Raises:
        CoterieError: an encoder that is not trusted, a shape or options that are none, or more parameters than the file holds.
    """
    factory = trusted(about.get("model"), model, path, trust=trust)
    shape, options, stem = _shape(about.get("input_shape"), path), about.get("options"), about.get("stem", 0)
    if not isinstance(options, Mapping):
        raise CoterieError(f"{path} is damaged: the options of its encoder must have names; found {shown(options)}.")
    if type(stem) is not int or stem < 0:
        raise CoterieError(f"{path} is damaged: `stem` must be a number of layers; found {shown(stem)}.")
    architecture = Architecture(factory, shape, n_outputs, dict(options))
    outline = architecture.outline
    if outline is not None:
        own = outline[stem:] if stem and isinstance(outline, nn.Sequential) else outline
        needed = max(_n_parameters(outline), n_models * _n_parameters(own))
        if needed > n_values:
            raise CoterieError(
                f"{path} is damaged: {n_models} encoders {architecture.name!r} for inputs of shape {shape} with options "
                f"{dict(options)} have {needed:,} parameters, and it holds {n_values:,} numbers."
            )
    return architecture


def _shape(found: Any, path: object) -> tuple[int, ...]:
    sizes = found if isinstance(found, list) and all(type(size) is int and size > 0 for size in found) else []
    if not 0 < len(sizes) < _MOST_DIMENSIONS or prod(sizes) > _MOST_VALUES:
        raise CoterieError(
            f"{path} is damaged: the shape of its inputs must be a few sizes of at least 1; found {shown(found)}."
        )
    return tuple(sizes)


def _n_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
