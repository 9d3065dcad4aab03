"""coterie: which prediction tasks to train together, and what that gains.

One idea carries everything: M models on T tasks are trained by one call with a loss-weight matrix of shape (M, T).
A data map recorded while one joint model trains says how each task learns each example; tasks that learn alike are
grouped; the groups become rows of the next matrix; a comparison with honest baselines says whether it paid::

    import coterie as ct

    data = ct.load("digits")
    joint = ct.fit("cnn", data, record=True)
    groups = ct.group(joint.data_map, n_groups=3)
    models = ct.fit("cnn", data, weights=groups.weights())
    result = ct.compare("cnn", data, groups, seeds=3)
    result.report("report.html")

Names are imported when first used, so that ``coterie --help`` need not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coterie.data import Dataset, Split, load
    from coterie.datamaps import DataMapRecorder
    from coterie.errors import CoterieError
    from coterie.evaluation import Comparison, DataMapMethod, compare, evaluate
    from coterie.fitting import fit
    from coterie.grouping import group
    from coterie.models import GroupedModel, ModelStack
    from coterie.results import DataMap, Fit, Grouping, History
    from coterie.runs import Run
    from coterie.tasks import Kind, Task, Tasks, confidence
    from coterie.training import predict

__version__ = "0.1.0"

__all__ = [
    "Comparison",
    "CoterieError",
    "DataMap",
    "DataMapMethod",
    "DataMapRecorder",
    "Dataset",
    "Fit",
    "GroupedModel",
    "Grouping",
    "History",
    "Kind",
    "ModelStack",
    "Run",
    "Split",
    "Task",
    "Tasks",
    "compare",
    "confidence",
    "evaluate",
    "fit",
    "group",
    "load",
    "predict",
]

_ROOMS = ("errors", "results", "tasks", "runs", "data", "models", "training", "datamaps", "grouping", "fitting", "evaluation")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'coterie' has no attribute {name!r}")
    for room in _ROOMS:
        module = import_module(f"coterie.{room}")
        if hasattr(module, name):
            globals()[name] = getattr(module, name)
            return globals()[name]
    raise AttributeError(f"module 'coterie' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
