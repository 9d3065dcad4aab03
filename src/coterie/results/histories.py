"""Training curves, and files of those of several arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np

from coterie import codec
from coterie.codec import SPREAD, Layout
from coterie.errors import CoterieError
from coterie.results.groupings import Grouping

CURVES = ("train_loss", "validation_loss", "validation_score")


@dataclass(frozen=True, kw_only=True)
class History:
    """Training curves.

    ``train_loss``, ``validation_loss``, ``validation_score`` of shape (E, M, T), NaN where W = 0 and
    after a model has stopped.

    ``best_epoch`` (M,) counts from 0 and names the epoch whose state each model keeps.
    ``learning_rate`` has shape (E,); of models with unlike numbers of steps it is that of those that
    trained the most epochs.

    Raises:
        CoterieError: a best epoch that there is not.

    >>> losses = np.array([[[0.9], [0.8]], [[0.7], [0.9]], [[0.6], [np.nan]]])
    >>> curves = dict.fromkeys(("train_loss", "validation_loss", "validation_score"), losses)
    >>> found = History(learning_rate=np.full(3, 0.1), best_epoch=np.array([2, 0]), **curves)
    >>> found.stopped, found.at_limit
    (array([3, 2]), array([ True, False]))
    """

    train_loss: Annotated[np.ndarray, Layout("f E M T")]
    validation_loss: Annotated[np.ndarray, Layout("f E M T")]
    validation_score: Annotated[np.ndarray, Layout("f E M T")]
    learning_rate: Annotated[np.ndarray, Layout("f E")]
    best_epoch: Annotated[np.ndarray, Layout("iu M")]

    def __post_init__(self) -> None:
        """Refuse best epochs outside the curves."""
        best, n_epochs = self.best_epoch, len(self.learning_rate)
        if best.size and not (int(best.min()) >= 0 and int(best.max()) < max(n_epochs, 1)):
            raise CoterieError(
                f"`best_epoch` must count from 0 and lie within {n_epochs} epochs; found "
                f"{best.tolist()}."
            )

    @property
    def stopped(self) -> np.ndarray:
        """Epochs that each model trained, (M,)."""
        trained = np.asarray(np.isfinite(self.train_loss).any(2))
        return np.where(trained.any(0), len(trained) - trained[::-1].argmax(0), 0)

    @property
    def at_limit(self) -> np.ndarray:
        """Whether each model keeps the last epoch that it trained, (M,).

        Then it was trained too short: who stops for want of patience keeps an earlier one. Of
        models that keep their last epoch whatever it is (``keep="last"``, learnt weights) it tells
        nothing.
        """
        return self.best_epoch == self.stopped - 1

    def of_rows(self, rows: np.ndarray) -> History:
        """The curves of some models, as long as the longest of them."""
        n_epochs = int(self.stopped[rows].max(initial=0))
        curves = {name: getattr(self, name)[:n_epochs, rows] for name in CURVES}
        rate = self.learning_rate[:n_epochs]
        return replace(self, best_epoch=self.best_epoch[rows], learning_rate=rate, **curves)

    @classmethod
    def side_by_side(cls, several: Sequence[History]) -> History:
        """The curves of the models of several trainings, in order."""
        longest = max(several, key=lambda each: len(each.learning_rate))
        n_epochs = len(longest.learning_rate)

        def padded(curve: np.ndarray) -> np.ndarray:
            after = ((0, n_epochs - len(curve)), (0, 0), (0, 0))
            return np.pad(curve, after, constant_values=np.nan)

        return cls(
            best_epoch=np.concatenate([each.best_epoch for each in several]),
            learning_rate=longest.learning_rate,
            **{
                name: np.concatenate([padded(getattr(each, name)) for each in several], axis=1)
                for name in CURVES
            },
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """The curves by name."""
        return dict(vars(self))


def held(curve: np.ndarray) -> np.ndarray:
    """A curve (E, ...) that stays where it was when its model stopped.

    >>> held(np.array([[0.5, 0.9], [0.6, np.nan]]))
    array([[0.5, 0.9],
           [0.6, 0.9]])
    """
    epochs = np.arange(len(curve)).reshape(-1, *[1] * (curve.ndim - 1))
    last = np.maximum.accumulate(np.where(np.isnan(curve), 0, epochs))
    return np.take_along_axis(curve, last, 0)


def served(curve: np.ndarray, grouping: Grouping) -> np.ndarray:
    """A curve of each task (E, T), that of its own group's model, from all models' (E, M, T)."""
    # A group that serves no task has no model.
    used = np.flatnonzero(grouping.membership.any(0))
    own = np.searchsorted(used, grouping.labels)
    return curve[:, own, np.arange(curve.shape[2])]


@dataclass(frozen=True)
class _File(codec.Record, format="file of training curves"):
    """Curves by the number of the arm."""

    arms: list[str]
    curves: Annotated[Mapping[str, History], SPREAD]

    def __post_init__(self) -> None:
        if self.curves.keys() != {*map(str, range(len(self.arms)))}:
            raise CoterieError(
                f"There must be arrays of {len(self.arms)} arms, by number; found those of "
                f"{', '.join(self.curves) or 'none'}."
            )


def write_histories(path: Path, histories: Mapping[str, History]) -> None:
    """Write the curves of several arms as one file."""
    curves = {str(number): each for number, each in enumerate(histories.values())}
    codec.save(_File(list(histories), curves), path)


def read_histories(path: Path, n_tasks: int) -> dict[str, History]:
    """Read what :func:`write_histories` wrote of ``n_tasks`` tasks.

    Raises:
        CoterieError: the file is damaged or holds no curves.
    """
    found = codec.load(_File, path, T=n_tasks)
    return {arm: found.curves[str(number)] for number, arm in enumerate(found.arms)}
