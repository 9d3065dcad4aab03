"""Checks of an affinity of your own."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import torch
from torch import Tensor

from coterie.affinities import AffinityProbe
from coterie.data import Dataset
from coterie.fitting import fit
from coterie.models import ModelStack
from coterie.results import Affinity, DataMap, Fit
from coterie.testing._checks import Suite, require
from coterie.testing._world import (
    MIXED,
    ORDER,
    SETTINGS,
    StoppedError,
    content,
    encoder,
    not_applicable,
    other_test_part,
    random_state_kept,
    refused_or_done,
    require_close,
    require_identity,
    require_unchanged,
    same,
    starts,
    stopped,
    table,
    unlabelled_pair,
)
from coterie.training import Moment, Probe, Progress

_EVERY = 2


class _OfDataMap(Protocol):
    def __call__(self, data_map: DataMap, /, *, seed: int) -> Affinity: ...


_Subject = AffinityProbe | type[AffinityProbe] | _OfDataMap


def check_affinity(
    subject: _Subject, *, expected_failures: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Check an affinity.

    A probe, what makes one (its class), or a function ``(data_map, *, seed) -> Affinity``.

    It is measured on trainings of a few steps and four tasks. The checks, in order: *matrix*,
    *relabelling*, *missing labels*, *the test part*, *seed*, *random state*, *training untouched*,
    *identity*, *resume*, *price*, *two tasks*, *one task*, *gaps*, *mixed kinds*, *saved*;
    :func:`checks_of` tells what each one says.

    Args:
        subject: what to check.
        expected_failures: by check, the reason why it fails; such a check must fail.

    Returns:
        Names of the checks that hold; those with nothing to look at are not among them.

    Raises:
        CheckFailed: one does not hold.

    >>> from coterie.affinities import Cosine
    >>> check_affinity(Cosine())[:3]
    ('matrix', 'relabelling', 'missing labels')
    """
    return _SUITE.run(subject, expected_failures)


class _Measuring:
    """An affinity, however it is written, as what is measured on a training."""

    def __init__(self, subject: _Subject) -> None:
        self.subject = subject
        if isinstance(subject, type) and issubclass(subject, AffinityProbe):
            self._probe = subject()
        else:
            self._probe = subject if isinstance(subject, AffinityProbe) else None
        self.is_probe = self._probe is not None

    def probe(self) -> AffinityProbe:
        """One that has measured nothing."""
        if self._probe is None:
            not_applicable("it is no probe")
        return replace(self._probe, every=_EVERY)

    def on(self, data: Dataset, *, seed: int = 0, start: ModelStack | None = None) -> Affinity:
        """The affinity of one training."""
        if self.is_probe:
            probe = self.probe()
            train(data, [probe], seed=seed, start=start)
            return probe.affinity()
        recorded = train(data, [], seed=seed, start=start, record=True).data_map
        return cast(_OfDataMap, self.subject)(cast(DataMap, recorded), seed=seed)


