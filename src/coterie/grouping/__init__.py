"""Grouping: which tasks to train together.

A clustering is one file with one function ``points (T, D), settings -> Clusters``; registered in ``_group.METHODS`` it is
reachable through :func:`group`, which measures distances between tasks, orders the groups and names the outcome.
Nothing here knows a model: everything works on data maps.
"""

from coterie.grouping._group import group
from coterie.results import Grouping, fuzzy_membership

__all__ = ["Grouping", "fuzzy_membership", "group"]
