"""The cases, by what they run; importing this enters all of them in the list."""

from tests.golden.cases import (
    affinities,
    comparisons,
    data_maps,
    differentiable,
    estimators,
    fits,
    groupings,
    loading,
    models,
)

__all__ = [
    "affinities",
    "comparisons",
    "data_maps",
    "differentiable",
    "estimators",
    "fits",
    "groupings",
    "loading",
    "models",
]
