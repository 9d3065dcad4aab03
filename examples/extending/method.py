"""Your own grouping method: it answers a case with what it found, anew on every seed.

    python examples/extending/method.py
    cd examples/extending; coterie run --methods method:TargetCorrelation --groups 2 --data ...

Here tasks are grouped by how their targets go together, which needs no training at all: a baseline
that every method that trains should beat."""

from dataclasses import dataclass

import numpy as np

import coterie as ct
from coterie.results import About, Cost
from coterie.testing import check_method, planted

FEW = {"repeats": 1, "draws": 1, "baselines": ["random"]}


@dataclass(frozen=True)
class TargetCorrelation(ct.Method):
    """Average linkage on the correlations between the targets of the training part."""

    n_groups: int = 2
    about = About(family="affinity", measures="correlations between targets", signed=False)

    def __call__(self, case: ct.Case, *, seed: int) -> ct.Found:
        """Read ``case.data`` but not its test part, ``case.joint``, or train ``case.model``."""
        targets = case.data.targets[case.data.split.train].double()
        observed = ~targets.isnan()
        centred = (targets - targets.nanmean(0)).nan_to_num()
        spread = centred.square().T @ observed.double()  # of the one where both are observed
        correlation = (centred.T @ centred / (spread * spread.T).sqrt().clamp(min=1e-12)).numpy()
        names = case.data.tasks.names
        seen = ct.Affinity(tasks=names, matrix=np.abs(correlation), method="correlation")
        grouping = ct.group(seen, self.n_groups, method="hierarchical", seed=seed)
        return ct.Found(grouping=grouping, evidence=seen)

    def price(self, timing) -> Cost:
        """Nothing, which lets a plan count it."""
        return Cost()


def main() -> None:
    print("holds:", ", ".join(check_method(TargetCorrelation())))
    table = planted("agreeing heads")
    settings = {**table.settings, "epochs": 5}
    methods = {"correlation": TargetCorrelation(n_groups=3), "data map": ct.Cluster(n_groups=3)}
    result = ct.compare("mlp", table.data, methods, seeds=2, **FEW, **settings)
    print(result.findings[0].sentence)


if __name__ == "__main__":
    main()
