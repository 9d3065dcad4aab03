"""From what the user names as ``model`` to initialised modules with a head for all tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from inspect import isbuiltin
from numbers import Integral
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from coterie.errors import CoterieError, blame, shown
from coterie.models.copies import copied
from coterie.models.encoders import ENCODERS
from coterie.models.strategy import UNKNOWN, Workload
from coterie.named import find_object
from coterie.schema import Details
from coterie.seeds import derive
from coterie.tasks import Link, Tasks, averaged

MOST_PARAMETERS = 10**9


class TaskModel(nn.Module):
    """An encoder (B, *input_shape) -> (B, F) and one linear head (B, F) -> (B, P) for all tasks.

    An encoder with an attribute ``n_members`` is an ensemble of k: it gives features (B, k, F), and
    each member has a head of its own. In training mode outputs are then the members', (k, B, P); in
    evaluation they say the mean of what members predict, (B, P), see :func:`coterie.tasks.averaged`,
    which reads ``links``.
    """

    def __init__(
        self, encoder: nn.Module, n_features: int, n_outputs: int, links: Sequence[Link] = ()
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.links = tuple(links)
        self.n_members = members_of(encoder)
        self.head = _head(self.n_members, n_features, n_outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the output columns of all tasks, (B, P), or (k, B, P) of members in training."""
        outputs = self.head(self.encoder(inputs))
        if self.n_members is None or self.training:
            return outputs
        return averaged(outputs.float(), self.links)

    def narrowed(self, columns: Sequence[int], links: Sequence[Link]) -> TaskModel:
        """A copy that gives some output columns only, of tasks with these links."""
        model, (weight, bias) = copied(self), (self.head.weight, self.head.bias)
        rows = torch.tensor(columns, device=weight.device)
        model.links = tuple(links)
        model.head = _head(self.n_members, weight.shape[-1], len(columns)).to(weight.device)
        with torch.no_grad():
            model.head.weight.copy_(weight.index_select(-2, rows))
            model.head.bias.copy_(bias.index_select(-1, rows))
        return model


class Heads(nn.Module):
    """A linear head for each of k members, (B, k, F) -> (k, B, P)."""

    def __init__(self, n_members: int, n_features: int, n_outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_members, n_outputs, n_features))
        self.bias = nn.Parameter(torch.empty(n_members, n_outputs))
        for parameter in (self.weight, self.bias):
            nn.init.uniform_(parameter, -(n_features**-0.5), n_features**-0.5)

    def forward(self, features: Tensor) -> Tensor:
        """Outputs of each member from its features."""
        return features.transpose(0, 1) @ self.weight.mT + self.bias.unsqueeze(1)


def _head(n_members: int | None, n_features: int, n_outputs: int) -> nn.Linear | Heads:
    if n_members is None:
        return nn.Linear(n_features, n_outputs)
    return Heads(n_members, n_features, n_outputs)


def members_of(encoder: nn.Module) -> int | None:
    """How many members an encoder has, k; None if it is one model and no ensemble."""
    return getattr(encoder, "n_members", None)


class Outline(NamedTuple):
    """Parameters, features and members of an encoder."""

    n_parameters: int
    n_features: int
    n_members: int


