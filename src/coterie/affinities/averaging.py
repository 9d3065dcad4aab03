"""The mean of an affinity over trainings of several seeds."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from coterie.affinities._course import agreement
from coterie.errors import CoterieError, require_list
from coterie.results import Affinity


def averaged(runs: Sequence[Affinity]) -> Affinity:
    """The mean of R measurements of one affinity, each on a training of its own.

    Args:
        runs: of the same tasks and by the same method.

    Returns:
        ``matrix`` is the mean of those that measured a pair, ``stderr`` its standard error over
        them (NaN below two), ``counts`` and ``cost`` are the sums. ``details`` are those of the
        first, with how many ``runs`` there were and the mean ``agreement_of_runs`` of two of
        them: the correlation of pairs within their targets.

    Raises:
        CoterieError: none, or of several methods or other tasks.

    >>> one, other = (
    ...     Affinity(tasks=("a", "b"), matrix=np.full((2, 2), value), method="mine")
    ...     for value in (1.0, 3.0)
    ... )
    >>> found = averaged([one, other])
    >>> found.matrix[0, 1], found.stderr[0, 1]
    (np.float64(2.0), np.float64(1.0))
    """
    runs = require_list("runs", runs, Affinity)
    if len({(run.tasks, run.method) for run in runs}) != 1:
        raise CoterieError(
            "`runs` must be at least one, all of the same tasks and by the same method; found "
            f"{', '.join(map(repr, runs)) or 'none'}."
        )
    if len(runs) == 1:
        return runs[0]
    matrices = np.stack([run.matrix for run in runs])
    measured = (~np.isnan(matrices)).sum(0)
    with warnings.catch_warnings():
        # Of pairs that no run, or one only, has measured.
        warnings.simplefilter("ignore", RuntimeWarning)
        matrix = np.nanmean(matrices, 0)
        stderr = np.nanstd(matrices, 0, ddof=1) / np.sqrt(measured)
    counts = [run.counts for run in runs if run.counts is not None]
    agreements = [
        agreement(one, other) for one, other in combinations([run.matrix for run in runs], 2)
    ]
    known = [each for each in agreements if each is not None]
    return replace(
        runs[0],
        matrix=matrix,
        stderr=stderr,
        counts=np.sum(counts, 0) if len(counts) == len(runs) else None,
        cost={
            name: sum(float(run.cost.get(name, 0)) for run in runs)
            for name in {name: None for run in runs for name in run.cost}
        },
        details={
            **runs[0].details,
            "runs": len(runs),
            "agreement_of_runs": float(np.mean(known)) if known else None,
        },
    )
