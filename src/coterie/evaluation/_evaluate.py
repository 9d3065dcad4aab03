"""The verb ``evaluate``: the full set of metrics of trained models on one part of the data."""

from __future__ import annotations

from typing import Literal

from coterie.data import Dataset
from coterie.errors import CoterieError, require_choice, require_type
from coterie.evaluation.metrics import all_metrics
from coterie.families import FamilyModel
from coterie.models import GroupedModel
from coterie.results import Evaluation, Fit
from coterie.training import predict


def evaluate(
    trained: Fit | GroupedModel | FamilyModel,
    data: Dataset,
    part: Literal["train", "validation", "test"] = "validation",
) -> Evaluation:
    """Every metric of every task, for each model of a fit or for a grouped model, as rows.

    A row is ``{"task", "metric", "value"}``, with ``"model"`` in front for a fit, whose untrained
    tasks (W = 0) are left out. ``.frame`` is the same as a pandas frame.

    Args:
        trained: what :func:`coterie.fit` returned, a :class:`coterie.GroupedModel`,
            or a :class:`coterie.families.FamilyModel`.
        data: the data set that it was trained on, or another one read with ``load(...,
            like=trained)``.
        part: "validation" while anything is still being chosen; "test" once, at the end.

    Raises:
        CoterieError: no such part, an empty one, or data that were prepared otherwise.

    >>> import coterie as ct
    >>> data = ct.load("digits")
    >>> rows = evaluate(ct.fit("mlp", data, epochs=1), data)
    >>> [row["metric"] for row in rows if row["task"] == "even"]
    ['AUROC', 'average precision', 'accuracy', 'balanced accuracy', 'F1', 'log-loss skill', ...]
    """
    require_type("trained", trained, Fit, GroupedModel, FamilyModel)
    require_type("data", data, Dataset)
    require_choice("part", part, ("train", "validation", "test"))
    if trained.schema is not None:
        trained.schema.require(data)
    positions = getattr(data.split, part)
    if not len(positions):
        raise CoterieError(
            f"`part` {part!r} of `data` is empty; data that were read with `like` are all 'test'."
        )
    targets, units = data.targets[positions], data.in_units(positions)
    if isinstance(trained, GroupedModel | FamilyModel):
        outputs = trained.outputs(data, positions)
        return Evaluation(all_metrics(outputs, targets, data.tasks, units))
    outputs = predict(trained.stack, data, positions)
    used = [{data.tasks.names[t] for t in row.nonzero()[0]} for row in trained.weights]
    return Evaluation(
        {"model": model, **row}
        for model, names in enumerate(used)
        for row in all_metrics(outputs[model], targets, data.tasks, units)
        if row["task"] in names
    )
