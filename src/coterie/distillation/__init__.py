"""Distillation: a training part of few examples that stand for all.

:func:`subset` keeps real examples and says which, by cells of like labels and by rules of
:func:`select`.
"""

from coterie.distillation._subset import codes_of, subset
from coterie.distillation.scores import map_scores, require_teacher, teacher_scores
from coterie.distillation.select import RULES, cells, select

__all__ = [
    "RULES",
    "cells",
    "codes_of",
    "map_scores",
    "require_teacher",
    "select",
    "subset",
    "teacher_scores",
]
