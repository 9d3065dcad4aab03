"""What affinities without groups look like.

Pairs of tasks may be alike by noise, and all tasks by a geometry that has no clusters, such as
gradients that point anywhere in a space of few dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from coterie.grouping._automatic import DRAWS
from coterie.grouping._standardised import standardised


def affinities_by_chance(
    deviations: np.ndarray, random: np.random.Generator
) -> Iterator[np.ndarray]:
    """Symmetric affinities (T, T) without groups, as like those measured as they can be.

    ``deviations`` (T, T), [source, target], are those of :func:`coterie.grouping._standardised.deviations`.
    Both kinds keep how much each task helps and is helped on the whole:

    * pairs exchanged at random, both directions together, so that what two tasks have in common says
      nothing of a third (the permutations of Hubert and Schultz 1976);
    * the spectrum kept and its axes turned at random, so that tasks lie anywhere in a space of as
      many dimensions (as Liu et al. 2008 test clusters against one normal distribution).

    Neither alone would do: turned axes lose how skewed the affinities of pairs are, exchanged pairs
    that two tasks like a third are like each other.
    """
    for _ in range(DRAWS):
        yield standardised(_exchanged(deviations, random))
    yield from _turned((deviations + deviations.T) / 2, random)


def _exchanged(deviations: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Main effects, and residuals of other pairs."""
    n_tasks = len(deviations)
    # Least squares of source and target effects without a diagonal, where columns sum to 0.
    effects = deviations.sum(axis=1) * (n_tasks - 1) / (n_tasks * (n_tasks - 2))
    fitted = effects[:, None] + effects / (n_tasks - 1)
    first, second = np.triu_indices(n_tasks, 1)
    residuals = np.stack(
        [(deviations - fitted)[first, second], (deviations - fitted)[second, first]]
    )
    residuals = residuals[:, random.permutation(len(first))]
    residuals = np.where(random.random(len(first)) < 0.5, residuals, residuals[::-1])
    drawn = fitted * ~np.eye(n_tasks, dtype=bool)
    drawn[first, second] += residuals[0]
    drawn[second, first] += residuals[1]
    return drawn


def _turned(affinities: np.ndarray, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Main effects, and residuals along other axes, their squares of the same sum."""
    n_tasks = len(affinities)
    between = ~np.eye(n_tasks, dtype=bool)
    sums = affinities.sum(axis=1)
    effects = (sums - sums.sum() / (2 * (n_tasks - 1))) / (n_tasks - 2)
    fitted = np.where(between, effects[:, None] + effects, 0.0)
    residuals = np.where(between, affinities - fitted, 0.0)
    axes = _axes(n_tasks, random)
    spectrum, squares = np.linalg.eigvalsh(axes.T @ residuals @ axes), np.square(residuals).sum()
    for _ in range(DRAWS):
        axes = _axes(n_tasks, random)
        drawn = np.where(between, (axes * spectrum) @ axes.T, 0.0)
        scale = np.square(drawn).sum()
        yield fitted + drawn * np.sqrt(squares / scale if scale > 0 else 0.0)


def _axes(n_tasks: int, random: np.random.Generator) -> np.ndarray:
    """Random orthonormal columns (T, T - 1) that sum to 0, as residuals do."""
    drawn = random.standard_normal((n_tasks, n_tasks))
    drawn[:, 0] = 1.0
    return np.linalg.qr(drawn)[0][:, 1:]
