"""Checks of an encoder of your own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from coterie.models import Architecture, ModelStack, Strategy
from coterie.models.architecture import members_of
from coterie.testing._checks import Suite, require
from coterie.testing._world import (
    not_applicable,
    random_state_kept,
    require_close,
    require_identity,
    same,
)

_B = 6


def check_encoder(
    subject: Callable[..., nn.Module] | str,
    input_shape: Sequence[int] = (8,),
    *,
    expected_failures: Mapping[str, str] | None = None,
    **options: object,
) -> tuple[str, ...]:
    """Check an encoder: what :func:`coterie.fit` takes as ``model``.

    The checks, in order: *features*, *initialisation*, *built apart*, *random state*, *input
    untouched*, *evaluation*, *examples apart*, *one example*, *gradients*, *state*, *registered*,
    *inputs measured*, *rows apart*, *vmap*, *identity*; :func:`checks_of` tells what each one says. *vmap* has nothing
    to look at where vmap rejects the encoder: coterie then loops and says so; nor has *inputs
    measured* where the encoder has no ``fit_inputs``.

    Args:
        subject: a factory ``(input_shape, **options) -> module``, the name of one of ours, or
            ``"module:factory"``.
        input_shape: of one input, as of the data that it is meant for.
        expected_failures: by check, the reason why it fails; such a check must fail.
        **options: of the factory, as in ``model_options``.

    Returns:
        Names of the checks that hold; those with nothing to look at are not among them.

    Raises:
        CheckFailed: one does not hold.

    >>> check_encoder("mlp", (5,), hidden=(4,))[:3]
    ('features', 'initialisation', 'built apart')
    """
    return _SUITE.run(subject, expected_failures, input_shape=input_shape, **options)


class _Encoding:
    """An encoder for inputs of one shape."""

    def __init__(
        self,
        subject: Callable[..., nn.Module] | str,
        input_shape: Sequence[int] = (8,),
        **options: object,
    ) -> None:
        self.subject, self.shape = subject, tuple(input_shape)
        self.architecture = Architecture(subject, self.shape, 3, options)

    def build(self, identity: int = 0) -> nn.Module:
        """The encoder of one initialisation."""
        return self.architecture.build(0, identity).encoder

    def leading(self, n: int) -> tuple[int, ...]:
        """Sizes of the features of n examples but the last."""
        n_members = members_of(self.build())
        return (n,) if n_members is None else (n, n_members)

    def inputs(self, n: int = _B, seed: int = 0) -> Tensor:
        """Random inputs (n, *shape)."""
        return torch.randn(n, *self.shape, generator=torch.Generator().manual_seed(seed))

    def outputs(self, kind: str, *, train: bool = True, n_models: int = 3) -> Tensor:
        """Outputs (M, B, P) of a stack that is looped over or batched."""
        stack = ModelStack.create(self.architecture, n_models=n_models, seed=0)
        stack.strategy = Strategy("loop") if kind == "loop" else Strategy("vmap", n_models)
        stack.train(train)
        with torch.random.fork_rng():
            return stack(self.inputs())


_SUITE = Suite("encoder", _Encoding)


@_SUITE.check
def features(encoding: _Encoding) -> None:
    """One tensor (B, ...) in, finite features (B, F) out, of one F for every B, in both modes.

    They are floating-point numbers; of an ensemble of ``n_members`` k, (B, k, F).
    """
    built = encoding.build()
    sizes = set()
    with torch.random.fork_rng():
        for train in (True, False):
            built.train(train)
            for n in (2, _B):
                found = built(encoding.inputs(n))
                leading = encoding.leading(n)
                right = (
                    isinstance(found, Tensor)
                    and found.shape[:-1] == leading
                    and found.is_floating_point()
                )
                require(
                    right,
                    f"features ({', '.join(map(str, leading))}, F)",
                    tuple(getattr(found, "shape", ())) or type(found).__name__,
                )
                require(bool(found.isfinite().all()), "finite features", found)
                sizes.add(found.shape[-1])
    require(len(sizes) == 1, "as many features whatever B is", sorted(sizes))


@_SUITE.check
def initialisation(encoding: _Encoding) -> None:
    """The same seed builds the same weights, to the last bit."""
    one, other = encoding.build().state_dict(), encoding.build().state_dict()
    _require_states(one, other, "the same weights from the same seed")


@_SUITE.check
def built_apart(encoding: _Encoding) -> None:
    """Two encoders share no tensor, and training one leaves the other."""
    one, other = encoding.build(0), encoding.build(1)
    pointers = {tensor.data_ptr() for tensor in one.state_dict().values() if tensor.numel()}
    shared = [
        name
        for name, tensor in other.state_dict().items()
        if tensor.numel() and tensor.data_ptr() in pointers
    ]
    require(
        not shared and one is not other,
        "tensors of their own in every encoder",
        f"shared: {', '.join(shared)}",
    )


@_SUITE.check
def random_state(encoding: _Encoding) -> None:
    """Building draws from torch alone.

    The global random states of Python and numpy stay, and so does torch's after a fork.
    """
    with random_state_kept():
        encoding.build()


@_SUITE.check
def input_untouched(encoding: _Encoding) -> None:
    """The input is not changed in place."""
    built, inputs = encoding.build(), encoding.inputs()
    before = inputs.clone()
    with torch.random.fork_rng():
        for train in (True, False):
            built.train(train)
            built(inputs)
            require(same(before, inputs), "the input as it was", "another one")


@_SUITE.check
def evaluation(encoding: _Encoding) -> None:
    """In evaluation nothing is random and nothing is kept.

    The same features twice, buffers and mode as they were.
    """
    built = encoding.build().eval()
    before = {name: tensor.clone() for name, tensor in built.state_dict().items()}
    with random_state_kept():
        one, other = built(encoding.inputs()), built(encoding.inputs())
    require(same(one, other), "the same features twice", "others")
    _require_states(before, built.state_dict(), "buffers as they were")
    require(not built.training, "evaluation mode as it was", "training mode")


@_SUITE.check
def examples_apart(encoding: _Encoding) -> None:
    """In evaluation an example's features do not depend on its company."""
    built, inputs = encoding.build().eval(), encoding.inputs()
    other = torch.cat([inputs[:3], encoding.inputs(seed=1)[3:]])
    with torch.no_grad():
        one, two = built(inputs)[:3], built(other)[:3]
    require_close(one.numpy(), two.numpy(), "the same features in other company", 1e-5)


