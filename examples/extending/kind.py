"""Your own kind of target: a share between 0 and 1.

    python examples/extending/kind.py
    cd examples/extending; coterie run --kind rye=kind:Share --data ...

Its loss is the cross-entropy of the logit, and predictions stay between 0 and 1."""

import numpy as np
import pandas as pd
import torch.nn.functional as F
from torch import Tensor

import coterie as ct
from coterie.tasks import Numbers, register
from coterie.testing import check_kind


class Share(Numbers):
    """Labels from 0 to 1; outputs are logits."""

    name = "share"
    metric_name = "R2"

    def loss(self, outputs: Tensor, labels: Tensor, block) -> Tensor:
        labels = labels.expand_as(outputs)
        return F.binary_cross_entropy_with_logits(outputs, labels, reduction="none")

    def confidence(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return 1 - (labels - outputs.sigmoid()).abs()

    def constant(self, labels: Tensor, n_classes: int, pos_weight: float) -> Tensor:
        return labels.mean().logit().view(1)

    def predict(self, outputs: Tensor, tasks, position: int) -> Tensor:
        return outputs.double().sigmoid()


SHARE = register(Share())

if __name__ == "__main__":
    x = np.random.default_rng(0).normal(size=(400, 3))
    shares = 1 / (1 + np.exp(-x @ [[1.0, 0.5], [0.0, 1.0], [0.5, 0.0]]))
    print("holds:", ", ".join(check_kind(SHARE, labels=shares[:240, 0])))
    frame = pd.DataFrame(np.hstack([x, shares]), columns=["sun", "rain", "clay", "rye", "oats"])
    data = ct.load(frame, targets=["rye", "oats"], kinds={"rye": "share", "oats": "share"})
    result = ct.compare("mlp", data, n_groups=2, seeds=2, repeats=1, draws=1, lr=1e-2)
    print(result.findings[0].sentence)
