"""The verbs ``affinity`` and ``affinities``: train the joint model once and measure on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from time import perf_counter
from typing import Unpack, cast

from coterie.affinities._probe import AffinityProbe
from coterie.affinities.alignment import Alignment
from coterie.affinities.auxiliary_gain import AuxiliaryGain
from coterie.affinities.averaging import averaged
from coterie.affinities.cosine import Cosine
from coterie.affinities.data_map import data_map_affinity
from coterie.affinities.lookahead import Lookahead
from coterie.affinities.transfer_gain import TransferGain
from coterie.data import Dataset, steps_an_epoch
from coterie.errors import CoterieError, require_type, require_whole
from coterie.files import path_of
from coterie.fitting import Model, fit, make_config
from coterie.results import Affinity, Fit
from coterie.seeds import MOST_SEED
from coterie.training import Probe, Progress, TrainingConfig, within
from coterie.training.config import TrainingSettings

DATA_MAP = "data_map"
AFFINITIES: dict[str, type[AffinityProbe] | Callable[..., Affinity]] = {
    "cosine": Cosine,
    "alignment": Alignment,
    "lookahead": Lookahead,
    "transfer_gain": TransferGain,
    "auxiliary_gain": AuxiliaryGain,
    DATA_MAP: data_map_affinity,
}
_EVERY = 10
_MOST_REPEATS = 1000

Method = str | AffinityProbe


def affinity(
    method: Method,
    model: Model,
    data: Dataset,
    *,
    seed: int = 0,
    every: int | None = None,
    repeats: int = 1,
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
    **settings: Unpack[TrainingSettings],
) -> Affinity:
    """Measure how much each task helps each other one, while the joint model trains.

    Args:
        method: "cosine", "alignment", "lookahead", "transfer_gain", "auxiliary_gain",
            "data_map", or a probe with settings of your own, such as
            ``TransferGain(pairs="first-order")``, of which a copy is used.
        model: as for :func:`coterie.fit`.
        data: what :func:`coterie.load` returned, of at least 2 tasks; or a smaller part of it,
            :func:`coterie.subset`.
        seed: of the training, and of the batches that score.
        every: steps between measurements; 10 unless the probe says otherwise. A data map needs
            none.
        repeats: trainings, of this seed and those that follow it, over which the mean is taken:
            see :func:`coterie.affinities.averaged`.
        checkpoint: as for :func:`coterie.fit`; a measurement found there is continued.
        progress: called with (steps done, all steps, text).
        **settings: fields of :class:`coterie.training.TrainingConfig`: epochs, lr, batch_size,
            optimiser, ...

    Returns:
        ``matrix[source, target]`` (T, T); its cost is that of the joint training and of the
        measurement.

    Raises:
        CoterieError: one task, an unknown method, a setting that cannot work, or a training too
            short to measure on.

    >>> import coterie as ct
    >>> small = {"epochs": 1, "model_options": {"hidden": (8,)}}
    >>> affinity("cosine", "mlp", ct.load("digits"), every=4, **small).matrix.shape
    (14, 14)
    """
    found = affinities(
        [method],
        model,
        data,
        seed=seed,
        every=every,
        repeats=repeats,
        checkpoint=checkpoint,
        progress=progress,
        **settings,
    )
    return next(iter(found.values()))


def affinities(
    methods: Sequence[Method] | Mapping[str, Method],
    model: Model,
    data: Dataset,
    *,
    seed: int = 0,
    every: int | None = None,
    repeats: int = 1,
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
    **settings: Unpack[TrainingSettings],
) -> dict[str, Affinity]:
    """Measure several affinities on one and the same joint training, or on ``repeats`` of them.

    Arguments as for :func:`affinity`.

    Each one's cost is what it would have been alone: the training and its own measurement.

    Returns:
        Affinities by name: the keys of a mapping, else the methods' names.

    >>> import coterie as ct
    >>> small = {"epochs": 1, "every": 4, "model_options": {"hidden": (8,)}}
    >>> affinities(["cosine", "lookahead"], "mlp", ct.load("digits"), **small)
    {'cosine': Affinity(cosine, 14 tasks), 'lookahead': Affinity(lookahead, 14 tasks)}
    """
    require_whole("repeats", repeats, 1, _MOST_REPEATS)
    require_whole("seed", seed, 0, MOST_SEED - repeats + 1)
    runs = []
    for run in range(repeats):
        alone = checkpoint is None or repeats == 1
        folder = checkpoint if alone else path_of(checkpoint, "checkpoint") / f"run-{run}"
        name = f"run {run + 1} of {repeats}"
        told = progress if repeats == 1 else within(progress, run, repeats, name)
        watched = {"every": every, "checkpoint": folder, "progress": told}
        runs.append(measure(methods, model, data, seed=seed + run, **watched, **settings)[1])
    return {name: averaged([found[name] for found in runs]) for name in runs[0]}


def measure(
    methods: Sequence[Method] | Mapping[str, Method],
    model: Model,
    data: Dataset,
    *,
    seed: int = 0,
    every: int | None = None,
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
    **settings: Unpack[TrainingSettings],
) -> tuple[Fit, dict[str, Affinity]]:
    """The joint training and all affinities measured on it; see :func:`affinities`."""
    require_type("data", data, Dataset)
    config = make_config({**settings, "seed": seed})
    named = named_probes(methods, every)
    check_measurable(named, data, config)
    probes = {name: probe for name, probe in named.items() if probe is not None}
    joint = fit(
        model,
        data,
        record=len(probes) < len(named),
        probes=list(probes.values()),
        checkpoint=checkpoint,
        progress=progress,
        seed=seed,
        **settings,
    )
    training = {
        "model_steps": joint.cost["model_steps"],
        "seconds": joint.cost["seconds"] - sum(probe.seconds for probe in probes.values()),
    }
    return joint, {
        name: _of_map(joint, seed, training) if probe is None else probe.affinity(training)
        for name, probe in named.items()
    }


def _of_map(joint: Fit, seed: int, training: Mapping[str, float]) -> Affinity:
    if joint.data_map is None:
        raise CoterieError("`joint` has no data map; fit with record=True.")
    started = perf_counter()
    found = data_map_affinity(joint.data_map, seed=seed)
    return replace(
        found, cost={**training, "seconds": training["seconds"] + perf_counter() - started}
    )


def named_probes(
    methods: Sequence[Method] | Mapping[str, Method], every: int | None
) -> dict[str, AffinityProbe | None]:
    """A fresh probe for each method by name, None for the data map."""
    if isinstance(methods, Mapping):
        pairs = [(name, fresh_probe(method, every)) for name, method in methods.items()]
    else:
        several = [methods] if isinstance(methods, str | AffinityProbe) else list(methods)
        probes = [fresh_probe(method, every) for method in several]
        pairs = [(DATA_MAP if probe is None else probe.name, probe) for probe in probes]
    if not pairs:
        raise CoterieError(f"`methods` is empty: name at least one of {', '.join(AFFINITIES)}.")
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise CoterieError(
            f"`methods` holds {twice!r} twice; pass a mapping from a name of your own to each "
            "method."
        )
    return dict(pairs)


def fresh_probe(method: Method, every: int | None) -> AffinityProbe | None:
    """A probe that has measured nothing, None for the data map.

    Raises:
        CoterieError: there is no such method.
    """
    if every is not None:
        require_whole("every", every, 1)
    if isinstance(method, AffinityProbe):
        return replace(method, every=method.every if every is None else every)
    name = method.replace("-", "_") if isinstance(method, str) else method
    if not isinstance(name, str) or name not in AFFINITIES:
        close = get_close_matches(str(name), AFFINITIES, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise CoterieError(
            f"`method` must be one of {', '.join(AFFINITIES)} or a probe; found {method!r}.{hint}"
        )
    return (
        None
        if name == DATA_MAP
        else cast(AffinityProbe, AFFINITIES[name](every=_EVERY if every is None else every))
    )


def check_measurable(
    named: Mapping[str, Probe | None], data: Dataset, config: TrainingConfig
) -> None:
    """Refuse a training on which nothing could be measured, before it starts.

    Raises:
        CoterieError: one task, or fewer steps than a probe waits for.
    """
    n_tasks = len(data.tasks)
    if n_tasks < 2:
        raise CoterieError(
            f"An affinity is between at least 2 tasks; `data` has {n_tasks}: "
            f"{data.tasks.names[0]!r}."
        )
    an_epoch = steps_an_epoch(data, config.batch_size)
    epochs = config.limit(an_epoch).epochs
    steps = epochs * an_epoch
    for name, probe in named.items():
        if probe is not None and probe.every >= steps:
            raise CoterieError(
                f"`every` = {probe.every} leaves nothing to measure for {name!r}: the training "
                f"takes {steps} steps ({epochs} epochs of {an_epoch}). Use "
                f"every={max(1, (steps - 1) // 5)}, more epochs or smaller batches."
            )
