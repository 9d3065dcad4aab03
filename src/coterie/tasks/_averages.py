"""What an average of several models says.

Shapes: ``B`` examples, ``P`` output columns, ``w`` those of one task, ``k`` members, ``...`` any
leading dimensions such as the models of a stack.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from coterie.tasks._kind import Kind


class Link(NamedTuple):
    """How outputs of one task become what may be averaged, and back: its kind, and w of them."""

    kind: Kind
    width: int


def averaged(outputs: Tensor, links: Sequence[Link]) -> Tensor:
    """The outputs (..., B, P) that say the mean of what k members (..., k, B, P) predict.

    Probabilities, rates and numbers are averaged; without ``links``, one a task, outputs are.

    >>> members = torch.tensor([[[0.0]], [[torch.inf]]])  # probabilities of 1/2 and of 1
    >>> averaged(members, [Link(Kind.BINARY, 1)]).sigmoid()
    tensor([[0.7500]])
    """
    return to_outputs(to_means(outputs, links).mean(-3), links) if links else outputs.mean(-3)


def to_means(outputs: Tensor, links: Sequence[Link]) -> Tensor:
    """What is averaged instead of outputs (..., B, P), such as probabilities."""
    parts = outputs.split([link.width for link in links], dim=-1)
    found = [link.kind.inverse_link(part) for link, part in zip(links, parts, strict=True)]
    return torch.cat(found, dim=-1)


def to_outputs(means: Tensor, links: Sequence[Link]) -> Tensor:
    """Outputs (..., B, P) again, from their averages."""
    parts = means.split([link.width for link in links], dim=-1)
    found = [link.kind.link(part) for link, part in zip(links, parts, strict=True)]
    return torch.cat(found, dim=-1)
