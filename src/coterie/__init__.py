"""coterie: which prediction tasks to train together, and what that gains.

One idea carries everything: M models on T tasks are trained by one call with a loss-weight matrix
of shape (M, T). A data map recorded while one joint model trains says how each task learns each
example; tasks that learn alike are grouped; the groups become rows of the next matrix; a comparison
with honest baselines says whether it paid::

    import coterie as ct

    data = ct.load("digits")
    joint = ct.fit("mlp", data, record=True)
    groups = ct.group(joint.data_map, n_groups=3)
    models = ct.fit("mlp", data, weights=groups.weights())
    result = ct.compare("mlp", data, groups, seeds=3)
    result.report("report.html")

Names are imported when first used, so that ``coterie --help`` need not wait for torch.
"""

# Python runs this file, before coterie/__main__.py, with the current folder first on the search
# path where it is started as ``python -m coterie``: nothing may be imported here that Python has
# not loaded by then.
from importlib import import_module

__version__ = "0.1.0"

_ROOM_OF = {
    "AdaptiveWeights": "affinities",
    "Affinity": "results",
    "Average": "methods",
    "Case": "methods",
    "Cluster": "methods",
    "ClusterScores": "methods",
    "Comparison": "evaluation",
    "CoterieError": "errors",
    "CoterieWarning": "errors",
    "DataMap": "results",
    "DataMapProbe": "fitting",
    "DataMapRecorder": "datamaps",
    "Dataset": "data",
    "DifferentiableGrouping": "differentiable",
    "Distilled": "results",
    "Fit": "results",
    "Found": "results",
    "GroupedModel": "models",
    "Grouping": "results",
    "Headroom": "results",
    "History": "results",
    "Kind": "tasks",
    "Learn": "methods",
    "LearningCurve": "results",
    "LocalEngine": "engines",
    "Method": "methods",
    "ModelStack": "models",
    "Plan": "evaluation",
    "PostTraining": "results",
    "Run": "runs",
    "Schema": "data",
    "ScoreTable": "results",
    "Select": "methods",
    "Selection": "results",
    "Split": "data",
    "Task": "tasks",
    "Tasks": "tasks",
    "affinity": "affinities",
    "compare": "evaluation",
    "confidence": "tasks",
    "distill": "distillation",
    "evaluate": "evaluation",
    "finetune": "differentiable",
    "fit": "fitting",
    "group": "grouping",
    "headroom": "bounds",
    "learning_curve": "evaluation",
    "load": "data",
    "plan": "evaluation",
    "post_train": "distillation",
    "predict": "training",
    "select": "grouping",
    "subset": "distillation",
}
# They warn when they are called.
_EARLIER = ("AffinityMethod", "DataMapMethod", "DifferentiableMethod", "EstimatorMethod")
_ROOM_OF_ALL = {**_ROOM_OF, **dict.fromkeys(_EARLIER, "methods.earlier")}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from coterie.affinities import AdaptiveWeights as AdaptiveWeights
    from coterie.affinities import affinity as affinity
    from coterie.bounds import headroom as headroom
    from coterie.data import Dataset as Dataset
    from coterie.data import Schema as Schema
    from coterie.data import Split as Split
    from coterie.data import load as load
    from coterie.datamaps import DataMapRecorder as DataMapRecorder
    from coterie.differentiable import DifferentiableGrouping as DifferentiableGrouping
    from coterie.differentiable import finetune as finetune
    from coterie.distillation import distill as distill
    from coterie.distillation import post_train as post_train
    from coterie.distillation import subset as subset
    from coterie.engines import LocalEngine as LocalEngine
    from coterie.errors import CoterieError as CoterieError
    from coterie.errors import CoterieWarning as CoterieWarning
    from coterie.evaluation import Comparison as Comparison
    from coterie.evaluation import Plan as Plan
    from coterie.evaluation import compare as compare
    from coterie.evaluation import evaluate as evaluate
    from coterie.evaluation import learning_curve as learning_curve
    from coterie.evaluation import plan as plan
    from coterie.fitting import DataMapProbe as DataMapProbe
    from coterie.fitting import fit as fit
    from coterie.grouping import group as group
    from coterie.grouping import select as select
    from coterie.methods import Average as Average
    from coterie.methods import Case as Case
    from coterie.methods import Cluster as Cluster
    from coterie.methods import ClusterScores as ClusterScores
    from coterie.methods import Learn as Learn
    from coterie.methods import Method as Method
    from coterie.methods import Select as Select
    from coterie.methods.earlier import AffinityMethod as AffinityMethod
    from coterie.methods.earlier import DataMapMethod as DataMapMethod
    from coterie.methods.earlier import DifferentiableMethod as DifferentiableMethod
    from coterie.methods.earlier import EstimatorMethod as EstimatorMethod
    from coterie.models import GroupedModel as GroupedModel
    from coterie.models import ModelStack as ModelStack
    from coterie.results import Affinity as Affinity
    from coterie.results import DataMap as DataMap
    from coterie.results import Distilled as Distilled
    from coterie.results import Fit as Fit
    from coterie.results import Found as Found
    from coterie.results import Grouping as Grouping
    from coterie.results import Headroom as Headroom
    from coterie.results import History as History
    from coterie.results import LearningCurve as LearningCurve
    from coterie.results import PostTraining as PostTraining
    from coterie.results import ScoreTable as ScoreTable
    from coterie.results import Selection as Selection
    from coterie.runs import Run as Run
    from coterie.tasks import Kind as Kind
    from coterie.tasks import Task as Task
    from coterie.tasks import Tasks as Tasks
    from coterie.tasks import confidence as confidence
    from coterie.training import predict as predict
else:
    __all__ = list(_ROOM_OF)

    def __getattr__(name: str) -> object:
        if name not in _ROOM_OF_ALL:
            raise AttributeError(f"module 'coterie' has no attribute {name!r}")
        globals()[name] = getattr(import_module(f"coterie.{_ROOM_OF_ALL[name]}"), name)
        return globals()[name]

    def __dir__() -> list[str]:
        return [*__all__, "__version__"]
