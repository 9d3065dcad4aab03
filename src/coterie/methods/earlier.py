"""Names that methods had before: they warn, and make what goes by another name now."""

from __future__ import annotations

import warnings
from typing import Any

from coterie.differentiable import DifferentiableGrouping
from coterie.methods.cluster import Cluster
from coterie.methods.learn import Learn
from coterie.methods.select import Select


def DataMapMethod(*, method: Any = "fuzzy-kmeans", **settings: Any) -> Cluster:  # noqa: N802
    """The earlier name of ``Cluster("data_map", by=method)``."""
    _warn("DataMapMethod(method=...)", 'Cluster("data_map", by=...)')
    return Cluster(by=method, **settings)


def AffinityMethod(  # noqa: N802
    affinity: Any = "lookahead", *, clustering: Any = "sdp", **settings: Any
) -> Cluster:
    """The earlier name of ``Cluster(affinity, by=clustering)``."""
    _warn("AffinityMethod(affinity, clustering=...)", "Cluster(affinity, by=...)")
    return Cluster(affinity, by=clustering, **settings)


def EstimatorMethod(estimator: Any = "gradtag", **settings: Any) -> Select:  # noqa: N802
    """The earlier name of :class:`Select`."""
    _warn("EstimatorMethod(...)", "Select(...)")
    return Select(estimator, **settings)


def DifferentiableMethod(  # noqa: N802
    search: DifferentiableGrouping | None = None, *, n_groups: int = 2, mode: Any = "annealed"
) -> Learn:
    """The earlier name of ``Learn(DifferentiableGrouping(n_groups, mode))``."""
    _warn("DifferentiableMethod(...)", "Learn(DifferentiableGrouping(...))")
    return Learn(DifferentiableGrouping(n_groups, mode) if search is None else search)


def _warn(earlier: str, now: str) -> None:
    warnings.warn(f"{earlier} is called {now} now.", DeprecationWarning, stacklevel=3)
