"""What an update of a recorder brings: checked, and in rounds without repeated examples."""

from __future__ import annotations

import torch
from torch import Tensor

from coterie.errors import CoterieError, blame


def as_tensor(name: str, value: object) -> Tensor:
    """What a user gave as a tensor of real numbers.

    Raises:
        CoterieError: it is none.
    """
    with blame(f"`{name}` must be a tensor or an array"):
        found = torch.as_tensor(value)
    if found.is_complex():
        raise CoterieError(f"`{name}` must hold real numbers; found {found.dtype}.")
    return found


def check_update(
    index: Tensor, confidence: Tensor, observed: Tensor | None, *, n_examples: int, n_tasks: int
) -> None:
    """Refuse shapes that do not fit together, and examples that there are not.

    Raises:
        CoterieError: naming what was found.
    """
    if index.dim() != 1 or index.is_floating_point() or index.dtype == torch.bool:
        raise CoterieError(
            f"`index` must be a vector of integers (B,); found {index.dtype} of shape "
            f"{tuple(index.shape)}."
        )
    wanted = (len(index), n_tasks)
    if tuple(confidence.shape) != wanted:
        raise CoterieError(
            f"`confidence` must have shape {wanted}, (B, T); found {tuple(confidence.shape)}."
        )
    if observed is not None and (tuple(observed.shape) != wanted or observed.dtype != torch.bool):
        raise CoterieError(
            f"`observed` must be bool of shape {wanted}; found {observed.dtype}, "
            f"{tuple(observed.shape)}."
        )
    if len(index) and (int(index.min()) < 0 or int(index.max()) >= n_examples):
        raise CoterieError(
            f"`index` must lie in 0 .. {n_examples - 1}; found {int(index.min())} to "
            f"{int(index.max())}."
        )


def rounds(index: Tensor) -> list[Tensor | None]:
    """Split a batch into rounds without repeated examples: a scatter would keep only one of them.

    None: all rows.
    """
    order = index.argsort(stable=True)
    ordered = index[order]
    new = torch.ones_like(ordered, dtype=torch.bool)
    new[1:] = ordered[1:] != ordered[:-1]
    if bool(new.all()):
        return [None]
    place = torch.arange(len(index), device=index.device)
    occurrence = place - torch.where(new, place, 0).cummax(0).values
    return [order[occurrence == k] for k in range(int(occurrence.max()) + 1)]
