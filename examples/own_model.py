"""Your own encoder: a factory that returns a module giving (B, F).

Coterie adds the head for all tasks.

    python examples/own_model.py [FOLDER]

Here an LSTM reads each digit row by row. ``vmap`` cannot batch an LSTM over models, so coterie
loops over them and says so. From the command line the same model is ``coterie run --model
own_model:lstm ...`` with this folder on ``PYTHONPATH``."""

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

import coterie as ct

# Named rather than passed as a function, so that a saved model can be built again by another
# process.
MODEL = "own_model:lstm"


class RowReader(nn.Module):
    """(B, 1, H, W) -> (B, F): the state after the last row."""

    def __init__(self, width: int, features: int = 32) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, features, batch_first=True)

    def forward(self, images: Tensor) -> Tensor:
        states, _ = self.lstm(images.squeeze(1))
        return states[:, -1]


def lstm(input_shape: tuple[int, ...]) -> nn.Module:
    """Called once per model with the shape of one input."""
    return RowReader(width=input_shape[-1])


def main(folder: Path) -> None:
    """Group, train the specialised models, keep them as one file, read it back."""
    data = ct.load("digits")
    joint = ct.fit(MODEL, data, record=True, epochs=10, lr=1e-2)
    groups = ct.group(joint.data_map, n_groups=2)
    print(groups)
    models = ct.fit(MODEL, data, weights=groups.weights(), epochs=10, lr=1e-2)
    print(models, "-", models.cost["strategy"], "-", models.cost["strategy_reason"])

    grouped = models.grouped(groups)
    grouped.save(folder / "model.safetensors")
    loaded = ct.GroupedModel.load(folder / "model.safetensors", model=MODEL)
    images = data.inputs[data.split.test[:5]]
    assert torch.equal(loaded(images), grouped(images))
    even = data.tasks.names.index("even")
    print(
        "probability that the first five test digits are even:",
        loaded.predict(images)[:, even].round(decimals=2).tolist(),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/own_model"))
