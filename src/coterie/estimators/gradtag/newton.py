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
from coterie.estimators.gradtag.features import Cells
from coterie.estimators.gradtag.margins import expansion


@dataclass(eq=False)
class Moments:
    """Gradient g (T, d) and Hessian H (T, d, d) of each task's loss at w = 0; float64.

    ``energy`` (T,) is the mean |z|^2 of its cells.
    """

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
        """One Newton step from w = 0 for every row, (M, d).

        Args:
            shares: p (M, T), float64.
            ridge: lambda.
            memory: bytes that the matrices of a chunk of rows take at most.
        """
        size = self.gradient.shape[1]
        n_rows = max(1, memory // (3 * 8 * size**2))
        return torch.cat(
            [
                _solve(torch.tensordot(part, self.hessian, dims=1), -(part @ self.gradient), ridge)
                for part in shares.split(n_rows)
            ]
        )


def losses(
    cells: Sequence[Cells | None], steps: Tensor, members: Tensor, memory: int = 2**28
) -> Tensor:
    """Loss (M, T) of each task after each row's step (M, d), float64.

    NaN where the row does not train the task, or no cell of it is known. Margins of a chunk of rows
    take at most ``memory`` bytes.
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
