"""Methods: how groups are found.

A method is asked with a :class:`Case`, the joint training of one split and seed, and answers with
:class:`coterie.results.Found`: a grouping, what it was found by, and what that took. Five compose
what the rooms below offer, each in a file: :class:`Cluster` clusters data maps or a measured
affinity, :class:`Average` selects overlapping groups by a measured affinity, :class:`Select` by
estimated scores, :class:`ClusterScores` clusters averages of these, :class:`Learn` learns the
groups while models train. Another way is a subclass of :class:`Method`, or any callable
``(case, *, seed)``. Methods have names in :data:`METHODS`, ``register`` adds to them, and what a
method is (``about``), takes (``price``, by a :class:`Timing`) and is told from others by, it says
itself: nobody else keeps a list. :data:`PUBLISHED` has those of papers, with their settings.
"""

from coterie.methods._method import Case, Groups, Method
from coterie.methods.average import Average
from coterie.methods.cluster import Cluster
from coterie.methods.cluster_scores import ClusterScores
from coterie.methods.given import Given
from coterie.methods.learn import Learn
from coterie.methods.own import Own
from coterie.methods.papers import PUBLISHED, Published
from coterie.methods.published import AsPublished
from coterie.methods.registry import (
    METHODS,
    Candidate,
    Candidates,
    as_method,
    method_named,
    register,
)
from coterie.methods.select import Select
from coterie.methods.timing import TIMED_ROWS, TIMED_STEPS, Timing

__all__ = [
    "METHODS",
    "PUBLISHED",
    "TIMED_ROWS",
    "TIMED_STEPS",
    "AsPublished",
    "Average",
    "Candidate",
    "Candidates",
    "Case",
    "Cluster",
    "ClusterScores",
    "Given",
    "Groups",
    "Learn",
    "Method",
    "Own",
    "Published",
    "Select",
    "Timing",
    "as_method",
    "method_named",
    "register",
]
