"""A training on disk, to be continued after a kill.

Shapes: ``M`` models, ``T`` tasks, ``E`` epochs done.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, TypedDict

import numpy as np
import torch
from torch import Tensor

from coterie.errors import CoterieError
from coterie.files import naming_damage, read_arrays, write_arrays
from coterie.models import Strategy
from coterie.models.state import require_state
from coterie.results.histories import CURVES
from coterie.schema import arrays_of, least, structure, within
from coterie.training.optimisers import optimiser_arrays, restore_optimiser
from coterie.training.state import ROWS, TrainingState

Parts = Mapping[str, dict[str, np.ndarray]]


class _About(TypedDict):
    epoch: Annotated[int, least(0)]
    seconds: Annotated[float, least(0)]
    strategy: Strategy | None
    identity: dict[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """One file in ``folder``, written once an epoch; without a folder nothing is kept.

    What is found there is continued if ``identity`` is the same: settings and all else that matters.
    """

    folder: Path | None = None
    identity: Mapping[str, object] = field(default_factory=dict)

    @property
    def file(self) -> Path | None:
        """Where it is, or would be."""
        return None if self.folder is None else self.folder / "checkpoint.safetensors"

    @cached_property
    def told(self) -> dict[str, object]:
        """The identity as the file gives it back, to be compared.

        Raises:
            CoterieError: an option is no JSON type.
        """
        try:
            return json.loads(json.dumps(self.identity))
        except TypeError as error:
            raise CoterieError(
                f"`model_options` must be plain JSON types where a checkpoint is written: {error}."
            ) from error

    def save(self, state: TrainingState) -> None:
        """Write it atomically, if one was asked for."""
        if self.file is None:
            return
        strategy = None if state.strategy is None else asdict(state.strategy)
        about = {"epoch": state.epoch, "seconds": state.seconds, "strategy": strategy}
        self.write(_arrays(state), about)

    def write(self, arrays: Mapping[str, np.ndarray], about: Mapping[str, object]) -> None:
        """Write arrays and all else, JSON types, atomically; nothing without a folder."""
        if self.file is not None:
            write_arrays(self.file, arrays, {**about, "identity": self.told})

    @contextmanager
    def opened(self, kind: type) -> Iterator[tuple[dict[str, np.ndarray], Any] | None]:
        """What :meth:`write` wrote, to be continued from; None if there is nothing.

        Whatever is raised within is said of the file.

        Args:
            kind: a typed dictionary, what else than arrays there is; ``identity`` is in it.

        Raises:
            CoterieError: it belongs to another training, or is damaged.
        """
        told = {} if self.file is None else self.told
        if self.file is None or not self.file.exists():
            yield None
            return
        # What a module cannot continue from is the file's fault, whatever it raises.
        with naming_damage(self.file):
            arrays, saved = read_arrays(self.file)
            with within(self.file, "checkpoint"):
                about = structure(saved, kind)
            self._require_same(about["identity"], told)
            yield arrays, about

    def restore(self, state: TrainingState) -> None:
        """Continue from what the folder holds, if anything.

        Raises:
            CoterieError: it belongs to another training, or is damaged.
        """
        with self.opened(_About) as found:
            if found is None:
                return
            arrays, about = found
            if not all(name in arrays for name in ROWS):
                raise CoterieError(
                    f"{self.file} was written by another version, which chose epochs otherwise. "
                    "Delete it to train anew."
                )
            state.epoch, state.seconds = about["epoch"], about["seconds"]
            state.strategy = about["strategy"]
            parts = _parts(arrays)
            with within(str(self.file), "checkpoint"):
                _check_rows(parts, state)
                for name in ROWS:
                    setattr(state, name, torch.from_numpy(parts[name][name]))
                # Who trained in the last epoch had not left the stack.
                state.narrow(state.trained == state.epoch)
                _check(parts, state)
            _restore(parts, state)

    def _require_same(self, found: Mapping[str, object], told: Mapping[str, object]) -> None:
        if found != told:
            changed = [name for name, value in told.items() if found.get(name) != value]
            raise CoterieError(
                f"{self.file} belongs to a training with another {', '.join(changed)}. Use the "
                "same settings to continue it, or another folder."
            )


def _arrays(state: TrainingState) -> dict[str, np.ndarray]:
    """All that is kept, by the names in the file."""
    kept: dict[str, Mapping[str, Tensor]] = {
        "stack": state.stack.state(),
        "kept": state.kept,
        "optimiser": optimiser_arrays(state.optimiser),
        "provider": {str(i): p.detach() for i, p in enumerate(state.weighing.parameters())},
        "curves": {name: torch.stack(each) for name, each in state.curves.items() if each},
    }
    tensors = {f"{part}/{name}": t for part, named in kept.items() for name, t in named.items()}
    tensors |= {name: getattr(state, name) for name in ROWS}
    arrays = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
    arrays |= {f"learnt/{name}": array for name, array in state.weighing.state().items()}
    for i, watcher in enumerate(state.watching):
        arrays |= {f"observer/{i}/{name}": array for name, array in watcher.state().items()}
    return arrays


def _parts(arrays: Mapping[str, np.ndarray]) -> Parts:
    """Arrays by what stands before the first slash of their names."""
    parts: dict[str, dict[str, np.ndarray]] = {}
    for key, array in arrays.items():
        part, _, name = key.partition("/")
        parts.setdefault(part, {})[name or part] = array
    return parts


def _tensors(parts: Parts, part: str) -> dict[str, Tensor]:
    return {name: torch.from_numpy(array) for name, array in parts.get(part, {}).items()}


def _check(parts: Parts, state: TrainingState) -> None:
    """Refuse what is no state of this training after so many epochs."""
    require_state(_tensors(parts, "stack"), state.stack.state())
    kept, all_models = parts.get("kept", {}), state.whole.state()
    require_state(_tensors(parts, "kept"), {n: all_models[n] for n in kept if n in all_models})
    curves = {name: "f E M T" for name in CURVES if state.epoch}
    arrays_of(parts.get("curves", {}), curves, sizes=_sizes(state))


def _check_rows(parts: Parts, state: TrainingState) -> None:
    """Refuse what is told of each model if it cannot be after so many epochs."""
    for name in ROWS:
        layout = "f M" if name == "best_loss" else "i M"
        arrays_of(parts[name], {name: layout}, sizes=_sizes(state))
    best_epoch, trained = parts["best_epoch"]["best_epoch"], parts["trained"]["trained"]
    if not (trained.min() >= min(state.epoch, 1) and trained.max() == state.epoch):
        raise CoterieError(
            f"`trained` must lie within {state.epoch} epochs, which one model trained; found "
            f"{trained.tolist()}."
        )
    if not (best_epoch.min() >= 0 and best_epoch.max() < max(state.epoch, 1)):
        raise CoterieError(
            f"`best_epoch` must lie within {state.epoch} epochs; found {best_epoch.tolist()}."
        )


def _sizes(state: TrainingState) -> dict[str, int]:
    return {"E": state.epoch, "M": state.whole.n_models}


def _restore(parts: Parts, state: TrainingState) -> None:
    """Put everything back, in the memory layout that it has here."""
    kept, all_models = _tensors(parts, "kept"), state.whole.state()
    state.stack.load_state(_tensors(parts, "stack"))
    state.kept = {name: torch.empty_like(all_models[name]) for name in kept}
    for name, tensor in kept.items():
        state.kept[name].copy_(tensor)
    restore_optimiser(state.optimiser, _tensors(parts, "optimiser"))
    with torch.no_grad():
        for i, parameter in enumerate(state.weighing.parameters()):
            parameter.copy_(torch.from_numpy(parts["provider"][str(i)]))
    state.weighing.restore(parts.get("learnt", {}))
    state.curves |= {
        name: list(values.unbind(0)) for name, values in _tensors(parts, "curves").items()
    }
    held = parts.get("observer", {})
    for i, watcher in enumerate(state.watching):
        prefix = f"{i}/"
        watcher.restore(
            {n.removeprefix(prefix): a for n, a in held.items() if n.startswith(prefix)}
        )
