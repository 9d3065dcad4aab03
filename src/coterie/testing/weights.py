"""Checks of a weights provider of your own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch

from coterie.data import Dataset
from coterie.fitting import fit
from coterie.results import Fit, Grouping
from coterie.testing._checks import Suite, require
from coterie.testing._world import (
    MIXED,
    SETTINGS,
    StoppedError,
    content,
    encoder,
    not_applicable,
    other_test_part,
    random_state_kept,
    refused_or_done,
    require_identity,
    require_plain,
    require_unchanged,
    same,
    stopped,
    table,
    unlabelled_pair,
)
from coterie.training import LearntWeights, WeightsProvider

_STEPS = 12


def check_weights(
    subject: Any,
    *,
    row_sums: float | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """Check a :class:`coterie.training.WeightsProvider`.

    An object, or what makes one of it for ``n_tasks`` tasks.

    It weighs four tasks, or two, three and one, on trainings of a few steps. The checks, in order:
    *weights*, *row sums*, *steps apart*, *seed*, *prepared anew*, *random state*, *data untouched*,
    *identity*, *learning*, *training*, *missing labels*, *the test part*, *resume*, *result*,
    *settled*, *two tasks*, *one task*, *gaps*, *mixed kinds*; :func:`checks_of` tells what each one
    says.

    Args:
        subject: what to check: a function ``(n_tasks) -> WeightsProvider``, or a provider, of which
            copies are used.
        row_sums: what the weights of every model sum to, if that is promised.
        expected_failures: by check, the reason why it fails; such a check must fail.

    Returns:
        Names of the checks that hold; those with nothing to look at are not among them.

    Raises:
        CheckFailed: one does not hold.

    >>> from coterie.training import StaticWeights
    >>> check_weights(lambda n_tasks: StaticWeights(np.eye(n_tasks), n_tasks=n_tasks), row_sums=1.0,
    ...               expected_failures={"identity": "a lambda"})[:3]
    ('weights', 'row sums', 'steps apart')
    """
    return _SUITE.run(subject, expected_failures, row_sums=row_sums)


class _Weighing:
    """A provider for any number of tasks."""

    def __init__(self, subject: Any, row_sums: float | None = None) -> None:
        self.subject, self.row_sums = subject, row_sums

    def fresh(self, n_tasks: int = 4) -> WeightsProvider:
        """One that was not prepared."""
        return (
            deepcopy(self.subject)
            if isinstance(self.subject, WeightsProvider)
            else self.subject(n_tasks)
        )

    def prepared(self, data: Dataset, seed: int = 0) -> WeightsProvider:
        """One before the first step."""
        provider = self.fresh(len(data.tasks))
        provider.prepare(data, _STEPS, seed)
        return provider

    def train(self, data: Dataset, **options: Any) -> Fit:
        """A training of a few steps with it."""
        return fit(encoder, data, self.fresh(len(data.tasks)), **SETTINGS, **options)


_SUITE = Suite("weights", _Weighing)


@_SUITE.check
def weights(weighing: _Weighing) -> None:
    """W (M, T) at every step, with M = ``n_rows``, is finite and not negative.

    Every task has some, and in time every row.
    """
    data = table()
    provider = weighing.prepared(data)
    shape, given = (provider.n_rows, len(data.tasks)), torch.zeros(provider.n_rows)
    for step in range(_STEPS):
        given_now = [provider.weights(step).detach()]
        if isinstance(provider, LearntWeights):
            given_now.append(provider.settled(step).detach())
        for found in given_now:
            require(tuple(found.shape) == shape, f"weights of shape {shape}", tuple(found.shape))
            require(
                bool(found.isfinite().all()) and bool((found >= 0).all()),
                "finite weights that are not negative",
                found,
            )
            require(
                bool((found.sum(0) > 0).all()), "a weight above 0 for every task in some row", found
            )
            alive = provider.alive() if isinstance(provider, LearntWeights) else None
            rows = (
                torch.ones(shape[0], dtype=torch.bool)
                if alive is None
                else torch.tensor(list(alive))
            )
            require(len(rows) == shape[0], f"{shape[0]} answers to which rows live", len(rows))
            given += torch.where(rows, found.sum(1), 1.0)
    require(
        bool((given > 0).all()),
        f"a weight above 0 in every row within {_STEPS} steps",
        given.tolist(),
    )


@_SUITE.check
def row_sums(weighing: _Weighing) -> None:
    """The weights of every row sum to what is promised."""
    if weighing.row_sums is None:
        not_applicable("nothing is promised")
    provider = weighing.prepared(table())
    for step in range(_STEPS):
        found = provider.weights(step).detach().sum(1)
        expected = torch.full_like(found, weighing.row_sums)
        require(
            torch.allclose(found, expected, rtol=1e-5),
            f"rows that sum to {weighing.row_sums:g}",
            found.tolist(),
        )


@_SUITE.check
def steps_apart(weighing: _Weighing) -> None:
    """The weights of a step do not depend on which steps were asked for before."""
    one, other = weighing.prepared(table()), weighing.prepared(table())
    for step in range(3):
        other.weights(step)
    require(
        same(one.weights(3), other.weights(3)),
        "the same weights whatever was asked for before",
        other.weights(3),
    )


@_SUITE.check
def seed(weighing: _Weighing) -> None:
    """The same seed gives the same bits."""
    one, other = (weighing.prepared(table(), seed=3) for _ in range(2))
    require(
        all(same(one.weights(s), other.weights(s)) for s in range(3)),
        "the same weights from the same seed",
        "others",
    )


@_SUITE.check
def prepared_anew(weighing: _Weighing) -> None:
    """Prepared again, it starts from the beginning."""
    used, fresh = weighing.fresh(), weighing.prepared(table())
    fit(encoder, table(), used, **SETTINGS)
    used.prepare(table(), _STEPS, 0)
    require(
        same(used.weights(0), fresh.weights(0)),
        "the same weights as of one that is new",
        used.weights(0),
    )


@_SUITE.check
def random_state(weighing: _Weighing) -> None:
    """The global random states of Python, numpy and torch stay as they are."""
    with random_state_kept():
        provider = weighing.prepared(table())
        for step in range(3):
            provider.weights(step)
        weighing.train(table())


@_SUITE.check
def data_untouched(weighing: _Weighing) -> None:
    """The data stay as they are."""
    data = table()
    before = content(data)
    weighing.train(data)
    require_unchanged(before, content(data), "the data")


@_SUITE.check
def identity(weighing: _Weighing) -> None:
    """Its settings are JSON types, equal for two made alike, and each tells providers apart."""
    settings = weighing.fresh().settings()
    require(
        json.loads(json.dumps(settings)).keys() == settings.keys(),
        "settings of JSON types",
        settings,
    )
    require_identity(weighing.fresh, "`weights`")
    if not isinstance(weighing.subject, WeightsProvider):
        require_identity(lambda: weighing.subject, "what makes the weights")


@_SUITE.check
def learning(weighing: _Weighing) -> None:
    """What it learns are leaves on its device that the weights or the penalty reach.

    The penalty is one finite number.
    """
    provider = weighing.prepared(table())
    if not isinstance(provider, LearntWeights):
        not_applicable("it learns nothing")
    learnt = list(provider.parameters())
    penalty = provider.penalty()
    require(
        penalty.dim() == 0 and bool(penalty.isfinite()), "a finite penalty of one number", penalty
    )
    for parameter in learnt:
        require(
            parameter.is_leaf and parameter.requires_grad,
            "parameters that are leaves and learn",
            parameter,
        )
        require(
            parameter.device.type == "cpu",
            "parameters on the device that was asked for",
            parameter.device,
        )
    if learnt:
        found = provider.weights(0)
        (found * torch.rand(found.shape, generator=torch.Generator().manual_seed(0))).sum().add(
            provider.penalty()
        ).backward()
        require(
            all(p.grad is not None for p in learnt),
            "a gradient of everything that is learnt",
            "none of some",
        )


@_SUITE.check
def training(weighing: _Weighing) -> None:
    """Models train with it.

    Scores (M, T) are finite where a weight is left, and a second training gives the same bits.
    """
    one, other = weighing.train(table()), weighing.train(table())
    require(
        bool(np.isfinite(one.scores).any(axis=0).all()), "a finite score of every task", one.scores
    )
    _require_same(one, other, "as in the first training")


@_SUITE.check
def missing_labels(weighing: _Weighing) -> None:
    """Examples without any label have no influence, whatever their inputs are."""
    one, other = (weighing.train(data) for data in unlabelled_pair())
    _require_same(one, other, "with other inputs of unlabelled examples")


@_SUITE.check
def the_test_part(weighing: _Weighing) -> None:
    """The test part is not read."""
    one, other = (weighing.train(data) for data in other_test_part())
    _require_same(one, other, "with another test part")


@_SUITE.check
def resume(weighing: _Weighing) -> None:
    """A training that was stopped and continued ends the same, to the last bit."""
    data = table()
    with tempfile.TemporaryDirectory() as folder:
        with suppress(StoppedError):
            weighing.train(data, checkpoint=Path(folder), progress=stopped)
        again = weighing.train(data, checkpoint=Path(folder))
    _require_same(weighing.train(data), again, "as without the stop")


@_SUITE.check
def result(weighing: _Weighing) -> None:
    """What was learnt is a Grouping of all tasks into at most ``n_rows``, the same after a file.

    Or None.
    """
    data, provider = table(), weighing.fresh()
    found = fit(encoder, data, provider, **SETTINGS).grouping
    if found is None:
        not_applicable("it learns no grouping")
    require(
        isinstance(found, Grouping) and found.tasks == data.tasks.names,
        "a Grouping of the tasks",
        found,
    )
    require(found.n_groups <= provider.n_rows, f"at most {provider.n_rows} groups", found.n_groups)
    require_plain(found, "the same grouping after a file")


@_SUITE.check
def settled(weighing: _Weighing) -> None:
    """``settled`` is without noise.

    While nothing is learnt, a pair of model and task that dropped out does not come back.
    """
    provider = weighing.prepared(table())
    if not isinstance(provider, LearntWeights):
        not_applicable("it learns nothing")
    shown = provider.settled(0).detach() > 0
    for step in range(1, _STEPS):
        now = provider.settled(step).detach() > 0
        require(
            bool((now <= shown).all()),
            "pairs that stay out",
            f"at step {step} of nothing learnt: {now.tolist()}",
        )
        shown = now


@_SUITE.check
def two_tasks(weighing: _Weighing) -> None:
    """Two tasks are enough."""
    _require_scores(weighing.train(table(("binary",) * 2)))


@_SUITE.check
def one_task(weighing: _Weighing) -> None:
    """One task alone works or is refused with a CoterieError."""
    refused_or_done(lambda: weighing.train(table(("binary",))))


@_SUITE.check
def gaps(weighing: _Weighing) -> None:
    """Models train where a third of all labels is missing."""
    _require_scores(weighing.train(table(missing=1 / 3)))


@_SUITE.check
def mixed_kinds(weighing: _Weighing) -> None:
    """Models train on tasks of mixed kinds."""
    _require_scores(weighing.train(table(MIXED)))


def _require_scores(found: Fit) -> None:
    require(
        bool(np.isfinite(found.scores).any(axis=0).all()),
        "a finite score of every task",
        found.scores,
    )


def _require_same(one: Fit, other: Fit, when: str) -> None:
    require_unchanged(content(one.stack), content(other.stack), f"the models {when}:")
    require(same(one.scores, other.scores), f"the same scores {when}", other.scores)
    memberships = [
        None if each.grouping is None else each.grouping.membership for each in (one, other)
    ]
    require(same(*memberships), f"the same grouping {when}", memberships[1])
