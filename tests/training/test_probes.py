"""Probes look and leave no trace; a killed training continues with its measurements."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from coterie.affinities import Alignment, AuxiliaryGain, Cosine, Lookahead, TransferGain
from coterie.data import load
from coterie.errors import CoterieError
from coterie.fitting import fit
from coterie.training.optimisers import optimiser_arrays

PROBES = {
    "cosine": Cosine,
    "alignment": Alignment,
    "lookahead": Lookahead,
    "transfer_gain": TransferGain,
    "first-order": lambda **s: TransferGain(pairs="first-order", **s),
    "auxiliary_gain": AuxiliaryGain,
}


def own(input_shape):
    """An encoder of the user's: torch's own dropout, and a layer that is frozen."""
    frozen = nn.Linear(8, 8)
    frozen.requires_grad_(False)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), frozen, nn.Dropout(0.3), nn.ReLU()
    )


MODELS = {
    "mlp": ("mlp", {"model_options": {"hidden": (16,), "dropout": 0.2}}),
    "cnn": ("cnn", {}),
    "own": (own, {}),
}


@pytest.fixture(scope="module")
def digits():
    """160 examples for training, 14 tasks."""
    data = load("digits")
    return replace(
        data,
        split=replace(
            data.split, train=data.split.train[:160], validation=data.split.validation[:80]
        ),
    )


def snapshot(moment):
    stack = moment.stack
    found = {f"state/{name}": tensor for name, tensor in stack.state().items()}
    found |= {f"grad/{name}": p.grad for name, p in stack.parameters.items() if p.grad is not None}
    found |= {
        f"optimiser/{name}": tensor for name, tensor in optimiser_arrays(moment.optimiser).items()
    }
    found |= {f"template/{name}": tensor for name, tensor in stack.template.state_dict().items()}
    found |= {
        f"mode/{name}": torch.tensor(module.training)
        for name, module in stack.template.named_modules()
    }
    found |= {
        "inputs": moment.batch.inputs,
        "targets": moment.batch.targets,
        "random": torch.get_rng_state(),
    }
    requires = {
        f"learns/{name}": torch.tensor(p.requires_grad) for name, p in stack.parameters.items()
    }
    return {name: tensor.detach().clone() for name, tensor in (found | requires).items()}


class Watched:
    """A probe around a probe, that compares everything before and after."""

    def __init__(self, probe):
        self.probe, self.every, self.calls = probe, probe.every, 0

    def on_step(self, moment):
        before = snapshot(moment)
        self.probe.on_step(moment)
        after = snapshot(moment)
        assert before.keys() == after.keys()
        changed = [name for name, tensor in before.items() if not torch.equal(tensor, after[name])]
        assert not changed
        self.calls += 1

    def state(self):
        return self.probe.state()

    def restore(self, arrays):
        self.probe.restore(arrays)


def state_equal(one, other):
    return all(torch.equal(tensor, other.state()[name]) for name, tensor in one.state().items())


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", PROBES)
def test_a_probe_leaves_everything_as_it_was(digits, model, name):
    factory, options = MODELS[model]
    settings = {
        "epochs": 1,
        "batch_size": 40,
        "keep": "last",
        "optimiser": "sgd" if model == "own" else "adam",
        **options,
    }
    watched = Watched(PROBES[name](every=2))
    with_probe = fit(factory, digits, probes=[watched], **settings)
    assert watched.calls == 1
    without = fit(factory, digits, **settings)
    assert state_equal(with_probe.stack, without.stack)
    np.testing.assert_array_equal(with_probe.history.train_loss, without.history.train_loss)


class KilledError(Exception):
    pass


def kill_at(last):
    def progress(step, *_):
        if step == last:
            raise KilledError

    return progress


@pytest.mark.parametrize("name", PROBES)
def test_a_killed_training_continues_its_measurements_bit_for_bit(digits, tmp_path, name):
    settings = {"epochs": 4, "batch_size": 40, **MODELS["mlp"][1]}
    whole = PROBES[name](every=3)
    fit("mlp", digits, probes=[whole], **settings)
    with pytest.raises(KilledError):
        fit(
            "mlp",
            digits,
            probes=[PROBES[name](every=3)],
            checkpoint=tmp_path,
            progress=kill_at(11),
            **settings,
        )
    resumed = PROBES[name](every=3)
    fit("mlp", digits, probes=[resumed], checkpoint=tmp_path, **settings)
    one, other = whole.affinity(), resumed.affinity()
    assert one.details["measurements"] == other.details["measurements"] == 5
    for array in ("matrix", "counts", "stderr"):
        np.testing.assert_array_equal(getattr(one, array), getattr(other, array))
    assert one.cost["model_steps"] == other.cost["model_steps"]
    assert one.details["lookaheads"] == other.details["lookaheads"]


def test_a_finished_training_still_has_its_affinity(digits, tmp_path):
    settings = {"epochs": 1, "batch_size": 40, **MODELS["mlp"][1]}
    first, second = Cosine(every=2), Cosine(every=2)
    fit("mlp", digits, probes=[first], checkpoint=tmp_path, **settings)
    fit("mlp", digits, probes=[second], checkpoint=tmp_path, **settings)
    assert second.affinity().tasks == digits.tasks.names
    np.testing.assert_array_equal(first.affinity().matrix, second.affinity().matrix)


@pytest.mark.parametrize("keep", ["best", "last"])
@pytest.mark.parametrize("name", PROBES)
def test_ending_at_the_best_epoch_is_a_training_that_stopped_there(digits, tmp_path, name, keep):
    settings = {"batch_size": 40, "lr": 0.1, "keep": keep, **MODELS["mlp"][1]}
    probe, again = (PROBES[name](every=1, until="best") for _ in range(2))
    joint = fit("mlp", digits, probes=[probe], checkpoint=tmp_path, epochs=8, **settings)
    best = int(np.nanmean(joint.history.validation_loss[:, 0], axis=1).argmin())
    assert 0 < best < 7
    stopped = PROBES[name](every=1, until="last")
    fit("mlp", digits, probes=[stopped], epochs=best + 1, **settings)
    fit("mlp", digits, probes=[again], checkpoint=tmp_path, epochs=8, **settings)  # it was done
    one, two, three = probe.affinity(), again.affinity(), stopped.affinity()
    for array in ("matrix", "counts", "stderr"):
        np.testing.assert_array_equal(getattr(one, array), getattr(three, array))
        np.testing.assert_array_equal(getattr(one, array), getattr(two, array))
    assert one.details["best_epoch"] == best
    assert one.details["measurements"] > three.details["measurements"]
    assert one.details["drift"] == three.details["drift"]
    assert len(one.details["agreement_by_epoch"]) == 8
    assert one.details["agreement_by_epoch"][: best + 1] == three.details["agreement_by_epoch"]


@pytest.mark.parametrize("other", [[], [Lookahead(every=2)], [Cosine(every=3)]])
def test_a_checkpoint_of_another_measurement_is_refused(digits, tmp_path, other):
    settings = {"epochs": 2, "batch_size": 40, **MODELS["mlp"][1]}
    with pytest.raises(KilledError):
        fit("mlp", digits, probes=other, checkpoint=tmp_path, progress=kill_at(6), **settings)
    with pytest.raises(CoterieError, match="'cosine' with these settings did not ride"):
        fit("mlp", digits, probes=[Cosine(every=2)], checkpoint=tmp_path, **settings)


def test_nothing_measured_is_said(digits):
    probe = Cosine(every=50)
    fit("mlp", digits, probes=[probe], epochs=1, batch_size=40)
    with pytest.raises(
        CoterieError, match="'cosine' measured nothing: the training ended before step 50"
    ):
        probe.affinity()


def test_a_probe_serves_one_set_of_tasks(digits):
    probe = Cosine(every=2)
    settings = {"epochs": 1, "batch_size": 40, **MODELS["mlp"][1]}
    fit("mlp", digits, probes=[probe], **settings)
    other = load(
        {
            "inputs": np.random.default_rng(0).normal(size=(200, 4)),
            "targets": np.eye(2)[[0, 1] * 100],
        }
    )
    with pytest.raises(CoterieError, match="has measured other tasks already"):
        fit("mlp", other, probes=[probe], **settings)


@pytest.mark.parametrize(
    ("weights", "message"),
    [(np.eye(14)[:2], "a stack of 2"), (np.eye(14)[:1] + 1, "all tasks have the same weight")],
)
def test_a_training_that_is_not_joint_is_refused(digits, weights, message):
    with pytest.raises(CoterieError, match=message):
        fit("mlp", digits, weights, probes=[Lookahead(every=1)], epochs=1, batch_size=40)


def test_a_probe_is_called_before_every_so_many_steps_but_the_first(digits):
    class Steps:
        every = 3

        def __init__(self):
            self.seen = []

        def on_step(self, moment):
            self.seen.append((moment.step, moment.learning_rate, tuple(moment.weights.shape)))

        def state(self):
            return {}

        def restore(self, arrays):
            pass

    steps = Steps()
    fit("mlp", digits, probes=[steps], epochs=2, batch_size=40, lr=0.1, warmup=0.5)
    assert steps.seen == [(3, 0.1, (1, 14)), (6, 0.1, (1, 14))]
