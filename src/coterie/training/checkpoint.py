"""What a training has to remember.

Curves, the best state of each model, and how to continue after a kill.

Shapes: ``M`` models, ``T`` tasks, ``E`` epochs done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypedDict

import numpy as np
import torch
from torch import Tensor

from coterie.errors import CoterieError
from coterie.files import naming_damage, read_arrays, write_arrays
from coterie.models import ModelStack, Strategy
from coterie.models.state import require_state
from coterie.results import History
from coterie.schema import arrays_of, least, structure, within
from coterie.training.config import TrainingConfig
from coterie.training.observers import Observer, Probe
from coterie.training.optimisers import learning_rate, optimiser_arrays, restore_optimiser
from coterie.training.weights import WeightsProvider


class _About(TypedDict):
    epoch: Annotated[int, least(0)]
    seconds: Annotated[float, least(0)]
    strategy: Strategy | None
    identity: dict[str, Any]


_CURVES = ("train_loss", "validation_loss", "validation_score")
_BEST = ("best_score", "best_loss", "best_epoch")
_ROUNDING = 1e-12


@dataclass
class TrainingState:
    """State at the end of an epoch. No random state is among it.

    Every draw is a function of seed, step and purpose.
    """

    stack: ModelStack
    optimiser: torch.optim.Optimizer
    provider: WeightsProvider
    observers: Sequence[Observer | Probe]
    config: TrainingConfig
    n_steps: int
    identity: Mapping[str, Any]
    file: Path | None
    epoch: int = 0
    seconds: float = 0.0
    strategy: Strategy | None = None
    curves: dict[str, list[Tensor]] = field(default_factory=lambda: {name: [] for name in _CURVES})
    best: dict[str, Tensor] = field(default_factory=dict)
    best_score: Tensor = field(default_factory=lambda: torch.empty(0))
    best_loss: Tensor = field(default_factory=lambda: torch.empty(0))
    best_epoch: Tensor = field(default_factory=lambda: torch.empty(0))

    @classmethod
    def start(
        cls,
        stack: ModelStack,
        optimiser: torch.optim.Optimizer,
        provider: WeightsProvider,
        observers: Sequence[Observer | Probe],
        config: TrainingConfig,
        n_steps: int,
        identity: Mapping[str, Any],
        folder: Path | None,
    ) -> TrainingState:
        """A new training of ``n_steps`` steps an epoch, or the one that ``folder`` holds, if its ``identity`` is the same."""
        file = None if folder is None else Path(folder) / "checkpoint.safetensors"
        identity = {} if file is None else _as_json({**config.to_dict(), **identity})
        state = cls(stack, optimiser, provider, observers, config, n_steps, identity, file)
        state.best_score = torch.full((stack.n_models,), -torch.inf, dtype=torch.float64)
        state.best_loss = torch.full((stack.n_models,), torch.inf, dtype=torch.float64)
        state.best_epoch = torch.zeros(stack.n_models, dtype=torch.int64)
        if file is not None and file.exists():
            # What a module cannot continue from is the file's fault, whatever it raises.
            with naming_damage(file):
                state._restore(file)
        return state

    @property
    def keeps_best(self) -> bool:
        """Whether each model ends with its best epoch.

        Weights or a stem that learn couple the rows: they keep the last.
        """
        coupled = self.stack.couples_rows or bool(list(self.provider.parameters()))
        return self.config.keep == "best" and not coupled

    def finish_epoch(
        self,
        stack: ModelStack,
        weights: Tensor,
        train_loss: Tensor,
        validation_loss: Tensor,
        score: Tensor,
        seconds: float,
    ) -> None:
        """Add one epoch to the curves, all of shape (M, T), and remember models that are at their best.

        That is the highest mean score; of epochs with the same one, as of few validation examples
        there are many, the lowest mean loss; then the first.
        """
        unused = weights == 0
        for name, values in zip(_CURVES, (train_loss, validation_loss, score), strict=True):
            self.curves[name].append(values.masked_fill(unused, torch.nan).float().cpu())
        share = weights.double().masked_fill(score.isnan(), 0.0)
        # A model without any validation label has no best epoch: it keeps the last.
        mean = _weighted(score, share).nan_to_num(nan=torch.inf)
        loss = _weighted(validation_loss, share).nan_to_num(nan=torch.inf)
        # Means of the same counts in another order differ by rounding.
        tied = torch.isclose(mean, self.best_score, rtol=_ROUNDING, atol=_ROUNDING)
        better = torch.where(tied, loss < self.best_loss, mean > self.best_score) | mean.isinf()
        self.best_score = torch.where(better, mean, self.best_score)
        self.best_loss = torch.where(better, loss, self.best_loss)
        self.best_epoch = torch.where(better, self.epoch, self.best_epoch)
        if self.keeps_best:
            for name, tensor in stack.state().items():
                if len(tensor) != len(better):  # a frozen stem
                    continue
                if name not in self.best:
                    self.best[name] = tensor.clone()
                best = self.best[name]
                mask = better.to(tensor.device).view(-1, *[1] * (tensor.dim() - 1))
                torch.where(mask, tensor, best, out=best)
        self.epoch += 1
        self.seconds += seconds

    def keep_best(self, stack: ModelStack) -> None:
        """Give each model the state of its best epoch."""
        if self.keeps_best:
            stack.load_state(self.best)
        else:
            self.best_epoch = torch.full_like(self.best_epoch, self.epoch - 1)

    @property
    def steps(self) -> int:
        """Optimiser steps done."""
        return self.epoch * self.n_steps

    def history(self) -> History:
        """The curves, (E, M, T)."""
        stacked = {name: torch.stack(values).numpy() for name, values in self.curves.items()}
        all_steps = self.config.epochs * self.n_steps
        rates = [
            learning_rate((epoch + 1) * self.n_steps - 1, all_steps, self.config)
            for epoch in range(self.epoch)
        ]
        return History(
            **stacked, learning_rate=np.asarray(rates), best_epoch=self.best_epoch.numpy()
        )

    def save(self) -> None:
        """Write the checkpoint atomically, if one was asked for."""
        if self.file is None:
            return
        tensors: dict[str, Tensor] = {
            f"stack/{name}": tensor for name, tensor in self.stack.state().items()
        }
        tensors |= {f"best/{name}": tensor for name, tensor in self.best.items()}
        tensors |= {
            f"optimiser/{name}": tensor for name, tensor in optimiser_arrays(self.optimiser).items()
        }
        tensors |= {
            f"provider/{i}": parameter.detach()
            for i, parameter in enumerate(self.provider.parameters())
        }
        tensors |= {
            f"curves/{name}": torch.stack(values) for name, values in self.curves.items() if values
        }
        tensors |= {name: getattr(self, name) for name in _BEST}
        arrays = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
        arrays |= {f"learnt/{name}": array for name, array in self.provider.state().items()}
        for i, observer in enumerate(self.observers):
            arrays |= {f"observer/{i}/{name}": array for name, array in observer.state().items()}
        write_arrays(self.file, arrays, self._about())

    def _about(self) -> dict[str, Any]:
        strategy = None if self.strategy is None else asdict(self.strategy)
        return {
            "epoch": self.epoch,
            "seconds": self.seconds,
            "strategy": strategy,
            "identity": self.identity,
        }

    def _restore(self, file: Path) -> None:
        arrays, saved = read_arrays(file)
        with within(file, "checkpoint"):
            about: _About = structure(saved, _About)
        if about["identity"] != self.identity:
            changed = [
                name
                for name, value in self.identity.items()
                if about["identity"].get(name) != value
            ]
            raise CoterieError(
                f"{file} belongs to a training with another {', '.join(changed)}. Use the same "
                "settings to continue it, "
                "or another folder."
            )
        if not all(name in arrays for name in _BEST):
            raise CoterieError(
                f"{file} was written by another version, which chose epochs otherwise. Delete it "
                "to train anew."
            )
        self.epoch, self.seconds = about["epoch"], about["seconds"]
        self.strategy = about["strategy"]
        parts: dict[str, dict[str, np.ndarray]] = {}
        for key, array in arrays.items():
            part, _, name = key.partition("/")
            parts.setdefault(part, {})[name or part] = array
        as_tensors = lambda part: {  # noqa: E731
            name: torch.from_numpy(a) for name, a in parts.get(part, {}).items()
        }
        with within(file, "checkpoint"):
            own = self.stack.state()
            require_state(as_tensors("stack"), own)
            require_state(
                as_tensors("best"),
                {name: own[name] for name in parts.get("best", {}) if name in own},
            )
            sizes = {"E": self.epoch, "M": self.stack.n_models}
            arrays_of(
                parts.get("curves", {}),
                {name: "f E M T" for name in _CURVES if self.epoch},
                sizes=sizes,
            )
            arrays_of(parts.get("best_score", {}), {"best_score": "f M"}, sizes=sizes)
            arrays_of(parts.get("best_epoch", {}), {"best_epoch": "i M"}, sizes=sizes)
            best_epoch = parts["best_epoch"]["best_epoch"]
            if not (best_epoch.min() >= 0 and best_epoch.max() < max(self.epoch, 1)):
                raise CoterieError(
                    f"`best_epoch` must lie within {self.epoch} epochs; found "
                    f"{best_epoch.tolist()}."
                )
        self.stack.load_state(as_tensors("stack"))
        device = self.stack.device
        self.best = {
            name: torch.empty_like(tensor)
            for name, tensor in self.stack.state().items()
            if name in parts.get("best", {})
        }
        for name, tensor in as_tensors("best").items():
            self.best[name].copy_(tensor.to(device))
        restore_optimiser(self.optimiser, as_tensors("optimiser"))
        with torch.no_grad():
            for i, parameter in enumerate(self.provider.parameters()):
                parameter.copy_(torch.from_numpy(parts["provider"][str(i)]))
        self.provider.restore(parts.get("learnt", {}))
        self.curves |= {
            name: list(values.unbind(0)) for name, values in as_tensors("curves").items()
        }
        for name in _BEST:
            setattr(self, name, torch.from_numpy(parts[name][name]))
        for i, observer in enumerate(self.observers):
            prefix = f"{i}/"
            held = parts.get("observer", {})
            observer.restore(
                {
                    name.removeprefix(prefix): a
                    for name, a in held.items()
                    if name.startswith(prefix)
                }
            )


def _weighted(values: Tensor, share: Tensor) -> Tensor:
    """Mean over tasks of (M, T) by shares (M, T) in float64 on the host, (M,).

    NaN where all shares are 0.
    """
    return ((share * values.double().nan_to_num()).sum(1) / share.sum(1)).cpu()


def _as_json(identity: Mapping[str, Any]) -> dict[str, Any]:
    """What a file would give back, to be compared with what one gives."""
    try:
        return json.loads(json.dumps(identity))
    except TypeError as error:
        raise CoterieError(
            f"`model_options` must be plain JSON types where a checkpoint is written: {error}."
        ) from error
