"""A trained model as a function of its shared parameters, with the gradient of every margin.

Shapes: ``B`` examples, ``T`` tasks, ``K`` cells of an example (its observed labels, at most T),
``p`` shared parameters.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap

from coterie.errors import CoterieError
from coterie.estimators.gradtag.margins import margins
from coterie.models import TaskModel
from coterie.results import Fit
from coterie.tasks import Tasks
from coterie.training.work import Work

_ENCODER = "encoder."


@dataclass(frozen=True, eq=False)
class Linearised:
    """``model`` in evaluation mode with its ``shared`` parameters by name.

    Those of the encoder that are trained.

    Heads are left out: a task's own head says nothing about its neighbours. Projections count in
    ``work`` the examples that they pass forward, and backward for each of their cells.
    """

    model: TaskModel
    tasks: Tasks
    shared: Mapping[str, Tensor]
    work: Work = field(init=False, default_factory=Work)

    @classmethod
    def of(cls, joint: Fit) -> Linearised:
        """The first model of a fit at its kept epoch.

        Raises:
            CoterieError: its encoder has nothing to train.
        """
        model = joint.stack.model(0)
        shared = {
            n: p for n, p in model.named_parameters() if n.startswith(_ENCODER) and p.requires_grad
        }
        if not shared:
            raise CoterieError(
                "`joint`: the encoder has no parameters that are trained, so no task can help "
                "another."
            )
        return cls(model, joint.tasks.to(joint.stack.device), shared)

    @property
    def n_parameters(self) -> int:
        """Number of shared parameters, p."""
        return sum(parameter.numel() for parameter in self.shared.values())

    def gradients(self, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Gradient of every cell's margin by parameter name, (B, K, ...).

        0 where an example has fewer than K labels.

        ``vmap`` over the examples of the Jacobian of one; example by example where the module does
        not bear ``vmap``.
        """
        index, used = cells(targets)
        try:
            with warnings.catch_warnings(), _own_recurrence(self.model):
                # Operations without a batching rule are looped over by torch: slower, and no news
                # to the user.
                warnings.filterwarnings("ignore", message="There is a performance drop")
                found = self._vectorised(inputs, targets, index)
        except (RuntimeError, ValueError, NotImplementedError):
            found = self.one_by_one(inputs, targets)
        return {name: gradient * _like(used, gradient) for name, gradient in found.items()}

    def one_by_one(self, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """The same by one backward pass a cell."""
        index, used = cells(targets)
        rows: list[list[Tensor]] = [[] for _ in self.shared]
        for example in range(len(inputs)):
            with _own_recurrence(self.model):
                found = margins(
                    self.model(inputs[example : example + 1]),
                    targets[example : example + 1],
                    self.tasks,
                )[0]
            for task in index[example].tolist():
                leaves = list(self.shared.values())
                each = torch.autograd.grad(
                    found[task],
                    leaves,
                    retain_graph=True,
                    materialize_grads=True,
                    allow_unused=True,
                )
                for row, gradient in zip(rows, each, strict=True):
                    row.append(gradient)
        stacked = (torch.stack(row).unflatten(0, index.shape) for row in rows)
        return {
            name: gradient * _like(used, gradient)
            for name, gradient in zip(self.shared, stacked, strict=True)
        }

    def _vectorised(self, inputs: Tensor, targets: Tensor, index: Tensor) -> dict[str, Tensor]:
        shared = {name: parameter.detach() for name, parameter in self.shared.items()}
        others = {
            name: p.detach() for name, p in self.model.named_parameters() if name not in shared
        }
        others |= dict(self.model.named_buffers())

        def of_one(
            learnt: dict[str, Tensor], example: Tensor, target: Tensor, wanted: Tensor
        ) -> Tensor:
            outputs = functional_call(self.model, {**others, **learnt}, (example.unsqueeze(0),))
            return margins(outputs, target.unsqueeze(0), self.tasks)[0].gather(0, wanted)

        return vmap(jacrev(of_one), in_dims=(None, 0, 0, 0))(shared, inputs, targets, index)


def _own_recurrence(model: nn.Module) -> AbstractContextManager[object]:
    """Recurrent layers of cuDNN have no backward pass in evaluation mode; torch's own have."""
    recurrent = any(isinstance(module, nn.RNNBase) for module in model.modules())
    return torch.backends.cudnn.flags(enabled=False) if recurrent else nullcontext()


def cells(targets: Tensor) -> tuple[Tensor, Tensor]:
    """Tasks of each example's observed labels, (B, K), and which of these entries are used, (B, K).

    K is the largest number of labels that an example has: where every example has one label, one
    backward pass serves all.

    >>> index, used = cells(torch.tensor([[0.0, torch.nan, 1.0], [torch.nan, 1.0, torch.nan]]))
    >>> index.tolist(), used.tolist()
    ([[0, 2], [1, 0]], [[True, True], [True, False]])
    """
    observed = ~targets.isnan()
    order = observed.int().argsort(dim=1, descending=True, stable=True)[
        :, : max(1, int(observed.sum(1).max()))
    ]
    return order, observed.gather(1, order)


def _like(used: Tensor, gradient: Tensor) -> Tensor:
    return used.view(*used.shape, *[1] * (gradient.dim() - 2)).to(gradient.dtype)
