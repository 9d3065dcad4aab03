"""Checks that others run on their own extensions, and planted data with known groups.

A suite of checks belongs to each kind of object that coterie lets you bring: an affinity, a
clustering, a score estimator, a grouping method, an encoder, a weights provider, a kind of target,
a data source, an engine.
Each check is one property, named and said in one sentence, on trainings of a blink; it fails with
what was expected and what was found::

    from coterie.testing import check_affinity, parametrize_with_checks

    check_affinity(MyAffinity())                    # names of the checks that hold, or CheckFailed

    @parametrize_with_checks("affinity", {"mine": MyAffinity(), "half": MyAffinity(share=0.5)})
    def test_mine(subject, check):                  # or one pytest case for each check
        check(subject)

:func:`planted` makes tables whose true groups are known and worth finding, or known not to be. A
suite is one file; this room is the top of the house: it may read all others, and none reads it.
"""

from coterie.testing._checks import Check, CheckFailed, checks_of, parametrize_with_checks
from coterie.testing.affinity import check_affinity
from coterie.testing.clustering import check_clustering
from coterie.testing.encoder import check_encoder
from coterie.testing.engine import check_engine
from coterie.testing.estimator import check_estimator
from coterie.testing.kind import check_kind
from coterie.testing.method import check_method
from coterie.testing.planted import REGIMES, Gain, Planted, Regime, planted
from coterie.testing.source import check_source
from coterie.testing.weights import check_weights

__all__ = [
    "REGIMES",
    "Check",
    "CheckFailed",
    "Gain",
    "Planted",
    "Regime",
    "check_affinity",
    "check_clustering",
    "check_encoder",
    "check_engine",
    "check_estimator",
    "check_kind",
    "check_method",
    "check_source",
    "check_weights",
    "checks_of",
    "parametrize_with_checks",
    "planted",
]
