"""coterie: which prediction tasks to train together, and what that gains.

One idea carries everything: M models on T tasks are trained by one call with a loss-weight matrix
of shape (M, T). A data map recorded while one joint model trains says how each task learns each
example; tasks that learn alike are grouped; the groups become rows of the next matrix; a comparison
with honest baselines says whether it paid::

    import coterie as ct

    data = ct.load("digits")
    joint = ct.fit("cnn", data, record=True)
    groups = ct.group(joint.data_map, n_groups=3)
    models = ct.fit("cnn", data, weights=groups.weights())
    result = ct.compare("cnn", data, groups, seeds=3)
    result.report("report.html")

Names are imported when first used, so that ``coterie --help`` need not wait for torch.
"""

# Python runs this file, before coterie/__main__.py, with the current folder first on the search
# path where it is started as ``python -m coterie``: nothing may be imported here that Python has
# not loaded by then.
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from coterie.affinities import affinity
    from coterie.data import Dataset, Schema, Split, load
    from coterie.datamaps import DataMapRecorder
    from coterie.differentiable import DifferentiableGrouping, finetune
    from coterie.engines import LocalEngine
    from coterie.errors import CoterieError, CoterieWarning
    from coterie.evaluation import (
        AffinityMethod,
        Comparison,
        DataMapMethod,
        DifferentiableMethod,
        EstimatorMethod,
        Plan,
        compare,
        evaluate,
        plan,
    )
    from coterie.fitting import fit
    from coterie.grouping import group, select
    from coterie.models import GroupedModel, ModelStack
    from coterie.results import Affinity, DataMap, Fit, Grouping, History, ScoreTable, Selection
    from coterie.runs import Run
    from coterie.tasks import Kind, Task, Tasks, confidence
    from coterie.training import predict

__version__ = "0.1.0"

__all__ = [
    "Affinity",
    "AffinityMethod",
    "Comparison",
    "CoterieError",
    "CoterieWarning",
    "DataMap",
    "DataMapMethod",
    "DataMapRecorder",
    "Dataset",
    "DifferentiableGrouping",
    "DifferentiableMethod",
    "EstimatorMethod",
    "Fit",
    "GroupedModel",
    "Grouping",
    "History",
    "Kind",
    "LocalEngine",
    "ModelStack",
    "Plan",
    "Run",
    "Schema",
    "ScoreTable",
    "Selection",
    "Split",
    "Task",
    "Tasks",
    "affinity",
    "compare",
    "confidence",
    "evaluate",
    "finetune",
    "fit",
    "group",
    "load",
    "plan",
    "predict",
    "select",
]

_ROOMS = (
    "errors",
    "results",
    "tasks",
    "runs",
    "data",
    "models",
    "training",
    "datamaps",
    "engines",
    "fitting",
    "affinities",
    "grouping",
    "differentiable",
    "evaluation",
)


def __getattr__(name: str) -> "Any":
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
