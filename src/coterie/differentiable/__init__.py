"""Groupings that are learnt while the models train.

The loss-weight matrix is a sample of a relaxed categorical variable.

:class:`DifferentiableGrouping` is a weights provider (``provider``) with one way of relaxing per
mode (``modes``, ``relaxations``); :func:`finetune` trains what it found a little longer, group by group
(``finetuning``).
"""

from coterie.differentiable.finetuning import finetune
from coterie.differentiable.modes import MODES, Mode
from coterie.differentiable.provider import DifferentiableGrouping

__all__ = ["MODES", "DifferentiableGrouping", "Mode", "finetune"]
