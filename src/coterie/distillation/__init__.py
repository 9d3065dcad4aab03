"""A training set distilled into a few examples of each class, and what these are good for.

DELT (Shen et al., CVPR 2025) in three pure pieces: ``select`` picks real examples by how sure a
trained teacher is of them, a schedule (:class:`EarlyLate`) says how long each rank of them is
optimised, and ``recover`` optimises their pixels until the teacher recognises them by its outputs and
its BatchNorm statistics. :func:`distill` puts them together and gives a
:class:`coterie.Distilled`. Real examples without any optimisation are the rival that each table of
results carries.
"""

from coterie.distillation.diversity import diversity as diversity
from coterie.distillation.diversity import embed as embed
from coterie.distillation.post_training import Recipe as Recipe
from coterie.distillation.post_training import post_train as post_train
from coterie.distillation.soft_labels import known_tasks as known_tasks
