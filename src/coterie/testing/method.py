"""Checks of a grouping method of your own."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from coterie.data import Dataset
from coterie.evaluation import make_probes
from coterie.fitting import fit
from coterie.methods import Case, Method, Timing, as_method
from coterie.models import ModelStack
from coterie.results import About, Cost, Found, Grouping
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
    require_plain,
    require_unchanged,
    same,
    starts,
    stopped,
    table,
    unlabelled_pair,
)
from coterie.training import Progress

_ABOUT = 1.1


def check_method(
    subject: Any, *, expected_failures: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Check what :func:`coterie.compare` takes as a method.

    A :class:`coterie.Method`, a callable ``(case, *, seed)`` that gives a :class:`Grouping` or
    :class:`Found`, or what makes one.

    It groups four tasks, and two in *two tasks*, on a joint training of a few steps; ``n_groups``
    must let it. The checks, in order: *grouping*, *relabelling*, *missing labels*, *the test part*,
    *seed*, *random state*, *case untouched*, *identity*, *measurement*, *price*, *about*, *resume*, *two
    tasks*, *one task*, *gaps*, *mixed kinds*, *saved*; :func:`checks_of` tells what each one says.

    Args:
        subject: what to check; a class is called without arguments, of an object copies are used.
        expected_failures: by check, the reason why it fails; such a check must fail.

    Returns:
        Names of the checks that hold; those with nothing to look at are not among them.

    Raises:
        CheckFailed: one does not hold.

    >>> import coterie as ct
    >>> check_method(ct.Cluster(n_groups=2))[:3]
    ('grouping', 'relabelling', 'missing labels')
    """
    return _SUITE.run(subject, expected_failures)


class _Finding:
    """A method, and how many encoders were built while it worked."""

    def __init__(self, subject: Any) -> None:
        self.subject = subject
        self.built = 0

    def fresh(self) -> Method:
        """A method that found nothing yet."""
        made = self.subject() if isinstance(self.subject, type) else deepcopy(self.subject)
        return as_method(made)

    def case(
        self,
        method: Method,
        data: Dataset,
        *,
        seed: int = 0,
        start: ModelStack | None = None,
        progress: Progress | None = None,
        checkpoints: Path | None = None,
    ) -> Case:
        """A case as a comparison makes it."""
        probes = make_probes({"mine": method}, seed=seed)
        joint = fit(
            encoder,
            data,
            seed=seed,
            start=start,
            record=True,
            probes=list(probes.values()),
            **SETTINGS,
        )
        return Case(
            model=self._building,
            data=data,
            joint=joint,
            settings=SETTINGS,
            probes=probes,
            progress=progress,
            checkpoints=checkpoints,
        )

    def on(self, data: Dataset, *, seed: int = 0, **options: Any) -> Grouping:
        """The groups that it finds."""
        return self.found(data, seed=seed, **options).grouping

    def found(self, data: Dataset, *, seed: int = 0, **options: Any) -> Found:
        """What it finds, by what, and what that took."""
        method = self.fresh()
        case = self.case(method, data, seed=seed, **options)
        self.built = 0
        found = method(case, seed=seed)
        require(isinstance(found, Found), "a Grouping or a Found", type(found).__name__)
        return found

    def _building(self, input_shape: tuple[int, ...]) -> nn.Module:
        self.built += 1
        return encoder(input_shape)


_SUITE = Suite("method", _Finding)


@_SUITE.check
def grouping(finding: _Finding) -> None:
    """A Grouping of all tasks in their order, into at most ``n_groups``.

    Every task is served by a model that trains it.
    """
    _require_grouping(finding.on(table()), finding, table())


@_SUITE.check
def relabelling(finding: _Finding) -> None:
    """Tasks in another order, with their heads, fall into the same groups."""
    data, reordered = table(), table(order=ORDER)
    found = [
        finding.on(d, start=s)
        for d, s in zip((data, reordered), starts(data, reordered, ORDER), strict=True)
    ]
    if finding.built:
        not_applicable("it trains models of its own, whose heads start by their position")
    one, other = found
    shares = one.membership[ORDER]
    expected = "the same groups for tasks in another order"
    require_close(shares @ shares.T, other.membership @ other.membership.T, expected)


@_SUITE.check
def missing_labels(finding: _Finding) -> None:
    """Examples without any label have no influence, whatever their inputs are."""
    one, other = (finding.on(data) for data in unlabelled_pair())
    require(
        same(one.membership, other.membership),
        "the same groups with other inputs of unlabelled examples",
        other,
    )


@_SUITE.check
def the_test_part(finding: _Finding) -> None:
    """The test part is not read: it judges."""
    one, other = (finding.on(data) for data in other_test_part())
    require(
        same(one.membership, other.membership),
        "the same groups with another test part",
        f"{other} instead of {one}",
    )


@_SUITE.check
def seed(finding: _Finding) -> None:
    """The same seed gives the same bits."""
    one, other = (finding.on(table(), seed=3) for _ in range(2))
    require(
        same(one.membership, other.membership),
        "the same groups from the same seed",
        f"{other} instead of {one}",
    )


@_SUITE.check
def random_state(finding: _Finding) -> None:
    """The global random states of Python, numpy and torch stay as they are."""
    with random_state_kept():
        finding.on(table())


