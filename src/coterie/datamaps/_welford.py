"""Running mean and spread of confidences.

Welford's update and Chan's merge on a state of 4 float32 a cell.

The state has shape (..., 4, T), so that a batch is one gather and one scatter of whole rows.
"""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import torch
from torch import Tensor

# Mean, sum of squared deviations, epochs above 1/2, epochs observed.
N_NUMBERS = 4
STATISTICS = ("confidence", "variability", "correctness", "count")


class Statistics(TypedDict):
    """What a map says of some examples, each (n, T)."""

    confidence: np.ndarray
    variability: np.ndarray
    correctness: np.ndarray
    count: np.ndarray


def fold(state: Tensor, index: Tensor, confidence: Tensor, observed: Tensor) -> None:
    """Fold one value per observed cell into ``state`` (N, 4, T), in place.

    Args:
        state: running numbers, (N, 4, T).
        index: examples of the batch, all different, (B,).
        confidence: values, finite everywhere and 0 where they do not count, (B, T).
        observed: which of them count, (B, T) bool.
    """
    rows = state.index_select(0, index)
    mean, squares, correct, count = rows.unbind(1)
    # In floating point once: arithmetic with truth values is several times slower.
    share = observed.to(rows.dtype)
    count += share
    delta = (confidence - mean).mul_(share)
    mean += share.copy_(delta).div_(count.clamp(min=1))
    squares.addcmul_(delta, torch.sub(confidence, mean, out=share))
    correct += torch.gt(confidence, 0.5).to(rows.dtype)
    state.index_copy_(0, index, rows)


def merge(into: Tensor, other: Tensor) -> None:
    """Merge two states (n, 4, T) by Chan's formula, in place.

    Exact where a cell was seen by one of them only.
    """
    mean, squares, correct, count = into.unbind(1)
    other_mean, other_squares, other_correct, other_count = other.unbind(1)
    share = other_count / (count + other_count).clamp(min=1)
    delta = other_mean - mean
    squares += other_squares + delta.square() * count * share
    # Not mean + delta * share: where only the other saw the cell this must give back its mean to
    # the last bit.
    mean.copy_(torch.where(count == 0, other_mean, mean + delta * share))
    correct += other_correct
    count += other_count


def statistics(state: np.ndarray) -> Statistics:
    """Confidence, variability, correctness and count of a state (n, 4, T), each (n, T).

    NaN, with count 0, if never observed. Variability of a cell seen once is 0: nothing was seen to
    vary.
    """
    mean, squares, correct, count = (state[:, i] for i in range(N_NUMBERS))

    def seen(values: np.ndarray) -> np.ndarray:
        return np.where(count > 0, values, np.float32(np.nan))

    return {
        "confidence": seen(mean),
        "variability": seen(np.sqrt(squares / np.maximum(count - 1, 1))),
        "correctness": seen(correct / np.maximum(count, 1)),
        "count": count.copy(),
    }
