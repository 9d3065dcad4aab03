"""The network of MTG-Net: attention over task embeddings reads off the gains of a group's members.

Shapes: ``B`` groups, ``T`` tasks, ``H`` width of an embedding.
"""

from __future__ import annotations

from copy import deepcopy
from math import sqrt

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

TEMPERATURE, LEARNING_RATE, WEIGHT_DECAY, PATIENCE, SNAPSHOTS = 0.2, 0.007, 5e-4, 5, 2
_CHUNK = 1024


class GainNet(nn.Module):
    """Predicts the gain of each member of a group."""

    def __init__(self, n_tasks: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(n_tasks, hidden))
        self.layers = nn.ModuleList(_Attention(hidden) for _ in range(layers))
        self.gain = nn.Linear(hidden, 1)

    def forward(self, members: Tensor) -> Tensor:
        """Gains (B, T) of the groups ``members`` (B, T), of no meaning outside a group."""
        x = self.embedding.expand(len(members), -1, -1)
        for layer in self.layers:
            x = layer(x, members)
        return self.gain(x).squeeze(-1)


class _Attention(nn.Module):
    """One transformer layer with a single head, normalised after each half."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.queries_keys_values = nn.Linear(hidden, 3 * hidden)
        self.out = nn.Linear(hidden, hidden)
        self.feed = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, hidden))
        self.norm, self.feed_norm = nn.LayerNorm(hidden), nn.LayerNorm(hidden)

    def forward(self, x: Tensor, members: Tensor) -> Tensor:
        """(B, T, H) to (B, T, H); tasks outside the group are not attended to."""
        query, key, value = self.queries_keys_values(x).chunk(3, dim=-1)
        logits = query @ key.transpose(1, 2) / (TEMPERATURE * sqrt(x.shape[-1]))
        attention = logits.masked_fill(~members[:, None, :], -torch.inf).softmax(-1)
        x = self.norm(x + self.out(attention @ value))
        return self.feed_norm(x + self.feed(x))


def train(net: GainNet, members: Tensor, gains: Tensor, max_epochs: int) -> list[GainNet]:
    """Least absolute error on the members by full-batch Adam.

    Copies of the states of least training loss.
    """
    optimiser = torch.optim.Adam(
        net.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True
    )
    best: list[tuple[float, int, Tensor]] = []
    least, waited = float("inf"), 0
    for epoch in range(max_epochs):
        loss = (net(members) - gains)[members].abs().mean()
        value = loss.item()
        if len(best) < SNAPSHOTS or value < best[-1][0]:
            state = parameters_to_vector(net.parameters()).detach()
            best = sorted([*best, (value, epoch, state)], key=lambda entry: entry[:2])[:SNAPSHOTS]
        waited = 0 if value < least else waited + 1
        least = min(least, value)
        if waited >= PATIENCE:
            break
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    copies = [deepcopy(net).requires_grad_(False) for _ in best]
    for copy, (_, _, state) in zip(copies, best, strict=True):
        vector_to_parameters(state, copy.parameters())
    return copies


def gains_of(snapshots: list[GainNet], members: np.ndarray) -> np.ndarray:
    """Mean prediction (B, T) of several states."""
    rows = torch.from_numpy(members)
    with torch.no_grad():
        parts = [
            torch.stack([net(part) for net in snapshots]).mean(0) for part in rows.split(_CHUNK)
        ]
    return torch.cat(parts).double().numpy()
