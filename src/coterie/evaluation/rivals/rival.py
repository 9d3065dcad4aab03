"""What a rival is.

Shapes: ``n`` examples, ``T`` tasks, ``P`` output columns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from coterie.data import Dataset
from coterie.errors import CoterieError
from coterie.evaluation.units import ModelCost
from coterie.fitting import Model
from coterie.methods import Case, Timing
from coterie.results import Cost, History
from coterie.training import within
from coterie.training.config import TrainingSettings

if TYPE_CHECKING:
    from coterie.evaluation._trainings import Trainings


class Saveable(Protocol):
    """What can be left behind, such as a :class:`coterie.GroupedModel`."""

    def save(self, path: str | Path) -> object:
        """Write it as one file."""
        ...


@dataclass(frozen=True, kw_only=True)
class TrainedRival:
    """What training gave.

    ``outputs(positions)`` predicts the examples at ``positions`` (n,) as a network would, (n, P)
    float32: balanced logits of binary tasks, logit(p) + log(pos_weight); log-probabilities of
    classes; standardised values. ``model()`` is what can be saved. ``cost`` counts what is served
    and what it took to train; steps of a network only. ``history`` are training curves, if there
    are any.
    """

    outputs: Callable[[Tensor], Tensor]
    model: Callable[[], Saveable]
    cost: ModelCost
    history: History | None = None


class Rival(ABC):
    """Another way to the same predictions: subclass it, and train it in ``train``.

    ``name`` is what users call it, its role in tables, and what no grouping may be called;
    ``sentence`` says what it is to a reader, in plain text with *emphasis*. A run is continued with
    the same rivals only, which their classes and what they were made with tell apart
    (:func:`coterie.identity.identity`).
    """

    name: str
    sentence: str

    def suits(
        self,
        data: Dataset,  # noqa: ARG002
        *,
        model: Model,  # noqa: ARG002
        settings: TrainingSettings,  # noqa: ARG002
        baselines: Sequence[str],  # noqa: ARG002
    ) -> str | None:
        """None where it can be trained, else why not: "wide is left out: ...".

        It is asked before anything is trained. ``model`` and ``settings`` are those of the
        comparison, ``baselines`` what is trained besides joint.
        """
        return None

    def price(self, timing: Timing, n_groups: int) -> Cost | None:  # noqa: ARG002
        """What training it takes on one split and seed beside the other arms, for ``n_groups``.

        None, as long as nobody says, is not known; no bytes too.
        """
        return None

    @abstractmethod
    def train(self, case: Case, trainings: Trainings, *, seed: int) -> TrainedRival:
        """Train it on ``case.data.split.train``; the test part is not to be read.

        ``case`` has the joint training, model and settings. ``trainings`` are all arms that are
        trained by now: ``joint``, ``groups``, ``of("single")``, with ``predict(arms,
        positions)``. Fits that take long keep a checkpoint in a folder of their own
        (:func:`coterie.evaluation.rivals.networks.fitted`).
        """

    def train_seeds(
        self, cases: Sequence[Case], trainings: Sequence[Trainings], *, seeds: Sequence[int]
    ) -> list[TrainedRival]:
        """Train it with each seed of a split; one after the other, unless a rival knows better."""
        n_seeds, found = len(seeds), []
        for number, (case, its, seed) in enumerate(zip(cases, trainings, seeds, strict=True)):
            told = f"seed {number + 1} of {n_seeds}"
            progress = (
                case.progress if n_seeds == 1 else within(case.progress, number, n_seeds, told)
            )
            found.append(self.train(replace(case, progress=progress), its, seed=seed))
        return found


def checked_outputs(
    rival: Rival, trained: TrainedRival, positions: Tensor, data: Dataset
) -> Tensor:
    """Outputs of a rival, (n, P) float32.

    Raises:
        CoterieError: they are something else.
    """
    outputs = trained.outputs(positions)
    shape = (len(positions), data.tasks.n_outputs)
    if not isinstance(outputs, Tensor) or outputs.shape != shape:
        found = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise CoterieError(
            f"The rival {rival.name!r} must give outputs of shape {shape}, one row for each "
            f"example; found {found}."
        )
    return outputs.detach().to("cpu", torch.float32)
