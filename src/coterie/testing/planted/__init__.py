"""Planted data: tables whose true groups are known, and what they are worth.

A regime is a file: a ``SETTING`` of the training, and ``draw(n_groups, per_group, rng)``, the table.
:func:`planted` makes data of it; ``_gains`` holds what was measured. What several draw stands in
``_functions``.
"""

from coterie.testing.planted._planted import REGIMES, Gain, Planted, Regime, planted

__all__ = ["REGIMES", "Gain", "Planted", "Regime", "planted"]
