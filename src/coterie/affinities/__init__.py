"""Affinity: how much each task helps each other one, measured while one joint model trains.

Each method has a file of its own. A measured one is a probe: before every so many steps of a joint
training it takes the gradients of all tasks, tries candidate steps on copies of the model, scores
them on other examples than those stepped on, and leaves the training as it was, to the last bit.
:func:`data_map_affinity` reads a recorded data map instead. All end in an
:class:`coterie.results.Affinity`, whose matrix is [source, target]::

    import coterie as ct
    from coterie.affinities import TransferGain, affinities, affinity

    found = affinity("lookahead", "mlp", data, every=10, epochs=20)
    several = affinities(["cosine", TransferGain(pairs="first-order")], "mlp", data)
    groups = ct.group(found, n_groups=3)

:class:`AdaptiveWeights` measures while it trains, and weighs auxiliary tasks by what they help.

A probe may also ride on a training of your own: ``probe = Lookahead(); ct.fit("mlp", data,
probes=[probe])``, and then ``probe.affinity()``.
"""

from coterie.affinities._affinity import (
    AFFINITIES,
    affinities,
    affinity,
    check_measurable,
    fresh_probe,
    measure,
    named_probes,
)
from coterie.affinities._probe import AffinityProbe
from coterie.affinities._stepping import SteppingProbe
from coterie.affinities.adaptive_weights import AdaptiveWeights
from coterie.affinities.alignment import Alignment
from coterie.affinities.auxiliary_gain import AuxiliaryGain
from coterie.affinities.averaging import averaged
from coterie.affinities.cosine import Cosine
from coterie.affinities.data_map import data_map_affinity
from coterie.affinities.lookahead import Lookahead
from coterie.affinities.transfer_gain import TransferGain

__all__ = [
    "AFFINITIES",
    "AdaptiveWeights",
    "AffinityProbe",
    "Alignment",
    "AuxiliaryGain",
    "Cosine",
    "Lookahead",
    "SteppingProbe",
    "TransferGain",
    "affinities",
    "affinity",
    "averaged",
    "check_measurable",
    "data_map_affinity",
    "fresh_probe",
    "measure",
    "named_probes",
]
