"""Your own baseline.

An arm that stands in every comparison beside joint, single, random and ensemble.

    python examples/extending/arm.py
    cd examples/extending; coterie run --baselines joint arm:NEIGHBOURS --data ...

Neighbours: the tasks cut into pairs in the order in which they came. It needs no measurement, so a
method has to beat it."""

import numpy as np

import coterie as ct
from coterie.evaluation import Arm, ArmKind, Lineup, register
from coterie.testing import planted


def neighbours(lineup: Lineup) -> list[Arm]:
    """A model for each pair of tasks: two rows of ones in W, and each task is served by its own."""
    own = np.eye((lineup.n_tasks + 1) // 2)[np.arange(lineup.n_tasks) // 2]
    starts = np.arange(own.shape[1])
    return [Arm(name="neighbours", role="neighbours", weights=own.T, init=starts, serves=own)]


NEIGHBOURS = ArmKind(
    role="neighbours",
    sentence="Pairs of tasks in the order in which they came: *no* measurement at all.",
    make=neighbours,
    beside=lambda *_: "neighbours",
)
register(NEIGHBOURS)


def main() -> None:
    table = planted("agreeing heads")
    given = {"repeats": 1, "draws": 1, "baselines": ["neighbours"], **table.settings}
    result = ct.compare("mlp", table.data, {"true": table.grouping}, seeds=3, **given)
    for finding in result.findings:
        print(finding.sentence)


if __name__ == "__main__":
    main()
