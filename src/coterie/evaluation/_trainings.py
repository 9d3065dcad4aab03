"""The models of one unit of a comparison, and the arms that are made of them.

Shapes: ``A`` arms, ``R`` models of an arm, ``n`` examples, ``T`` tasks, ``P`` output columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from coterie.evaluation.arms import Arm, combine
from coterie.evaluation.units import ModelCost
from coterie.methods import Case
from coterie.models import GroupedModel
from coterie.results import Cost, Fit, History
from coterie.results.tables import CHOSEN
from coterie.training import predict

_NUMBERS_AT_ONCE = 2**26


@dataclass(frozen=True, kw_only=True)
class TrainedArm:
    """An arm with its ``rows`` (R,) among the models of all fits.

    ``paid`` are the rows that had to be trained for it, ``searches`` what finding groups took
    beyond them.
    """

    arm: Arm
    rows: np.ndarray
    paid: np.ndarray
    searches: tuple[Cost, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Trainings:
    """The fits of a unit, whose models are numbered through; number 0 is the joint model.

    First are the models of all arms that are trained here, a fit for each size of network, then
    those that methods brought.

    ``arms`` are what was made of them so far, joint first; ``n_networks`` is what the groups of the
    first method amount to, in networks of full size.
    """

    case: Case
    fits: Sequence[Fit]
    arms: Sequence[TrainedArm] = ()
    n_networks: float = 1.0

    def of(self, role: str) -> list[TrainedArm]:
        """The arms that play a role."""
        return [each for each in self.arms if each.arm.role == role]

    @property
    def joint(self) -> TrainedArm:
        """The joint model."""
        return self.arms[0]

    @property
    def groups(self) -> TrainedArm | None:
        """The groups that a user would take: those chosen on validation, or the only ones.

        None where none are trained.
        """
        return next(iter([*self.of(CHOSEN), *self.of("grouped")]), None)

    def predict(self, arms: Sequence[TrainedArm], positions: Tensor) -> Tensor:
        """Outputs of every arm, (A, n, P).

        The models' own (R, n, P) are held for some examples at a time.
        """
        data, settings = self.case.data, self.case.settings
        run = partial(
            predict,
            device=settings.get("device", "auto"),
            precision=settings.get("precision", "fp32"),
        )
        n_models = sum(f.stack.n_models for f in self.fits)
        at_once = max(256, _NUMBERS_AT_ONCE // (n_models * data.tasks.n_outputs))
        parts = []
        for some in positions.split(at_once):
            members = torch.cat([run(f.stack, data, some) for f in self.fits])
            parts.append(
                torch.stack(
                    [combine(members[each.rows], each.arm.serves, data.tasks) for each in arms]
                )
            )
        return torch.cat(parts, dim=1)

    def cost(self, trained: TrainedArm) -> ModelCost:
        """What the arm takes: rows share their stack's time by their steps."""
        taken = [np.asarray(f.cost["steps"], dtype=float) for f in self.fits]
        seconds = [
            f.cost["seconds"] * own / own.sum() for f, own in zip(self.fits, taken, strict=True)
        ]
        of_models = {"model_steps": np.concatenate(taken), "seconds": np.concatenate(seconds)}

        def spent(what: str) -> float:
            searched = sum(getattr(cost, what) for cost in trained.searches)
            return float(of_models[what][trained.paid].sum() + searched)

        return {
            "models": len(trained.rows),
            "parameters": self._n_parameters(trained.rows),
            "model_steps": spent("model_steps"),
            "seconds": spent("seconds"),
        }

    def history(self, trained: TrainedArm) -> History:
        """The curves of the arm's models."""
        return History.side_by_side([f.history for f in self.fits]).of_rows(trained.rows)

    def grouped_model(self, trained: TrainedArm) -> GroupedModel:
        """The models of an arm as one that predicts all tasks.

        Those of one fit keep the stem that they share, if they do.
        """
        data, (fit, row) = self.case.data, self.places(trained.rows)
        stacks = [each.stack for each in self.fits]
        own = (
            stacks[fit[0]].select(row.tolist())
            if (fit == fit[0]).all()
            else [stacks[f].select([r]) for f, r in zip(fit, row, strict=True)]
        )
        return GroupedModel.from_stack(own, trained.arm.serves, data.tasks, data.preprocessing)

    def places(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The fit of each model, and its row there."""
        sizes = np.array([f.stack.n_models for f in self.fits])
        fit = np.searchsorted(sizes.cumsum(), rows, side="right")
        return fit, rows - (sizes.cumsum() - sizes)[fit]

    def _n_parameters(self, rows: np.ndarray) -> int:
        """Of some models together; a stem that they share counts once."""
        fit, _ = self.places(rows)
        stack = self.fits[fit[0]].stack
        shared = stack.stem.n_parameters if stack.stem and (fit == fit[0]).all() else 0
        return shared + sum(self.fits[each].stack.n_parameters - shared for each in fit)


def mixed(name: str, parts: Sequence[tuple[TrainedArm, np.ndarray]]) -> TrainedArm:
    """An arm in which each part has a share (T,) in each task; shares sum to 1.

    It is served by the models with a share in any task, and has paid for all parts.

    >>> from coterie.evaluation.arms import joint_arm, single_arm
    >>> joint = TrainedArm(arm=joint_arm(2), rows=np.array([0]), paid=np.array([0]))
    >>> single = TrainedArm(arm=single_arm(2), rows=np.array([1, 2]), paid=np.array([1, 2]))
    >>> half = mixed("half", [(joint, np.array([1, 0.5])), (single, np.array([0, 0.5]))])
    >>> half.rows, half.paid, half.arm.serves
    (array([0, 2]), array([0, 1, 2]), array([[1. , 0. ],
           [0.5, 0.5]]))
    """
    arms = [trained.arm for trained, _ in parts]
    shares = np.concatenate(
        [arm.serves * s[:, None] for arm, (_, s) in zip(arms, parts, strict=True)], axis=1
    )
    rows, first, place = np.unique(
        np.concatenate([trained.rows for trained, _ in parts]),
        return_index=True,
        return_inverse=True,
    )
    serves = shares @ np.eye(len(rows))[place]
    sizes = np.concatenate([np.broadcast_to(arm.sizes, arm.init.shape) for arm in arms])
    used = serves.any(0)
    return TrainedArm(
        arm=Arm(
            name=name,
            role=name,
            weights=np.concatenate([arm.weights for arm in arms])[first][used],
            init=np.concatenate([arm.init for arm in arms])[first][used],
            serves=serves[:, used],
            sizes=sizes[first][used],
        ),
        rows=rows[used],
        paid=np.unique(np.concatenate([trained.paid for trained, _ in parts])),
        searches=tuple(search for trained, _ in parts for search in trained.searches),
    )
