"""Metrics: what tells how good predictions are, and by which of them models are compared.

A metric is one object with a name, a direction, a role (ranking, threshold, probability, error) and
a margin, the points that a gain must have to matter: ``ranking``, ``threshold``, ``probability``
and ``error`` hold them, :func:`register` makes one of your own known. Each gives a value of every
model and, for intervals, what each example contributes to it. :func:`deciding` says which one
decides for each task: that of its kind, unless the task names another. Where tasks have different
ones they are brought to one scale, so that a mean over tasks is one of like with like.
"""

# isort: off
# In this order they stand in tables.
from coterie.metrics import ranking
from coterie.metrics import threshold
from coterie.metrics import probability
from coterie.metrics import error

# isort: on
from coterie.metrics._deciding import (
    Choice,
    contributions,
    deciding,
    drawn_together,
    mean_name,
    metric_names,
    n_wrong,
    scores,
    with_metric,
)
from coterie.metrics._metric import (
    METRICS,
    Metric,
    Predictions,
    metric_named,
    metrics_of,
    register,
)

__all__ = [
    "METRICS",
    "Choice",
    "Metric",
    "Predictions",
    "contributions",
    "deciding",
    "drawn_together",
    "error",
    "mean_name",
    "metric_named",
    "metric_names",
    "metrics_of",
    "n_wrong",
    "probability",
    "ranking",
    "register",
    "scores",
    "threshold",
    "with_metric",
]
