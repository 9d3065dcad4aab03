"""Your own affinity: a probe that looks at the gradients of all tasks while a joint model trains.

    python examples/extending/affinity.py
    cd examples/extending; coterie run --methods affinity:SignAgreement --data ...

Here two tasks help each other as far as the signs of their gradients agree: a cosine that large
coordinates do not rule."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

import coterie as ct
from coterie.affinities import AffinityProbe
from coterie.testing import check_affinity, planted
from coterie.training.work import Work

FEW = {"repeats": 1, "draws": 1, "baselines": ["random"]}


@dataclass(kw_only=True, eq=False)
class SignAgreement(AffinityProbe):
    """The share of shared parameters where two gradients agree in sign, less where they do not."""

    name: ClassVar[str] = "sign agreement"

    def price(self, n_tasks: int) -> Work:
        """One forward pass and a backward one for each task."""
        return Work(forwards=1, backwards=n_tasks)

    def measure(self, trial) -> Tensor:
        """(T, T), [source, target]; NaN for a task without a label in this batch."""
        signs = torch.cat(
            [g.flatten(1) for g in trial.gradients(heads=False).values()], dim=1
        ).sign()
        observed = trial.observed(trial.batch)
        return (signs @ signs.T / signs.shape[1]).where(observed[:, None] & observed, torch.nan)


def main() -> None:
    print("holds:", ", ".join(check_affinity(SignAgreement())))
    table = planted("agreeing heads")
    settings = {**table.settings, "epochs": 5}
    print(ct.affinity(SignAgreement(), "mlp", table.data, **settings))
    mine = ct.Cluster(SignAgreement(), n_groups=3)
    result = ct.compare("mlp", table.data, mine, seeds=2, **FEW, **settings)
    print(result.findings[0].sentence)


if __name__ == "__main__":
    main()
