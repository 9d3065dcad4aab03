"""The small types that everyone passes around: frozen, named after tasks, saved without pickle."""

from coterie.results.about import About, Cost
from coterie.results.affinities import Affinity
from coterie.results.assignments import Assignments
from coterie.results.comparisons import ComparisonRecord
from coterie.results.data_maps import DataMap
from coterie.results.distilled import Distilled
from coterie.results.diversities import Diversity
from coterie.results.evaluations import Evaluation
from coterie.results.evidence import Evidence
from coterie.results.findings import Finding
from coterie.results.fits import Fit
from coterie.results.found import Found
from coterie.results.groupings import Grouping, fuzzy_membership
from coterie.results.headroom import Headroom
from coterie.results.histories import History
from coterie.results.learning_curves import LearningCurve
from coterie.results.plots import Plot
from coterie.results.post_trainings import PostTraining
from coterie.results.recommendation import Recommendation, Standing
from coterie.results.reliability import Reliability
from coterie.results.scores import ScoreTable
from coterie.results.selections import Selection

__all__ = [
    "About",
    "Affinity",
    "Assignments",
    "ComparisonRecord",
    "Cost",
    "DataMap",
    "Distilled",
    "Diversity",
    "Evaluation",
    "Evidence",
    "Finding",
    "Fit",
    "Found",
    "Grouping",
    "Headroom",
    "History",
    "LearningCurve",
    "Plot",
    "PostTraining",
    "Recommendation",
    "Reliability",
    "ScoreTable",
    "Selection",
    "Standing",
    "fuzzy_membership",
]
