"""From gradient features to scores.

For every row of weights one regularised regression on linearised margins.

With margins h = b + z . w, row m minimises sum_t p_t L_t(w) + lambda / 2 |w|^2, p_t = W[m, t] /
sum_t W[m, t], where L_t is the mean over the task's observed cells of the same loss that a training
minimises. From w = 0 one Newton step is w = -(sum_t p_t H_t + lambda)^-1 sum_t p_t g_t with the
gradient g_t and Hessian H_t of L_t: sums over examples that are made once for all rows (Li, Sharma
& Zhang, KDD 2024, section 3, who fit each subset with a solver). Of squared losses one step is the
exact minimum.

Shapes: ``M`` rows, ``T`` tasks, ``d`` features, ``n`` cells of one task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from coterie.errors import CoterieError
from coterie.estimators._features import Cells
from coterie.estimators._margins import expansion

HALVINGS = 12


@dataclass(eq=False)
class Moments:
    """Gradient g (T, d) and Hessian H (T, d, d) of each task's loss at w = 0, and ``energy`` (T,), the mean |z|^2; float64."""

    gradient: Tensor
    hessian: Tensor
    energy: Tensor

    @classmethod
    def empty(cls, n_tasks: int, n_features: int, device: torch.device) -> Moments:
        """Nothing seen yet."""
        shape = (n_tasks, n_features)
        zeros = [
            torch.zeros(size, dtype=torch.float64, device=device)
            for size in (shape, (*shape, n_features), (n_tasks,))
        ]
        return cls(*zeros)

    def add(self, task: int, cells: Cells, n_cells: float) -> None:
        """Add some cells of a task that has ``n_cells`` in all."""
        _, slope, curvature = expansion(cells.kind, cells.margin, cells.target)
        self.gradient[task] += (cells.weight * slope) @ cells.z
        self.hessian[task] += cells.z.T @ (cells.z * (cells.weight * curvature).unsqueeze(1))
        self.energy[task] += cells.z.square().sum() / n_cells

    def steps(self, shares: Tensor, ridge: float, memory: int) -> Tensor:
        """One Newton step from w = 0 for every row, (M, d), in chunks of rows whose matrices take at most ``memory`` bytes.

        Args:
            shares: p (M, T), float64.
            ridge: lambda.
            memory: bytes.
        """
        size = self.gradient.shape[1]
        n_rows = max(1, memory // (3 * 8 * size**2))
        return torch.cat(
            [
                _solve(torch.tensordot(part, self.hessian, dims=1), -(part @ self.gradient), ridge)
                for part in shares.split(n_rows)
            ]
        )


def refined(
    cells: Sequence[Cells | None],
    shares: Tensor,
    n_features: int,
    ridge: float,
    steps: int,
    memory: int,
) -> Tensor:
    """Damped Newton steps from w = 0 over all cells, (M, d).

    A step that does not lower the row's objective is halved.

    Args:
        cells: of each task, T.
        shares: p (M, T), float64.
        n_features: d.
        ridge: lambda.
        steps: at most that many; 1 is the step of :meth:`Moments.steps`, damped.
        memory: bytes of a chunk's Hessians and margins.
    """
    most = max((len(mine.margin) for mine in cells if mine is not None), default=1)
    n_rows = max(1, memory // (8 * (3 * n_features**2 + 4 * most)))
    return torch.cat(
        [_refined(cells, part, n_features, ridge, steps) for part in shares.split(n_rows)]
    )


def losses(
    cells: Sequence[Cells | None], steps: Tensor, members: Tensor, memory: int = 2**28
) -> Tensor:
    """Loss (M, T) of each task after each row's step (M, d), float64, NaN where the row does not train the task.

    Also NaN where no cell of the task is known. Margins of a chunk of rows take at most ``memory``
    bytes.
    """
    found = steps.new_full(members.shape, torch.nan)
    for task, mine in enumerate(cells):
        rows = members[:, task].nonzero().flatten()
        if mine is None or not len(rows):
            continue
        for part in rows.split(max(1, memory // (32 * len(mine.target)))):
            margin = mine.margin + steps[part].to(mine.z) @ mine.z.T
            found[part, task] = (expansion(mine.kind, margin, mine.target)[0] @ mine.weight).to(
                found
            )
    return found


def _refined(
    cells: Sequence[Cells | None], shares: Tensor, n_features: int, ridge: float, steps: int
) -> Tensor:
    at = shares.new_zeros(len(shares), n_features)
    value = _objective(cells, shares, at, ridge)
    rounding = max(
        (torch.finfo(mine.z.dtype).eps for mine in cells if mine is not None), default=0.0
    )
    for _ in range(steps):
        gradient, hessian = _derivatives(cells, shares, at)
        direction = _solve(hessian, -(gradient + ridge * at), ridge)
        # Near the minimum a good step changes less than the rounding of the losses.
        bound = value + 8 * rounding * value.abs()
        reached = _objective(cells, shares, at + direction, ridge)
        for _ in range(HALVINGS):
            worse = reached > bound
            if not worse.any():
                break
            direction[worse] /= 2
            reached = _objective(cells, shares, at + direction, ridge)
        better = reached <= bound
        at = torch.where(better.unsqueeze(1), at + direction, at)
        value = torch.where(better, reached, value)
    return at


def _objective(cells: Sequence[Cells | None], shares: Tensor, at: Tensor, ridge: float) -> Tensor:
    """Objective (M,) of each row."""
    tasks = losses(cells, at, shares > 0).nan_to_num()
    return (shares * tasks).sum(1) + ridge / 2 * at.square().sum(1)


def _derivatives(
    cells: Sequence[Cells | None], shares: Tensor, at: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradient (M, d) and Hessian (M, d, d) of each row's loss, without the ridge."""
    gradient, hessian = torch.zeros_like(at), at.new_zeros(*at.shape, at.shape[1])
    for task, mine in enumerate(cells):
        if mine is None:
            continue
        for row in shares[:, task].nonzero().flatten().tolist():
            share = shares[row, task]
            _, slope, curvature = expansion(
                mine.kind, mine.margin + mine.z @ at[row].to(mine.z), mine.target
            )
            gradient[row] += share * ((mine.weight * slope) @ mine.z)
            hessian[row] += share * (mine.z.T @ (mine.z * (mine.weight * curvature).unsqueeze(1)))
    return gradient, hessian


def _solve(hessian: Tensor, right: Tensor, ridge: float) -> Tensor:
    """(H + ridge)^-1 right of every row, in place of H."""
    hessian.diagonal(dim1=-2, dim2=-1).add_(ridge)
    try:
        factor = torch.linalg.cholesky(hessian)
    except RuntimeError as error:
        raise CoterieError(
            f"`ridge` is too small for these features: curvature + {ridge:g} is not positive "
            "definite."
        ) from error
    return torch.cholesky_solve(right.unsqueeze(-1), factor).squeeze(-1)
