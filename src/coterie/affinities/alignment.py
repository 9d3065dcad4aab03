"""How far two tasks use the same directions of the shared network, whichever way they pull."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from coterie.affinities._probe import AffinityProbe, mask
from coterie.affinities._steps import Trial
from coterie.results import About
from coterie.training.work import Work


@dataclass(kw_only=True, eq=False)
class Alignment(AffinityProbe):
    """Mean squared cosine of two tasks' gradients, tensor by tensor: blind to sign.

    A definition of our own. With g_i^p the gradient of L_i on the training batch with respect to
    the shared tensor p (every weight and bias before the head, and the features that the head
    reads, summed over the batch),

        A[i, j] = mean over p and over the training of cos(g_i^p, g_j^p)^2.

    Symmetric, in [0, 1], 1 on the diagonal.

    Whether two tasks of one group want the same change of a feature that both use depends on what
    each gets wrong at the moment and on the signs of their heads: their cosine is of either sign,
    and near 0 in the mean over a training, as that of tasks which share nothing. Squares do not
    cancel. They measure how far the lines that the gradients span agree, tr(P_i P_j) with P the
    projections on them, as linear CKA does for features of more dimensions (Kornblith et al., ICML
    2019). Tensors count alike, else the largest would decide alone; in one of n entries unrelated
    directions have 1 / n.

    It says who uses the same features, not who helps whom: whether sharing pays, a comparison says.

    >>> Alignment(every=5).price(n_tasks=4).model_steps
    3.0
    """

    name: ClassVar[str] = "alignment"
    about: ClassVar[About] = About(
        family="affinity",
        measures="squared cosine of the tasks’ gradients, over the shared parameters and features",
        reading="1 where two tasks pull along the same lines, in the same or in opposite "
        "directions; near 0 where they use other parts of the network.",
        signed=False,
    )

    def price(self, n_tasks: int) -> Work:
        """One forward pass, T backward ones."""
        return Work(1, n_tasks)

    def measure(self, trial: Trial) -> Tensor:
        """A (T, T) on the training batch."""
        gradients = trial.gradients(heads=True)
        # The features' gradient, summed over the batch, is what the head's bias gets, walked back
        # through the head.
        head, bias = gradients.pop("head.weight"), gradients.pop("head.bias")
        weight = trial.moment.stack.parameters["head.weight"].detach()[0]
        features = torch.einsum("t...p,...pf->t...f", bias, weight.to(head))
        squares = torch.stack([_squared_cosines(g) for g in (*gradients.values(), features)])
        observed = trial.observed(trial.batch)
        return mask(squares.nanmean(0), observed, observed)


def _squared_cosines(gradient: Tensor) -> Tensor:
    """Of gradients (T, ...), (T, T) in float64, NaN where a task sends none."""
    flat = gradient.flatten(1).double()
    flat = flat / flat.norm(dim=1, keepdim=True)
    squares = (flat @ flat.T).square().clamp(max=1)
    squares.diagonal()[~flat.isnan().any(1)] = 1  # by definition; rounding may make it less
    return squares
