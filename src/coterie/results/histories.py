"""Training curves, and files of those of several arms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from coterie import codec
from coterie.codec import SPREAD, Layout
from coterie.errors import CoterieError
from coterie.results.groupings import Grouping


@dataclass(frozen=True, kw_only=True)
class History:
    """Training curves.

    ``train_loss``, ``validation_loss``, ``validation_score`` of shape (E, M, T), NaN where W = 0.

    ``best_epoch`` (M,) counts from 0 and names the epoch whose state each model keeps.
    ``learning_rate`` has shape (E,).

    Raises:
        CoterieError: a best epoch that there is not.
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

    def arrays(self) -> dict[str, np.ndarray]:
        """The curves by name."""
        return dict(vars(self))


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
