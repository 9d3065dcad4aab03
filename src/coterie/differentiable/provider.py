"""Differentiable grouping.

The assignment of tasks to branches is learnt with the branches (Gao et al., ICML 2024).

Shapes: ``T`` tasks, ``K`` branches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import NoneType
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from coterie.data import Dataset
from coterie.data.targets import constant_losses
from coterie.differentiable.modes import Mode, preset, require_within
from coterie.differentiable.relaxations import (
    binary_entropy,
    gumbel_softmax,
    imbalance,
    straight_through,
)
from coterie.errors import (
    CoterieError,
    require_positive,
    require_type,
    require_whole,
)
from coterie.labels import unlike
from coterie.results import Grouping
from coterie.seeds import torch_generator
from coterie.training import LearntWeights

_SETTINGS = (
    "mode",
    "n_rows",
    "stem",
    "init",
    "asked_rate",
    "temperature",
    "warmup",
    "held_out",
    "balance",
    "entropy",
    "prune",
)
# Told only where they are unusual: a search that was stopped by an earlier version is continued.
_LATER: Mapping[str, object] = {"normalise": True, "keeps_best": False, "start": None}
# Decides between losses that differ by some hundredths of that of a constant prediction.
_RATE_OF_ALL_STEPS = 500.0
# Share of a task's probability that groups to start from have: firm, and not beyond leaving.
_START_SHARE = 0.5


class DifferentiableGrouping(LearntWeights):
    """A weights provider that learns which of K branches serves which task as they train.

    W is the transposed relaxed sample of a categorical variable per task, so the loss is sum_tk
    z(t, k) L(t, k), each loss divided by that of the best constant prediction and the whole scaled
    so that one branch is joint training (unless it does not ``normalise``). Each task ends in the branch of its largest logit;
    :attr:`Fit.grouping` has it, with the assignment probabilities of every epoch.

    ================ ======================= =========== ==========================================
    mode             sample                  temperature starts of the branches
    ================ ======================= =========== ==========================================
    paper            Gumbel-softmax          2.5         identical
    annealed         Gumbel-softmax          4 to 0.1    identical
    expected         softmax, no noise       1           independent: identical ones never part
    straight_through one-hot, soft gradient  1           identical
    ================ ======================= =========== ==========================================

    In mode "paper" logits are learnt as the models are, by their optimiser at their rate (DMTG).
    Adam's steps do not depend on how large a gradient is, so that logits run wherever noise sends
    them while the branches are still alike. In the other modes a logit moves by its gradient: it
    waits for a difference.

    Args:
        n_groups: number of branches K; some may end without a task.
        mode: see the table.
        learning_rate: of the logits; 500 over the number of steps by default, so that short and
            long searches decide alike. It multiplies the gradient with respect to a logit of the
            task's loss over that of the best constant prediction. In mode "paper" it is a rate of
            the models' optimiser, by default the models' own.
        warmup: share of all steps in which all branches train on all tasks alike and the logits
            rest.
        held_out: share of the *training* examples on which no branch trains and whose losses move
            the logits (0: those of the batch that trains).
        balance: weight of a penalty on uneven branches.
        entropy: weight of a penalty on undecided tasks.
        prune: a task leaves a branch for good when its probability there falls below this at the
            end of an epoch; a branch without tasks is no longer computed.
        normalise: divide losses by those of constant predictions; else their plain sum is minimised,
            as in the paper, and a task of large losses shapes the branches most.
        keeps_best: end with the epoch in which the mean validation loss is lowest, each task read
            from its own branch, instead of with the last: for branches that are used as they are.
        start: groups to start from, instead of even probabilities: half of a task's probability
            goes to its own group there, half to all K alike.
        stem: number of leading layers of the encoder that all branches share.
        temperature: start and end of a geometric schedule, instead of the mode's.
        init: how branches start, instead of the mode's: "independent", "shared", or K integers.

    Raises:
        CoterieError: a setting is out of range.

    >>> import coterie as ct
    >>> fit = ct.fit("mlp", ct.load("digits"), DifferentiableGrouping(2), epochs=1, model_options={"hidden": (8,)})
    >>> fit.grouping.membership.shape, fit.grouping.membership.sum()
    ((14, 2), np.float64(14.0))
    """

    name: ClassVar[str] = "dmtg"

    def __init__(
        self,
        n_groups: int,
        mode: Mode = "annealed",
        *,
        learning_rate: float | None = None,
        warmup: float = 0.0,
        held_out: float = 0.0,
        balance: float = 0.0,
        entropy: float = 0.0,
        prune: float = 1e-3,
        normalise: bool = True,
        keeps_best: bool = False,
        start: Grouping | None = None,
        stem: int = 0,
        temperature: tuple[float, float] | None = None,
        init: str | Sequence[int] | None = None,
    ) -> None:
        require_whole("n_groups", n_groups, 1)
        require_whole("stem", stem, 0)
        require_within(0, 1, warmup=warmup, held_out=held_out)
        require_within(0, 1 / n_groups, prune=prune)
        require_within(0, np.inf, balance=balance, entropy=entropy)
        require_type("normalise", normalise, bool)
        require_type("keeps_best", keeps_best, bool)
        require_type("start", start, Grouping, NoneType)
        if learning_rate is not None:
            require_positive("learning_rate", learning_rate)
        chosen = preset(mode, n_groups, temperature, init)
        self.plain_steps, self.temperature, self.init = (
            chosen.plain_steps,
            chosen.temperature,
            chosen.init,
        )
        self.mode: Mode = mode
        self.n_rows, self.stem = n_groups, stem
        self.asked_rate = self.learning_rate = learning_rate
        self.warmup, self.held_out, self.prune = warmup, held_out, prune
        self.balance, self.entropy = balance, entropy
        self.normalise, self.keeps_best, self.start = normalise, keeps_best, start

    def prepare(
        self, data: Dataset, n_steps: int, seed: int, device: torch.device | str = "cpu"
    ) -> None:
        """Start from even logits for these tasks, or from groups, on the device of the branches.

        A step then never waits for it.

        Raises:
            CoterieError: more branches than tasks, or groups of other tasks or of another number.
        """
        tasks, n_tasks = data.tasks, len(data.tasks)
        if self.n_rows > n_tasks:
            raise CoterieError(
                f"`n_groups` asks for {self.n_rows} groups of {n_tasks} tasks: fewer tasks than "
                "groups."
            )
        self.names, self.n_steps, self.seed = tasks.names, n_steps, seed
        if self.plain_steps:
            rate = _RATE_OF_ALL_STEPS / n_steps if self.asked_rate is None else self.asked_rate
            # In units of a task's own relative loss, which its weight in the loss makes smaller.
            self.learning_rate = rate * (n_tasks / self.n_rows if self.normalise else 1.0)
        self.logits = nn.Parameter(self._first_logits(tasks.names).to(device))
        self._prune(torch.zeros(n_tasks, self.n_rows, dtype=torch.bool, device=device))
        self.scale = self._scale(data).to(device)
        self.history: list[np.ndarray] = []

    def _first_logits(self, names: tuple[str, ...]) -> Tensor:
        """Logits (T, K) before the first step."""
        if self.start is None:
            return torch.ones(len(names), self.n_rows)
        if (self.start.tasks, self.start.n_groups) != (names, self.n_rows):
            raise CoterieError(
                f"`start` must be {self.n_rows} groups of the tasks {', '.join(names)}; found "
                f"{self.start.n_groups} of {', '.join(self.start.tasks)}."
            )
        even = (1 - _START_SHARE) / self.n_rows
        return torch.from_numpy(_START_SHARE * self.start.membership + even).float().log()

    def _scale(self, data: Dataset) -> Tensor:
        """What the loss of each task is multiplied by, (T,)."""
        tasks, n_tasks = data.tasks, len(data.tasks)
        if not self.normalise:
            return torch.ones(n_tasks)
        if n_tasks == 1 or self.n_rows == 1:
            # One branch has nothing to choose: it is joint training, with the losses as they are
            # there.
            return torch.full((n_tasks,), 1 / n_tasks)
        constant = constant_losses(tasks, data.targets[data.split.train])
        return (self.n_rows / n_tasks) * tasks.loss_scale / constant

    def weights(self, step: int) -> Tensor:
        """W of this step, (K, T)."""
        return (self.sample(step) * self.scale[:, None]).T

    def sample(self, step: int) -> Tensor:
        """The relaxed assignment of this step, (T, K).

        A function of the logits, the seed and the step.
        """
        logits = self._logits()
        if step < self.warmup * self.n_steps:
            return (logits.detach() * 0).masked_fill(self.pruned, -torch.inf).softmax(1)
        if self.mode == "expected":
            return logits.softmax(1)
        soft = gumbel_softmax(
            logits, self.temperature_at(step), torch_generator(self.seed, "gumbel", step)
        )
        return straight_through(soft) if self.mode == "straight_through" else soft

    def settled(self, step: int) -> Tensor:
        """W after ``step``, (K, T).

        A one-hot sample leaves out branches that a task may still choose; probabilities stand for it.
        Where the best epoch is kept, it is judged as it will be used: each task by its own branch.
        """
        if self.keeps_best:
            own = torch.nn.functional.one_hot(self._logits().argmax(1), self.n_rows)
            return (own * self.scale[:, None]).T
        if self.mode != "straight_through":
            return self.weights(step)
        return (self.probabilities() * self.scale[:, None]).T

    def alive(self) -> Sequence[bool] | None:
        """Branches that some task can still choose."""
        return self._alive

    def temperature_at(self, step: int) -> float:
        """Temperature of one step: geometric between start and end, after the warm-up."""
        start, end = self.temperature
        first = self.warmup * self.n_steps
        progress = min(max((step - first) / max(self.n_steps - 1 - first, 1), 0.0), 1.0)
        return start * (end / start) ** progress

    def probabilities(self) -> Tensor:
        """Assignment probabilities without noise, (T, K)."""
        return self._logits().detach().softmax(1)

    def penalty(self) -> Tensor:
        """Uneven branches and undecided tasks, as asked for."""
        logits = self._logits()
        return self.balance * imbalance(logits.softmax(1)) + self.entropy * binary_entropy(logits)

    def parameters(self) -> Iterable[nn.Parameter]:
        """The logits (T, K)."""
        return (self.logits,)

    def on_epoch_end(self, epoch: int) -> None:  # noqa: ARG002
        """Remember the probabilities and prune."""
        probabilities = self.probabilities()
        self.history.append(probabilities.cpu().numpy().copy())
        best = torch.nn.functional.one_hot(probabilities.argmax(1), self.n_rows).bool()
        self._prune(self.pruned | ((probabilities < self.prune) & ~best))

    def on_kept(self, epoch: int) -> None:
        """Go back to the assignments of this epoch, if it was not the last."""
        if epoch + 1 < len(self.history):
            self.history = self.history[: epoch + 1]
            kept = torch.from_numpy(self.history[-1]).to(self.logits.device)
            self._prune(kept == 0)  # what was pruned before that epoch
            with torch.no_grad():
                self.logits.copy_(kept.log())

    def result(self) -> Grouping:
        """Each task in the branch of its largest probability.

        Branches keep their numbers, those without tasks too.
        """
        probabilities = self.probabilities().cpu().numpy()
        return Grouping(
            tasks=self.names,
            membership=np.eye(self.n_rows)[probabilities.argmax(1)],
            method="dmtg",
            details={
                "mode": self.mode,
                "probabilities": [np.round(p, 6).tolist() for p in self.history],
                "pruned": int(self.pruned.sum()),
            },
        )

    def settings(self) -> Mapping[str, object]:
        """All arguments."""
        start = None if self.start is None else self.start.membership.tolist()
        later = {name: getattr(self, name) for name in _LATER} | {"start": start}
        return {name: getattr(self, name) for name in _SETTINGS} | {
            name: value for name, value in later.items() if value != _LATER[name]
        }

    @property
    def label(self) -> str:
        """A short name that tells searches apart, by what is unusual about them."""
        usual = DifferentiableGrouping(self.n_rows, self.mode).settings()
        own = unlike(usual, self.settings()).replace(" asked_rate=", " learning_rate=")
        start = "" if self.start is None else f" start={self.start.method}"
        return f"{self.name}{'' if self.mode == 'annealed' else f' {self.mode}'}{own}{start}"

    def state(self) -> dict[str, np.ndarray]:
        """What was pruned, and the probabilities so far."""
        history = {"history": np.stack(self.history)} if self.history else {}
        return {"pruned": self.pruned.cpu().numpy(), **history}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Continue from a checkpoint."""
        self._prune(torch.from_numpy(arrays["pruned"].copy()).to(self.logits.device))
        self.history = list(arrays["history"]) if "history" in arrays else []

    def _prune(self, pruned: Tensor) -> None:
        """Which pairs (T, K) are out for good."""
        self.pruned = pruned
        self._alive = (~pruned.all(0)).tolist() if pruned.any() else None

    def _logits(self) -> Tensor:
        return self.logits.masked_fill(self.pruned, -torch.inf)

    def __repr__(self) -> str:
        return f"DifferentiableGrouping({self.n_rows}, mode={self.mode!r})"
