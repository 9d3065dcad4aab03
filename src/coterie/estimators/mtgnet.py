"""MTG-Net.

Attention over task embeddings learns the gains of groups from those trained so far, and says which
to train next.

Shapes: ``B`` groups, ``R`` trained rows, ``M`` models, ``T`` tasks, ``H`` width of an embedding.
"""

from __future__ import annotations

from time import perf_counter
from typing import ClassVar, Self

import numpy as np
import torch

from coterie.errors import CoterieError, require_type, require_whole
from coterie.estimators._gain_net import GainNet, gains_of, train
from coterie.estimators.base import (
    Estimator,
    FromOracle,
    Weights,
    as_rows,
    ask,
    random_subsets,
    require_fitted,
    require_several_tasks,
    subsets_of_size,
)
from coterie.results import About
from coterie.seeds import derive, numpy_generator

_ENUMERATED_TASKS, _POOL = 12, 4096


class MTGNetScores(FromOracle):
    """Scores by a small transformer over task embeddings, trained on groups of its own choice.

    Song et al., "Efficient and effective multi-task grouping via meta learning on task
    combinations", NeurIPS 2022. Every task has an embedding; the members of a group attend to each
    other, and a linear layer shared by all tasks reads each member's gain over its single-task
    score. Single tasks and the group of all are trained first. Then, round after round, the network
    is trained anew, and among the groups with task c (the tasks take turns) those with the largest
    absolute predicted gain of c are trained next: one in each of the first T rounds, ``step`` later
    on. Rows that were trained answer with what training gave, others with the prediction averaged
    over the two states of least training loss of several ``networks`` (one in the paper; a few
    steady the prediction and cost little, as they are trained after the last round only).

    The paper's gains are relative to the single-task score; here they are differences, divided by
    each task's mean absolute gain while the network learns, so that scores may be near 0 and have
    any unit. Groups are chosen among all of them up to 12 tasks, beyond that among 4,096 random
    ones of all sizes, drawn anew each round. The network takes seconds of one core up to 9 tasks
    and minutes at 27; a larger ``step`` means fewer rounds.

    Args:
        n_rows: rows to train in all; by default 1 + T + T (T - 1) / 2, one more than all singles
            and pairs.
        step: rows of a later round; T / 3 by default, so that every task has its turn once or twice
            more.
        hidden: H.
        layers: number of attention layers.
        networks: how many are averaged in the end; they differ in their initialisation.
        max_epochs: bound of each training of the network, which stops after 5 epochs without less
            training loss.
        relative: whether gains are relative to the single-task score, as in the paper, while the
            network learns; ask for losses, which are not 0.
        seed: of the network and of the candidates.

    >>> from coterie.estimators.table import TableScores
    >>> from coterie.results import ScoreTable
    >>> known = {("a",): [5], ("b",): [5], ("c",): [5], ("a", "b", "c"): [5, 4, 6]}
    >>> known |= {("a", "b"): [4, 4], ("a", "c"): [6, 6], ("b", "c"): [5, 5]}
    >>> net = MTGNetScores().fit(TableScores(ScoreTable.of(("a", "b", "c"), known)))
    >>> net.predict([[1, 0, 1]]), net.cost["trainings"]
    (array([[ 6., nan,  6.]]), 7)
    """

    about: ClassVar[About] = About(
        family="selection",
        measures="trained some groups; an attention network predicts the others",
    )

    def __init__(
        self,
        n_rows: int | None = None,
        step: int | None = None,
        hidden: int = 64,
        layers: int = 2,
        networks: int = 5,
        max_epochs: int = 300,
        seed: int = 0,
        *,
        relative: bool = False,
    ) -> None:
        settings = {"hidden": hidden, "layers": layers, "networks": networks}
        for name, value in {**settings, "max_epochs": max_epochs}.items():
            require_whole(name, value, 1)
        if step is not None:
            require_whole("step", step, 1)
        self.n_rows, self.step, self.hidden, self.layers = n_rows, step, hidden, layers
        require_type("relative", relative, bool)
        self.networks, self.max_epochs = networks, max_epochs
        self.seed, self.relative = seed, relative
        self._known: _Known | None = None
        self._snapshots: list[GainNet] = []

    def trainings(self, n_tasks: int) -> int:
        """How many rows fitting asks for."""
        return min(
            2**n_tasks - 1, 1 + n_tasks * (n_tasks + 1) // 2 if self.n_rows is None else self.n_rows
        )

    def rounds(self, n_tasks: int) -> list[int]:
        """How many rows each round asks for.

        Some rounds less, and there are more, where a task has all its groups trained.

        >>> MTGNetScores().rounds(6)
        [7, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 1]
        """
        left, found = self.trainings(n_tasks) - n_tasks - 1, [n_tasks + 1]
        while left > 0:
            found.append(
                min(1 if len(found) <= n_tasks else self.step or max(1, n_tasks // 3), left)
            )
            left -= found[-1]
        return found

    def own_seconds(self, n_tasks: int) -> float:
        """Estimated seconds of its networks, of which one is trained on noise to tell."""
        several = random_subsets(n_tasks, max(2, n_tasks // 2), self.trainings(n_tasks), self.seed)
        rows = np.vstack([np.eye(n_tasks), several]) > 0
        noise = numpy_generator(self.seed, "noise").normal(size=rows.shape)
        known = _Known(rows, noise, relative=self.relative)
        marks = [perf_counter()]
        for _ in range(2):  # the first warms up
            self._learn(known, 0, 1)
            marks.append(perf_counter())
        return float(min(np.diff(marks))) * (len(self.rounds(n_tasks)) - 1 + self.networks)

    def fit(self, oracle: Estimator) -> Self:
        """Ask the oracle for rows, round by round, and learn their gains.

        Raises:
            CoterieError: fewer than 2 tasks, or ``n_rows`` too few for the rows that every run
                starts from.
        """
        n_tasks, started = require_several_tasks(oracle, "MTGNetScores"), perf_counter()
        asking = oracle.cost.get("seconds", 0.0)
        n_rows = self.trainings(n_tasks)
        start = np.vstack([np.eye(n_tasks), np.ones((1, n_tasks))])
        if n_rows < len(start):
            raise CoterieError(
                f"`n_rows` must be at least {len(start)}, all {n_tasks} single tasks and the group "
                f"of all; found {n_rows}."
            )
        known = _Known(start > 0, ask(oracle, start), relative=self.relative)
        step, turn = self.step or max(1, n_tasks // 3), 0
        while len(known.rows) < n_rows:
            snapshots = self._learn(known, turn, 1)
            wanted = min(1 if turn < n_tasks else step, n_rows - len(known.rows))
            chosen = self._choose(known, snapshots, turn, wanted)
            if len(chosen):
                known = known.with_rows(chosen, ask(oracle, chosen.astype(np.float64)))
            turn += 1
        self._snapshots, self._known = self._learn(known, turn, self.networks), known
        own = perf_counter() - started - (oracle.cost.get("seconds", 0.0) - asking)
        self._asked(oracle, own)
        return self

    @property
    def trained(self) -> np.ndarray:
        """The rows that were trained, in the order of the rounds, (R, T) as 0 and 1."""
        return require_fitted(self, self._known).rows.astype(np.float64)

    def predict(self, weights: Weights) -> np.ndarray:
        """Scores (M, T) of the rows of ``weights`` (M, T), NaN where the weight is 0.

        Weights above 0 say who is a member.

        Raises:
            CoterieError: not fitted yet, or weights that name no group.
        """
        known = require_fitted(self, self._known)
        members = as_rows(weights, known.rows.shape[1]) > 0
        scores = known.single + known.scale * gains_of(self._snapshots, members)
        place = {row.tobytes(): r for r, row in enumerate(known.rows)}
        for m, row in enumerate(members):
            if (trained := place.get(row.tobytes())) is not None:
                scores[m] = known.scores[trained]
        return np.where(members, scores, np.nan)

    def _learn(self, known: _Known, turn: int, networks: int) -> list[GainNet]:
        """Train new networks on what is known; the best states of each."""
        rows, gains = torch.from_numpy(known.rows), torch.from_numpy(known.gains()).float()
        states = []
        for number in range(networks):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(derive(self.seed, "mtgnet", turn, number))
                net = GainNet(rows.shape[1], self.hidden, self.layers)
            states += train(net, rows, gains, self.max_epochs)
        return states

    def _choose(self, known: _Known, snapshots: list[GainNet], turn: int, n: int) -> np.ndarray:
        """The ``n`` untrained groups with the largest predicted gain, of either sign.

        Of the task whose turn it is.
        """
        n_tasks = known.rows.shape[1]
        column = turn % n_tasks
        pool = self._candidates(n_tasks, column, turn)
        trained = {row.tobytes() for row in known.rows}
        pool = pool[[row.tobytes() not in trained for row in pool]]
        gains = np.abs(gains_of(snapshots, pool)[:, column])
        return pool[np.argsort(-gains, kind="stable")[:n]]

    def _candidates(self, n_tasks: int, column: int, turn: int) -> np.ndarray:
        """Groups of at least two tasks with task ``column``, as boolean rows."""
        if n_tasks <= _ENUMERATED_TASKS:
            rows = np.vstack([subsets_of_size(n_tasks, size) for size in range(2, n_tasks + 1)]) > 0
            return rows[rows[:, column]]
        rng = numpy_generator(self.seed, "mtgnet", "candidates", turn)
        ranks = rng.permuted(np.tile(np.arange(n_tasks), (_POOL, 1)), axis=1)
        ranks[:, column] = -1
        rows = (
            ranks
            < np.sort(ranks, axis=1)[np.arange(_POOL), rng.integers(2, n_tasks, size=_POOL)][
                :, None
            ]
        )
        return np.unique(rows, axis=0)


class _Known:
    """Rows (R, T) that were trained and their scores; singles come first.

    Each task's gains count in units of its ``scale``: of its single-task score if they are
    ``relative``, else of its mean absolute gain.
    """

    def __init__(self, rows: np.ndarray, scores: np.ndarray, *, relative: bool) -> None:
        self.rows, self.scores, self.relative = rows, scores, relative
        self.single = np.diag(scores[: rows.shape[1]])
        apart = rows & (rows.sum(axis=1, keepdims=True) > 1)
        size = np.where(apart, np.abs(scores - self.single), 0.0).sum(axis=0) / np.maximum(
            apart.sum(axis=0), 1
        )
        unit = np.abs(self.single) if relative else size
        self.scale = np.where(unit > 0, unit, 1.0)

    def gains(self) -> np.ndarray:
        """Gains over the single tasks in units of each task's scale, 0 outside a row."""
        return np.where(self.rows, (self.scores - self.single) / self.scale, 0.0)

    def with_rows(self, rows: np.ndarray, scores: np.ndarray) -> _Known:
        """What is known once more rows are trained."""
        both = np.vstack([self.rows, rows]), np.vstack([self.scores, scores])
        return _Known(*both, relative=self.relative)
