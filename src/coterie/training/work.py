"""What measuring costs, in the steps of a training."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Work:
    """What was computed.

    Forward passes, backward passes of one number each, and candidate steps that were looked ahead
    to.

    Passes are of batches or of examples, as whoever counts says.

    >>> Work(forwards=1, backwards=1).model_steps
    1.0
    """

    forwards: float = 0.0
    backwards: float = 0.0
    lookaheads: int = 0

    @property
    def model_steps(self) -> float:
        """The same in optimiser steps of one model on as much.

        A forward pass is a third of one, a backward pass two thirds.
        """
        return (self.forwards + 2 * self.backwards) / 3