@dataclass(frozen=True)
class Architecture:
    """How to build one model.

    A built-in name, ``"module:factory"`` or a callable, the input shape, the number of outputs and
    what they are of (``links``, one a task; ensembles average by them).

    The factory is called as ``factory(input_shape, **options)`` and returns the encoder.
    """

    model: str | Callable[..., nn.Module]
    input_shape: tuple[int, ...]
    n_outputs: int
    options: Details = field(default_factory=dict)
    links: tuple[Link, ...] = field(default=(), compare=False)

    @classmethod
    def of(
        cls,
        model: str | Callable[..., nn.Module],
        input_shape: tuple[int, ...],
        tasks: Tasks,
        options: Mapping[str, object] | None = None,
    ) -> Architecture:
        """A model of these tasks."""
        return cls(model, input_shape, tasks.n_outputs, options or {}, tasks.links)

    def __post_init__(self) -> None:
        """Refuse a shape that is none: it is handed to the factory, and may come from a file."""
        if not all(isinstance(size, Integral) and size > 0 for size in self.input_shape):  # pyright: ignore[reportOperatorIssue]
            raise CoterieError(
                f"`input_shape` must be sizes of at least 1; found {shown(self.input_shape)}."
            )

    @property
    def name(self) -> str:
        """What to call the model in files and messages."""
        if isinstance(self.model, str):
            return self.model
        name = getattr(self.model, "__qualname__", type(self.model).__name__)
        return f"{self.model.__module__}:{name}"

    @property
    def is_importable(self) -> bool:
        """Whether another process could find the factory by :attr:`name`."""
        if isinstance(self.model, str):
            return True
        try:
            return not self.name.startswith("__main__:") and find_factory(self.name) is self.model
        except CoterieError:
            return False

    def require_importable(self) -> None:
        """Refuse a factory that another process could not find by :attr:`name`.

        Raises:
            CoterieError: it is a local function, a partial, an instance, or lives in a script.
        """
        if not self.is_importable:
            raise CoterieError(
                f"`model` {self.name!r} could not be found again when loading; define the factory "
                "at the top level of a module and pass 'module:factory'."
            )

    def build(self, seed: int, identity: int | str) -> TaskModel:
        """Build the model of one initialisation; the global random state is left alone.

        Raises:
            CoterieError: the factory cannot be found, fails, or its encoder does not give (B, F).
        """
        with torch.random.fork_rng():
            torch.manual_seed(derive(seed, "init", identity))
            # The outline comes first: what is absurdly large is refused before it takes memory.
            outline = self.outline
            encoder = self._made()
            n_features = self._n_features(encoder) if outline is None else outline.n_features
            return TaskModel(encoder, n_features, self.n_outputs, self.links)

    @cached_property
    def outline(self) -> Outline | None:
        """What a built-in encoder is without its memory.

        None for one of the user, which may not work so.

        Raises:
            CoterieError: options that the encoder does not have, or that make it absurdly large.
        """
        if not isinstance(self.model, str) or self.model not in ENCODERS:
            return None
        with torch.device("meta"):
            encoder = self._made()
        n_parameters = sum(parameter.numel() for parameter in encoder.parameters())
        if n_parameters > MOST_PARAMETERS:
            raise CoterieError(
                f"`model` {self.name!r} for inputs of shape {self.input_shape} with options "
                f"{dict(self.options)} has {n_parameters:,} parameters; at most "
                f"{MOST_PARAMETERS:,} are built."
            )
        return Outline(n_parameters, self._n_features(encoder, "meta"), members_of(encoder) or 1)

    @cached_property
    def workload(self) -> Workload:
        """What a model does in training, for one example.

        Of one that fails on four examples of zeros it is not known; the training says what fails.
        """
        model, inputs = self.build(0, 0).train(), torch.zeros(4, *self.input_shape)
        with torch.random.fork_rng():
            try:
                return Workload.of(model, inputs)
            except Exception:  # modules may raise anything
                return UNKNOWN

    @property
    def n_parameters(self) -> int:
        """Number of parameters of one model, the head included.

        >>> Architecture("mlp", (3,), 2, {"hidden": (4,)}).n_parameters  # 3 x 4, 2 x 4, (4 + 1) x 2
        30
        """
        if self.outline is None:
            return sum(each.numel() for each in self.build(0, 0).parameters())
        heads = self.outline.n_members * self.n_outputs
        return self.outline.n_parameters + (self.outline.n_features + 1) * heads

    def _made(self) -> nn.Module:
        factory = find_factory(self.model)
        with blame(f"`model` {self.name!r} could not be built as factory({self.input_shape}, ...)"):
            encoder = factory(self.input_shape, **self.options)
        if not isinstance(encoder, nn.Module):
            raise CoterieError(
                f"`model` {self.name!r} must return a torch.nn.Module; found "
                f"{type(encoder).__name__}."
            )
        return encoder

    def _n_features(self, encoder: nn.Module, device: str = "cpu") -> int:
        was_training = encoder.training
        encoder.eval()
        with (
            blame(f"`model` {self.name!r} fails on inputs of shape {(2, *self.input_shape)}"),
            torch.no_grad(),
        ):
            features = encoder(torch.zeros(2, *self.input_shape, device=device))
        encoder.train(was_training)
        n_members = members_of(encoder)
        leading = (2,) if n_members is None else (2, n_members)
        if (
            not isinstance(features, Tensor)
            or features.shape[:-1] != leading
            or not features.is_floating_point()
        ):
            found = type(features).__name__
            if isinstance(features, Tensor):
                found = f"{tuple(features.shape)} of {str(features.dtype).removeprefix('torch.')}"
            raise CoterieError(
                f"`model` {self.name!r} must be an encoder that maps (B, *{self.input_shape}) to "
                f"features ({', '.join(map(str, ('B', *leading[1:], 'F')))}), in floating point; "
                f"for B = 2 it gave {found}. coterie adds the head itself."
            )
        if features.shape[-1] == 0:
            raise CoterieError(
                f"`model` {self.name!r} must give at least one feature; found features of shape "
                f"{tuple(features.shape)}."
            )
        return features.shape[-1]


