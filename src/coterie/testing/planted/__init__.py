"""Planted data: tables whose true groups are known, and what they are worth.

A regime is a file: a ``SETTING`` of the training, and ``draw(n_groups, per_group, rng)``, the table.
:func:`planted` makes data of it; ``measured.json`` holds what true groups were worth there. What
several draw stands in ``_functions``.
"""

from coterie.testing.planted._planted import MEASURED, REGIMES, Gain, Planted, Regime, planted

__all__ = ["MEASURED", "REGIMES", "Gain", "Planted", "Regime", "planted"]
