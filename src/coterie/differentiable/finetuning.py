"""Training what a search found a little longer, each branch on its own tasks only."""

from __future__ import annotations

from typing import Any

import numpy as np

from coterie.data import Dataset
from coterie.errors import CoterieError, require_type
from coterie.fitting import fit
from coterie.results import Fit, Grouping
from coterie.training.config import spelled


def finetune(search: Fit, data: Dataset, *, epochs: int, **settings: Any) -> tuple[Fit, Grouping]:
    """Train the branches of a learnt grouping further, hard.

    Branch k on its own tasks, a shared stem frozen (DMTG, section 3).

    Rows are independent from here on, so each keeps its best epoch; branches without a task are
    dropped.

    Args:
        search: the fit of a :class:`DifferentiableGrouping`.
        data: what it was trained on.
        epochs: how long.
        **settings: of :func:`coterie.fit`; those of the search where left out.

    Returns:
        The fit of the branches that have tasks, and the grouping with one group each, in the same
        order.

    Raises:
        CoterieError: the fit learnt no grouping.
    """
    require_type("search", search, Fit)
    if search.grouping is None:
        raise CoterieError(
            "`search` has no grouping: fit with weights=DifferentiableGrouping(...) first."
        )
    used = np.flatnonzero(search.grouping.membership.any(0))
    grouping = Grouping(
        tasks=search.grouping.tasks,
        membership=search.grouping.membership[:, used],
        method=search.grouping.method,
        details=search.grouping.details,
    )
    stack = search.stack.freeze_stem().select(used.tolist())
    inherited = {name: value for name, value in search.config.items() if name != "model"}
    chosen: Any = {**inherited, "epochs": epochs, **spelled(settings)}
    model = search.stack.architecture.model
    return fit(model, data, grouping.weights(), start=stack, **chosen), grouping
