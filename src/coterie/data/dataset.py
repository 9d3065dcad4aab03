"""The data of a run: inputs, encoded targets, tasks and their split."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import torch
import torch.utils.data
from torch import Tensor

from coterie.data.preprocessing import Preprocessing
from coterie.data.schema import Schema
from coterie.data.shares import check_share
from coterie.data.targets import remeasured
from coterie.errors import CoterieError, require_type, require_whole, shown
from coterie.metrics import Choice, with_metric
from coterie.seeds import MOST_SEED
from coterie.tasks import Tasks

_HASHED_AT_ONCE = 2**24


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Positions of the examples of each part: int64, sorted, disjoint."""

    train: Tensor
    validation: Tensor
    test: Tensor

    def __post_init__(self) -> None:
        """Refuse what are no positions."""
        for name in ("train", "validation", "test"):
            require_type(name, part := getattr(self, name), Tensor)
            if part.dim() != 1 or part.dtype != torch.int64:
                raise CoterieError(
                    f"`{name}` must be a vector of int64; found {part.dtype} of shape "
                    f"{tuple(part.shape)}."
                )

    def __repr__(self) -> str:
        train, validation, test = map(len, (self.train, self.validation, self.test))
        return f"Split({train} train, {validation} validation, {test} test)"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Dataset:
    """N examples with T targets each, ready to train on.

    ``inputs``: (N, F) float32, or (N, C, H, W) uint8, int32 (16-bit images) or float32, or a
    map-style dataset that is streamed. ``targets``: (N, T) float32, encoded (0 or 1, class index,
    standardised value), NaN where missing. ``values``: (N, T) float64, the same before regression
    was standardised; None where no task is a regression. ``tasks`` holds statistics measured on
    ``split.train``. ``ids`` (N,) names the examples. ``notes`` are lines worth printing: what was
    left out, which kinds were chosen. ``rebuild`` makes the same data with another split seed,
    ``fewer`` with a share of the labels, drawn by a seed.
    ``groups`` (N,) numbers the groups of rows that belong together, None where each stands for
    itself.
    """

    inputs: Tensor | torch.utils.data.Dataset
    targets: Tensor
    tasks: Tasks
    split: Split
    ids: np.ndarray
    preprocessing: Preprocessing
    values: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    rebuild: Callable[[int], Dataset] | None = None
    fewer: Callable[[float, int], Dataset] | None = None
    groups: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return (
            tuple(self.inputs.shape[1:])
            if isinstance(self.inputs, Tensor)
            else self.preprocessing.input_shape
        )

    @property
    def schema(self) -> Schema:
        """How the inputs and targets are encoded; a model that is trained on them keeps it."""
        return Schema(self.tasks, self.preprocessing)

    def in_units(self, positions: Tensor) -> Tensor:
        """Return targets (n, T) of the examples at ``positions`` as they were read, float64.

        Regression in its own units.

        Encoded targets are float32, to which a small error is rounding. Where they were replaced
        since, they are what counts.

        >>> from coterie.data import load
        >>> x, y = np.arange(30.0)[:, None], 1e6 + np.arange(60.0).reshape(30, 2) / 7
        >>> data = load({"inputs": x, "targets": y})
        >>> bool((data.in_units(data.split.test).numpy() == y[data.split.test]).all())
        True
        """
        require_positions(positions, self)
        encoded, tasks = self.targets[positions].cpu(), self.tasks.to("cpu")
        decoded = encoded.double() * tasks.std + tasks.mean
        if self.values is None:
            return decoded
        read = torch.from_numpy(self.values[positions.cpu().numpy()].astype(np.float64))
        return torch.where(((read - tasks.mean) / tasks.std).float() == encoded, read, decoded)

    def resplit(self, seed: int) -> Dataset:
        """Return the same data under another random split of the same fractions.

        Preprocessing and task statistics are measured anew on the new training part.

        Raises:
            CoterieError: the split was given by a column, or this data set was not made by
                :func:`load`.
        """
        require_whole("seed", seed, 0, MOST_SEED)
        if self.rebuild is None:
            raise CoterieError("`resplit` needs a random split made by load(); this one was given.")
        return self.rebuild(seed)

    def with_share(self, share: float, seed: int = 0) -> Dataset:
        """Return the same data with a share of the labels of training and validation.

        The test part stays as it is. Examples are left out whole (groups of rows, too), at random;
        smaller shares of one seed lie within larger ones. Every task keeps about its share of the
        labels, and at least one of each class (of numbers, of each half) in either part.
        Preprocessing and task statistics are measured anew on what is left. A resplit of what is
        returned keeps the same share.

        Args:
            share: of the labels of the whole data, above 0 and at most 1.
            seed: tells which labels are kept.

        Raises:
            CoterieError: a share that is none, or this data set was not made by :func:`load`.

        >>> from coterie.data import load
        >>> load("digits").with_share(0.1).split
        Split(108 train, 37 validation, 359 test)
        """
        share = check_share("share", share)
        require_whole("seed", seed, 0, MOST_SEED)
        if self.fewer is None:
            raise CoterieError("`with_share` needs data made by load().")
        return self.fewer(share, int(seed))

    def with_train(self, positions: Tensor) -> Dataset:
        """Return the same data with another training part; validation and test stay.

        Inputs and targets are encoded as they were. What was counted on the training part (shares
        of classes, weights of positives, shares of labels) is counted on the new one.

        Args:
            positions: of the examples that train, (n,) int64.

        Raises:
            CoterieError: they are no positions, one occurs twice or belongs to another part, or a
                task has no label among them, or one label only where there were several.

        >>> from coterie.data import load
        >>> data = load("digits")
        >>> data.with_train(data.split.train[:200]).split
        Split(200 train, 360 validation, 359 test)
        """
        require_positions(positions, self)
        train = positions.sort().values
        if len(train.unique()) < len(train):
            raise CoterieError("`positions` must not hold an example twice.")
        for name in ("validation", "test"):
            taken = torch.isin(train, getattr(self.split, name))
            if taken.any():
                raise CoterieError(
                    f"`positions` must not hold examples of another part; {int(train[taken][0])} is "
                    f"in {name}."
                )
        targets = self.targets[train]
        require_labels(targets, self)
        return replace(
            self,
            tasks=remeasured(self.tasks, targets),
            split=replace(self.split, train=train),
            rebuild=None,
            fewer=None,
        )

    def with_metric(self, metric: Choice | Mapping[str, Choice] | None) -> Dataset:
        """Return the same data, whose models are compared by another metric.

        See :func:`coterie.metrics.with_metric`. None changes nothing, but what the tasks ask for is
        checked all the same.

        Raises:
            CoterieError: no such task or metric, or one that a task's kind lacks.

        >>> from coterie.data import load
        >>> load("digits", targets=["even"]).with_metric("F1").tasks[0].metric
        'F1'
        """
        tasks = with_metric(self.tasks, metric)
        if metric is None:
            return self
        rebuild = self.rebuild and partial(_measured_by, self.rebuild, metric)
        fewer = self.fewer and partial(_measured_by, self.fewer, metric)
        return replace(self, tasks=tasks, rebuild=rebuild, fewer=fewer)

    def fingerprint(self) -> str:
        """Return a hash of inputs, targets, tasks, preprocessing and split, computed once.

        It is hexadecimal.

        A streamed data set is known by its type, size and targets: reading an example may be slow,
        or random (augmentation).
        """
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256()
        for part in (self.targets, self.split.train, self.split.validation, self.split.test):
            _add(digest, part)
        _add(digest, repr([(task.name, task.kind.value, task.classes) for task in self.tasks]))
        for statistic in (
            self.tasks.pos_weight,
            self.tasks.mean,
            self.tasks.std,
            self.tasks.loss_scale,
        ):
            _add(digest, statistic)
        _add(digest, repr(self.preprocessing.to_dict()))
        if isinstance(self.inputs, Tensor):
            _add(digest, self.inputs)
        else:
            _add(digest, repr((type(self.inputs).__name__, len(self), self.input_shape)))
        return digest.hexdigest()

    def __repr__(self) -> str:
        examples = f"{len(self)} examples of shape {self.input_shape}"
        return f"Dataset({examples} x {len(self.tasks)} tasks, {self.split})"