def trusted(
    named: object,
    given: str | Callable[..., nn.Module] | None,
    path: object,
    *,
    trust: bool = False,
) -> str | Callable[..., nn.Module]:
    """The factory of a saved model. A file's word is not enough to run code.

    It must be built in, or named by the caller again.

    Args:
        named: what the file names.
        given: what the caller names: the same name, or the factory itself.
        path: the file.
        trust: whether the caller trusts whatever the file names.

    Raises:
        CoterieError: an encoder that is not built in and that the caller did not name, or named
            otherwise.

    >>> trusted("mlp", None, "model.safetensors")
    'mlp'
    >>> trusted("theirs:encoder", None, "model.safetensors")
    Traceback (most recent call last):
    coterie.errors.CoterieError: model.safetensors names an encoder that is not built in, ...
    """
    if not isinstance(named, str):
        raise CoterieError(f"{path} is damaged: it must name its encoder; found {shown(named)}.")
    if isinstance(given, str) and given != named:
        raise CoterieError(
            f"`model` is {given!r}, but {path} names {named!r}: give that name, or the factory "
            "itself."
        )
    if given is None and named not in ENCODERS and not trust:
        raise CoterieError(
            f"{path} names an encoder that is not built in, {named!r}, and loading it runs code. "
            f"If you trust it, say so: model={named!r} or trust=True, on the command line --model "
            f"{named} or --trust."
        )
    return named if given is None else given


def find_factory(model: str | Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """Return the encoder factory that ``model`` names.

    The caller's word, never a file's (:func:`trusted`).

    Raises:
        CoterieError: no such built-in model, module or attribute, or what is there is no factory of
            modules.
    """
    if isinstance(model, str) and model in ENCODERS:
        return ENCODERS[model]
    found = _imported(model) if isinstance(model, str) else model
    if problem := _no_factory(found):
        if isinstance(model, str):
            wanted = "a callable that takes an input shape and returns a torch.nn.Module"
            raise CoterieError(
                f"`model` {model!r} could not be built: it must be {wanted}; found {problem}."
            )
        raise CoterieError(
            f"`model` must be a name, 'module:factory' or a callable; found {problem}."
        )
    return cast(Callable[..., nn.Module], found)


def _no_factory(found: object) -> str:
    """What else it is, if it cannot build modules.

    Os.system or a class of another kind must not be called to find that out.
    """
    if isinstance(found, nn.Module):
        return "a module, not what builds one"
    other = (
        not issubclass(found, nn.Module)
        if isinstance(found, type)
        else isbuiltin(found) or not callable(found)
    )
    return str(type(found).__name__) if other else ""


def _imported(model: str) -> object:
    """What the name stands for."""
    if ":" not in model:
        close = get_close_matches(model, ENCODERS, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise CoterieError(
            f"`model` {model!r} is unknown; use one of {', '.join(ENCODERS)} or "
            f"'module:factory'.{hint}"
        )
    return find_object(model, "model", "module:factory', such as 'my_models:encoder")


def initialisations(init: str | Sequence[int], n_models: int) -> list[int]:
    """Return the initialisation that each of M models starts from.

    >>> [initialisations(init, 3) for init in ("independent", "shared", [0, 0, 1])]
    [[0, 1, 2], [0, 0, 0], [0, 0, 1]]
    """
    named = init if isinstance(init, str) else None
    if named == "independent":
        return list(range(n_models))
    if named == "shared":
        return [0] * n_models
    listed = (
        isinstance(init, Sequence)
        and not isinstance(init, str)
        and all(isinstance(each, Integral) for each in init)
    )
    if not listed or len(init) != n_models:
        raise CoterieError(
            f"`init` must be 'independent', 'shared' or {n_models} integers, one a model; found "
            f"{shown(init)}."
        )
    return [int(identity) for identity in init]
