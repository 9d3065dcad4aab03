"""The recorder as a Lightning callback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from coterie.datamaps.recorder import DataMapRecorder
from coterie.errors import CoterieError
from coterie.tasks import Kind, Task, Tasks, confidence

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
except ModuleNotFoundError as error:
    raise CoterieError("The callback needs Lightning: pip install 'coterie[lightning]'.") from error

# From the user's own batch and outputs.
Extract = Callable[[Any, Any], tuple[Tensor, Tensor, Tensor]]


class DataMapCallback(Callback):
    """Records a data map while a ``lightning.Trainer`` fits.

    The module says where index, logits and targets are: either its ``training_step`` returns a
    mapping with "index" (B,), "logits" (B, P) and "targets" (B, T) beside "loss", or
    ``extract(batch, outputs)`` returns these three from the batch and from what ``training_step``
    returned.

    Args:
        recorder: where to record; examples are numbered as in its ``n_examples``.
        task: all tasks, or the kind that they share (see :func:`coterie.confidence`).
        extract: where the three are, if not in the outputs.

    After fitting, ``callback.recorder.data_map()`` is the map. With several processes each records
    its own examples: :meth:`DataMapRecorder.merge` the recorders. The recorder's state is part of
    Lightning's checkpoints.

    >>> from coterie.datamaps import DataMapRecorder
    >>> callback = DataMapCallback(DataMapRecorder(2, 100), "binary")
    """

    def __init__(
        self,
        recorder: DataMapRecorder,
        task: Task | Tasks | Kind | str,
        extract: Extract | None = None,
    ) -> None:
        super().__init__()
        self.recorder, self.task = recorder, task
        self._extract = extract or _from_outputs

    def on_train_batch_end(
        self,
        trainer: Trainer,  # noqa: ARG002
        pl_module: LightningModule,  # noqa: ARG002
        outputs: object,
        batch: object,
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Record the forward pass that has just trained."""
        index, logits, targets = self._extract(batch, outputs)
        with torch.no_grad():
            self.recorder.update(index, confidence(logits.detach(), targets, self.task))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Close the epoch."""
        self.recorder.end_epoch()

    def state_dict(self) -> dict[str, Tensor]:
        """The recorder's state, as tensors."""
        return {name: torch.from_numpy(value) for name, value in self.recorder.state().items()}

    def load_state_dict(self, state_dict: dict[str, Tensor]) -> None:
        """Continue from a checkpoint."""
        self.recorder.restore({name: value.cpu().numpy() for name, value in state_dict.items()})


def _from_outputs(_batch: object, outputs: object) -> tuple[Tensor, Tensor, Tensor]:
    names = ("index", "logits", "targets")
    if not isinstance(outputs, Mapping) or not set(names) <= set(outputs):
        found = sorted(outputs) if isinstance(outputs, Mapping) else type(outputs).__name__
        raise CoterieError(
            f"`training_step` must return a dict with {', '.join(names)} and loss, or pass "
            f"`extract=`; found {found}."
        )
    return outputs["index"], outputs["logits"], outputs["targets"]
