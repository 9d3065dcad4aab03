"""Groups of the greatest density, by relaxing partitions to positive semidefinite matrices.

By Grad-TAG (Li et al., KDD 2024).

A partition of T tasks into groups C_1..C_K is worth sum_j (1/|C_j|) sum_{u,v in C_j} A_uv: each
target counts the mean over its group of what the members do for it. With X = sum_j v_j v_j' / |C_j|
of the groups' indicators v_j that is <A, X>, and such an X has unit row sums, trace K, no negative
entry and no negative eigenvalue. Dropping only its rank leaves a convex program.

Shapes: ``T`` tasks, ``K`` groups.
"""

from __future__ import annotations

from typing import NamedTuple, TypedDict

import numpy as np
import torch
from torch import Tensor

from coterie.errors import CoterieError
from coterie.grouping._method import Clusters, Settings
from coterie.grouping.hierarchical import average_linkage

_BALANCE_EVERY, _BALANCE_BY, _BALANCE_ABOVE = 20, 1.5, 3.0


class Multipliers(NamedTuple):
    """Prices that nearly prove a relaxed density.

    <A, X> is the sum of ``rows`` (T,), less <``entries`` (T, T), X>, plus what A + ``entries`` -
    (rows e' + e rows') / 2 leaves: at most K times its largest eigenvalue.
    """

    rows: np.ndarray
    entries: np.ndarray


class Solved(TypedDict):
    """How an iteration ended."""

    iterations: int
    residual: float
    converged: bool


def sdp(matrix: np.ndarray, settings: Settings) -> Clusters:
    """Groups of nearly the greatest density.

    Relaxed, rounded by average linkage, improved by moving single tasks.

    Args:
        matrix: symmetric affinity (T, T), its diagonal included.
        settings: number of groups; nothing here is random.

    Returns:
        One-hot membership (T, K), no group empty. ``details``: ``iterations``, ``residual`` and
        ``converged`` of the relaxation, and ``relaxed_density``, which no groups can exceed by more
        than the residual allows.

    >>> matrix = np.kron(np.eye(2), np.ones((2, 2)))
    >>> sdp(matrix, Settings(n_groups=2, fuzziness=2.0, restarts=1, seed=0)).membership
    array([[1., 0.],
           [1., 0.],
           [0., 1.],
           [0., 1.]])
    """
    relaxed, solved, _ = relax(matrix, settings.n_groups)
    labels = rounded(matrix, relaxed, settings.n_groups)
    details: dict[str, object] = {**solved, "relaxed_density": float((matrix * relaxed).sum())}
    if not solved["converged"]:
        details["notes"] = [
            f"The relaxation was stopped after {solved['iterations']} iterations at a residual of "
            f"{solved['residual']:.1g}: its density is no bound, but the groups were improved all "
            "the same."
        ]
    return Clusters(membership=np.eye(settings.n_groups)[labels], details=details)


def rounded(matrix: np.ndarray, relaxed: np.ndarray, n_groups: int) -> np.ndarray:
    """Groups (T,) by the relaxed partition (T, T), improved by moving single tasks."""
    # X_uv is 1/|C| for two tasks of one group: relative to its diagonal, small and large groups are
    # linked alike.
    roots = np.sqrt(relaxed.diagonal().clip(1e-12))
    together = relaxed / (roots[:, None] * roots)
    return improve_density(matrix, average_linkage(together.max() - together, n_groups))


def density(matrix: np.ndarray, labels: np.ndarray) -> float:
    """Sum over groups of (1/size) * all affinities within, the diagonal included.

    Of groups ``labels`` (T,).

    Adding a to all of the diagonal and b to all of the rest adds K a + (T - K) b to every partition
    into K groups, so neither changes which one is best.

    >>> density(np.array([[0.0, 3.0, 1.0], [3.0, 0.0, 1.0], [1.0, 1.0, 0.0]]), np.array([0, 0, 1]))
    3.0
    """
    member = np.eye(int(labels.max()) + 1)[labels]
    within, sizes = np.einsum("uk,uv,vk->k", member, matrix, member), member.sum(axis=0)
    return float((within / np.maximum(sizes, 1)).sum())


def density_sdp(
    matrix: np.ndarray, n_groups: int, *, tolerance: float = 1e-5, max_iterations: int = 2000
) -> tuple[np.ndarray, Solved]:
    """Maximise <A, X> as :func:`relax` does; X (T, T), and how the iteration ended.

    >>> density_sdp(np.kron(np.eye(2), np.ones((2, 2))), 2)[0].round(3) + 0
    array([[0.5, 0.5, 0. , 0. ],
           [0.5, 0.5, 0. , 0. ],
           [0. , 0. , 0.5, 0.5],
           [0. , 0. , 0.5, 0.5]])
    """
    found, solved, _ = relax(matrix, n_groups, tolerance=tolerance, max_iterations=max_iterations)
    return found, solved


