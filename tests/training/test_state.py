"""Models that stop on their own, while the others go on as if nothing had happened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import coterie
from coterie.data import Dataset
from coterie.fitting import fit
from coterie.results import Fit
from coterie.training import LearntWeights

# Settings are those of every test here, and are no literals.
ct: Any = coterie
run: Any = fit

SETTINGS: dict[str, Any] = {
    "epochs": 30,
    "lr": 0.02,
    "batch_size": 32,
    "model_options": {"hidden": (12,), "dropout": 0.2},
}
WEIGHTS = np.array([[1.0, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 2, 1]])


def table(*, missing: bool = False, seed: int = 0, n: int = 160) -> Dataset:
    """A coin, something easy and a number: they stop at different times."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 5)).astype(np.float32)
    y = np.stack([rng.random(n) < 0.5, x[:, 0] + x[:, 1] > 0, x[:, 2] + rng.normal(size=n)], 1)
    y = y.astype(np.float32)
    if missing:
        y[rng.random(y.shape) < 0.3] = np.nan
    kinds = {"coin": "binary", "easy": "binary", "number": "regression"}
    return ct.load({"inputs": x, "targets": y}, names=list(kinds), kinds=kinds)


def curves(found: Fit) -> dict[str, np.ndarray]:
    every = found.history.arrays()
    return {name: every[name] for name in ("train_loss", "validation_loss", "validation_score")}


# What vmap and fused optimisers do with the last numbers of a tensor differs by rounding from what they
# do with those before; a loop and an optimiser of whole operations are the same wherever a row lies.
EXACT: dict[str, Any] = {"strategy": "loop", "optimiser": "nadam"}


def same_until_they_stop(stopping: Fit, longer: Fit, *, exact: bool) -> None:
    """Up to its last epoch each model of one is that of the other, bit for bit or but for rounding."""
    for name, curve in curves(stopping).items():
        for row, end in enumerate(stopping.history.stopped):
            one, other = curve[:end, row], curves(longer)[name][:end, row]
            if exact:
                np.testing.assert_array_equal(one, other, name)
            elif name != "validation_score":
                np.testing.assert_allclose(one, other, rtol=1e-3, err_msg=name)


@pytest.mark.parametrize(
    ("strategy", "optimiser", "missing"),
    [
        ("loop", "nadam", False),
        ("loop", "nadam", True),
        ("loop", "adam", True),
        ("vmap", "adam", False),
        ("vmap", "sgd", True),
    ],
)
def test_models_do_not_notice_who_has_left(strategy: str, optimiser: str, missing: bool) -> None:
    data = table(missing=missing)
    settings = SETTINGS | {"strategy": strategy, "optimiser": optimiser, "clip": 1.0}
    longer = run("mlp", data, WEIGHTS, **settings)
    found = run("mlp", data, WEIGHTS, patience=4, **settings)
    ends = found.history.stopped
    assert len(set(ends)) > 2
    same_until_they_stop(found, longer, exact=EXACT.items() <= settings.items())
    assert (longer.history.stopped == 30).all()
    for name, curve in curves(found).items():
        for row, end in enumerate(ends):
            assert np.isnan(curve[end:, row]).all(), name
            assert np.isfinite(curve[:end, row][:, WEIGHTS[row] > 0]).all(), name


@pytest.mark.parametrize("keep", ["best", "last"])
def test_each_model_ends_as_if_it_had_been_alone(keep: str) -> None:
    data, settings = table(missing=True), SETTINGS | EXACT | {"keep": keep}
    together = run("mlp", data, WEIGHTS, patience=3, init=[0, 1, 2, 3, 4], **settings)
    assert len(set(together.history.stopped)) > 2
    for row, weights in enumerate(WEIGHTS):
        alone = run("mlp", data, weights[None], patience=3, init=[row], **settings)
        assert together.history.stopped[row] == alone.history.stopped[0]
        assert together.history.best_epoch[row] == alone.history.best_epoch[0]
        for name, tensor in alone.stack.state().items():
            assert torch.equal(together.stack.state()[name][row], tensor[0]), name


def test_order_of_models_is_of_no_account() -> None:
    data, order = table(), [3, 0, 4, 2, 1]
    settings = SETTINGS | EXACT | {"patience": 3}
    one = run("mlp", data, WEIGHTS, init=[0, 1, 2, 3, 4], **settings)
    other = run("mlp", data, WEIGHTS[order], init=order, **settings)
    np.testing.assert_array_equal(one.history.stopped[order], other.history.stopped)
    np.testing.assert_array_equal(one.scores[order], other.scores)


def test_images_with_batch_norm_leave_too() -> None:
    data = ct.load("digits", limit=300, targets=["even", "random", "digit 0"])
    settings: dict[str, Any] = {"epochs": 8, "lr": 0.01, "batch_size": 64, **EXACT}
    longer = run("cnn", data, WEIGHTS, **settings)
    found = run("cnn", data, WEIGHTS, patience=1, **settings)
    assert len(set(found.history.stopped)) > 1
    same_until_they_stop(found, longer, exact=True)


@pytest.mark.parametrize("patience", [1, 3, 6])
def test_who_stops_has_waited_as_long_as_was_asked(patience: int) -> None:
    history = run("mlp", table(), WEIGHTS, patience=patience, **SETTINGS).history
    early = history.stopped < 30
    assert early.any()
    np.testing.assert_array_equal((history.stopped - 1 - history.best_epoch)[early], patience)
    assert not history.at_limit[early].any()


