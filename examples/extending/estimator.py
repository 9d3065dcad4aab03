"""Your own score estimator: what models of any tasks would score, from few that are trained.

    python examples/extending/estimator.py
    cd examples/extending; coterie run --methods estimator:LeaveOneOut --groups 2 --data ...

Here the model of all tasks is trained, and each without one: a task that is missed was worth that."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

import coterie as ct
from coterie.estimators import Estimator, as_rows
from coterie.testing import check_estimator, planted

FEW = {"repeats": 1, "draws": 1, "baselines": ["random"]}


class LeaveOneOut:
    """score(t in a group) = score(t with all) - what it loses without each task outside."""

    @staticmethod
    def trainings(n_tasks: int) -> int:
        """All tasks, and all but one."""
        return n_tasks + 1

    def fit(self, oracle: Estimator) -> Self:
        """Ask the oracle, which trains."""
        if (n_tasks := len(oracle.tasks)) < 2:
            raise ct.CoterieError(f"`oracle` must have at least 2 tasks; found {n_tasks}.")
        scores = oracle.predict(np.vstack([np.ones((1, n_tasks)), 1 - np.eye(n_tasks)]))
        self.tasks, self.measure, self.cost = oracle.tasks, oracle.measure, oracle.cost
        # Shapes (T,) and (T, T), the latter [source, target].
        self.all_, self.worth = scores[0], np.nan_to_num(scores[0] - scores[1:])
        return self

    tasks: tuple[str, ...]
    measure: str
    cost: Mapping[str, Any]

    def predict(self, weights: Any) -> np.ndarray:
        """Scores (M, T), NaN where the weight is 0."""
        members = as_rows(weights, len(self.all_)) > 0
        return np.where(members, self.all_ - ~members @ self.worth, np.nan)


def main() -> None:
    print("holds:", ", ".join(check_estimator(LeaveOneOut)))
    table = planted("conflicting heads")
    settings = {**table.settings, "epochs": 5}
    mine = ct.Select(LeaveOneOut(), n_groups=3)
    print(ct.plan("mlp", table.data, mine, seeds=2, repeats=1, **settings))
    result = ct.compare("mlp", table.data, mine, seeds=2, **FEW, **settings)
    print(result.findings[0].sentence)


if __name__ == "__main__":
    main()