@_SUITE.check
def one_example(encoding: _Encoding) -> None:
    """In evaluation a single example works, as in prediction."""
    with torch.no_grad():
        found = encoding.build().eval()(encoding.inputs(1))
    right = found.shape[:-1] == encoding.leading(1)
    require(right, "features of one example", tuple(found.shape))


@_SUITE.check
def gradients(encoding: _Encoding) -> None:
    """Every parameter that learns gets a finite gradient."""
    built = encoding.build().train()
    with torch.random.fork_rng():
        built(encoding.inputs()).square().sum().backward()
    for name, parameter in built.named_parameters():
        if parameter.requires_grad:
            known = parameter.grad is not None and bool(parameter.grad.isfinite().all())
            require(
                known,
                f"a finite gradient of {name!r}",
                "none" if parameter.grad is None else parameter.grad,
            )


@_SUITE.check
def state(encoding: _Encoding) -> None:
    """The state of one, loaded into another, gives the same features."""
    one, other = encoding.build(0), encoding.build(1)
    with torch.random.fork_rng():
        one.train()(encoding.inputs())
    other.load_state_dict(one.state_dict())
    with torch.no_grad():
        kept, loaded = one.eval()(encoding.inputs()), other.eval()(encoding.inputs())
    require(same(kept, loaded), "the same features from a loaded state", "others")


@_SUITE.check
def registered(encoding: _Encoding) -> None:
    """All its tensors are parameters or buffers, so that they move to a device and into files."""
    built = encoding.build()
    with torch.random.fork_rng():
        built.train()(encoding.inputs())
    plain = [
        f"{name}.{attribute}".lstrip(".")
        for name, module in built.named_modules()
        for attribute, value in vars(module).items()
        if isinstance(value, Tensor)
    ]
    require(
        not plain, "tensors that are parameters or buffers", f"plain attributes: {', '.join(plain)}"
    )


@_SUITE.check
def inputs_measured(encoding: _Encoding) -> None:
    """What it measures of training inputs are buffers, the same each time.

    With it, features of these inputs and of others are finite.
    """
    if not hasattr(encoding.build(), "fit_inputs"):
        not_applicable("it measures nothing of its inputs.")
    one, other = encoding.build(), encoding.build()
    before = {name: parameter.clone() for name, parameter in one.named_parameters()}
    for built in (one, other):
        with random_state_kept():
            built.fit_inputs(encoding.inputs(50))  # type: ignore[operator]
    _require_states(one.state_dict(), other.state_dict(), "the same buffers from the same inputs")
    _require_states(before, dict(one.named_parameters()), "parameters as they were")
    shapes = {name: buffer.shape for name, buffer in encoding.build().named_buffers()}
    found = {name: buffer.shape for name, buffer in one.named_buffers()}
    require(found == shapes, "buffers of the shapes that they are built with", found)
    one.eval()
    for seed in (0, 1):
        finite = one(5 * encoding.inputs(50, seed)).isfinite().all()
        require(bool(finite), "finite features", "others")


@_SUITE.check
def rows_apart(encoding: _Encoding) -> None:
    """A model of a stack gives what it gives alone."""
    three, one = encoding.outputs("loop"), encoding.outputs("loop", n_models=1)
    require(
        same(three[:1].detach(), one.detach()),
        "the same outputs of the first of three models and of one",
        "others",
    )


@_SUITE.check
def vmap(encoding: _Encoding) -> None:
    """Batched over models by vmap it gives what a loop gives, in training and in evaluation."""
    for train in (True, False):
        looped = encoding.outputs("loop", train=train).detach().numpy()
        try:
            batched = encoding.outputs("vmap", train=train).detach().numpy()
        except Exception as error:
            not_applicable(f"vmap rejects it: {error}")
        require_close(looped, batched, "the same outputs as in a loop", 1e-4)


@_SUITE.check
def identity(encoding: _Encoding) -> None:
    """It has an identity of JSON types, so that a run with it can be continued."""
    require_identity(lambda: encoding.subject, "`model`")


def _require_states(one: Mapping[str, Tensor], other: Mapping[str, Tensor], expected: str) -> None:
    changed = [
        name for name, tensor in one.items() if name not in other or not same(tensor, other[name])
    ]
    require(not changed and len(one) == len(other), expected, f"others: {', '.join(changed)}")
