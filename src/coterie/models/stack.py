"""M models of one architecture as tensors with a leading model dimension, perhaps behind a stem.

Shapes: ``M`` models, ``B`` examples of a batch, ``P`` output columns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from numbers import Integral

import torch
from torch import Tensor

from coterie.data import Batches, Dataset
from coterie.data.schema import Schema
from coterie.errors import CoterieError, blame, is_listed, shown
from coterie.models.architecture import Architecture, TaskModel, initialisations
from coterie.models.building import initialised, joined, restored
from coterie.models.copies import copied
from coterie.models.execution import Execution
from coterie.models.stem import Stem
from coterie.models.strategy import Strategy, chunks
from coterie.seeds import derive

_BATCH = 512


class ModelStack:
    """Models that share architecture, data and schedule, trained together.

    Each row is independent of the others.

    ``parameters`` and ``buffers`` map names to tensors (M, ...). Trainable parameters own a
    preallocated ``grad``, so a row's backward pass writes straight into its slice. ``strategy``
    decides how rows are executed, ``training`` is the mode of this stack alone. ``stem``, if any,
    holds the leading layers, which are one ordinary module: its rows are coupled, and its tensors
    have a leading dimension of 1. ``schema`` is that of the data it was trained on. Rows that are
    not ``alive`` (None: all are) cost nothing, and their outputs are zero; copies have all alive.

    >>> stack = ModelStack.create(Architecture("mlp", (8,), n_outputs=3), n_models=4, seed=0)
    >>> stack(torch.zeros(5, 8)).shape
    torch.Size([4, 5, 3])
    """

    def __init__(
        self,
        architecture: Architecture,
        template: TaskModel,
        parameters: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        stem: Stem | None = None,
    ) -> None:
        self.architecture = architecture
        self.training = template.training
        # Stacks share it: it says what to compute, and lends neither its tensors nor its mode nor
        # its device.
        self._template = template
        self.stem = stem
        self.parameters = dict(parameters)
        self.buffers = dict(buffers)
        self.strategy = Strategy("loop")
        self.schema: Schema | None = None
        self.alive: Sequence[bool] | None = None
        self._execution = Execution(self.parameters, self.buffers)

    @classmethod
    def create(
        cls,
        architecture: Architecture,
        *,
        n_models: int,
        seed: int | Sequence[int],
        init: str | Sequence[int] = "independent",
        stem: int = 0,
    ) -> ModelStack:
        """Build M models; row m starts from initialisation ``init[m]``, whatever M is.

        Rows may have a ``seed`` each.

        Raises:
            CoterieError: the first ``stem`` layers cannot be shared, because the encoder is not a
                longer ``nn.Sequential``.
        """
        seeds = seed if isinstance(seed, Sequence) else [seed] * n_models
        starts = list(zip(seeds, initialisations(init, n_models), strict=True))
        return cls(architecture, *initialised(architecture, starts, stem))

    @classmethod
    def from_state(
        cls, architecture: Architecture, state: Mapping[str, Tensor], *, stem: int = 0
    ) -> ModelStack:
        """Rebuild a stack from what :meth:`state` gave."""
        return cls(architecture, *restored(architecture, state, stem))

    @property
    def template(self) -> TaskModel:
        """One model in the mode of this stack, to be called with tensors of its rows.

        Those that it holds mean nothing.
        """
        if self._template.training != self.training:
            self._template.train(self.training)
        return self._template

    @property
    def n_models(self) -> int:
        """Number of models, M."""
        return next(iter(self.parameters.values())).shape[0]

    @property
    def n_members(self) -> int | None:
        """Members of each model, if it is an ensemble, k."""
        return self._template.n_members

    @property
    def lr_scale(self) -> float:
        """What the learning rate is multiplied by, which an encoder may say."""
        return float(getattr(self._template.encoder, "lr_scale", 1.0))

    @property
    def device(self) -> torch.device:
        """Where the stack lives."""
        return next(iter(self.parameters.values())).device

    @property
    def couples_rows(self) -> bool:
        """Whether a row's result depends on the others: they share a stem, and it learns."""
        return self.stem is not None and not self.stem.frozen and self.n_models > 1

    @property
    def n_parameters(self) -> int:
        """Number of parameters of one model, the stem included."""
        own = sum(parameter[0].numel() for parameter in self.parameters.values())
        return own + (0 if self.stem is None else self.stem.n_parameters)

    def trainable(self) -> list[Tensor]:
        """Stacked parameters that an optimiser updates, those of a stem after them."""
        own = [parameter for parameter in self.parameters.values() if parameter.requires_grad]
        return own + ([] if self.stem is None else self.stem.trainable())

    def state(self) -> dict[str, Tensor]:
        """All tensors by name, detached; writing to them changes the stack."""
        stem = {} if self.stem is None else self.stem.tensors()
        return {
            name: tensor.detach()
            for name, tensor in {**stem, **self.parameters, **self.buffers}.items()
        }

    def fingerprint(self) -> str:
        """A hash of all tensors, hexadecimal."""
        digest = hashlib.sha256()
        for tensor in self.state().values():
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Copy the tensors named in, keeping device and memory layout."""
        own = self.state()
        for name, tensor in state.items():
            own[name].copy_(tensor)

    def to(self, device: torch.device | str, *, channels_last: bool = False) -> ModelStack:
        """Return the stack on ``device``, convolutions laid out channels last if asked.

        As with tensors, what lies there already is shared, but for a stem; modes are not.
        """

        def move(tensor: Tensor) -> Tensor:
            moved = tensor.detach().to(device)
            if channels_last and moved.dim() == 5:
                moved = moved.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
            return moved.requires_grad_(tensor.requires_grad)

        return self._like(move, None if self.stem is None else self.stem.to(device))

    def train(self, mode: bool = True) -> None:
        """Switch all models to training mode, or to evaluation.

        A frozen stem stays in evaluation.
        """
        self.training = mode
        self._template.train(mode)
        if self.stem is not None:
            self.stem.module.train(mode and not self.stem.frozen)

    def compile(self) -> None:
        """Compile the forward pass of a chunk; random layers draw what they draw otherwise."""
        self._execution.compile()

    def through_stem(self, inputs: Tensor, seed: int = 0, *, per_row: bool = False) -> Tensor:
        """What the rows read.

        The inputs themselves, (B, ...) or (M, B, ...) if ``per_row``, or what the stem makes of
        them.
        """
        if self.stem is None:
            return inputs
        with self.blame(inputs.shape):
            return self.stem.features(inputs, seed, per_row=per_row)

    def __call__(
        self,
        inputs: Tensor,
        *,
        rows: slice | None = None,
        per_row: bool = False,
        seed: int = 0,
        after_stem: bool = False,
    ) -> Tensor:
        """Return the outputs (M, B, P) of the rows asked for.

        Of ensembles of k members in training mode (M, k, B, P), see :class:`TaskModel`.

        Args:
            inputs: (B, ...) shared by all rows, or (M, B, ...) for the rows asked for if
                ``per_row``.
            rows: which rows; all by default, executed chunk by chunk.
            per_row: every row has its own inputs.
            seed: of the random layers; rows draw the same masks, so that a row does not depend on
                its neighbours.
            after_stem: the inputs are what :meth:`through_stem` gave.

        Raises:
            CoterieError: the encoder raises something, or gives other than one row of features for
                each example.
        """
        if not after_stem:
            inputs = self.through_stem(inputs, seed, per_row=per_row)
        if rows is not None:
            return self._checked(rows, inputs, per_row, seed)
        members = (self.n_members or 1,) if self._gives_members else ()
        shape = (*members, inputs.shape[1 if per_row else 0], self.architecture.n_outputs)
        outputs = [
            self._checked(chunk, inputs[chunk] if per_row else inputs, per_row, seed)
            if alive
            else torch.zeros(chunk.stop - chunk.start, *shape, device=inputs.device)
            for chunk, alive in self.chunks()
        ]
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs)

    @property
    def _gives_members(self) -> bool:
        return self.training and self.n_members is not None

    def chunks(self, seeds: Sequence[int] | None = None) -> list[tuple[slice, bool]]:
        """Slices of rows that are executed together, and whether they are alive.

        Rows whose random layers have different ``seeds`` are not.
        """
        alive = [True] * self.n_models if self.alive is None else self.alive
        keys = alive if seeds is None else list(zip(alive, seeds, strict=True))
        return [
            (rows, bool(alive[rows.start]))
            for rows in chunks(self.n_models, self.strategy.rows, keys)
        ]

    def blame(
        self, shape: Sequence[int], doing: str = "fails on inputs of shape"
    ) -> AbstractContextManager[None]:
        """A context in which what the encoder raises is a :class:`CoterieError` that names it."""
        remedy = " It was compiled: try without `compile`." if self._execution.is_compiled else ""
        return blame(f"`model` {self.architecture.name!r} {doing} {tuple(shape)}", remedy=remedy)

    def _checked(self, rows: slice, inputs: Tensor, per_row: bool, seed: int) -> Tensor:
        n_examples = inputs.shape[1 if per_row else 0]
        with self.blame(inputs.shape):
            outputs = self._forward(rows, inputs, per_row, seed)
        leading = 4 if self._gives_members else 3
        if outputs.dim() != leading or outputs.shape[-2] != n_examples:
            raise CoterieError(
                f"`model` {self.architecture.name!r} must map (B, ...) to features (B, F), "
                f"whatever B is; of a batch of {n_examples} examples it made outputs of shape "
                f"{tuple(outputs.shape[1:])}."
            )
        return outputs

    def _forward(self, rows: slice, inputs: Tensor, per_row: bool, seed: int) -> Tensor:
        return self._execution.run(
            self.template,
            self.strategy,
            rows,
            inputs,
            per_row=per_row,
            seed=seed if self.training else None,
        )

    def zero_grad(self) -> None:
        """Forget all gradients.

        Where rows hold views of them they are zeroed in place, so that the views stay valid.
        """
        for parameter in self.trainable():
            if self._execution.views and parameter.grad is not None:
                parameter.grad.zero_()
            else:
                parameter.grad = None

    def select(self, rows: Sequence[int]) -> ModelStack:
        """Return a new stack with copies of some rows, repeated if asked for repeatedly."""
        listed = list(rows) if is_listed(rows) else []
        if not listed or not all(
            isinstance(row, Integral) and 0 <= row < self.n_models for row in listed
        ):
            raise CoterieError(
                f"`rows` must be positions of models, 0 to {self.n_models - 1}; found "
                f"{shown(rows)}."
            )
        index = torch.tensor(listed)

        def pick(tensor: Tensor) -> Tensor:
            return (
                tensor.detach()[index.to(tensor.device)]
                .clone()
                .requires_grad_(tensor.requires_grad)
            )

        return self._like(pick, None if self.stem is None else self.stem.copy())

    def _like(self, change: Callable[[Tensor], Tensor], stem: Stem | None) -> ModelStack:
        """A stack with other tensors and all else as here."""
        parameters, buffers = (
            {name: change(t) for name, t in tensors.items()}
            for tensors in (self.parameters, self.buffers)
        )
        stack = ModelStack(self.architecture, self._template, parameters, buffers, stem)
        stack.training, stack.strategy, stack.schema = self.training, self.strategy, self.schema
        return stack

    def replicate(self, row: int, n_models: int) -> ModelStack:
        """Return a stack of ``n_models`` copies of one row, to try steps from one state."""
        return self.select([row] * n_models)

    def fit_inputs(self, data: Dataset) -> None:
        """Let an encoder that has ``fit_inputs`` measure the inputs of the training part.

        It is called with all of them, (n, *input_shape); what it changes are buffers, of all rows
        alike.

        Raises:
            CoterieError: it fails.
        """
        if not hasattr(self._template.encoder, "fit_inputs"):
            return
        batches = Batches(data, data.split.train, batch_size=_BATCH, seed=0)
        inputs = torch.cat([batch.inputs for batch in batches.ordered()])
        encoder = self.model(0).cpu().encoder
        before = {name: buffer.clone() for name, buffer in encoder.named_buffers()}
        with self.blame(inputs.shape, "fails to fit inputs of shape"):
            encoder.fit_inputs(inputs)  # type: ignore[operator]
        state = self.state()
        for name, buffer in encoder.named_buffers():
            if not torch.equal(buffer, before[name]):
                state[f"encoder.{name}"].copy_(buffer)

    def branch(self, row: int) -> TaskModel:
        """Return one row as a module with weights of its own, to be fed with what a stem gives."""
        module = copied(self._template).to(self.device)
        state = self.state()
        with torch.no_grad():
            # By name, because a state dict leaves out non-persistent buffers and doubles tied
            # parameters.
            for name, tensor in (*module.named_parameters(), *module.named_buffers()):
                tensor.copy_(state[name][row])
        return module.eval()

    def model(self, row: int) -> TaskModel:
        """Return one row as a module with weights of its own, those of a stem included."""
        branch = self.branch(row)
        return branch if self.stem is None else self.stem.joined(branch).eval()

    def freeze_stem(self) -> ModelStack:
        """Return a copy whose stem no longer learns, nor follows the statistics of batches.

        Its rows are independent again.
        """
        stack = self.select(range(self.n_models))
        if stack.stem is not None:
            stack.stem = stack.stem.copy(frozen=True)
        return stack

    def without_stem(self) -> ModelStack:
        """Return this stack, or one whose rows have the layers of the stem for themselves."""
        if self.stem is None:
            return self
        state = {
            name: tensor.expand(self.n_models, *tensor.shape[1:]).clone()
            for name, tensor in self.state().items()
        }
        stack = ModelStack.from_state(self.architecture, state)
        stack.train(self.training)
        stack.strategy, stack.schema = self.strategy, self.schema
        return stack

    @staticmethod
    def concatenate(stacks: Sequence[ModelStack]) -> ModelStack:
        """Return one stack with the rows of all, in order.

        They must share their architecture, and a stem that is frozen.
        """
        first = stacks[0]
        stack = ModelStack(first.architecture, *joined(stacks))
        stack.training, stack.schema = first.training, first.schema
        return stack

    def __getstate__(self) -> dict[str, object]:
        """Everything but what is made again when needed: views of rows, and compiled passes."""
        return {**vars(self), "_execution": Execution(self.parameters, self.buffers)}

    def __repr__(self) -> str:
        size = f"{self.n_parameters:,} parameters each"
        return f"ModelStack({self.n_models} x {self.architecture.name}, {size})"


def forward_seed(seed: int, step: int) -> int:
    """Seed of the random layers in one training step."""
    return derive(seed, "forward", step)