def relax(
    matrix: np.ndarray, n_groups: int, *, tolerance: float = 1e-5, max_iterations: int = 2000
) -> tuple[np.ndarray, Solved, Multipliers]:
    """Maximise <A, X> over symmetric X with X e = e, tr X = K, X >= 0 entrywise and X psd.

    By consensus ADMM (Boyd et al. 2011, sections 3 and 7) with one copy of X for each of the three
    sets: the affine one, whose projection has a closed form, the positive semidefinite and the
    non-negative one. One eigendecomposition an iteration.

    Args:
        matrix: A (T, T), T >= 2; of both directions the mean counts.
        n_groups: K, from 1 to T.
        tolerance: stop when primal and dual residual (root mean square over entries) are at most
            this.
        max_iterations: stop at the latest then.

    Returns:
        X (T, T) in the affine set, in the others up to the residual; ``iterations``, ``residual``
        and ``converged``; and the multipliers.

    Raises:
        CoterieError: a matrix that is not square or not finite, or K out of range.
    """
    _check(matrix, n_groups)
    target = torch.from_numpy((matrix + matrix.T) / 2.0).double()
    target -= (mean := target.mean())
    target /= (scale := target.abs().max().clamp(min=1e-300))
    size, rho = len(target), 1.0
    psd = nonnegative = torch.full((size, size), 1 / size, dtype=torch.float64)
    psd_dual = nonnegative_dual = torch.zeros_like(psd)
    found, residual, iteration = psd, np.inf, 0
    while residual > tolerance and iteration < max_iterations:
        iteration += 1
        before = psd + nonnegative
        found = affine_projection(
            (psd - psd_dual + nonnegative - nonnegative_dual) / 2 + target / (2 * rho), n_groups
        )
        psd = _positive_semidefinite(found + psd_dual)
        nonnegative = (found + nonnegative_dual).clamp(min=0)
        psd_dual, nonnegative_dual = psd_dual + found - psd, nonnegative_dual + found - nonnegative
        primal = float(torch.cat([found - psd, found - nonnegative]).norm()) / size
        dual = float((psd + nonnegative - before).norm()) * rho / size
        residual = max(primal, dual)
        if (
            iteration % _BALANCE_EVERY == 0
            and not 1 / _BALANCE_ABOVE <= primal / max(dual, 1e-300) <= _BALANCE_ABOVE
        ):
            factor = _BALANCE_BY if primal > dual else 1 / _BALANCE_BY
            rho, psd_dual, nonnegative_dual = (
                rho * factor,
                psd_dual / factor,
                nonnegative_dual / factor,
            )
    # At the end target = (rows e' + e rows') / 2 + t I + rho (both duals), of which the first part
    # is told apart by its sums off the diagonal.
    normal = target - rho * (psd_dual + nonnegative_dual)
    sums = normal.sum(0) - normal.diagonal()
    rows = (2 * sums - sums.sum() / max(size - 1, 1)) / max(size - 2, 1)
    multipliers = Multipliers(
        rows=(rows * scale + mean).numpy(),
        entries=(-rho * nonnegative_dual * scale).clamp(min=0).numpy(),
    )
    solved: Solved = {
        "iterations": iteration,
        "residual": residual,
        "converged": residual <= tolerance,
    }
    return found.numpy(), solved, multipliers


def affine_projection(matrix: Tensor, trace: float) -> Tensor:
    """The nearest symmetric matrix with unit row sums and this trace to a symmetric (T, T).

    There are at least 2 tasks.

    >>> affine_projection(torch.zeros(2, 2), 2.0)
    tensor([[1., 0.],
            [0., 1.]])
    """
    size, sums = len(matrix), matrix.sum(0)
    mean_gap = 1 - sums.mean()
    shift = (trace - matrix.trace() - mean_gap) / (size - 1)
    lift = (1 - sums - (mean_gap - shift) / 2 - shift) * 2 / size
    return matrix + (lift[:, None] + lift) / 2 + shift * torch.eye(size, dtype=matrix.dtype)


def improve_density(matrix: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Move single tasks, the best move first, until no move raises the density.

    No group becomes empty.

    Args:
        matrix: affinity (T, T), its diagonal included.
        labels: groups (T,), 0 to K - 1, each with at least one task.

    Returns:
        Labels (T,), at least as dense.

    >>> improve_density(np.kron(np.eye(2), np.ones((2, 2))), np.array([0, 0, 0, 1]))
    array([0, 0, 1, 1])
    """
    matrix, member = (matrix + matrix.T) / 2, np.eye(int(labels.max()) + 1)[labels]
    own, rows = matrix.diagonal(), np.arange(len(matrix))
    least = 1e-9 * max(np.abs(matrix).max(), 1e-300)
    while True:
        labels = member.argmax(axis=1)
        links, sizes = matrix @ member, member.sum(axis=0)
        within = (member * links).sum(axis=0)
        left = within[labels] - 2 * links[rows, labels] + own
        with np.errstate(divide="ignore", invalid="ignore"):
            leaving = np.where(
                sizes[labels] > 1, left / (sizes[labels] - 1) - (within / sizes)[labels], -np.inf
            )
        joining = (within + 2 * links + own[:, None]) / (sizes + 1) - within / sizes
        gain = np.where(member > 0, -np.inf, joining + leaving[:, None])
        task, group = np.unravel_index(gain.argmax(), gain.shape)
        if gain[task, group] <= least:
            return labels
        member[task] = 0
        member[task, group] = 1


def _check(matrix: np.ndarray, n_groups: int) -> None:
    if (
        np.ndim(matrix) != 2
        or len(matrix) < 2
        or len(matrix) != len(matrix.T)
        or not np.isfinite(matrix).all()
    ):
        raise CoterieError(
            "`matrix` must be square, of at least 2 tasks, and finite; found shape "
            f"{np.shape(matrix)}."
        )
    if not 1 <= n_groups <= len(matrix):
        raise CoterieError(
            f"`n_groups` must be from 1 to {len(matrix)}, the number of tasks; found {n_groups}."
        )


def _positive_semidefinite(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp(min=0)) @ vectors.T