@_SUITE.check
def case_untouched(finding: _Finding) -> None:
    """The joint model, its data map and the data stay as they are, for the next method."""
    method = finding.fresh()
    case = finding.case(method, table())
    model, data, data_map = content(case.joint.stack), content(case.data), _map_of(case)
    method(case, seed=0)
    require_unchanged(model, content(case.joint.stack), "the joint model")
    require_unchanged(data, content(case.data), "the data")
    require_unchanged(data_map, _map_of(case), "the data map")


@_SUITE.check
def identity(finding: _Finding) -> None:
    """Two made alike have one identity of JSON types, and each setting tells methods apart."""
    require_identity(lambda: finding.fresh().itself, "`method`")


@_SUITE.check
def measurement(finding: _Finding) -> None:
    """What rides on the joint training has one hashable name for two alike, and a probe's verbs."""
    one, other = finding.fresh(), finding.fresh()
    if getattr(one, "measurement", None) is None:
        not_applicable("nothing rides on the joint training")
    hash(one.measurement)
    require(
        one.measurement == other.measurement,
        "one name of the measurement for two made alike",
        other.measurement,
    )
    probe = one.probe(0)
    if probe is not None:
        verbs = [
            verb
            for verb in ("on_step", "state", "restore")
            if not callable(getattr(probe, verb, None))
        ]
        require(
            not verbs and hasattr(probe, "every"),
            "a probe with every, on_step, state and restore",
            type(probe).__name__,
        )


@_SUITE.check
def price(finding: _Finding) -> None:
    """What it trains beyond the joint model it tells as the cost.

    Where it tells the price before, it keeps to it.
    """
    data, method = table(), finding.fresh()
    cost = finding.found(data).cost
    if finding.built:
        require(cost.model_steps > 0, "what was trained in `Found.cost.model_steps`", cost)
    told = method.price(Timing(model=encoder, data=data, settings=SETTINGS))
    if told is None:
        return
    require(isinstance(told, Cost), "a Cost, or None where it is unknown", type(told).__name__)
    if told.trainings:
        # A price may be too high, as where some examples are held out.
        require(
            bool(finding.built) and cost.model_steps <= _ABOUT * told.model_steps,
            f"at most about {told.model_steps} model steps, of {told.trainings} trainings",
            cost.model_steps,
        )


@_SUITE.check
def about(finding: _Finding) -> None:
    """It says what it is, in a name, a label and words."""
    method = finding.fresh()
    require(isinstance(method.about, About), "an About", type(method.about).__name__)
    for name in ("name", "label"):
        value = getattr(method, name)
        require(isinstance(value, str) and bool(value), f"a {name}", value)


@_SUITE.check
def resume(finding: _Finding) -> None:
    """Stopped and continued, it finds the same, to the last bit."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            finding.on(table(), progress=stopped, checkpoints=Path(folder))
        except StoppedError:
            again = finding.on(table(), checkpoints=Path(folder))
        else:
            not_applicable("it trains nothing of which it tells the progress")
    one = finding.on(table())
    require(
        same(one.membership, again.membership),
        "the same groups as without the stop",
        f"{again} instead of {one}",
    )


@_SUITE.check
def two_tasks(finding: _Finding) -> None:
    """Two tasks are enough."""
    data = table(("binary",) * 2)
    _require_grouping(finding.on(data), finding, data)


@_SUITE.check
def one_task(finding: _Finding) -> None:
    """One task alone works or is refused with a CoterieError."""
    refused_or_done(lambda: finding.on(table(("binary",))))


@_SUITE.check
def gaps(finding: _Finding) -> None:
    """Tasks are grouped where a third of all labels is missing."""
    data = table(missing=1 / 3)
    _require_grouping(finding.on(data), finding, data)


@_SUITE.check
def mixed_kinds(finding: _Finding) -> None:
    """Tasks of mixed kinds are grouped."""
    data = table(MIXED)
    _require_grouping(finding.on(data), finding, data)


@_SUITE.check
def saved(finding: _Finding) -> None:
    """The grouping is the same after a file."""
    require_plain(finding.on(table()), "the same grouping after a file")


def _map_of(case: Case) -> dict[str, object]:
    data_map = case.joint.data_map
    return {
        name: np.array(getattr(data_map, name))
        for name in ("confidence", "variability", "correctness", "count")
    }


def _require_grouping(found: Grouping, finding: _Finding, data: Dataset) -> None:
    require(isinstance(found, Grouping), "a Grouping", type(found).__name__)
    require(found.tasks == data.tasks.names, "the tasks of the data in their order", found.tasks)
    asked = getattr(finding.fresh(), "n_groups", None)
    most = asked if isinstance(asked, int) else len(data.tasks)
    require(found.n_groups <= most, f"at most {most} groups", found.n_groups)
    weights = found.weights()
    served = weights[found.labels, np.arange(len(data.tasks))]
    require(
        bool(np.isfinite(weights).all()) and bool((weights >= 0).all()),
        "weights that are not negative",
        weights.tolist(),
    )
    require(
        bool((served > 0).all()), "every task served by a model that trains it", weights.tolist()
    )
