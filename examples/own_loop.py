"""Your own training loop: three lines record a data map.

The same with Lightning's Trainer through a callback.

python examples/own_loop.py
"""

import logging

import lightning
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import coterie as ct
from coterie.datamaps import DataMapCallback

EPOCHS = 5


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 14))


def own_loop(inputs: Tensor, targets: Tensor, names: tuple[str, ...]) -> ct.DataMap:
    """A plain PyTorch loop; the lines marked with an arrow are coterie's."""
    model = network()
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    recorder = ct.DataMapRecorder(n_tasks=14, n_examples=len(inputs), names=names)  # <-
    for epoch in range(EPOCHS):
        generator = torch.Generator().manual_seed(epoch)
        for index in torch.randperm(len(inputs), generator=generator).split(64):
            logits = model(inputs[index])
            recorder.update(index, ct.confidence(logits, targets[index], "binary"))  # <-
            loss = F.binary_cross_entropy_with_logits(logits, targets[index])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        recorder.end_epoch()  # <-
    return recorder.data_map()


class LitDigits(lightning.LightningModule):
    """Any LightningModule; ``training_step`` says where index, logits and targets are."""

    def __init__(self) -> None:
        super().__init__()
        self.model = network()

    def training_step(self, batch: list[Tensor]) -> dict[str, Tensor]:
        index, inputs, targets = batch
        logits = self.model(inputs)
        loss = F.binary_cross_entropy_with_logits(logits, targets)
        return {"loss": loss, "index": index, "logits": logits, "targets": targets}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=3e-3)


def lightning_loop(inputs: Tensor, targets: Tensor, names: tuple[str, ...]) -> ct.DataMap:
    """The same recorder, filled by a callback."""
    recorder = ct.DataMapRecorder(n_tasks=14, n_examples=len(inputs), names=names)
    loader = DataLoader(
        TensorDataset(torch.arange(len(inputs)), inputs, targets), batch_size=64, shuffle=True
    )
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    trainer = lightning.Trainer(
        max_epochs=EPOCHS,
        callbacks=[DataMapCallback(recorder, "binary")],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(LitDigits(), loader)
    return recorder.data_map()


def main() -> None:
    data = ct.load("digits")
    inputs, targets = data.inputs[data.split.train], data.targets[data.split.train]
    for name, record in (("own loop", own_loop), ("Lightning", lightning_loop)):
        data_map = record(inputs, targets, data.tasks.names)
        print(f"{name}: {data_map}")
        print(ct.group(data_map, n_groups=2))


if __name__ == "__main__":
    main()
