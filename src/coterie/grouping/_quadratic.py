"""Subsets with a positive quadratic form, all of them or a first one, by branch and bound.

Whole layers of the search tree are arrays: in a second some million nodes are seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from coterie.grouping._cover import FITS

_TOGETHER = 1 << 14
_MOST = 200_000
_FORBIDDEN = -1e6


@dataclass(frozen=True)
class Room:
    """What a subset of A items may be.

    Items count for ``sizes`` (A,), a subset for ``least`` to ``most`` of them; ``loads`` (C, A)
    have a capacity of 1 each; no two items that are ``apart`` (A, A).
    """

    sizes: np.ndarray
    least: int
    most: int
    loads: np.ndarray
    apart: np.ndarray

    def allows(self, rows: np.ndarray) -> np.ndarray:
        """Which subsets (R, A) bool may be, (R,)."""
        held = rows.astype(np.float64)
        sizes = held @ self.sizes
        fits = (held @ self.loads.T <= FITS).all(axis=1)
        clashing = ((held @ self.apart) * held).any(axis=1)
        return (sizes >= self.least) & (sizes <= self.most) & fits & ~clashing


def positive(
    form: np.ndarray, room: Room, deadline: float, *, every: bool
) -> tuple[np.ndarray, bool]:
    """Subsets x of the room with x' form x > 0: ``every`` one, or some if there are any.

    Items are decided one after the other. A node is left where what its undecided items can still
    add, each with all others that go well with it, does not lift it above 0.

    Args:
        form: symmetric (A, A).
        room: what is allowed.
        deadline: of :func:`time.perf_counter`.
        every: whether all are wanted.

    Returns:
        Subsets (R, A) bool, and whether the search was finished: before the deadline, and before
        there were too many.

    >>> room = Room(np.ones(2), 1, 2, np.zeros((0, 2)), np.zeros((2, 2), dtype=bool))
    >>> positive(np.array([[-1.0, 2.0], [2.0, -2.0]]), room, np.inf, every=True)
    (array([[ True,  True]]), True)
    """
    n_items = len(form)
    form = np.where(room.apart, -np.inf, form)
    helpful = np.maximum(form, 0.0)
    np.fill_diagonal(helpful, 0.0)
    order = np.argsort(-(form.diagonal() + helpful.sum(axis=0)), kind="stable")
    form, helpful = form[np.ix_(order, order)], helpful[np.ix_(order, order)]
    sizes, loads = room.sizes[order], room.loads[:, order].T
    root = _Nodes(
        chosen=np.zeros((1, n_items), dtype=bool),
        value=np.zeros(1),
        adds=form.diagonal()[None],
        size=np.zeros(1),
        load=np.zeros((1, loads.shape[1])),
    )
    stack, found, n_found = [(0, root)], [], 0
    while stack:
        if perf_counter() > deadline or n_found > _MOST:
            return _in_order(found, order), False
        item, nodes = stack.pop()
        with_it = nodes.including(item, form, sizes[item], loads[item])
        with_it = with_it.only(
            (with_it.size <= room.most)
            & (with_it.load <= FITS).all(axis=1)
            & (with_it.value > -np.inf)
        )
        good = with_it.chosen[(with_it.value > 0) & (with_it.size >= room.least)]
        if len(good):
            found.append(good)
            n_found += len(good)
            if not every:
                break
        if item + 1 < n_items:
            nodes = with_it.joined(nodes.without())
            rest = slice(item + 1, None)
            nodes = nodes.only(_promising(nodes, helpful[rest, rest], sizes[rest], room.least))
            stack += [(item + 1, part) for part in nodes.parts()]
    return _in_order(found, order), True


@dataclass(frozen=True)
class _Nodes:
    """N nodes of one depth.

    What is ``chosen`` (N, A) and its ``value`` (N,), ``size`` (N,) and ``load`` (N, C); what each
    undecided item ``adds`` (N, U).
    """

    chosen: np.ndarray
    value: np.ndarray
    adds: np.ndarray
    size: np.ndarray
    load: np.ndarray

    def including(self, item: int, form: np.ndarray, size: float, load: np.ndarray) -> _Nodes:
        """The nodes with the next item."""
        chosen = self.chosen.copy()
        chosen[:, item] = True
        return _Nodes(
            chosen=chosen,
            value=self.value + self.adds[:, 0],
            adds=self.adds[:, 1:] + 2 * form[item, item + 1 :],
            size=self.size + size,
            load=self.load + load,
        )

    def without(self) -> _Nodes:
        """The nodes without the next item."""
        return _Nodes(
            chosen=self.chosen,
            value=self.value,
            adds=self.adds[:, 1:],
            size=self.size,
            load=self.load,
        )

    def only(self, kept: np.ndarray | slice) -> _Nodes:
        """Some of the nodes."""
        return _Nodes(**{name: array[kept] for name, array in vars(self).items()})

    def joined(self, other: _Nodes) -> _Nodes:
        """These and other nodes."""
        return _Nodes(
            **{
                name: np.concatenate([array, vars(other)[name]])
                for name, array in vars(self).items()
            }
        )

    def parts(self) -> list[_Nodes]:
        """The nodes in parts that fit into memory, those to be seen first at the end."""
        starts = range(0, len(self.value), _TOGETHER)
        return [self.only(slice(start, start + _TOGETHER)) for start in reversed(starts)]


def _promising(nodes: _Nodes, helpful: np.ndarray, sizes: np.ndarray, least: int) -> np.ndarray:
    """Nodes (N,) below which the form may be positive and the subset large enough.

    An item that lowers every subset is no candidate, which may leave others with too little help.
    """
    candidates = np.isfinite(nodes.adds)
    if (nodes.size >= least).all() or least <= 1:  # else one that lowers it may be needed
        for _ in range(2):
            candidates &= nodes.adds + 2 * (candidates.astype(np.float64) @ helpful) > 0
    held = candidates.astype(np.float64)
    most = np.where(candidates, np.maximum(nodes.adds + held @ helpful, 0.0), 0.0).sum(axis=1)
    return (nodes.value + most > 0) & (nodes.size + held @ sizes >= least)


def _in_order(found: list[np.ndarray], order: np.ndarray) -> np.ndarray:
    rows = np.concatenate(found) if found else np.zeros((0, len(order)), dtype=bool)
    given = np.empty_like(rows)
    given[:, order] = rows
    return given


def ascended(form: np.ndarray, room: Room, rows: np.ndarray) -> np.ndarray:
    """Subsets (R, A) of the room after single items went in or out, the best first, while that helps.

    >>> room = Room(np.ones(2), 1, 2, np.zeros((0, 2)), np.zeros((2, 2), dtype=bool))
    >>> ascended(np.array([[-1.0, 2.0], [2.0, -2.0]]), room, np.array([[True, False]]))
    array([[ True,  True]])
    """
    form = np.where(room.apart, _FORBIDDEN, form)
    own, held = form.diagonal(), rows.astype(np.float64)
    moving = np.arange(len(held))
    while len(moving):
        now = held[moving]
        size, load = now @ room.sizes, now @ room.loads.T
        links = 2 * now @ form
        joining = (size[:, None] + room.sizes <= room.most) & (
            load[:, None, :] + room.loads.T <= FITS
        ).all(axis=2)
        leaving = size[:, None] - room.sizes >= max(room.least, 1)
        gain = np.where(
            now > 0, np.where(leaving, own - links, -1), np.where(joining, links + own, -1)
        )
        item = gain.argmax(axis=1)
        better = gain[np.arange(len(now)), item] > 1e-12
        moving, item = moving[better], item[better]
        held[moving, item] = 1 - held[moving, item]
    return held > 0
