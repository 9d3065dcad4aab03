"""Your own encoder: a factory of modules that map (B, ...) to features (B, F).

Coterie adds the head.

    python examples/extending/encoder.py
    cd examples/extending; coterie run --model encoder:fourier --data ...

Here random Fourier features (Rahimi and Recht, 2007) before a linear layer. What is no parameter is
a buffer, drawn from torch's seed: then it moves to a device, into files, and is another one in
every model."""

import torch
from torch import Tensor, nn

import coterie as ct
from coterie.testing import check_encoder, planted

FEW = {"repeats": 1, "draws": 1, "baselines": ["random"]}


class Fourier(nn.Module):
    """(B, D) -> (B, F)."""

    def __init__(self, n_inputs: int, n_waves: int, n_features: int) -> None:
        super().__init__()
        self.register_buffer("waves", torch.randn(n_inputs, n_waves))
        self.layer = nn.Linear(2 * n_waves, n_features)

    def forward(self, x: Tensor) -> Tensor:
        phases = x @ self.waves
        return self.layer(torch.cat([phases.sin(), phases.cos()], dim=1)).relu()


def fourier(input_shape: tuple[int, ...], *, n_waves: int = 64, n_features: int = 16) -> nn.Module:
    """Called once per model with the shape of one input."""
    return Fourier(input_shape[0], n_waves, n_features)


def main() -> None:
    print("holds:", ", ".join(check_encoder(fourier, input_shape=(12,))))
    table = planted("disjoint examples")
    settings = {**table.settings, "epochs": 5, "model_options": {"n_waves": 32}}
    result = ct.compare(fourier, table.data, {"true": table.grouping}, seeds=2, **FEW, **settings)
    print(result.findings[0].sentence)


if __name__ == "__main__":
    main()
