"""Checks of a kind of target of your own."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from coterie.data import Dataset, load
from coterie.fitting import fit
from coterie.metrics import METRICS, metrics_of
from coterie.models import GroupedModel
from coterie.tasks import KINDS, Kind, Tasks, confidence, example_losses, task_losses
from coterie.testing._checks import Suite, require
from coterie.testing._world import SETTINGS, require_close, tensor
from coterie.training.config import TrainingSettings

_N, _N_INPUTS = 240, 5
_Cells = Sequence[object] | np.ndarray | pd.Series | pd.Categorical


def check_kind(
    subject: Kind,
    *,
    labels: _Cells | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """Check a kind of target.

    An object of a subclass of :class:`coterie.tasks.Kind` that was registered.

    Two tasks of the kind stand beside a regression. The checks, in order: *name*, *labels*,
    *losses*, *tasks apart*, *missing labels*, *confidences*, *constant*, *said*, *metrics*, *link*,
    *predictions*, *training*; :func:`checks_of` tells what each one says.

    Args:
        subject: what to check.
        labels: 240 cells as a source may hold them, a list or a pandas series; by default classes a
            to d in their order (a and b for a kind with a positive class), or whole numbers from 0.
        expected_failures: by check, the reason why it fails; such a check must fail.

    Returns:
        Names of the checks that hold.

    Raises:
        CheckFailed: one does not hold.

    >>> check_kind(Kind.COUNT)[:3]
    ('name', 'labels', 'losses')
    """
    return _SUITE.run(subject, expected_failures, labels=labels)


class _Kind:
    """A kind with data of two tasks of it and a regression."""

    def __init__(self, subject: Kind, labels: _Cells | None = None) -> None:
        self.subject, self.labels = subject, labels

    @cached_property
    def data(self) -> Dataset:
        """Inputs say something about the labels: rows are sorted by both, and shaken."""
        rng = np.random.default_rng(0)
        column = pd.Series(
            _labels(self.subject, rng) if self.labels is None else self.labels
        ).reset_index(drop=True)
        column = column.sort_values(ignore_index=True)
        inputs = rng.normal(size=(len(column), _N_INPUTS)).astype(np.float32)
        inputs[:, 0] = np.sort(inputs[:, 0]) + 0.2 * rng.normal(size=len(column))
        frame = pd.DataFrame(
            {
                "own": column,
                "own again": column.iloc[::-1].reset_index(drop=True),
                "number": inputs[:, 1],
            }
        )
        mixed = rng.permutation(len(column))
        gaps = rng.random(len(column)) < 0.2
        frame["own again"] = frame["own again"].mask(gaps)
        kinds = {"own": str(self.subject), "own again": str(self.subject), "number": "regression"}
        return load({"inputs": inputs[mixed], "targets": frame.iloc[mixed]}, kinds=kinds)

    @property
    def tasks(self) -> Tasks:
        """Of the data."""
        return self.data.tasks

    def outputs(self, scale: float = 1.0) -> Tensor:
        """Outputs (N, P) that know nothing."""
        return scale * torch.randn(
            len(self.data), self.tasks.n_outputs, generator=torch.Generator().manual_seed(0)
        )

    def alone(self) -> list[tuple[int, slice, Tasks]]:
        """Position, output columns, and tasks of its own for each task."""
        return [(t, self.tasks.columns[t], _only(self.tasks, t)) for t in range(len(self.tasks))]


_SUITE = Suite("kind", _Kind)


@_SUITE.check
def name(kind: _Kind) -> None:
    """It is registered, goes by its name, and is the same object after a file."""
    found = KINDS.get(str(kind.subject))
    require(
        found is kind.subject,
        f"coterie.tasks.register to have made {str(kind.subject)!r} known",
        found,
    )
    text = json.loads(json.dumps([kind.subject]))
    require(text == [kind.subject], f"the name {str(kind.subject)!r} in JSON", text)
    require(
        pickle.loads(pickle.dumps(kind.subject)) is kind.subject,  # noqa: S301
        "the same object after pickle",
        "another one",
    )


@_SUITE.check
def labels(kind: _Kind) -> None:
    """Labels are read as one finite number a cell, gaps as NaN, with classes that fit."""
    targets, task = kind.data.targets, kind.tasks[0]
    require(bool(targets[:, 0].isfinite().all()), "a finite number for each label", targets[:, 0])
    require(bool(targets[:, 1].isnan().any()), "NaN for each gap", "none")
    require(kind.subject.fits(task.classes), "classes that fit the kind", task.classes)


@_SUITE.check
def losses(kind: _Kind) -> None:
    """Losses and their gradients are finite, also where outputs are 0 or far off."""
    for scale in (0.0, 1.0, 100.0):
        outputs = kind.outputs(scale).requires_grad_()
        loss = task_losses(outputs, kind.data.targets, kind.tasks)
        require(
            loss.shape == (len(kind.tasks),),
            f"a loss of each of {len(kind.tasks)} tasks",
            tuple(loss.shape),
        )
        (gradient,) = torch.autograd.grad(loss.sum(), outputs)
        require(
            bool(loss.isfinite().all()),
            f"finite losses of outputs of scale {scale:g}",
            loss.tolist(),
        )
        require(
            bool(gradient.isfinite().all()),
            f"finite gradients of outputs of scale {scale:g}",
            "others",
        )


@_SUITE.check
def tasks_apart(kind: _Kind) -> None:
    """Tasks together have the losses and confidences that each has alone."""
    outputs, targets = kind.outputs(), kind.data.targets
    loss, sure = (
        example_losses(outputs, targets, kind.tasks),
        confidence(outputs, targets, kind.tasks),
    )
    for t, columns, alone in kind.alone():
        own, y = outputs[:, columns], targets[:, t : t + 1]
        known = ~y[:, 0].isnan()
        require_close(
            loss[known, t].numpy(),
            example_losses(own, y, alone)[known, 0].numpy(),
            "the loss of a task alone",
            1e-5,
        )
        require_close(
            sure[known, t].numpy(),
            confidence(own, y, alone)[known, 0].numpy(),
            "its confidence alone",
            1e-5,
        )


@_SUITE.check
def missing_labels(kind: _Kind) -> None:
    """What is predicted where a label is missing has no influence on losses."""
    outputs, targets = kind.outputs(), kind.data.targets
    missing, other = targets[:, 1].isnan(), kind.outputs()
    other[missing, kind.tasks.columns[1]] = 7.0
    one, two = (task_losses(each, targets, kind.tasks) for each in (outputs, other))
    require(
        torch.equal(one, two),
        "the same losses whatever is predicted for missing labels",
        two.tolist(),
    )


@_SUITE.check
def confidences(kind: _Kind) -> None:
    """Confidence lies between 0 and 1."""
    for scale in (0.0, 1.0, 100.0):
        sure = confidence(kind.outputs(scale), kind.data.targets, kind.tasks)
        sure = sure[~kind.data.targets.isnan()]
        require(
            bool(((sure >= 0) & (sure <= 1)).all()),
            "confidences from 0 to 1",
            (float(sure.min()), float(sure.max())),
        )


@_SUITE.check
def constant(kind: _Kind) -> None:
    """No constant output has less loss than the one that is said to be best."""
    # Where statistics were measured.
    task, y = _only(kind.tasks, 0), kind.data.targets[kind.data.split.train, 0]
    best = kind.subject.constant(y, len(task[0].classes), float(task.pos_weight[0]))
    require(
        tuple(best.shape) == (task[0].width,),
        f"a constant of shape ({task[0].width},)",
        tuple(best.shape),
    )
    best = best.double().requires_grad_()
    loss = example_losses(best.expand(len(y), -1), y.double()[:, None], task).mean()
    (gradient,) = torch.autograd.grad(loss, best)
    require(
        bool((gradient.abs() < 1e-3).all()),
        "a loss that is flat at the best constant",
        f"the gradient {gradient.tolist()}",
    )


@_SUITE.check
def said(kind: _Kind) -> None:
    """What is said is a number for each example; of classes one of them, whose probabilities add up."""
    task, columns, subject = kind.tasks[0], kind.tasks.columns[0], kind.subject
    own = torch.stack([kind.outputs(), kind.outputs(2.0)])[..., columns]
    found = subject.said(own, kind.tasks, 0)
    require(tuple(found.shape) == (2, len(kind.data)), f"{(2, len(kind.data))}", tuple(found.shape))
    broken = subject.said(torch.full_like(own, torch.nan), kind.tasks, 0)
    require(bool(broken.isnan().all()), "NaN where outputs are NaN", broken)
    if not subject.has_classes:
        return
    n_classes = max(2, len(task.classes))
    require(bool(torch.isin(found, torch.arange(n_classes)).all()), "codes of classes", found)
    total = subject.log_probabilities(own, kind.tasks, 0).exp().sum(-1)
    require_close(total.numpy(), np.ones(total.shape), "probabilities that add up to 1", 1e-4)


@_SUITE.check
def metrics(kind: _Kind) -> None:
    """The metric by which it is compared is known; all are defined, and none without examples."""
    wanted = kind.subject.metric_name
    require(wanted in METRICS, f"{wanted!r} among coterie.metrics.METRICS", list(METRICS))
    require(METRICS[wanted].margin is not None, "a metric with a margin, to compare by", wanted)
    y, own = kind.data.targets[:, 0], kind.outputs()[None, :, kind.tasks.columns[0]]
    for metric in metrics_of(kind.subject):
        (value,) = metric.values(own, y, kind.tasks, 0).tolist()
        require(np.isfinite(value), f"{metric.name}, a number", value)
        (none,) = metric.values(own[:, :0], y[:0], kind.tasks, 0).tolist()
        require(np.isnan(none), f"{metric.name} of no examples, NaN", none)


@_SUITE.check
def link(kind: _Kind) -> None:
    """What models average can be turned back into outputs of the same average."""
    own = kind.outputs()[:, kind.tasks.columns[0]].double()
    several = kind.subject.link(kind.subject.inverse_link(torch.stack([own, 2 * own])))
    require(several.shape == (2, *own.shape), f"{(2, *own.shape)} of two models", several.shape)
    means = kind.subject.inverse_link(own)
    again = kind.subject.inverse_link(kind.subject.link(means))
    require_close(
        means.numpy(), again.numpy(), "the same averages after `link` and `inverse_link`", 1e-4
    )


@_SUITE.check
def predictions(kind: _Kind) -> None:
    """Predictions have the columns that are announced, with a meaning and a cell an example."""
    task, columns = kind.tasks[0], kind.tasks.columns[0]
    values = kind.subject.predict(kind.outputs()[:, columns], kind.tasks, 0)
    announced = kind.subject.n_predictions(task.classes)
    require(
        values.shape[1] == announced == len(kind.subject.meanings(task)),
        f"{announced} columns",
        tuple(values.shape),
    )
    cells = [len(column) for column in kind.subject.columns(values, task)]
    wanted = [len(values)] * (2 if kind.subject.has_likelihood else 1)
    require(cells == wanted, f"columns of {wanted} cells in a table", cells)


@_SUITE.check
def estimates(kind: _Kind) -> None:
    """What models of other families estimate is what is predicted of their outputs."""
    tasks, rng = kind.tasks, np.random.default_rng(0)
    mean, std = float(tasks.mean[0]), float(tasks.std[0])
    match kind.subject.estimand:
        case None:
            return
        case "class":
            n_classes = len(tasks[0].classes) or 2
            told = wanted = rng.dirichlet(np.ones(n_classes), 50) * 0.9 + 0.1 / n_classes
            told = np.log(told)
            wanted = wanted[:, -kind.subject.n_predictions(tasks[0].classes) :]
        case "mean":
            told = rng.normal(size=(50, 1))
            wanted = told * std + mean
        case "rate":
            told = rng.normal(size=(50, 1))
            wanted = np.exp(told) * std + mean
    outputs = kind.subject.from_estimates(torch.from_numpy(told), tasks.pos_weight[0])
    found = kind.subject.predict(outputs, tasks, 0)
    require_close(wanted, found.numpy(), "what was estimated, from `from_estimates`", 1e-4)


@_SUITE.check
def training(kind: _Kind) -> None:
    """A model learns it.

    The training loss falls well below that of the best constant, and predictions are finite.
    """
    settings: TrainingSettings = {
        **SETTINGS,
        "epochs": 30,
        "optimiser": "adam",
        "lr": 0.02,
        "model_options": {"hidden": (8,)},
    }
    found = fit("mlp", kind.data, **settings)
    # As a share of the constant's, since kinds are mixed.
    last = float(found.history.train_loss[-1, 0, 0])
    require(
        last < 0.95,
        "less than .95 of the loss of the best constant after 30 epochs",
        f"{last:.3g} of it",
    )
    model = GroupedModel.from_stack(
        found.stack, np.ones((3, 1)), kind.tasks, kind.data.preprocessing
    )
    told = model.predict(tensor(kind.data.inputs)[kind.data.split.test])
    require(bool(torch.as_tensor(told).isfinite().all()), "finite predictions", "others")


def _labels(kind: Kind, rng: np.random.Generator) -> _Cells:
    if not kind.has_classes:
        return rng.poisson(4, _N)
    names = list("ab" if kind.has_positive else "abcd")
    return pd.Categorical(rng.choice(names, _N), categories=names, ordered=True)


def _only(tasks: Tasks, position: int) -> Tasks:
    """One task with its statistics."""
    statistics = ("pos_weight", "mean", "std", "observed_share", "loss_scale")
    one = {name: getattr(tasks, name)[[position]] for name in statistics}
    return Tasks(items=(tasks[position],), priors=(tasks.priors[position],), **one)
