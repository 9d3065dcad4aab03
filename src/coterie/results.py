"""The small types that everyone passes around: frozen, named after tasks, saved without pickle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.special import softmax

from coterie.errors import CoterieError
from coterie.files import read_arrays, read_json, write_arrays, write_json

if TYPE_CHECKING:
    from coterie.models import ModelStack
    from coterie.tasks import Tasks

_STATISTICS = ("confidence", "variability", "correctness", "count")


@dataclass(frozen=True, kw_only=True, repr=False)
class DataMap:
    """How each task learnt each training example (Swayamdipta et al. 2020).

    ``confidence`` (mean over epochs), ``variability`` (sample standard deviation), ``correctness`` (share of epochs above
    1/2) and ``count`` (epochs observed) have shape (N, T), float32 or float16, NaN where never observed, where ``count`` is 0.
    ``ids`` (N,) names the examples, ``epoch`` is the number of epochs recorded, ``earlier`` holds snapshots of the same
    run taken before, oldest first.
    """

    tasks: tuple[str, ...]
    kinds: tuple[str, ...]
    ids: np.ndarray
    epoch: int
    confidence: np.ndarray
    variability: np.ndarray
    correctness: np.ndarray
    count: np.ndarray
    earlier: tuple[DataMap, ...] = ()

    @property
    def snapshots(self) -> tuple[DataMap, ...]:
        """Every recorded snapshot, oldest first, this one last."""
        return (*self.earlier, self)

    def save(self, path: str | Path) -> None:
        """Write the map with all its snapshots as one safetensors file."""
        arrays = {f"{s.epoch}/{name}": getattr(s, name) for s in self.snapshots for name in _STATISTICS}
        about = {"tasks": self.tasks, "kinds": self.kinds, "epochs": [s.epoch for s in self.snapshots]}
        ids = self.ids
        if ids.dtype.kind not in "iu":
            about["ids"] = [str(i) for i in ids]
        else:
            arrays["ids"] = ids
        write_arrays(path, arrays, about)

    @classmethod
    def load(cls, path: str | Path) -> DataMap:
        """Read a map written by :meth:`save`."""
        arrays, about = read_arrays(path)
        ids = arrays["ids"] if "ids" in arrays else np.asarray(about["ids"])
        snapshots: list[DataMap] = []
        for epoch in about["epochs"]:
            statistics = {name: arrays[f"{epoch}/{name}"] for name in _STATISTICS}
            last = epoch == about["epochs"][-1]
            snapshots.append(
                cls(tasks=tuple(about["tasks"]), kinds=tuple(about["kinds"]), ids=ids, epoch=epoch,
                    earlier=tuple(snapshots) if last else (), **statistics)
            )  # fmt: skip
        return snapshots[-1]

    def __repr__(self) -> str:
        n, t = self.confidence.shape
        return f"DataMap({n} examples x {t} tasks, epochs {[s.epoch for s in self.snapshots]})"


@dataclass(frozen=True, kw_only=True, repr=False)
class Grouping:
    """Which group serves which task.

    ``membership`` (T, K) sums to 1 over groups. ``distances`` (T, K), where the method has them, are the squared distances
    from tasks to group centres. ``details`` holds what the method wants shown (criterion of "auto", clipped share, ...).
    ``row_weights`` (K, T) overrides the training weights, which are the transposed membership otherwise.
    """

    tasks: tuple[str, ...]
    membership: np.ndarray
    method: str
    fuzziness: float | None = None
    distances: np.ndarray | None = None
    row_weights: np.ndarray | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def n_groups(self) -> int:
        """Number of groups, K."""
        return self.membership.shape[1]

    @property
    def labels(self) -> np.ndarray:
        """Group of largest membership of each task, (T,)."""
        return self.membership.argmax(1)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Names of the tasks whose largest membership is in each group."""
        return tuple(
            tuple(name for name, label in zip(self.tasks, self.labels, strict=True) if label == k) for k in range(self.n_groups)
        )

    def weights(self) -> np.ndarray:
        """Loss weights that train the specialised models, (K, T)."""
        return self.membership.T.copy() if self.row_weights is None else self.row_weights.copy()

    def membership_at(self, fuzziness: float) -> np.ndarray:
        """Membership (T, K) read at another fuzziness from the stored distances.

        Raises:
            CoterieError: the method kept no distances.
        """
        if self.distances is None:
            raise CoterieError(f"Grouping by {self.method!r} has no distances to centres: its membership has one reading only.")
        return fuzzy_membership(self.distances, fuzziness)

    def save(self, path: str | Path) -> None:
        """Write the grouping as JSON."""
        write_json(path, self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON types."""
        as_list = lambda a: None if a is None else np.asarray(a).tolist()  # noqa: E731
        return {
            "tasks": list(self.tasks), "membership": as_list(self.membership), "method": self.method,
            "fuzziness": self.fuzziness, "distances": as_list(self.distances), "row_weights": as_list(self.row_weights),
            "details": dict(self.details),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Rebuild what :meth:`to_dict` gave."""
        as_array = lambda a: None if a is None else np.asarray(a, dtype=np.float64)  # noqa: E731
        return cls(
            tasks=tuple(saved["tasks"]), membership=np.asarray(saved["membership"], dtype=np.float64), method=saved["method"],
            fuzziness=saved["fuzziness"], distances=as_array(saved["distances"]), row_weights=as_array(saved["row_weights"]),
            details=saved["details"],
        )  # fmt: skip

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a grouping written by :meth:`save`."""
        return cls.from_dict(read_json(path))

    def __repr__(self) -> str:
        groups = ", ".join("{" + " ".join(names) + "}" for names in self.groups)
        return f"Grouping({self.method}, {self.n_groups} groups: {groups})"


def fuzzy_membership(distances: np.ndarray, fuzziness: float) -> np.ndarray:
    """Fuzzy membership (T, K) of tasks at squared ``distances`` (T, K) from centres (STG-MTL, section 2).

    u(t, k) = softmax over k of -log(d2(t, k)) / (m - 1), in float64. A task on a centre belongs to it fully, shared
    equally if it sits on several; "on" is relative to the task's largest distance.

    >>> fuzzy_membership(np.array([[1.0, 3.0], [0.0, 2.0]]), 2.0)
    array([[0.75, 0.25],
           [1.  , 0.  ]])
    """
    if not fuzziness > 1:
        raise CoterieError(f"`fuzziness` must be greater than 1; found {fuzziness}.")
    d2 = np.asarray(distances, dtype=np.float64)
    on_centre = d2 <= 1e-12 * d2.max(axis=1, keepdims=True)
    shares = softmax(-np.log(np.where(on_centre, 1.0, d2)) / (fuzziness - 1), axis=1)
    exact = on_centre.any(axis=1, keepdims=True)
    return np.where(exact, on_centre / on_centre.sum(axis=1, keepdims=True).clip(1), shares)


@dataclass(frozen=True, kw_only=True)
class History:
    """Training curves: ``train_loss``, ``validation_loss``, ``validation_score`` of shape (E, M, T), NaN where W = 0.

    ``best_epoch`` (M,) counts from 0 and names the epoch whose state each model keeps. ``learning_rate`` has shape (E,).
    """

    train_loss: np.ndarray
    validation_loss: np.ndarray
    validation_score: np.ndarray
    learning_rate: np.ndarray
    best_epoch: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """The curves by name, for saving."""
        return dict(vars(self))


@dataclass(frozen=True, kw_only=True, repr=False)
class Fit:
    """A trained stack of M models and how it got there.

    ``scores`` (M, T) is the task's metric on validation, higher is better, NaN where W = 0. ``cost`` holds ``seconds``,
    ``model_steps`` (optimiser steps summed over models), ``parameters`` (of one model), ``strategy`` and why it was chosen.
    """

    tasks: Tasks
    weights: np.ndarray
    scores: np.ndarray
    history: History
    stack: ModelStack
    cost: Mapping[str, Any]
    config: Mapping[str, Any]
    data_map: DataMap | None = None
    grouping: Grouping | None = None

    def save(self, folder: str | Path) -> None:
        """Write ``fit.safetensors`` and, where there are any, ``data_map.safetensors`` and ``grouping.json`` into a folder.

        Raises:
            CoterieError: the encoder's factory could not be found again by its name when loading.
        """
        folder, architecture = Path(folder), self.stack.architecture
        architecture.require_importable()
        arrays = {f"stack/{name}": tensor.cpu().numpy() for name, tensor in self.stack.state().items()}
        arrays |= {f"history/{name}": array for name, array in self.history.arrays().items()}
        about = {
            "model": architecture.name, "input_shape": architecture.input_shape, "options": dict(architecture.options),
            "tasks": self.tasks.to_dict(), "cost": dict(self.cost), "config": dict(self.config),
        }  # fmt: skip
        write_arrays(folder / "fit.safetensors", {**arrays, "weights": self.weights, "scores": self.scores}, about)
        if self.data_map is not None:
            self.data_map.save(folder / "data_map.safetensors")
        if self.grouping is not None:
            self.grouping.save(folder / "grouping.json")

    @classmethod
    def load(cls, folder: str | Path, *, model: Any = None) -> Fit:
        """Read what :meth:`save` wrote; ``model`` names the factory if the encoder is not a built-in one.

        Raises:
            CoterieError: a damaged file, or an encoder that ``model`` must provide.
        """
        # Made here only: results know models by name, not the other way round.
        import torch

        from coterie.models import Architecture, ModelStack
        from coterie.models.architecture import trusted
        from coterie.tasks import Tasks

        folder = Path(folder)
        arrays, about = read_arrays(folder / "fit.safetensors")
        tasks = Tasks.from_dict(about["tasks"])
        factory = trusted(about["model"], model, folder / "fit.safetensors")
        architecture = Architecture(factory, tuple(about["input_shape"]), tasks.n_outputs, about["options"])
        part = lambda name: {k.removeprefix(name): a for k, a in arrays.items() if k.startswith(name)}  # noqa: E731
        data_map, grouping = folder / "data_map.safetensors", folder / "grouping.json"
        return cls(
            tasks=tasks, weights=arrays["weights"], scores=arrays["scores"], history=History(**part("history/")),
            stack=ModelStack.from_state(architecture, {k: torch.from_numpy(a) for k, a in part("stack/").items()}),
            cost=about["cost"], config=about["config"],
            data_map=DataMap.load(data_map) if data_map.exists() else None,
            grouping=Grouping.load(grouping) if grouping.exists() else None,
        )  # fmt: skip

    def __repr__(self) -> str:
        m, t = self.weights.shape
        return f"Fit({m} models x {t} tasks, mean score {np.nanmean(self.scores):.3f}, {self.cost['seconds']:.1f} s)"
