"""Rivals that are networks: how they are fitted, and how they predict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from coterie.data import Batches, Dataset
from coterie.evaluation.rivals.rival import TrainedRival
from coterie.evaluation.units import ModelCost
from coterie.fitting import OneSeed, fit, fit_seeds
from coterie.methods import Case
from coterie.models import GroupedModel
from coterie.results import Fit, History
from coterie.training.config import TrainingSettings
from coterie.training.device import Place

_BATCH = 512


def fitted(
    case: Case,
    name: str,
    *,
    seed: int,
    data: Dataset | None = None,
    settings: Mapping[str, Any] | None = None,
    **options: Any,
) -> Fit:
    """Fit the model of a comparison once more; what was stopped continues.

    Args:
        case: the joint training, whose settings and checkpoints' folder are used.
        name: of the rival, for its own folder of checkpoints.
        seed: of the unit.
        data: other data than those of the case.
        settings: what differs from the settings of the case.
        **options: of :func:`coterie.fit`: weights, start, ...
    """
    return fit(
        case.model,
        case.data if data is None else data,
        seed=seed,
        checkpoint=case.checkpoints and case.checkpoints / f"rival-{name}",
        progress=case.progress,
        **{**case.settings, **(settings or {})},
        **options,
    )


def fitted_seeds(
    cases: Sequence[Case],
    name: str,
    parts: Sequence[OneSeed],
    *,
    settings: Mapping[str, Any] | None = None,
) -> list[Fit]:
    """As :func:`fitted`, with the seeds of a split as one stack."""
    last = cases[-1]
    told: dict[str, Any] = {**last.settings, **(settings or {})}
    return fit_seeds(
        last.model,
        last.data,
        parts,
        checkpoint=last.checkpoints and last.checkpoints / f"rival-{name}",
        progress=last.progress,
        **told,
    )


def network(
    model: GroupedModel, case: Case, cost: ModelCost, history: History | None = None
) -> TrainedRival:
    """A rival that is a :class:`coterie.GroupedModel`: what is scored is what is saved."""
    return TrainedRival(
        outputs=partial(network_outputs, model, case.data, case.settings),
        model=lambda: model,
        cost=cost,
        history=history,
    )


def latency(outputs: Callable[[Tensor], Tensor], positions: Tensor) -> float:
    """Seconds that 1,000 predictions take, the least of three times.

    ``outputs`` predicts the examples at some of the ``positions`` (n,), 1,000 at most.
    """
    some, times = positions[:1000], []
    for _ in range(3):
        started = perf_counter()
        outputs(some)
        times.append(perf_counter() - started)
    return 1000 / len(some) * min(times)


def network_outputs(
    model: GroupedModel, data: Dataset, settings: TrainingSettings, positions: Tensor
) -> Tensor:
    """Outputs of a model at ``positions`` (n,), (n, P) float32 on the CPU.

    Where and how precisely they are computed, the settings say.
    """
    place = Place.of(settings.get("device", "auto"), settings.get("precision", "fp32"))
    model = model.to(place.device).eval()
    batches = Batches(data, positions, batch_size=_BATCH, seed=0, device=place.device)
    with torch.inference_mode(), place.autocast():
        outputs = [model(batch.inputs).float().cpu() for batch in batches.ordered()]
    model.to("cpu")
    return torch.cat(outputs)
