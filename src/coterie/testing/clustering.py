"""Checks of a clustering of your own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
import torch

from coterie.datamaps import DataMapRecorder
from coterie.errors import require_choice
from coterie.grouping import AFFINITY_METHODS, METHODS, group
from coterie.grouping.own import Clustering
from coterie.results import Affinity, DataMap, Grouping
from coterie.testing._checks import Suite, require
from coterie.testing._world import (
    content_of_arrays,
    not_applicable,
    random_state_kept,
    require_close,
    require_identity,
    require_plain,
    require_unchanged,
    same,
)

Reads = Literal["both", "affinities", "data maps"]
_TRUE = np.array([0, 1, 0, 1, 1, 0])
_ORDER = [4, 0, 5, 2, 1, 3]
_N_EXAMPLES = 200


def check_clustering(
    subject: str | Clustering,
    *,
    reads: Reads = "both",
    expected_failures: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """Check a clustering.

    A function ``(values, n_groups, seed)`` as for :func:`coterie.group`, or the name of one of
    ours.

    It groups an affinity and a data map of six tasks in two plain groups. The checks, in order:
    *membership*, *plain groups*, *relabelling*, *missing labels*, *seed*, *random state*, *source
    untouched*, *identity*, *two tasks*, *every size*, *tasks alike*, *saved*; :func:`checks_of`
    tells what each one says.

    Args:
        subject: what to check.
        reads: what it groups; of one of ours that is known.
        expected_failures: by check, the reason why it fails; such a check must fail.

    Returns:
        Names of the checks that hold; those with nothing to look at are not among them.

    Raises:
        CheckFailed: one does not hold.

    >>> check_clustering("sdp")[:3]
    ('membership', 'plain groups', 'relabelling')
    """
    return _SUITE.run(subject, expected_failures, reads=reads)


class _Clustering:
    """A clustering with what it reads."""

    def __init__(self, subject: str | Clustering, reads: Reads = "both") -> None:
        require_choice("reads", reads, ("both", "affinities", "data maps"))
        if isinstance(subject, str):
            reads = (
                "affinities"
                if subject in AFFINITY_METHODS
                else "data maps"
                if subject in METHODS
                else reads
            )
        self.subject = subject
        self.kinds = [kind for kind in ("affinities", "data maps") if reads in (kind, "both")]

    def sources(
        self, order: Sequence[int] = range(6), *, labels: np.ndarray = _TRUE
    ) -> Iterator[Affinity | DataMap]:
        """Tasks in groups by ``labels``, in an order."""
        for kind in self.kinds:
            yield _affinity(labels, order) if kind == "affinities" else _data_map(labels, order)

    def group(self, source: Affinity | DataMap, n_groups: int = 2, seed: int = 0) -> Grouping:
        """As users call it."""
        return group(source, n_groups, method=self.subject, seed=seed)


_SUITE = Suite("clustering", _Clustering)


@_SUITE.check
def membership(clustering: _Clustering) -> None:
    """Every task is shared among at most K groups.

    A finite membership (T, K), not negative, whose rows sum to 1.
    """
    for source in clustering.sources():
        for n_groups in (2, 3):
            _require_membership(clustering.group(source, n_groups), n_groups)


@_SUITE.check
def plain_groups(clustering: _Clustering) -> None:
    """Two groups that are far apart are found."""
    for source in clustering.sources():
        found = clustering.group(source)
        require_close(
            _together(np.eye(2)[_TRUE]),
            _together(np.eye(2)[found.labels]),
            f"the groups {_TRUE.tolist()}",
        )


@_SUITE.check
def relabelling(clustering: _Clustering) -> None:
    """Tasks in another order fall into the same groups."""
    for source, reordered in zip(clustering.sources(), clustering.sources(_ORDER), strict=True):
        for n_groups in (2, 3):
            one, other = clustering.group(source, n_groups), clustering.group(reordered, n_groups)
            require_close(
                _together(one.membership[_ORDER]),
                _together(other.membership),
                "the same groups for tasks in another order",
            )


@_SUITE.check
def missing_labels(clustering: _Clustering) -> None:
    """A data map with gaps is grouped, too."""
    if "data maps" not in clustering.kinds:
        not_applicable("affinities have no gaps")
    found = clustering.group(_data_map(_TRUE, range(6), missing=0.3))
    _require_membership(found, 2)


@_SUITE.check
def seed(clustering: _Clustering) -> None:
    """The same seed gives the same bits."""
    for source in clustering.sources():
        one, other = (clustering.group(source, 3, seed=5).membership for _ in range(2))
        require(same(one, other), "the same groups from the same seed", other.tolist())


@_SUITE.check
def random_state(clustering: _Clustering) -> None:
    """The global random states of Python, numpy and torch stay as they are."""
    for source in clustering.sources():
        with random_state_kept():
            clustering.group(source)


@_SUITE.check
def source_untouched(clustering: _Clustering) -> None:
    """The affinity or the data map stays as it is."""
    for source in clustering.sources():
        before = content_of_arrays(source)
        clustering.group(source)
        require_unchanged(before, content_of_arrays(source), "the source")


@_SUITE.check
def identity(clustering: _Clustering) -> None:
    """It has an identity of JSON types, so that a run with it can be continued."""
    require_identity(lambda: clustering.subject, "`clustering`")


@_SUITE.check
def two_tasks(clustering: _Clustering) -> None:
    """Two tasks are enough, for one group and for two."""
    for source in clustering.sources((0, 1), labels=np.array([0, 1])):
        for n_groups in (1, 2):
            _require_membership(clustering.group(source, n_groups), n_groups)


@_SUITE.check
def every_size(clustering: _Clustering) -> None:
    """Every number of groups works, from 1 to the number of tasks."""
    for source in clustering.sources():
        for n_groups in range(1, len(source.tasks) + 1):
            _require_membership(clustering.group(source, n_groups), n_groups)


@_SUITE.check
def tasks_alike(clustering: _Clustering) -> None:
    """Tasks that nothing tells apart are grouped somehow."""
    for kind in clustering.kinds:
        alike = (
            Affinity(tasks=tuple("abcd"), matrix=np.zeros((4, 4)), method="none")
            if kind == "affinities"
            else _alike()
        )
        _require_membership(clustering.group(alike), 2)


@_SUITE.check
def saved(clustering: _Clustering) -> None:
    """The grouping is the same after a file."""
    for source in clustering.sources():
        require_plain(clustering.group(source), "the same grouping after a file")


def _affinity(labels: np.ndarray, order: Sequence[int]) -> Affinity:
    rng = np.random.default_rng(0)
    matrix = np.where(labels[:, None] == labels, 1.0, -1.0) + 0.05 * rng.normal(
        size=(len(labels), len(labels))
    )
    names = tuple(f"task {t}" for t in order)
    return Affinity(tasks=names, matrix=matrix[np.ix_(order, order)], method="planted")


def _data_map(labels: np.ndarray, order: Sequence[int], missing: float = 0.0) -> DataMap:
    """Tasks of a group find the same examples hard."""
    rng = np.random.default_rng(0)
    recorder = DataMapRecorder(len(labels), _N_EXAMPLES, names=[f"task {t}" for t in order])
    hard = rng.random((_N_EXAMPLES, labels.max() + 1))[:, labels]
    for _ in range(3):
        seen = 0.9 * hard + 0.1 * rng.random(hard.shape)
        observed = rng.random(hard.shape) >= missing
        recorder.update(
            torch.arange(_N_EXAMPLES),
            torch.from_numpy(seen[:, list(order)]).float(),
            observed=torch.from_numpy(observed[:, list(order)]),
        )
        recorder.end_epoch()
    return recorder.data_map()


def _alike() -> DataMap:
    recorder = DataMapRecorder(4, 40)
    for share in (0.2, 0.6):
        recorder.update(torch.arange(40), torch.full((40, 4), share))
        recorder.end_epoch()
    return recorder.data_map()


def _together(shares: np.ndarray) -> np.ndarray:
    """How far two tasks are in one group, (T, T): whatever the groups are called."""
    return shares @ shares.T


def _require_membership(found: Grouping, n_groups: int) -> None:
    shares = found.membership
    shape = (len(found.tasks), n_groups)
    require(shares.shape == shape, f"a membership of shape {shape}", shares.shape)
    right = (
        bool(np.isfinite(shares).all())
        and bool((shares >= 0).all())
        and np.allclose(shares.sum(axis=1), 1)
    )
    require(right, "shares of each task that are not negative and sum to 1", shares.tolist())
