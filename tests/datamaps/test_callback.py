"""The Lightning callback and a plain loop record the same map."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from coterie import confidence
from coterie.datamaps import DataMapRecorder
from coterie.errors import CoterieError
from tests.datamaps.test_recorder import assert_same

N, T = 24, 2

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    lightning = pytest.importorskip("lightning.pytorch")


def examples() -> DataLoader:
    random = torch.Generator().manual_seed(0)
    inputs = torch.randn(N, 3, generator=random)
    targets = (torch.randn(N, T, generator=random) > 0).float()
    targets[0, 0] = torch.nan
    return DataLoader(TensorDataset(torch.arange(N), inputs, targets), batch_size=5)


def loss_of(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return (logits - targets.nan_to_num(0.5)).square().mean()


def start() -> torch.nn.Linear:
    torch.manual_seed(0)
    return torch.nn.Linear(3, T)


class Module(lightning.LightningModule):
    def __init__(self, answer: Callable[[dict], dict] = dict) -> None:
        super().__init__()
        self.layer, self.answer = start(), answer

    def training_step(self, batch, _batch_index):
        index, inputs, targets = batch
        logits = self.layer(inputs)
        return self.answer(
            {"loss": loss_of(logits, targets), "index": index, "logits": logits, "targets": targets}
        )

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def by_lightning(module: lightning.LightningModule, epochs: int = 3, **options) -> DataMapRecorder:
    from coterie.datamaps import DataMapCallback

    callback = DataMapCallback(DataMapRecorder(T, N), "binary", **options)
    with warnings.catch_warnings():
        # Lightning's advice about workers, loggers and its own dependencies.
        warnings.simplefilter("ignore")
        lightning.Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            callbacks=[callback],
            logger=False,
            barebones=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        ).fit(module, examples())
    return callback.recorder


def by_hand(epochs: int = 3) -> DataMapRecorder:
    model, recorder = start(), DataMapRecorder(T, N)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(epochs):
        for index, inputs, targets in examples():
            logits = model(inputs)
            recorder.update(index, confidence(logits, targets, "binary"))
            optimiser.zero_grad()
            loss_of(logits, targets).backward()
            optimiser.step()
        recorder.end_epoch()
    return recorder


def test_outputs_of_the_training_step():
    found = by_lightning(Module()).data_map()
    assert found.epoch == 3
    assert np.isnan(found.confidence[0, 0])
    assert (found.count == 3).sum() == N * T - 1
    assert_same(found, by_hand().data_map(), atol=1e-6)


def test_a_function_says_where():
    module = Module(lambda found: {"loss": found["loss"], "z": found["logits"]})
    found = by_lightning(module, extract=lambda batch, outputs: (batch[0], outputs["z"], batch[2]))
    assert_same(found.data_map(), by_hand().data_map(), atol=1e-6)


def test_missing_outputs_are_named():
    with pytest.raises(
        CoterieError, match="`training_step` must return a dict with index, logits, targets"
    ):
        by_lightning(Module(lambda found: found["loss"]))


def test_its_state_goes_through_checkpoints():
    from coterie.datamaps import DataMapCallback

    first = DataMapCallback(by_hand(), "binary")
    second = DataMapCallback(DataMapRecorder(T, N), "binary")
    second.load_state_dict(first.state_dict())
    assert_same(first.recorder.data_map(), second.recorder.data_map(), rtol=0)


def test_lightning_is_needed_for_the_callback_only():
    script = """
import sys
sys.modules["lightning"] = sys.modules["lightning.fabric"] = sys.modules["lightning.pytorch"] = None
import coterie as ct
data = ct.load("digits", targets=["even"])
ct.predict(ct.fit("mlp", data, epochs=1).stack, data, data.split.test)
from coterie.datamaps import DataMapCallback
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stderr.strip().endswith(
        "CoterieError: The callback needs Lightning: pip install 'coterie[lightning]'."
    )
