"""Which epoch is kept, and how a training goes on after a kill."""

import numpy as np
import pytest
import torch

import coterie as ct
from coterie.errors import CoterieError
from coterie.files import read_arrays, write_arrays
from coterie.tasks import task_losses

SETTINGS = {
    "epochs": 8,
    "lr": 0.1,
    "batch_size": 16,
    "model_options": {"hidden": (6,)},
    "strategy": "loop",
}
WEIGHTS = np.array([[1.0, 1.0, 1.0], [3.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


class StoppedError(Exception):
    pass


def stop_at(step):
    def progress(done, total, text):
        if done == step:
            raise StoppedError

    return progress


def coins(n=100, **options):
    """Three coins on noise: with 20 validation examples many epochs score alike."""
    rng = np.random.default_rng(3)
    y = (rng.random((n, 3)) < 0.5).astype(float)
    return ct.load({"inputs": rng.normal(size=(n, 4)), "targets": y}, names=list("abc"), **options)


def always_half(outputs, targets):
    return 0.5


def means(curve):
    """Mean over tasks by the rows' weights, (E, M)."""
    return np.nansum(curve * WEIGHTS, axis=2) / WEIGHTS.sum(1)


@pytest.mark.parametrize("metrics", [None, dict.fromkeys("abc", always_half)])
@pytest.mark.parametrize("seed", range(3))
def test_the_lowest_loss_is_kept_whatever_the_scores(metrics, seed):
    data = coins(metrics=metrics)
    result = ct.fit("mlp", data, WEIGHTS, seed=seed, **SETTINGS)
    loss = means(result.history.validation_loss)
    assert (result.history.best_epoch == loss.argmin(0)).all()
    targets = data.targets[data.split.validation]
    for row, epoch in enumerate(result.history.best_epoch):
        kept = task_losses(
            ct.predict(result.stack, data, data.split.validation)[row], targets, data.tasks
        )
        used = WEIGHTS[row] > 0
        np.testing.assert_allclose(
            kept[used], result.history.validation_loss[epoch, row, used], rtol=1e-5
        )


def test_kept_epochs_are_neither_all_first_nor_all_last():
    result = ct.fit("mlp", coins(), WEIGHTS, **SETTINGS)
    assert (result.history.best_epoch > 0).any()
    assert (result.history.best_epoch < SETTINGS["epochs"] - 1).any()


def test_a_model_without_a_label_in_validation_keeps_its_last_epoch():
    data = coins()
    data.targets[data.split.validation, 2] = torch.nan
    found = ct.fit("mlp", data, WEIGHTS, patience=2, **SETTINGS).history
    assert found.best_epoch[2] == SETTINGS["epochs"] - 1
    assert found.stopped[2] == SETTINGS["epochs"]
    for row in (0, 1):  # of what it has labels of
        loss = means(found.validation_loss[: found.stopped[row]])[:, row]
        assert found.best_epoch[row] == loss.argmin()


@pytest.mark.parametrize("stop", [5, 9, 17, 25])
def test_what_was_best_is_remembered_by_the_checkpoint(tmp_path, stop):
    data = coins()
    whole = ct.fit("mlp", data, WEIGHTS, **SETTINGS)
    with pytest.raises(StoppedError):
        ct.fit("mlp", data, WEIGHTS, checkpoint=tmp_path, progress=stop_at(stop), **SETTINGS)
    resumed = ct.fit("mlp", data, WEIGHTS, checkpoint=tmp_path, **SETTINGS)
    assert (whole.history.best_epoch == resumed.history.best_epoch).all()
    assert all(
        torch.equal(tensor, resumed.stack.state()[name])
        for name, tensor in whole.stack.state().items()
    )


def test_checkpoint_of_a_version_that_chose_otherwise_is_refused(tmp_path):
    data = coins()
    ct.fit("mlp", data, checkpoint=tmp_path, **SETTINGS)
    file = tmp_path / "checkpoint.safetensors"
    arrays, about = read_arrays(file)
    del arrays["best_loss"]
    write_arrays(file, arrays, about)
    with pytest.raises(
        CoterieError, match=r"checkpoint\.safetensors was written by another version.*Delete it"
    ):
        ct.fit("mlp", data, checkpoint=tmp_path, **SETTINGS)


@pytest.mark.parametrize("rows", [0, -1, 2.5, None])
def test_checkpoint_whose_strategy_executes_no_rows_is_refused(tmp_path, rows):
    ct.fit("mlp", coins(), checkpoint=tmp_path, **SETTINGS)
    file = tmp_path / "checkpoint.safetensors"
    arrays, about = read_arrays(file)
    about["strategy"]["rows"] = rows
    write_arrays(file, arrays, about)
    with pytest.raises(
        CoterieError, match=f"not a valid checkpoint: `strategy.rows` must be .*; found {rows}"
    ):
        ct.fit("mlp", coins(), checkpoint=tmp_path, **SETTINGS)