def test_a_model_that_is_best_at_its_last_epoch_was_trained_too_short() -> None:
    short = run("mlp", table(), WEIGHTS, **SETTINGS | {"epochs": 2, "lr": 1e-3}).history
    np.testing.assert_array_equal(short.at_limit, short.best_epoch == 1)
    assert short.at_limit.any()


def test_cost_counts_the_steps_of_each_model() -> None:
    data = table(missing=True)
    found = run("mlp", data, WEIGHTS, patience=3, **SETTINGS)
    seen = ~data.targets[data.split.train].isnan().numpy()
    an_epoch = [-(-seen[:, row > 0].any(1).sum() // 32) for row in WEIGHTS]
    assert len(set(an_epoch)) > 1
    np.testing.assert_array_equal(found.cost["steps"], found.history.stopped * an_epoch)
    assert found.cost["model_steps"] == sum(found.cost["steps"])


class StoppedError(Exception):
    pass


@pytest.mark.parametrize(
    ("keep", "optimiser", "share"),
    [
        ("best", "adam", 0.3),
        ("best", "adam", 0.9),
        ("best", "nadam", 0.6),
        ("last", "adam", 0.6),
        ("last", "sgd", 0.9),
    ],
)
def test_resumed_after_some_have_stopped(
    tmp_path: Path, keep: str, optimiser: str, share: float
) -> None:
    settings = SETTINGS | {
        "patience": 3,
        "keep": keep,
        "optimiser": optimiser,
        "strategy": "vmap",
        "record": 0,
    }
    told: list[int] = []
    whole = run("mlp", table(), WEIGHTS, progress=lambda done, *_: told.append(done), **settings)
    kill = int(share * max(told))

    def progress(done: int, *_: object) -> None:
        if done == kill:
            raise StoppedError

    with pytest.raises(StoppedError):
        run("mlp", table(), WEIGHTS, checkpoint=tmp_path, progress=progress, **settings)
    resumed = run("mlp", table(), WEIGHTS, checkpoint=tmp_path, **settings)
    again = run("mlp", table(), WEIGHTS, checkpoint=tmp_path, **settings)  # nothing is left to do
    for found in (resumed, again):
        assert found.cost["steps"] == whole.cost["steps"]
        for name, array in whole.history.arrays().items():
            np.testing.assert_array_equal(array, found.history.arrays()[name])
        for name, tensor in whole.stack.state().items():
            assert torch.equal(tensor, found.stack.state()[name]), name
        np.testing.assert_array_equal(whole.data_map.count, found.data_map.count)
        np.testing.assert_array_equal(whole.data_map.confidence, found.data_map.confidence)


@pytest.mark.parametrize("missing", [False, True])
def test_a_map_is_over_the_epochs_up_to_the_one_that_its_row_keeps(missing: bool) -> None:
    data = table(missing=missing)
    settings = SETTINGS | EXACT | {"patience": 3}
    for row in (0, 1, 3):
        found = run("mlp", data, WEIGHTS, record=row, init=[0] * 5, **settings)
        alone = run("mlp", data, WEIGHTS[[row]], record=True, **settings)
        assert found.data_map.epoch == found.history.best_epoch[row] + 1
        assert found.data_map.epoch < found.history.stopped[row]
        np.testing.assert_array_equal(found.data_map.count, alone.data_map.count)
        np.testing.assert_array_equal(found.data_map.confidence, alone.data_map.confidence)


def test_what_watches_sees_all_models_at_their_places() -> None:
    seen: list[np.ndarray] = []

    class Watch:
        def on_batch(self, position: Any, outputs: Any, targets: Any) -> None:
            seen.append(outputs.isnan().flatten(1).all(1).numpy())

        def on_epoch_end(self, epoch: int) -> None: ...

        def state(self) -> dict[str, np.ndarray]:
            return {}

        def restore(self, arrays: Any) -> None: ...

    found = run("mlp", table(), WEIGHTS, patience=3, observers=[Watch()], **SETTINGS)
    np.testing.assert_array_equal((~np.stack(seen)).sum(0), found.cost["steps"])


class Coupled(LearntWeights):
    """Two rows that share what is learnt, and forget it step by step."""

    n_rows = 2

    def __init__(self) -> None:
        self.logits = nn.Parameter(torch.zeros(2, 3))

    def parameters(self) -> list[nn.Parameter]:
        return [self.logits]

    def weights(self, step: int) -> torch.Tensor:
        return self.logits.softmax(0)

    def settings(self) -> dict[str, object]:
        return {}


def test_learnt_weights_stop_all_models_at_once() -> None:
    settings = SETTINGS | {"epochs": 60, "lr": 0.05}
    found = run("mlp", table(), Coupled(), patience=3, **settings)
    (end,) = set(found.history.stopped)
    assert 4 <= end < 60
    assert (found.history.best_epoch == end - 1).all()
    assert found.cost["steps"] == [end * 3] * 2


def test_epochs_alone_are_trained_to_the_last() -> None:
    found = run("mlp", table(), WEIGHTS, **SETTINGS)
    assert (found.history.stopped == 30).all()


def test_without_epochs_models_train_until_they_are_done() -> None:
    settings = {name: value for name, value in SETTINGS.items() if name != "epochs"}
    told: list[tuple[int, int, str]] = []
    found = run("mlp", table(), progress=lambda *now: told.append(now), **settings)
    limit = ct.training.TrainingConfig(batch_size=32).limit(3)
    (end,) = found.history.stopped
    assert limit.patience is not None
    assert end == found.history.best_epoch[0] + 1 + limit.patience < limit.epochs
    assert told[-1] == (3 * end, 3 * end, f"stopped after epoch {end}")
    assert f"at most {limit.epochs}" in told[0][2]
