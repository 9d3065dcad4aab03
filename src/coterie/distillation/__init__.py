"""A training set distilled into a few examples of each class, and what these are good for.

DELT (Shen et al., CVPR 2025) in three pure pieces: ``select`` picks real examples by how sure a
trained teacher is of them, a schedule (:class:`EarlyLate`) says how long each rank of them is
optimised, and ``recover`` optimises their pixels until the teacher recognises them by its outputs and
its BatchNorm statistics. :func:`distill` puts them together and gives a
:class:`coterie.Distilled`. Real examples without any optimisation are the rival that each table of
results carries: :func:`subset` keeps them as the training part of a data set, by cells of like
labels, a teacher or a data map.
"""

from coterie.distillation._distill import check_distillable, distill
from coterie.distillation._subset import codes_of, subset
from coterie.distillation.diversity import diversity, embed
from coterie.distillation.post_training import post_train
from coterie.distillation.recipe import Recipe
from coterie.distillation.recover import Bank, Objective, recover
from coterie.distillation.recovery import Recovery
from coterie.distillation.schedule import EarlyLate
from coterie.distillation.scores import map_scores, require_teacher, teacher_scores
from coterie.distillation.select import RULES, cells, select
from coterie.distillation.soft_labels import soft_losses
from coterie.distillation.statistics import BatchNormStatistics, distance
from coterie.distillation.teachers import Teachers, skills

__all__ = [
    "RULES",
    "Bank",
    "BatchNormStatistics",
    "EarlyLate",
    "Objective",
    "Recipe",
    "Recovery",
    "Teachers",
    "cells",
    "check_distillable",
    "codes_of",
    "distance",
    "distill",
    "diversity",
    "embed",
    "map_scores",
    "post_train",
    "recover",
    "require_teacher",
    "select",
    "skills",
    "soft_losses",
    "subset",
    "teacher_scores",
]
