"""Grouping: which tasks to train together.

A clustering is one file with one function ``points (T, D), settings -> Clusters``; registered in ``_group.METHODS`` it is
reachable through :func:`group`, which measures the map, asks for clusters, orders them and names the outcome.
:func:`stability` and :func:`agreement` say how far to trust it. Nothing here knows a model: everything works on data maps.
"""

from coterie.grouping._group import METHODS, group
from coterie.grouping.stability import agreement, stability
from coterie.results import Grouping, fuzzy_membership

__all__ = ["METHODS", "Grouping", "agreement", "fuzzy_membership", "group", "stability"]
