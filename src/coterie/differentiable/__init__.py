"""Groupings that are learnt while the models train.

The loss-weight matrix is a sample of a relaxed categorical variable.

:class:`DifferentiableGrouping` is a weights provider (``provider``) with one way of relaxing per
mode (``relaxations``); :func:`finetune` trains what it found a little longer, group by group
(``finetuning``).
"""

from coterie.differentiable.finetuning import finetune
from coterie.differentiable.provider import MODES, DifferentiableGrouping, Mode

__all__ = ["MODES", "DifferentiableGrouping", "Mode", "finetune"]
