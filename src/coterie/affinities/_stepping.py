"""What all probes have in common that try steps: how long these are, and what scores them.

Shapes: ``T`` tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from coterie.affinities._probe import AffinityProbe
from coterie.affinities._steps import Trial
from coterie.data import Batch
from coterie.errors import require_choice, require_positive, require_whole


@dataclass(kw_only=True, eq=False)
class SteppingProbe(AffinityProbe):
    """An affinity of candidate steps, which other examples than those stepped on score.

    ``step`` is the length of the steps as a part of the training's own, which is 1 (as published).
    At the default rounding is some percent of what a step changes.
    What a step of full length does is ruled by curvature, -u H u / 2, which is largest where tasks
    share directions, so that the tasks of one group seem to harm each other most: a single task's
    step is as long as that of all tasks together, or longer.

    ``scored_on`` is the part that scores them: "validation", of which epochs and groups are
    chosen anyway, or other examples of "train" (as published). ``batch_size`` is the number of
    examples that score, if there are so many; None: as many as the training batch has (as
    published), which may be too few for a firm affinity.

    ``normalise`` divides the values of a target, of each measurement, by their root mean square over
    the sources: relative changes of a loss explode once it is small, and late measurements would rule
    the mean. Of two tasks only signs are left.
    """

    step: float = 0.01
    scored_on: Literal["train", "validation"] = "validation"
    normalise: bool = True
    batch_size: int | None = 512

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        super().__post_init__()
        require_positive("step", self.step)
        require_choice("scored_on", self.scored_on, ("validation", "train"))
        if self.batch_size is not None:
            require_whole("batch_size", self.batch_size, 2)  # for batch statistics

    def steps(self, trial: Trial, *, heads: bool) -> dict[str, Tensor]:
        """What each task's step subtracts from the parameters, by name, (T, ...)."""
        return trial.steps(trial.gradients(heads=heads), self.step)

    def scoring_batch(self, trial: Trial) -> Batch:
        """The examples that score this measurement."""
        return trial.scoring_batch(self.batch_size, self.scored_on)

    def finished(self, gains: Tensor) -> Tensor:
        """Gains (T, T) [source, target] in the unit asked for."""
        return normalised(gains) if self.normalise else gains


def normalised(gains: Tensor) -> Tensor:
    """Gains (T, T), each target's divided by their root mean square over the other tasks.

    >>> normalised(torch.tensor([[9.0, 4.0, 0.0], [3.0, 8.0, 0.0], [-3.0, torch.nan, 9.0]]))
    tensor([[ 3.,  1.,  0.],
            [ 1.,  2.,  0.],
            [-1., nan,  9.]])
    """
    gains = gains.masked_fill(~gains.isfinite(), torch.nan)
    between = gains.masked_fill(
        torch.eye(len(gains), dtype=torch.bool, device=gains.device), torch.nan
    )
    scale = between.square().nanmean(0).sqrt()
    return gains / torch.where(scale > 0, scale, 1.0)