def train(
    data: Dataset,
    probes: Sequence[Probe],
    *,
    seed: int = 0,
    start: ModelStack | None = None,
    record: bool = False,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> Fit:
    """A joint training of a few steps."""
    return fit(
        encoder,
        data,
        probes=probes,
        seed=seed,
        start=start,
        record=record,
        checkpoint=checkpoint,
        progress=progress,
        **SETTINGS,
    )


_SUITE = Suite("affinity", _Measuring)


@_SUITE.check
def matrix(measuring: _Measuring) -> None:
    """The matrix (T, T) is finite wherever something was counted, and errors are not negative."""
    data = table()
    found = measuring.on(data)
    shape = (len(data.tasks), len(data.tasks))
    require(isinstance(found, Affinity), "an Affinity", type(found).__name__)
    require(found.tasks == data.tasks.names, "the tasks of the data", found.tasks)
    require(found.matrix.shape == shape, f"a matrix of shape {shape}", found.matrix.shape)
    between = ~np.eye(len(data.tasks), dtype=bool)
    require(
        bool(np.isfinite(found.matrix[between]).all()),
        "finite affinities between all tasks",
        found.matrix,
    )
    if found.stderr is not None:
        known = found.stderr[np.isfinite(found.stderr)]
        require(
            bool((known >= 0).all()),
            "standard errors that are not negative",
            known.min(initial=0.0),
        )


@_SUITE.check
def relabelling(measuring: _Measuring) -> None:
    """Tasks in another order, with their heads, give the same affinities in that order."""
    data, reordered = table(), table(order=ORDER)
    one, other = (
        measuring.on(d, start=s)
        for d, s in zip((data, reordered), starts(data, reordered, ORDER), strict=True)
    )
    require_close(
        one.matrix[np.ix_(ORDER, ORDER)], other.matrix, "the same matrix in the order of the tasks"
    )


@_SUITE.check
def missing_labels(measuring: _Measuring) -> None:
    """Examples without any label have no influence, whatever their inputs are."""
    one, other = (measuring.on(data) for data in unlabelled_pair())
    require(
        same(one.matrix, other.matrix),
        "the same matrix with other inputs of unlabelled examples",
        other.matrix - one.matrix,
    )


@_SUITE.check
def the_test_part(measuring: _Measuring) -> None:
    """The test part is not read."""
    one, other = (measuring.on(data) for data in other_test_part())
    require(
        same(one.matrix, other.matrix),
        "the same matrix with another test part",
        other.matrix - one.matrix,
    )


@_SUITE.check
def seed(measuring: _Measuring) -> None:
    """The same seed gives the same bits."""
    one, other = (measuring.on(table(), seed=3) for _ in range(2))
    require(
        same(one.matrix, other.matrix),
        "the same matrix from the same seed",
        other.matrix - one.matrix,
    )


@_SUITE.check
def random_state(measuring: _Measuring) -> None:
    """The global random states of Python, numpy and torch stay as they are."""
    data = table()
    with random_state_kept():
        measuring.on(data)


@_SUITE.check
def training_untouched(measuring: _Measuring) -> None:
    """Weights, buffers, gradients, mode, device, optimiser, batch and data stay as they are.

    The training goes on alike.
    """
    data = table()
    before = content(data)
    watched = _Watched(measuring.probe())
    probed, plain = train(data, [watched]), train(data, [])
    require(
        not watched.changed,
        "the state of the training as it was",
        f"changed: {', '.join(sorted(watched.changed))}",
    )
    require_unchanged(content(plain.stack), content(probed.stack), "the trained model")
    require_unchanged(before, content(data), "the data")


@_SUITE.check
def identity(measuring: _Measuring) -> None:
    """Two made alike have one identity of JSON types, and each setting tells probes apart."""
    require_identity(
        measuring.probe if measuring.is_probe else (lambda: measuring.subject), "`affinity`"
    )


@_SUITE.check
def resume(measuring: _Measuring) -> None:
    """A training that was stopped and continued measures the same, to the last bit."""
    data, whole, first, again = table(), measuring.probe(), measuring.probe(), measuring.probe()
    train(data, [whole])
    with tempfile.TemporaryDirectory() as folder:
        with suppress(StoppedError):
            train(data, [first], checkpoint=Path(folder), progress=stopped)
        train(data, [again], checkpoint=Path(folder))
    one, other = whole.affinity(), again.affinity()
    for name in ("matrix", "counts", "stderr"):
        require(
            same(getattr(one, name), getattr(other, name)),
            f"the same {name} as without the stop",
            getattr(other, name),
        )
    require(
        one.details.keys() == other.details.keys(),
        "the same details as without the stop",
        other.details,
    )


@_SUITE.check
def price(measuring: _Measuring) -> None:
    """What a measurement took is at most its price, and it took something."""
    probe, data = measuring.probe(), table()
    if getattr(probe, "batch_size", None) is not None:
        # Prices are of as many scoring examples as training ones.
        probe = replace(probe, batch_size=None)
    train(data, [probe])
    most = probe.measurements * probe.price(len(data.tasks)).model_steps
    took = probe.work.model_steps
    require(0 < took <= most * (1 + 1e-6), f"from 0 to {most:.3g} model steps", f"{took:.3g}")


@_SUITE.check
def two_tasks(measuring: _Measuring) -> None:
    """Two tasks are enough."""
    _require_between(measuring.on(table(("binary",) * 2)))


@_SUITE.check
def one_task(measuring: _Measuring) -> None:
    """One task alone works or is refused with a CoterieError."""
    refused_or_done(partial(measuring.on, table(("binary",))))


@_SUITE.check
def gaps(measuring: _Measuring) -> None:
    """Where a third of all labels is missing, affinities are still finite."""
    _require_between(measuring.on(table(missing=1 / 3)))


@_SUITE.check
def mixed_kinds(measuring: _Measuring) -> None:
    """Tasks of mixed kinds are measured."""
    _require_between(measuring.on(table(MIXED)))


@_SUITE.check
def saved(measuring: _Measuring) -> None:
    """The affinity is the same after a file."""
    found = measuring.on(table())
    with tempfile.TemporaryDirectory() as folder:
        found.save(path := Path(folder) / "affinity.json")
        again = Affinity.load(path)
    require(
        same(again.matrix, found.matrix) and again.details == found.details,
        "the same after a file",
        again.details,
    )


class _Watched:
    """A probe, and what it changed in the moments that it saw."""

    def __init__(self, probe: AffinityProbe) -> None:
        self.probe, self.every, self.changed = probe, probe.every, set[str]()
        self.state, self.restore = probe.state, probe.restore

    def on_step(self, moment: Moment) -> None:
        """Compare before and after."""
        before = _moment(moment)
        self.probe.on_step(moment)
        after = _moment(moment)
        self.changed |= {name for name, value in before.items() if not same(value, after.get(name))}


def _moment(moment: Moment) -> dict[str, object]:
    batch = {
        f"batch {name}": getattr(moment.batch, name).clone()
        for name in ("position", "inputs", "targets")
    }
    optimiser = {
        f"optimiser {i} {name}": value.clone() if isinstance(value, Tensor) else value
        for i, held in enumerate(moment.optimiser.state.values())
        for name, value in held.items()
    }
    rate = {
        "learning rate": moment.optimiser.param_groups[0]["lr"],
        "random state": torch.get_rng_state(),
    }
    return {
        **content(moment.stack),
        **batch,
        **optimiser,
        **rate,
        "weights": moment.weights.clone(),
    }


def _require_between(found: Affinity) -> None:
    between = ~np.eye(len(found.tasks), dtype=bool)
    require(
        bool(np.isfinite(found.matrix[between]).all()),
        "finite affinities between all tasks",
        found.matrix,
    )
