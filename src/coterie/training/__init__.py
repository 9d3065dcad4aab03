"""Training: one loop for every weight matrix. It knows nothing of grouping.

:func:`train` runs a stack of M models over the same batches, row m minimising sum_t W[m, t] L_t. W
is static or comes from a :class:`WeightsProvider` each step; what :class:`LearntWeights` need besides
stands in ``learning``. Observers watch the forward passes that train, probes try steps from the
state of the moment; checkpoints hold whole epochs.
"""

from coterie.training.checkpoint import Checkpoint as Checkpoint
from coterie.training.config import TrainingConfig as TrainingConfig
from coterie.training.limit import Limit as Limit
from coterie.training.loop import train as train
from coterie.training.observers import Moment as Moment
from coterie.training.observers import Observer as Observer
from coterie.training.observers import Probe as Probe
from coterie.training.observers import Progress as Progress
from coterie.training.observers import Watchers as Watchers
from coterie.training.observers import within as within
from coterie.training.prediction import predict as predict
from coterie.training.weights import LearntWeights as LearntWeights
from coterie.training.weights import StaticWeights as StaticWeights
from coterie.training.weights import WeightsProvider as WeightsProvider
