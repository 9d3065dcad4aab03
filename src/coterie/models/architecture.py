"""From what the user names as ``model`` to initialised modules with a head for all tasks."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor, nn

from coterie.errors import CoterieError
from coterie.models.encoders import ENCODERS
from coterie.seeds import derive


class TaskModel(nn.Module):
    """An encoder (B, *input_shape) -> (B, F) and one linear head (B, F) -> (B, P) for all tasks."""

    def __init__(self, encoder: nn.Module, n_features: int, n_outputs: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(n_features, n_outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the output columns of all tasks, (B, P)."""
        return self.head(self.encoder(inputs))


@dataclass(frozen=True)
class Architecture:
    """How to build one model: a built-in name, ``"module:factory"`` or a callable, the input shape and the number of outputs.

    The factory is called as ``factory(input_shape, **options)`` and returns the encoder.
    """

    model: str | Callable[..., nn.Module]
    input_shape: tuple[int, ...]
    n_outputs: int
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What to call the model in files and messages."""
        if isinstance(self.model, str):
            return self.model
        return f"{self.model.__module__}:{getattr(self.model, '__qualname__', type(self.model).__name__)}"

    def require_importable(self) -> None:
        """Refuse a factory that another process could not find by :attr:`name`.

        Raises:
            CoterieError: it is a local function, a partial, an instance, or lives in a script.
        """
        if isinstance(self.model, str):
            return
        try:
            found = None if self.name.startswith("__main__:") else find_factory(self.name)
        except CoterieError:
            found = None
        if found is not self.model:
            raise CoterieError(
                f"`model` {self.name!r} could not be found again when loading; define the factory at the top level of a module "
                "and pass 'module:factory'."
            )

    def build(self, seed: int, identity: int | str) -> TaskModel:
        """Build the model of one initialisation; the global random state is left alone.

        Raises:
            CoterieError: the factory cannot be found, fails, or its encoder does not give (B, F).
        """
        with torch.random.fork_rng():
            torch.manual_seed(derive(seed, "init", identity))
            encoder = self._encoder()
            return TaskModel(encoder, self._n_features(encoder), self.n_outputs)

    def _encoder(self) -> nn.Module:
        factory = find_factory(self.model)
        try:
            encoder = factory(self.input_shape, **self.options)
        except CoterieError:
            raise
        except (TypeError, ValueError, RuntimeError, ArithmeticError, LookupError, MemoryError) as error:
            message = f"`model` {self.name!r} could not be built as factory({self.input_shape}, ...): {error}"
            raise CoterieError(message) from error
        if not isinstance(encoder, nn.Module):
            raise CoterieError(f"`model` {self.name!r} must return a torch.nn.Module; found {type(encoder).__name__}.")
        return encoder

    def _n_features(self, encoder: nn.Module) -> int:
        was_training = encoder.training
        encoder.eval()
        try:
            with torch.no_grad():
                features = encoder(torch.zeros(2, *self.input_shape))
        except (TypeError, ValueError, RuntimeError, ArithmeticError, LookupError, MemoryError) as error:
            raise CoterieError(f"`model` {self.name!r} fails on inputs of shape (2, *{self.input_shape}): {error}") from error
        encoder.train(was_training)
        if not isinstance(features, Tensor) or features.dim() != 2 or features.shape[0] != 2:
            found = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
            raise CoterieError(
                f"`model` {self.name!r} must be an encoder that maps (B, *{self.input_shape}) to features (B, F); "
                f"for B = 2 it gave {found}. coterie adds the head itself."
            )
        return features.shape[1]


def trusted(named: str, given: str | Callable[..., nn.Module] | None, path: object) -> str | Callable[..., nn.Module]:
    """The factory of a saved model: a built-in one, or the one that the caller gave. A file's word is not enough to run code.

    Raises:
        CoterieError: the file names an encoder that is not built in and none was given.
    """
    if given is None and named not in ENCODERS:
        raise CoterieError(f"{path} holds an encoder of your own, {named!r}. Pass model={named!r} to say that you trust it.")
    return named if given is None else given


def find_factory(model: str | Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """Return the encoder factory that ``model`` names.

    Raises:
        CoterieError: no such built-in model, module or attribute.
    """
    if not isinstance(model, str):
        if callable(model):
            return model
        raise CoterieError(f"`model` must be a name, 'module:factory' or a callable; found {type(model).__name__}.")
    if model in ENCODERS:
        return ENCODERS[model]
    module_name, separator, attribute = model.partition(":")
    if not separator:
        close = get_close_matches(model, ENCODERS, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise CoterieError(f"`model` {model!r} is unknown; use one of {', '.join(ENCODERS)} or 'module:factory'.{hint}")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise CoterieError(f"`model` {model!r} could not be imported: {error}") from error


def initialisations(init: str | Sequence[int], n_models: int) -> list[int]:
    """Return the initialisation that each of M models starts from.

    >>> initialisations("independent", 3), initialisations("shared", 3), initialisations([0, 0, 1], 3)
    ([0, 1, 2], [0, 0, 0], [0, 0, 1])
    """
    if init == "independent":
        return list(range(n_models))
    if init == "shared":
        return [0] * n_models
    if isinstance(init, str) or len(init) != n_models:
        raise CoterieError(f"`init` must be 'independent', 'shared' or {n_models} integers, one a model; found {init!r}.")
    return [int(identity) for identity in init]
