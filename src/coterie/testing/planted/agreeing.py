"""Tasks of a group mix three functions of two directions of the inputs, for which others have no use.

Few examples for a wide network: sharing them pays.
"""

from __future__ import annotations

from functools import partial

from coterie.testing.planted._functions import FEW_EXAMPLES, Recipe, latent_table

N_EXAMPLES = 1_000
AGREEING = Recipe(settings=FEW_EXAMPLES, draw=partial(latent_table, N_EXAMPLES))
