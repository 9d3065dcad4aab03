"""Grouping: which tasks to train together.

A clustering is one file with one function ``array, settings -> Clusters``. Of data maps it gets
points (T, D) and is registered in ``_group.METHODS``, of affinities a matrix (T, T) and is
registered in ``_group.AFFINITY_METHODS``; either is reachable through :func:`group`, which measures
the source, asks for clusters, orders them and names the outcome. :class:`Principled` is one with
settings of its own, the constraints. One of the user's own is given as a function (``own``).
:func:`stability` and :func:`agreement` say how far to trust it. :func:`subset_scores` reads an
affinity as scores of whole subsets of tasks, :func:`candidates` lists subsets worth scoring, and
:func:`select` chooses those that serve all tasks best. Nothing here knows a model: everything works
on arrays.
"""

from coterie.grouping._candidates import candidates, most_asked
from coterie.grouping._group import (
    AFFINITY_METHODS,
    METHODS,
    check_clustering,
    check_group,
    check_n_groups,
    check_settings,
    group,
    reads_affinities,
)
from coterie.grouping._select import select
from coterie.grouping.principled import Principled
from coterie.grouping.stability import agreement, stability
from coterie.grouping.subset_scores import subset_scores
from coterie.results import Grouping, fuzzy_membership

__all__ = [
    "AFFINITY_METHODS",
    "METHODS",
    "Grouping",
    "Principled",
    "agreement",
    "candidates",
    "check_clustering",
    "check_group",
    "check_n_groups",
    "check_settings",
    "fuzzy_membership",
    "group",
    "most_asked",
    "reads_affinities",
    "select",
    "stability",
    "subset_scores",
]
