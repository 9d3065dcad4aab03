"""Groups as columns of a set partitioning programme, by kinds of groups, and their prices.

Groups are of several kinds where limits differ between them. Tasks that must share a group are one
item.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from coterie.grouping._highs import part
from coterie.grouping._programme import Programme
from coterie.grouping._quadratic import Room
from coterie.grouping.sdp import Multipliers

_ROUNDING = 1e-7


@dataclass(frozen=True)
class Kinds:
    """What a programme asks of I items in P kinds of groups.

    The ``item`` of each task (T,), affinities between items as a quadratic ``form`` (I, I), centred
    and scaled: ``scale`` times it plus ``mean`` off the diagonal is what was measured. ``slots`` (K,) says of
    which kind each group is, ``rooms`` what groups of a kind may be, ``totals`` (P, R, I) what they
    take of what all share.
    """

    item: np.ndarray
    form: np.ndarray
    scale: float
    mean: float
    slots: np.ndarray
    rooms: list[Room]
    totals: np.ndarray

    @classmethod
    def of(cls, matrix: np.ndarray, programme: Programme) -> Kinds:
        """The items and kinds of a programme over affinities (T, T)."""
        n_tasks, n_groups = programme.n_tasks, programme.n_groups
        pairs = np.reshape(programme.together, (-1, 2)).astype(int).T
        linked = csr_array((np.ones(pairs.shape[1]), (pairs[0], pairs[1])), (n_tasks, n_tasks))
        n_items, item = connected_components(linked, directed=False)
        tasks = np.eye(n_items)[item]
        own = np.eye(n_tasks, dtype=bool)
        mean = float(matrix[~own].mean())
        centred = (matrix + matrix.T) / 2 - np.where(own, 0.0, mean)
        scale = float(np.abs(centred).max()) or 1.0
        apart = np.zeros((n_tasks, n_tasks))
        for a, b in programme.apart:
            apart[a, b] = apart[b, a] = 1.0
        limits, totals = (
            np.einsum("rtk,ti->kri", np.reshape([*shares], (-1, n_tasks, n_groups)), tasks)
            for shares in (programme.limits.values(), programme.totals.values())
        )
        takes = np.concatenate([limits, totals, np.zeros((n_groups, 1, n_items))], axis=1)
        _, chosen, slots = np.unique(
            takes.reshape(n_groups, -1), axis=0, return_index=True, return_inverse=True
        )
        least, most = programme.sizes
        return cls(
            item=item,
            form=tasks.T @ (centred / scale) @ tasks,
            scale=scale,
            mean=mean,
            slots=slots.ravel(),
            rooms=[
                Room(
                    sizes=tasks.sum(axis=0),
                    least=least or 1,
                    most=most or n_tasks,
                    loads=limits[slot],
                    apart=tasks.T @ apart @ tasks > 0,
                )
                for slot in chosen
            ],
            totals=totals[chosen],
        )

    @property
    def all(self) -> range:
        """Numbers of the kinds."""
        return range(len(self.rooms))

    @cached_property
    def counts(self) -> np.ndarray:
        """How many groups are of each kind (P,)."""
        return np.bincount(self.slots)

    @property
    def sizes(self) -> np.ndarray:
        """Number of tasks of each item (I,)."""
        return self.rooms[0].sizes

    def worth(self, rows: np.ndarray) -> np.ndarray:
        """Densities of groups ``rows`` (R, I), by the form."""
        held = rows.astype(np.float64)
        return ((held @ self.form) * held).sum(axis=1) / (held @ self.sizes)

    def value(self, labels: np.ndarray) -> float:
        """Density of a partition (T,), by the form."""
        return float(self.worth(self._held(labels)).sum())

    def density(self, value: float) -> float:
        """The density of a partition of some value."""
        return value * self.scale + (len(self.item) - len(self.slots)) * self.mean

    def prices(self, multipliers: Multipliers) -> Prices:
        """Prices by which no group gains, from those of the relaxation."""
        tasks = np.eye(len(self.sizes))[self.item]
        items = tasks.T @ (multipliers.rows - self.mean) / self.scale
        lifted = self.form + tasks.T @ multipliers.entries @ tasks / self.scale
        most = largest(lifted - _paired(self.sizes, items), self.sizes)
        shared = np.zeros(self.totals.shape[1])
        return Prices(self, items, np.full(len(self.rooms), most), shared)

    def neighbours(self, labels: np.ndarray, kind: int) -> np.ndarray:
        """Groups of a kind in a partition, what differs from them in an item, and items alone."""
        alone = np.eye(len(self.sizes), dtype=bool)
        held = self._held(labels)[self.slots == kind]
        changed = (held[:, None] ^ alone).reshape(-1, len(alone))
        rows = np.concatenate([held, changed, alone])
        return rows[rows.any(axis=1) & self.rooms[kind].allows(rows)]

    def ordered(self, labels: np.ndarray) -> np.ndarray:
        """The groups of a partition (T,), those of a kind in the order of their first tasks."""
        return self.labels(self._held(labels), self.slots)

    def labels(self, rows: np.ndarray, kinds: np.ndarray) -> np.ndarray:
        """The partition (T,) into groups ``rows`` (K, I) of ``kinds`` (K,)."""
        held = rows[:, self.item]
        order = np.lexsort((held.argmax(axis=1), kinds))
        groups = np.argsort(self.slots, kind="stable")
        return groups[held[order].argmax(axis=0)]

    def _held(self, labels: np.ndarray) -> np.ndarray:
        held = np.zeros((len(self.slots), len(self.sizes)), dtype=bool)
        held[labels, self.item] = True
        return held


def largest(form: np.ndarray, sizes: np.ndarray) -> float:
    """An upper bound on x'(form)x / (sizes x): the largest eigenvalue.

    >>> round(largest(np.array([[0.0, 4.0], [4.0, 0.0]]), np.array([2, 2])), 6)
    2.0
    """
    roots = np.sqrt(sizes)
    return float(np.linalg.eigvalsh(form / roots[:, None] / roots)[-1])


def _paired(sizes: np.ndarray, prices: np.ndarray) -> np.ndarray:
    """The quadratic form that is (sizes x) (prices x)."""
    return (np.outer(sizes, prices) + np.outer(prices, sizes)) / 2


@dataclass(frozen=True)
class Prices:
    """What items cost (I,), a group of each kind (P,), and what all share (R,)."""

    kinds: Kinds
    items: np.ndarray
    groups: np.ndarray
    shared: np.ndarray

    @property
    def value(self) -> float:
        """What everything costs: a bound on all partitions if no group gains."""
        return float(self.items.sum() + self.kinds.counts @ self.groups + self.shared.sum())

    def form(self, kind: int, least: float = 0.0) -> np.ndarray:
        """The quadratic form that is positive for groups of a kind that gain more than ``least``."""
        sizes = self.kinds.sizes
        form = self.kinds.form - _paired(sizes, self.items + self.shared @ self.kinds.totals[kind])
        form[np.diag_indices(len(sizes))] -= (self.groups[kind] + least) * sizes
        return form

    def raised(self, least: float) -> Prices:
        """The prices by which groups gain so much less."""
        return Prices(self.kinds, self.items, self.groups + least, self.shared)


class Columns:
    """Groups ``rows`` [(R, I)] of each kind, and the best choice among them."""

    def __init__(self, kinds: Kinds, rows: list[np.ndarray]) -> None:
        self.kinds, self.rows = kinds, [np.unique(own, axis=0) for own in rows]
        self.number = sum(map(len, self.rows))
        self._all = np.concatenate(self.rows)
        self._kind = np.repeat(kinds.all, [len(own) for own in self.rows])
        self._worth = kinds.worth(self._all)
        self._holds = np.c_[self._all, np.eye(len(kinds.all), dtype=bool)[self._kind]]
        self._loads = np.einsum("ci,cri->rc", self._all.astype(float), kinds.totals[self._kind])
        self._wanted = np.r_[np.ones(len(kinds.sizes)), kinds.counts]

    def joined(self, rows: list[np.ndarray]) -> Columns:
        """These and more."""
        pairs = zip(self.rows, rows, strict=True)
        return Columns(self.kinds, [np.concatenate(pair) for pair in pairs])

    def relaxed(self) -> tuple[Prices, np.ndarray | None]:
        """The prices of the best mixture of partitions, and it (T,) where it mixes none."""
        found = linprog(
            -self._worth,
            self._loads,
            np.ones(len(self._loads)),
            self._holds.T.astype(float),
            self._wanted,
            bounds=(0, None),
        )
        n_items = len(self.kinds.sizes)
        mixed = (np.abs(found.x - found.x.round()) > _ROUNDING).any()
        prices = Prices(
            kinds=self.kinds,
            items=-found.eqlin.marginals[:n_items],
            groups=-found.eqlin.marginals[n_items:],
            shared=-found.ineqlin.marginals,
        )
        return prices, None if mixed else self._labels(np.flatnonzero(found.x > 0.5))

    def best(self, deadline: float) -> tuple[np.ndarray | None, bool]:
        """The best partition (T,) into these groups, and whether that is proven."""
        if not self._holds.any(axis=0).all():
            return None, True
        low, spread = self._worth.min(), float(np.ptp(self._worth)) or 1.0
        worth = (self._worth - low) / spread
        found = part(worth, self._holds, self._loads, deadline, totals=self._wanted)
        return None if found.rows is None else self._labels(np.array(found.rows)), found.finished

    def _labels(self, chosen: np.ndarray) -> np.ndarray:
        return self.kinds.labels(self._all[chosen], self._kind[chosen])
