"""Your own clustering: a function of what was measured, the number of groups and a seed.

    python examples/extending/clustering.py
    cd examples/extending; coterie run --clustering clustering:ward --data ...

Here Ward's (1963): merge the two groups whose union spreads least. Labels, or a soft membership (T,
K), are answered."""

import numpy as np
from sklearn.cluster import AgglomerativeClustering

import coterie as ct
from coterie.testing import check_clustering, planted

FEW = {"repeats": 1, "draws": 1, "baselines": ["random"]}


def ward(values: np.ndarray, n_groups: int, seed: int) -> np.ndarray:
    """Labels (T,) of tasks at coordinates (T, D) of a data map, or rows of affinities (T, T)."""
    return AgglomerativeClustering(n_groups, linkage="ward").fit_predict(values)


def main() -> None:
    print("holds:", ", ".join(check_clustering(ward)))
    table = planted("agreeing heads")
    settings = {**table.settings, "epochs": 5}
    joint = ct.fit("mlp", table.data, record=True, **settings)
    print(ct.group(joint.data_map, 3, method=ward))
    methods = {
        "data map": ct.Cluster(n_groups=3, by=ward),
        "cosine": ct.Cluster("cosine", n_groups=3, by=ward),
    }
    result = ct.compare("mlp", table.data, methods, seeds=2, **FEW, **settings)
    print(result.findings[0].sentence)


if __name__ == "__main__":
    main()
