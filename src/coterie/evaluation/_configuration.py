"""What a comparison depends on.

A run is continued by the same one only, and readers see it in the report.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping

from coterie.data import Dataset
from coterie.data.targets import positive_classes
from coterie.fitting import Model, architecture_of
from coterie.identity import identity_or_name
from coterie.methods import Method
from coterie.metrics import metric_names
from coterie.runs import environment


def configuration(
    tell: Callable[[object, str], object],
    model: Model,
    methods: Mapping[str, Method],
    data: Dataset,
    options: Mapping[str, object],
    **settings: object,
) -> dict[str, object]:
    """What the results depend on, besides the data, as JSON types.

    ``tell`` says what tells code apart.

    Raises:
        CoterieError: something that nothing tells from others.
    """
    groupings = {
        name: tell(method.itself, f"`methods`: {name!r}") for name, method in methods.items()
    }
    losses = {
        task.name: tell(task.loss, f"The loss of task {task.name!r}")
        for task in data.tasks
        if task.loss is not None
    }
    metrics = {
        task.name: tell(task.metric, f"The metric of task {task.name!r}")
        if callable(task.metric)
        else name
        for task, name in zip(data.tasks, metric_names(data.tasks), strict=True)
    }
    same = len({*map(str, metrics.values())}) == 1
    training = {name: tell(value, f"`{name}`") for name, value in options.items()}
    return {
        "model": tell(model, "`model`"),
        "groupings": groupings,
        **{name: identity_or_name(value) for name, value in settings.items()},
        "training": training,
        **({"loss": losses} if losses else {}),
        "metric": metrics[data.tasks.names[0]] if same else metrics,
    }


def shown_configuration(
    config: Mapping[str, object], model: Model, data: Dataset, methods: Mapping[str, Method]
) -> dict[str, object]:
    """The configuration as a report shows it, with data, versions and hardware."""
    import torch

    parts = {name: len(getattr(data.split, name)) for name in ("train", "validation", "test")}
    return {
        **config,
        "model": architecture_of(model, data).name,
        "groupings": {name: method.words for name, method in methods.items()},
        "data": {
            "examples": len(data),
            **parts,
            "input shape": list(data.input_shape),
            "notes": list(data.notes),
            "positive classes": positive_classes(data.tasks),
        },
        **environment(),
        "hardware": {
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
    }
