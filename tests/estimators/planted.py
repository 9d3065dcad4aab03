"""Scores with a known rule, and a published table."""

from __future__ import annotations

import numpy as np

from coterie.estimators import as_rows
from coterie.results import ScoreTable

# Standley et al. 2020, setting 1: networks of full size; validation losses | test losses, in the order of the tasks.
SETTING_1 = """
s .08039 | .07662; d .1695 | .1696; n .08591 | .08555; k .0895 | .08847; e .02783 | .0275
sd .07858 .1833 | .07419 .1831; sn .074 .0997 | .07084 .0994; sk .07722 .09718 | .07369 .09601
se .07897 .04462 | .07504 .044; dn .1695 .09275 | .1694 .09249; dk .1706 .09318 | .1713 .08882
de .1748 .03192 | .1753 .03145; nk .08968 .09181 | .08934 .09077; ne .09358 .02908 | .09327 .02865
ke .09185 .03488 | .09077 .0344
sdn .07498 .1698 .09575 | .07193 .17 .09544; sdk .07699 .1782 .09704 | .07311 .1785 .09591
sde .07893 .1863 .04559 | .07617 .1865 .04474; snk .0722 .09919 .0961 | .06933 .09966 .09302
sne .07222 .0982 .03689 | .06859 .09796 .03625; ske .0766 .09342 .03508 | .07323 .09232 .03463
dnk .1654 .09358 .09253 | .1658 .09318 .09143; dne .1708 .09396 .03286 | .1706 .09362 .03239
dke .1793 .09073 .02937 | .1795 .08968 .02887; nke .09626 .09024 .02609 | .09596 .08921 .02566
sdnk .07762 .1822 .09869 .1015 | .07338 .1826 .09836 .1003
sdne .07576 .1735 .09718 .04513 | .07249 .1739 .09689 .04441
sdke .0795 .1797 .09272 .04141 | .07634 .1801 .09157 .04097
snke .07369 .09944 .09697 .03312 | .07111 .09941 .09464 .03328
dnke .1708 .09392 .09334 .02803 | .1704 .09356 .09226 .02768
sdnke .07854 .1864 .1 .09814 .04453 | .07603 .186 .09976 .09704 .04395
"""


def setting_1(part: str) -> ScoreTable:
    """Minus the published losses of the validation or the test part, 31 subsets of 5 tasks."""
    scores = {}
    for entry in SETTING_1.replace("\n", ";").split(";"):
        if entry.strip():
            subset, losses = entry.split(maxsplit=1)
            values = losses.split("|")[part == "test"].split()
            scores[tuple(subset)] = [-float(value) for value in values]
    return ScoreTable.of(tuple("sdnke"), scores)


class PlantedScores:
    """An oracle with a rule: a target scores ``base`` plus the mean (or the sum) of its row's effects [source, target]."""

    measure = "score"

    def __init__(
        self, effects: np.ndarray, base: np.ndarray | float = 0.0, *, mean: bool = False, noise: float = 0.0, seed: int = 0
    ):
        self.effects = np.where(np.eye(len(effects), dtype=bool), 0.0, effects)
        self.base, self.mean, self.noise, self.rng = base, mean, noise, np.random.default_rng(seed)
        self.tasks = tuple(f"task {t}" for t in range(len(effects)))
        self.asked: list[np.ndarray] = []
        self.answers: list[np.ndarray] = []

    @property
    def cost(self):
        return {"model_steps": 10 * len(self.asked), "seconds": 0.0, "trainings": len(self.asked)}

    def predict(self, weights):
        rows = as_rows(weights, len(self.tasks)) > 0
        self.asked += list(rows)
        total = rows @ self.effects
        if self.mean:
            total = total / np.maximum(rows.sum(1, keepdims=True) - 1, 1)
        scores = np.where(rows, self.base + total + self.noise * self.rng.normal(size=rows.shape), np.nan)
        self.answers.append(scores)
        return scores


def every_subset(n_tasks: int) -> np.ndarray:
    """All 2^T - 1 rows."""
    return (np.arange(1, 2**n_tasks)[:, None] >> np.arange(n_tasks)) & 1
