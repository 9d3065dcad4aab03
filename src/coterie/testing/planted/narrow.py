"""Capacity too small for all: the last hidden layer has four units.

Tasks of a group mix three functions of two directions, which the layer can hold for one group but
not for all. Examples are plenty: what is missing is room, of which a wider network has more.
"""

from __future__ import annotations

from functools import partial

from coterie.testing.planted._functions import FEW_EXAMPLES, Recipe, latent_table

N_EXAMPLES = 3_000
NARROW = Recipe(
    settings={**FEW_EXAMPLES, "batch_size": 64, "model_options": {"hidden": (48, 4)}},
    draw=partial(latent_table, N_EXAMPLES),
)
