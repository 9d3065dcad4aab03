"""From assignment logits to weights (T, K) whose rows sum to 1. Shapes.

``T`` tasks, ``K`` branches.

A pair that was pruned has a logit of minus infinity and weight 0.
"""

from __future__ import annotations

import torch
from torch import Tensor


def gumbel_softmax(logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """A relaxed sample.

    Softmax over branches of (logits + Gumbel noise) / temperature (DMTG, section 1), (T, K).

    >>> sample = gumbel_softmax(torch.zeros(2, 3), 1.0, torch.Generator().manual_seed(0))
    >>> sample.shape, sample.sum(1)
    (torch.Size([2, 3]), tensor([1., 1.]))
    """
    uniform = torch.rand(logits.shape, generator=generator, dtype=torch.float64).clamp(
        1e-12, 1 - 1e-12
    )
    noise = -(-uniform.log()).log()
    return ((logits + noise.to(logits)) / temperature).softmax(1)


def straight_through(soft: Tensor) -> Tensor:
    """One-hot of the largest entry of each row forward, the gradient of ``soft`` backward, (T, K).

    >>> straight_through(torch.tensor([[0.2, 0.8]]))
    tensor([[0., 1.]])
    """
    hard = torch.nn.functional.one_hot(soft.argmax(1), soft.shape[1]).to(soft)
    return hard + (soft - soft.detach())


def binary_entropy(logits: Tensor) -> Tensor:
    """Mean over tasks of the sum over branches of -p log p - (1 - p) log(1 - p), a scalar.

    p = softmax(logits).

    Finite and differentiable for saturated rows too: log(1 - p) is a log-sum over the other
    branches.

    >>> abs(binary_entropy(torch.tensor([[200.0, 0.0, 0.0]])).item()), round(binary_entropy(torch.zeros(1, 2)).item(), 4)
    (0.0, 1.3863)
    """
    n_branches = logits.shape[1]
    if n_branches == 1:
        return logits.sum() * 0.0
    # Large negative instead of minus infinity: a product of zero and infinity has no gradient.
    logits = logits.clamp_min(-1e4)
    log_p = logits.log_softmax(1)
    itself = torch.eye(n_branches, dtype=torch.bool, device=logits.device)
    others = logits.unsqueeze(1).expand(-1, n_branches, -1).masked_fill(itself, -torch.inf)
    log_rest = others.logsumexp(2) - logits.logsumexp(1, keepdim=True)
    return -(log_p.exp() * log_p + log_rest.exp() * log_rest).sum(1).mean()


def imbalance(probabilities: Tensor) -> Tensor:
    """How unevenly tasks (T, K) spread over branches.

    K * sum of squared mean shares - 1, 0 when even, K - 1 when all in one.

    >>> imbalance(torch.eye(2)).item(), imbalance(torch.tensor([[1.0, 0.0], [1.0, 0.0]])).item()
    (0.0, 1.0)
    """
    return probabilities.shape[1] * probabilities.mean(0).square().sum() - 1
