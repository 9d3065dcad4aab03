"""Published tables of task subsets, and what is known to be chosen from them.

Matrices are as published: rows are targets, columns sources.
"""

from __future__ import annotations

import numpy as np

from coterie.results import ScoreTable

TASKONOMY = ("s", "d", "n", "k", "t")
TAG_TASKONOMY = np.array(
    [
        [11.99932, 0.11537, 0.04891, 0.00455, 0.00878],
        [0.41356, 7.32764, 0.29141, 0.01354, 0.07396],
        [0.13982, 0.22096, 1.07099, 0.01049, 0.07646],
        [0.02110, 0.01337, 0.01073, 0.73388, 0.68974],
        [0.05669, 0.03668, 0.03601, 0.30372, 5.96619],
    ]
)

HOA_TASKS = ("s", "d", "n", "t", "k")
HOA_TASKONOMY = np.array(
    [
        [0.0509, 0.0528, 0.0471, 0.0606, 0.0655],
        [0.2636, 0.2616, 0.2551, 0.2675, 0.2674],
        [0.1004, 0.1002, 0.0975, 0.1082, 0.1110],
        [0.0287, 0.0423, 0.0310, 0.0337, 0.0232],
        [0.0972, 0.1068, 0.0568, 0.0933, 0.0910],
    ]
)

# 5-o'clock shadow, black, blond and brown hair, goatee, mustache, no beard, rosy cheeks, hat
TAG_CELEBA = np.array(
    [
        [239.72, -83.34, -86.05, -82.42, -81.97, -86.02, -49.04, -87.37, -86.77],
        [-188.16, 378.85, -184.53, -147.50, -189.46, -191.00, -185.28, -190.66, -189.42],
        [-121.05, -109.58, 310.71, -106.02, -122.62, -124.40, -117.20, -120.56, -123.26],
        [-143.72, -112.18, -139.85, 321.54, -145.43, -146.78, -142.40, -146.30, -146.23],
        [-85.53, -92.21, -95.75, -91.74, 238.42, -65.43, -45.95, -98.60, -95.68],
        [-30.22, -32.70, -34.78, -33.48, -0.84, 178.67, -15.27, -35.21, -34.37],
        [-109.48, -147.50, -152.39, -148.49, -127.32, -147.14, 291.85, -157.48, -156.16],
        [-74.98, -74.25, -72.05, -73.83, -76.45, -76.50, -75.21, 240.39, -77.00],
        [-109.37, -100.85, -113.52, -110.65, -110.26, -116.10, -106.51, -119.35, 374.63],
    ]
)

# Standley et al. (ICML 2020), setting 1: losses on validation | test of every subset of the tasks
# s, d, n, k, e.
SETTING_1_TASKS = ("s", "d", "n", "k", "e")
SETTING_1_HALF = (
    "s .08021 | .07742; d .1739 | .1737; n .08965 | .08932; k .09264 | .09203; e .03313 | .03268"
)
SETTING_1_FULL = """
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

# Total test losses at budgets 1, 1.5, ..., 5. The published .50273 of setting 1 at budget 1 is not
# what the table gives; that of the table stands here. Pairs at 4.5 and 5 have two best choices, d
# alone or dn, of which the published totals hold d's.
BUDGETS = np.arange(1, 5.5, 0.5)
SETTING_1 = {
    "optimal": (0.50278, 0.46132, 0.45224, 0.44612, 0.44235, 0.43932, 0.43555, 0.43555, 0.43481),
    "early": (0.50278, 0.48732, 0.46727, 0.46063, 0.45722, 0.45058, 0.45058, 0.44742, 0.44742),
    "pairs": (0.50278, 0.46132, 0.45474, 0.4505, 0.44875, 0.44489, 0.44112, 0.44552, 0.44196),
}
SETTING_1_TIED = (*SETTING_1["pairs"][:-2], 0.44532, 0.44176)
SETTING_3 = {
    "optimal": (0.42998, 0.42275, 0.40857, 0.38776, 0.38352, 0.38352, 0.38249, 0.38249, 0.38249),
    "early": (0.42998, 0.44778, 0.43055, 0.39507, 0.40381, 0.39404, 0.40278, 0.39404, 0.40278),
    "pairs": (0.42998, 0.44778, 0.40887, 0.38776, 0.38352, 0.38682, 0.38574, 0.38574, 0.38471),
}


def all_subsets(n_tasks):
    """All 2^T - 1 subsets as rows of bool."""
    return (np.arange(1, 2**n_tasks)[:, None] >> np.arange(n_tasks) & 1).astype(bool)


def averages(matrix, subsets):
    """Scores (R, T): mean of ``matrix[target, source]`` over the other members.

    NaN for tasks alone and outside.
    """
    scores = np.full(subsets.shape, np.nan)
    for row, subset in enumerate(subsets):
        for target in np.flatnonzero(subset):
            others = subset & (np.arange(len(matrix)) != target)
            scores[row, target] = matrix[target, others].mean() if others.any() else np.nan
    return scores


def with_pair_averages(table):
    """The table with scores of rows of three and more tasks by the means of their pairs (HOA)."""
    matrix = np.full((len(table.tasks),) * 2, np.nan)
    size = table.subsets.sum(axis=1)
    for subset, scores in zip(table.subsets[size == 2], table.scores[size == 2], strict=True):
        a, b = np.flatnonzero(subset)
        matrix[a, b], matrix[b, a] = scores[a], scores[b]
    scores = np.where((size > 2)[:, None], averages(matrix, table.subsets), table.scores)
    return ScoreTable(tasks=table.tasks, subsets=table.subsets, scores=scores, costs=table.costs)


def setting_1():
    """Minus the losses on validation and test; half-size networks of single tasks at half cost."""
    place = {task: position for position, task in enumerate(SETTING_1_TASKS)}
    rows, costs = [], []
    for cost, text in ((0.5, SETTING_1_HALF), (1.0, SETTING_1_FULL)):
        for entry in text.replace("\n", ";").split(";"):
            if not entry.strip():
                continue
            names, numbers = entry.split(maxsplit=1)
            row = np.full((2, len(place)), np.nan)
            row[:, [place[name] for name in names]] = [
                np.float64(part.split()) for part in numbers.split("|")
            ]
            rows.append(-row)
            costs.append(cost)
    validation, test = np.stack(rows, axis=1)
    about = {"tasks": SETTING_1_TASKS, "subsets": ~np.isnan(validation), "costs": np.array(costs)}
    return ScoreTable(scores=validation, **about), ScoreTable(scores=test, **about)


def total(rows, table):
    """Sum over tasks of the best score among the rows in a table.

    It may be another table than the one they were chosen on.

    The published totals of rows chosen early in training are of this kind: who serves is judged on
    the test losses too."""
    return np.nanmax(table.scores[rows], axis=0).sum()