def _measured_by(
    make: Callable[..., Dataset], metric: Choice | Mapping[str, Choice], *how: float
) -> Dataset:
    return make(*how).with_metric(metric)


def require_positions(positions: Tensor, data: Dataset) -> None:
    """Refuse what are no positions of examples, (n,)."""
    require_type("positions", positions, Tensor)
    if positions.dim() != 1 or positions.dtype != torch.int64:
        raise CoterieError(
            "`positions` must be a vector of int64, such as `data.split.test`; found "
            f"{positions.dtype} of shape {tuple(positions.shape)}."
        )
    if len(positions) and not (int(positions.min()) >= 0 and int(positions.max()) < len(data)):
        raise CoterieError(
            f"`positions` must lie in 0 .. {len(data) - 1}; found {shown(positions.tolist())}."
        )


def require_labels(targets: Tensor, data: Dataset) -> None:
    """Refuse labels (n, T) of a training part that lacks those of a task in that of ``data``."""
    before = data.targets[data.split.train]
    for position, task in enumerate(data.tasks):
        found = _n_labels(targets[:, position])
        if found < min(2, _n_labels(before[:, position])):
            what = ("no label", "one label only")[found]
            raise CoterieError(
                f"Task {task.name!r} would have {what} in the training part: take more "
                "examples, or choose them by their labels."
            )


def _n_labels(column: Tensor) -> int:
    """How many different labels a task has, (n,)."""
    return len(column[~column.isnan()].unique())


def _add(digest: hashlib._Hash, part: Tensor | str) -> None:
    if isinstance(part, str):
        digest.update(part.encode())
        return
    digest.update(str(tuple(part.shape)).encode())
    rows = max(1, _HASHED_AT_ONCE // max(1, part[:1].numel() * part.element_size()))
    # In pieces: on a device, or in another memory format, each is a copy.
    for chunk in part.split(rows):
        digest.update(chunk.cpu().contiguous().flatten().view(torch.uint8).numpy().data)
