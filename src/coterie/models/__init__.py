"""Models: encoders, the head that all tasks share, and stacks of M models trained at once.

An encoder turns inputs (B, *input_shape) into features (B, F); coterie adds one linear head with a
column per output. :class:`ModelStack` holds M models of one architecture as tensors with a leading
model dimension and runs them either through ``vmap`` or one after the other on the same batch;
which of the two changes the speed, never the result. :class:`GroupedModel` is what a user takes
away: K specialised models and who serves which task.
"""

from coterie.models.architecture import Architecture as Architecture
from coterie.models.architecture import TaskModel as TaskModel
from coterie.models.encoders import ENCODERS as ENCODERS
from coterie.models.grouped import GroupedModel as GroupedModel
from coterie.models.stack import ModelStack as ModelStack
from coterie.models.strategy import Strategy as Strategy
