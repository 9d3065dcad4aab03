"""Your own grouping method: anything that answers a Grouping, found anew on every seed.

    python examples/extending/method.py
    cd examples/extending; coterie run --methods method:TargetCorrelation --groups 2 --data ...

Here tasks are grouped by how their targets go together, which needs no training at all: a baseline
that every method that trains should beat."""

from dataclasses import dataclass

import numpy as np

import coterie as ct
from coterie.methods import Case
from coterie.testing import check_method, planted

FEW = {"repeats": 1, "draws": 1, "baselines": ["random"]}


@dataclass(frozen=True)
class TargetCorrelation:
    """Average linkage on the correlations between the targets of the training part.

    Settings are fields.
    """

    n_groups: int = 2

    def __call__(self, case: Case, *, seed: int) -> ct.Grouping:
        """Read ``case.data`` but not its test part, ``case.joint``, or train ``case.model``."""
        targets = case.data.targets[case.data.split.train].double()
        observed = ~targets.isnan()
        centred = (targets - targets.nanmean(0)).nan_to_num()
        spread = centred.square().T @ observed.double()  # of the one where both are observed
        correlation = (centred.T @ centred / (spread * spread.T).sqrt().clamp(min=1e-12)).numpy()
        source = ct.Affinity(
            tasks=case.data.tasks.names, matrix=np.abs(correlation), method="correlation"
        )
        return ct.group(source, self.n_groups, method="hierarchical", seed=seed)

    def trainings(self, n_tasks: int) -> int:
        """How many models it trains: lets a plan price it."""
        return 0


def main() -> None:
    print("holds:", ", ".join(check_method(TargetCorrelation())))
    table = planted("agreeing heads")
    settings = {**table.settings, "epochs": 5}
    methods = {"correlation": TargetCorrelation(n_groups=3), "data map": ct.Cluster(n_groups=3)}
    result = ct.compare("mlp", table.data, methods, seeds=2, **FEW, **settings)
    print(result.verdict[0])


if __name__ == "__main__":
    main()
