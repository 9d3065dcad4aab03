"""Contexts that flip labels: real images, scikit-learn's 8 x 8 digits.

Every image is seen in one of K + 1 contexts, each a fixed order of the pixels. A group has two
questions, whether the digit is one of five and whether it is one of another five, of which the
answers are flipped in the context of the group; its tasks ask them in turn, or their negation. The
last hidden layer has three units: enough for the two answers of one group.
"""

from __future__ import annotations

import numpy as np

from coterie.testing.planted._functions import FEW_EXAMPLES, Recipe, Table, targets_of

N_QUESTIONS, N_DIGITS = 2, 10


def draw(n_groups: int, per_group: int, rng: np.random.Generator) -> Table:
    """The table."""
    from sklearn.datasets import load_digits

    pixels, digit = (np.asarray(array) for array in load_digits(return_X_y=True))
    orders = np.stack([rng.permutation(pixels.shape[1]) for _ in range(n_groups + 1)])
    context = rng.integers(n_groups + 1, size=len(pixels))
    inputs = np.take_along_axis(pixels / 16, orders[context], axis=1).reshape(-1, 1, 8, 8)
    columns = []
    for group in range(n_groups):
        chosen = [rng.permutation(N_DIGITS)[: N_DIGITS // 2] for _ in range(N_QUESTIONS)]
        answers = [np.isin(digit, digits) ^ (context == group) for digits in chosen]
        columns += [answers[task % N_QUESTIONS] ^ (rng.random() < 0.5) for task in range(per_group)]
    return Table(inputs=inputs, targets=targets_of(columns))


FLIPPED = Recipe(settings={**FEW_EXAMPLES, "model_options": {"hidden": (32, 3)}}, draw=draw)
