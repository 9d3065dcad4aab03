"""The handwritten digits that come with scikit-learn, as a set of 14 tasks."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from coterie.data.sources._raw import RawData, Reading
from coterie.data.sources._source import Source
from coterie.seeds import numpy_generator


class Digits(Source):
    """The word ``"digits"``."""

    sentence = "'digits'"

    def accepts(self, source: object) -> bool:
        """The word."""
        return isinstance(source, str) and source == "digits"

    def read(self, source: str, how: Reading) -> RawData:  # noqa: ARG002
        """Images, and tasks with names."""
        import pandas as pd

        inputs, columns = digits()
        return RawData(frame=pd.DataFrame(columns), inputs=inputs)


def digits() -> tuple[Tensor, dict[str, np.ndarray]]:
    """Return 1,797 images (N, 1, 8, 8), float32 in [0, 1], and 14 binary tasks, columns of 0 and 1.

    Tasks: ``digit 0`` to ``digit 9`` against the rest, ``even``, ``at least five``, ``closed loop``
    (0, 6, 8 and 9) and ``random``, a fair coin per example that no model can learn: the control.

    >>> inputs, targets = digits()
    >>> inputs.shape, len(targets)
    (torch.Size([1797, 1, 8, 8]), 14)
    """
    from sklearn.datasets import load_digits

    pixels, label = (np.asarray(array) for array in load_digits(return_X_y=True))
    targets = {f"digit {digit}": label == digit for digit in range(10)}
    targets["even"] = label % 2 == 0
    targets["at least five"] = label >= 5
    targets["closed loop"] = np.isin(label, (0, 6, 8, 9))
    targets["random"] = numpy_generator(0, "digits", "random").random(len(label)) < 0.5
    images = torch.tensor(pixels / 16, dtype=torch.float32).unflatten(1, (1, 8, 8))
    return images, {name: values.astype(np.int8) for name, values in targets.items()}
