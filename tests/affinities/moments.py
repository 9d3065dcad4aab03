"""Moments of joint trainings on small tables, for probes to look at."""

import numpy as np
import torch
from torch import nn

from coterie.affinities._bench import Bench
from coterie.affinities._steps import Trial
from coterie.data import Batches, load
from coterie.models import Architecture, ModelStack
from coterie.training import Moment, TrainingConfig
from coterie.training.device import Place
from coterie.training.optimisers import make_optimiser
from coterie.training.step import gradient_step
from coterie.training.work import Work

KINDS = ("binary", "multiclass", "regression")
# As TAG and principled grouping were published, and as their definitions are written out.
PUBLISHED = {"step": 1, "scored_on": "train", "normalise": False, "batch_size": None}


def linear(input_shape, width=4):
    return nn.Linear(input_shape[0], width, bias=False)


def smooth(input_shape, width=8):
    """Without BatchNorm and kinks: first-order terms tell everything once steps are small."""
    return nn.Sequential(
        nn.Linear(input_shape[0], width), nn.Tanh(), nn.Linear(width, width), nn.Tanh()
    )


def table(n=100, kinds=("regression",) * 3, *, missing=0.0, order=None, seed=0):
    """Related tasks of the kinds given on six inputs; 60 % are for training.

    ``order`` permutes the tasks.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6)).astype(np.float32)
    scores = x @ rng.normal(size=(6, 2)) @ rng.normal(size=(2, len(kinds))) + 0.5 * rng.normal(
        size=(n, len(kinds))
    )
    makers = {
        "binary": lambda s: s > 0,
        "multiclass": lambda s: np.digitize(s, [-0.7, 0.7]),
        "regression": lambda s: 3 * s + 10,
    }
    y = np.stack([makers[kind](scores[:, t]) for t, kind in enumerate(kinds)], axis=1).astype(
        np.float32
    )
    y[rng.random(y.shape) < missing] = np.nan
    names = [f"{kind}{t}" for t, kind in enumerate(kinds)]
    order = list(range(len(kinds))) if order is None else order
    return load(
        {"inputs": x, "targets": y[:, order]},
        names=[names[t] for t in order],
        kinds={names[t]: kinds[t] for t in order},
    )


def moment_of(
    data, model=linear, *, batch_size=30, warm=0, rows=1, weights=None, step=7, **settings
):
    """The state after ``warm`` steps on the first batch of an epoch, before one on the second."""
    config = TrainingConfig(
        **{"lr": 0.1, "optimiser": "sgd", "batch_size": batch_size, "device": "cpu", **settings}
    )
    place = Place.of("cpu", config.precision)
    architecture = Architecture.of(model, data.input_shape, data.tasks, config.model_options)
    stack = ModelStack.create(architecture, n_models=rows, seed=config.seed)
    stack.train()
    optimiser = make_optimiser(stack, (), config)
    first, second = list(
        Batches(data, data.split.train, batch_size=batch_size, seed=config.seed).epoch(0)
    )[:2]
    weights = torch.ones(rows, len(data.tasks)) / len(data.tasks) if weights is None else weights
    with torch.random.fork_rng():
        for number in range(warm):
            gradient_step(stack, first, weights, data.tasks, number, place)
            optimiser.step()
    return Moment(
        step=step,
        stack=stack,
        rows=torch.arange(rows),
        batch=second,
        weights=weights,
        optimiser=optimiser,
        learning_rate=config.lr,
        data=data,
        tasks=data.tasks,
        seed=step + 1000,
        place=place,
    )


def trial_of(moment, memory=2**30):
    with torch.random.fork_rng():
        return Trial(moment, Bench.of(moment), memory, Work())


def measured(probe, moment):
    """The matrix of one measurement."""
    probe.on_step(moment)
    return probe.running.mean_or_nan()


class ByHand:
    """A linear network f(x) = C A x + b under squared error, float64, its gradients written out."""

    def __init__(self, moment):
        state = {name: tensor[0].double().numpy() for name, tensor in moment.stack.state().items()}
        self.A, self.C, self.b = state["encoder.weight"], state["head.weight"], state["head.bias"]
        self.rate = moment.learning_rate

    def residuals(self, batch, step=None):
        A, C, b = (p - s for p, s in zip((self.A, self.C, self.b), step or (0, 0, 0), strict=True))
        x = batch.inputs.double().numpy()
        return x @ A.T @ C.T + b - batch.targets.double().numpy()

    def losses(self, batch, step=None):
        """Mean squared error of each task (T,)."""
        return (self.residuals(batch, step) ** 2).mean(0)

    def step(self, task, batch):
        """lr times the gradient of one task's loss: (A, C, b)."""
        x, r = batch.inputs.double().numpy(), self.residuals(batch)[:, task]
        one = np.zeros(len(self.b))
        one[task] = 1
        scale = self.rate * 2 / len(x)
        return (
            scale * np.outer(self.C[task], r @ x),
            scale * np.outer(one, r @ (x @ self.A.T)),
            scale * one * r.sum(),
        )


def mixed(*steps_and_weights):
    """Weighted sum of steps."""
    return tuple(sum(w * step[part] for w, step in steps_and_weights) for part in range(3))


def other_half(moment):
    """The training examples outside the training batch, where they are just as many."""
    inside = moment.data.split.train[moment.batch.position]
    rest = [p for p in moment.data.split.train.tolist() if p not in set(inside.tolist())]
    return next(Batches(moment.data, torch.tensor(rest), batch_size=len(rest), seed=0).ordered())
