"""Fitting: M models under a weight matrix, cut into jobs and trained where the engine says.

:func:`fit` reads what it is given (``arguments``), cuts the rows of W into blocks that can share a
stack (``job``), and puts what the engine gives back together; a data map is recorded on the way if
asked (``recording``), or by :class:`DataMapProbe` on examples that stay the same (``probing``).
"""

from coterie.fitting._fit import Model, OneSeed, fit, fit_seeds
from coterie.fitting.arguments import (
    architecture_of,
    check_snapshots,
    make_config,
    resized_settings,
)
from coterie.fitting.probing import DataMapProbe
from coterie.fitting.recording import MapObserver

__all__ = [
    "DataMapProbe",
    "MapObserver",
    "Model",
    "OneSeed",
    "architecture_of",
    "check_snapshots",
    "fit",
    "fit_seeds",
    "make_config",
    "resized_settings",
]
