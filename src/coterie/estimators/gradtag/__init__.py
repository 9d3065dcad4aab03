"""Grad-TAG: any rows of weights scored from one joint model and the gradients of its margins.

One :class:`GradTagScores` answers; beneath it, in the order of the work: ``linearised`` (a joint
model and the gradients of its ``margins``), ``features`` (their projections; ``kronecker`` makes
them from the ``layers`` in ``bases`` of its own), ``model`` (what is kept of them), ``newton`` (one
step for every row) and ``readout`` (what the steps say).
"""

from coterie.estimators.gradtag.scores import DEFAULT_RIDGE, RIDGES, GradTagScores

__all__ = ["DEFAULT_RIDGE", "RIDGES", "GradTagScores"]
