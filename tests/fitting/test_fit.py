"""The verb fit: rows are independent, training resumes bit for bit, mistakes are named."""

import numpy as np
import pytest
import torch
from torch import nn

from coterie.data import load
from coterie.engines import LocalEngine
from coterie.errors import CoterieError
from coterie.fitting import OneSeed, _fit, fit, fit_seeds
from coterie.metrics import metric_names, scores, with_metric
from coterie.results import Grouping
from coterie.training import LearntWeights, WeightsProvider, predict

SMALL = {"epochs": 3, "batch_size": 32, "model_options": {"hidden": (16,), "dropout": 0.1}}


@pytest.fixture(scope="module")
def digits():
    return load("digits")


def table(n=240, *, missing=False, seed=0):
    """Three tasks of three kinds on six inputs."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6)).astype(np.float32)
    y = np.stack(
        [x[:, 0] + x[:, 1] > 0, np.digitize(x[:, 2], [-0.5, 0.5]), 3 * x[:, 3] + 10], axis=1
    ).astype(np.float32)
    if missing:
        y[rng.random(y.shape) < 0.4] = np.nan
    kinds = {"a": "binary", "b": "multiclass", "c": "regression"}
    return load({"inputs": x, "targets": y}, names=["a", "b", "c"], kinds=kinds)


def state_equal(one, other):
    return all(torch.equal(tensor, other.state()[name]) for name, tensor in one.state().items())


@pytest.fixture(scope="module", params=["adam", "adamw", "nadam", "sgd"])
def separate(digits, request):
    """Settings and weights of three rows, and a fit of each alone."""
    settings = SMALL | {
        "optimiser": request.param,
        "clip": 1.0,
        "weight_decay": 1e-4,
        "schedule": "cosine",
        "warmup": 0.2,
    }
    weights = np.eye(14)[[0, 3, 13]]
    alone = [fit("mlp", digits, weights[[row]], init=[row + 4], **settings) for row in range(3)]
    return settings, weights, alone


@pytest.mark.parametrize("strategy", ["loop", "vmap"])
def test_stack_of_fits_equals_separate_fits(digits, separate, strategy):
    settings, weights, fits = separate
    together = fit("mlp", digits, weights, strategy=strategy, init=[4, 5, 6], **settings)
    for row, alone in enumerate(fits):
        np.testing.assert_allclose(together.scores[row], alone.scores[0], atol=5e-3)
        np.testing.assert_allclose(
            together.history.train_loss[:, row], alone.history.train_loss[:, 0], atol=1e-3
        )


def test_seed_changes_the_result_and_repeats_it(digits):
    one, again, other = (fit("mlp", digits, seed=seed, **SMALL) for seed in (1, 1, 2))
    assert state_equal(one.stack, again.stack)
    assert not state_equal(one.stack, other.stack)


def test_all_kinds_are_learnt_together():
    result = fit("mlp", table(1500), epochs=30, lr=3e-3, batch_size=64)
    assert (result.scores > [[0.9, 0.8, 0.9]]).all(), result.scores


def test_scores_are_nan_where_weight_is_zero(digits):
    result = fit("mlp", digits, np.eye(14)[:2], **SMALL)
    assert np.isnan(result.scores).sum() == 2 * 13
    assert np.isfinite(result.scores[[0, 1], [0, 1]]).all()
    assert np.isnan(result.history.train_loss).sum() == 3 * 2 * 13


def test_row_with_missing_labels_never_sees_foreign_examples():
    data = table(missing=True)
    spoiled = table(missing=True)
    foreign = spoiled.targets[:, 0].isnan()
    spoiled.inputs[foreign] += 100
    clean, dirty = (
        fit("mlp", d, np.eye(3), keep="last", strategy="loop", **SMALL) for d in (data, spoiled)
    )
    name = "encoder.0.weight"
    assert torch.equal(clean.stack.parameters[name][0], dirty.stack.parameters[name][0])
    assert not torch.equal(clean.stack.parameters[name][1], dirty.stack.parameters[name][1])


def test_row_with_missing_labels_does_not_depend_on_company():
    data = table(missing=True)
    together = fit("mlp", data, np.vstack([np.ones(3), np.eye(3)]), init=[0, 0, 1, 2], **SMALL)
    for row, weights in ((0, np.ones((1, 3))), (1, np.eye(3)[[0]]), (3, np.eye(3)[[2]])):
        alone = fit("mlp", data, weights, init=[max(row - 1, 0)], **SMALL)
        np.testing.assert_allclose(
            together.history.train_loss[:, row], alone.history.train_loss[:, 0], atol=1e-4
        )


class InterruptError(Exception):
    pass


def interrupted_at(step):
    def progress(done, total, text):
        if done == step:
            raise InterruptError

    return progress


@pytest.fixture(scope="module", params=["adam", "nadam", "sgd"])
def uninterrupted(digits, request):
    """Settings, weights of three rows, and their fit."""
    settings = SMALL | {
        "optimiser": request.param,
        "record": 1,
        "snapshots": (1, 2),
        "strategy": "vmap",
    }
    weights = np.vstack([np.ones(14), np.eye(14)[:2]])
    return settings, weights, fit("mlp", digits, weights, **settings)


@pytest.mark.parametrize("stop", [1, 34, 35, 70, 101])
def test_resumed_equals_uninterrupted_bit_for_bit(digits, uninterrupted, tmp_path, stop):
    settings, weights, whole = uninterrupted
    with pytest.raises(InterruptError):
        fit("mlp", digits, weights, checkpoint=tmp_path, progress=interrupted_at(stop), **settings)
    resumed = fit("mlp", digits, weights, checkpoint=tmp_path, **settings)
    assert state_equal(whole.stack, resumed.stack)
    for curve, values in whole.history.arrays().items():
        np.testing.assert_array_equal(values, resumed.history.arrays()[curve])
    for mine, theirs in zip(whole.data_map.snapshots, resumed.data_map.snapshots, strict=True):
        np.testing.assert_array_equal(mine.confidence, theirs.confidence)


def test_resume_in_blocks(tmp_path):
    data = table(missing=True)
    settings = SMALL | {"strategy": "vmap"}  # measured anew it may come out otherwise
    weights = np.vstack([np.ones(3), np.eye(3)])
    whole = fit("mlp", data, weights, **settings)
    with pytest.raises(InterruptError):
        fit("mlp", data, weights, checkpoint=tmp_path, progress=interrupted_at(7), **settings)
    assert state_equal(
        whole.stack, fit("mlp", data, weights, checkpoint=tmp_path, **settings).stack
    )


def test_checkpoint_of_another_training_is_refused(digits, tmp_path):
    fit("mlp", digits, checkpoint=tmp_path, **SMALL)
    with pytest.raises(CoterieError, match="another lr"):
        fit("mlp", digits, checkpoint=tmp_path, lr=0.5, **SMALL)
    with pytest.raises(CoterieError, match="another weights"):
        fit("mlp", digits, np.eye(14)[:1], checkpoint=tmp_path, **SMALL)


def test_damaged_checkpoint_is_named(digits, tmp_path):
    fit("mlp", digits, checkpoint=tmp_path, **SMALL)
    file = tmp_path / "checkpoint.safetensors"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(CoterieError, match=r"checkpoint.safetensors is damaged"):
        fit("mlp", digits, checkpoint=tmp_path, **SMALL)


def test_nan_loss_stops_and_keeps_the_last_checkpoint(tmp_path):
    def breaks(outputs, targets):
        breaks.calls += 1
        return (outputs[..., 0] - targets).square() * (torch.nan if breaks.calls > 12 else 1.0)

    breaks.calls = 0
    rng = np.random.default_rng(0)
    arrays = {"inputs": rng.normal(size=(240, 6)), "targets": rng.normal(size=(240, 2))}
    data = load(arrays, names=["x", "y"], losses={"y": breaks})
    with pytest.raises(
        CoterieError, match=r"task 'y' in model 0 is not finite in epoch 3, step 11"
    ):
        fit("mlp", data, checkpoint=tmp_path, **SMALL)
    assert (tmp_path / "checkpoint.safetensors").exists()


def test_best_epoch_is_kept_per_row(digits):
    result = fit("mlp", digits, np.eye(14)[[0, 13]], **SMALL | {"epochs": 6})
    best = result.history.best_epoch
    curve = result.history.validation_loss[:, [0, 1], [0, 13]]
    np.testing.assert_array_equal(curve.argmin(0), best)
    outputs = predict(result.stack, digits, digits.split.validation)
    score = scores(outputs, digits.targets[digits.split.validation], digits.tasks)
    np.testing.assert_allclose(score[[0, 1], [0, 13]], result.scores[[0, 1], [0, 13]], atol=1e-6)


def test_keep_last(digits):
    result = fit("mlp", digits, keep="last", **SMALL)
    assert result.history.best_epoch.tolist() == [2]


def test_data_map_of_the_training_forward_pass(digits):
    result = fit("mlp", digits, record=True, snapshots=(2,), **SMALL)
    found = result.data_map
    assert found.confidence.shape == (len(digits.split.train), 14)
    assert (found.count == 3).all()
    assert [s.epoch for s in found.snapshots] == [2, 3]
    assert (found.ids == digits.ids[digits.split.train.numpy()]).all()


OVERSHOOTS = SMALL | {"epochs": 8, "lr": 0.01, "seed": 3}


@pytest.fixture(scope="module")
def coins():
    """Labels that can only be learnt by heart: validation is best early, of each row differently."""
    rng = np.random.default_rng(0)
    inputs, labels = rng.normal(size=(240, 6)), rng.random((240, 3)) < 0.5
    return load({"inputs": inputs.astype(np.float32), "targets": labels.astype(np.float32)})


@pytest.fixture(scope="module")
def overshot(coins):
    result = fit("mlp", coins, record=True, **OVERSHOOTS)
    assert 1 < best_epoch(result) < 8
    return result


def best_epoch(result):
    return int(result.history.best_epoch[0]) + 1


def test_a_map_ends_at_the_kept_epoch(coins, overshot):
    found, best = overshot.data_map, best_epoch(overshot)
    assert [each.epoch for each in found.snapshots] == [best]
    shorter = OVERSHOOTS | {"epochs": best, "keep": "last"}
    alone = fit("mlp", coins, record=True, **shorter).data_map
    for name in ("confidence", "variability", "correctness", "count"):
        np.testing.assert_array_equal(getattr(found, name), getattr(alone, name))


@pytest.mark.parametrize(
    ("changed", "epochs"), [({"keep": "last"}, [8]), ({"snapshots": (2, 5)}, [2, 5, 8])]
)
def test_a_map_is_of_all_epochs_where_the_last_is_kept_or_epochs_are_asked_for(
    coins, changed, epochs
):
    found = fit("mlp", coins, record=True, **OVERSHOOTS | changed).data_map
    assert [each.epoch for each in found.snapshots] == epochs


def test_a_map_of_learnt_weights_is_of_all_epochs(coins):
    result = fit("mlp", coins, Learnt(3), record=0, **OVERSHOOTS)
    assert result.data_map.epoch == 8


def test_each_row_has_the_map_of_its_own_best_epoch(coins, overshot):
    settings = OVERSHOOTS | {"strategy": overshot.cost["strategy"].split(",")[0]}
    parts = [OneSeed(seed=seed) for seed in (2, 3)]
    together = fit_seeds("mlp", coins, parts, record=True, **settings)
    epochs = [found.data_map.epoch for found in together]
    assert epochs == [best_epoch(found) for found in together]
    assert epochs[1] == overshot.data_map.epoch != epochs[0]
    np.testing.assert_allclose(
        together[1].data_map.confidence, overshot.data_map.confidence, atol=1e-4
    )


@pytest.mark.parametrize("stop", [3, 20, 30])
def test_a_map_to_the_kept_epoch_is_resumed(coins, overshot, tmp_path, stop):
    settings = OVERSHOOTS | {"strategy": overshot.cost["strategy"].split(",")[0]}
    asked = {"record": True, "checkpoint": tmp_path, **settings}
    with pytest.raises(InterruptError):
        fit("mlp", coins, progress=interrupted_at(stop), **asked)
    resumed = fit("mlp", coins, **asked)
    assert resumed.data_map.epoch == overshot.data_map.epoch
    np.testing.assert_array_equal(resumed.data_map.variability, overshot.data_map.variability)


def test_recording_does_not_change_training(digits):
    assert state_equal(
        fit("mlp", digits, record=True, **SMALL).stack, fit("mlp", digits, **SMALL).stack
    )


def test_map_of_missing_labels_is_nan_there():
    data = table(missing=True)
    result = fit("mlp", data, record=True, **SMALL)
    positions = np.asarray([np.flatnonzero(data.ids == i)[0] for i in result.data_map.ids])
    np.testing.assert_array_equal(
        np.isnan(result.data_map.confidence), data.targets[positions].isnan().numpy()
    )


class Learnt(LearntWeights):
    """Softmax weights that learn, two models."""

    n_rows = 2
    init = "shared"

    def __init__(self, n_tasks):
        self.logits = nn.Parameter(torch.zeros(2, n_tasks))
        self.logits.data[0, 0] = 0.3

    def weights(self, step):
        return self.logits.softmax(0)

    def penalty(self):
        return 0.1 * self.logits.square().sum()

    def parameters(self):
        return [self.logits]

    def settings(self):
        return {"kind": "softmax"}

    def result(self):
        return Grouping(
            tasks=tuple("abc"),
            membership=self.logits.detach().softmax(0).T.numpy(),
            method="learnt",
        )


@pytest.mark.parametrize("strategy", ["loop", "vmap"])
def test_provider_learns_with_the_stack(strategy):
    data = table()
    provider = Learnt(3)
    before = provider.logits.detach().clone()
    result = fit("mlp", data, provider, strategy=strategy, **SMALL)
    assert not torch.equal(before, provider.logits)
    assert result.grouping.method == "learnt"
    np.testing.assert_allclose(result.weights.sum(0), 1, atol=1e-5)
    assert result.history.best_epoch.tolist() == [2, 2]


def test_a_provider_of_the_former_protocol_learns_as_before():
    """When every provider could learn, some of what learning needs was overridden, the rest inherited."""
    methods = {
        name: value for name, value in vars(Learnt).items() if name[:2] + name[-2:] != "____"
    }
    methods["__init__"] = Learnt.__init__
    with pytest.warns(
        DeprecationWarning, match="Former has `parameters`.*subclass .*LearntWeights"
    ):
        former = type("Former", (WeightsProvider,), methods)
    later = type("Later", (former,), {"held_out": 0.2})
    today = type("Today", (Learnt,), {"held_out": 0.2})
    data = table()
    for one, other in ((former(3), Learnt(3)), (later(3), today(3))):
        fits = [fit("mlp", data, each, strategy="loop", **SMALL) for each in (one, other)]
        assert state_equal(*(each.stack for each in fits))
        assert torch.equal(one.logits, other.logits)


def test_weights_that_do_not_learn_need_nothing_of_learning():
    class Fading(WeightsProvider):
        n_rows = 1

        def weights(self, step):
            return torch.ones(1, 3) / (1 + step)

        def settings(self):
            return {}

    assert not hasattr(Fading, "penalty")
    result = fit("mlp", table(), Fading(), strategy="loop", **SMALL)
    assert np.isfinite(result.scores).all()
    assert result.weights.max() < 1 / 10


class Itself(Learnt):
    """W is the parameter itself, and no loss reaches it twice."""

    def __init__(self, n_tasks):
        super().__init__(n_tasks)
        self.seen = []

    def weights(self, step):
        if step:
            self.seen.append(self.logits.grad.clone())
        return self.logits

    def penalty(self):
        return torch.zeros(())


def test_gradients_of_weights_do_not_pile_up():
    provider = Itself(3)
    with torch.no_grad():
        provider.logits.fill_(1.0)
    provider.plain_steps, provider.learning_rate = True, 1e-20
    fit("mlp", table(), provider, **{**SMALL, "lr": 1e-20, "strategy": "loop"})
    assert len(provider.seen) > 5
    assert all(grad.max() < 3 for grad in provider.seen)


def test_provider_resumes_bit_for_bit(tmp_path):
    data = table()
    whole, first, second = Learnt(3), Learnt(3), Learnt(3)
    fit("mlp", data, whole, strategy="loop", **SMALL)
    with pytest.raises(InterruptError):
        fit(
            "mlp",
            data,
            first,
            strategy="loop",
            checkpoint=tmp_path,
            progress=interrupted_at(9),
            **SMALL,
        )
    fit("mlp", data, second, strategy="loop", checkpoint=tmp_path, **SMALL)
    assert torch.equal(whole.logits, second.logits)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epoch": 3}, "Did you mean `epochs`"),
        ({"epochs": 0}, "`epochs` must be a whole number of at least 1"),
        ({"lr": -1.0}, "`lr` must be positive"),
        ({"optimiser": "lion"}, "`optimiser` must be one of 'adam'"),
        ({"warmup": 2.0}, "`warmup`"),
        ({"clip": 0.0}, "`clip`"),
        ({"weights": np.ones((2, 3))}, r"`weights` must have shape \(M, 14\)"),
        ({"weights": np.zeros((1, 14))}, "row 0 is all zero"),
        ({"weights": -np.ones((1, 14))}, "not negative"),
        ({"weights": np.ones((2, 14)), "record": True}, "`record=True` needs one model"),
        ({"record": 4}, "`record` must be a row"),
        ({"snapshots": (2,)}, "`snapshots` are kept of a recorded map"),
        ({"record": True, "epochs": 3, "snapshots": (99,)}, "`snapshots` must be epochs from 1 to"),
        ({"device": "tpu"}, "`device` must be"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_mistakes_are_named_before_training(digits, settings, message):
    with pytest.raises(CoterieError, match=message):
        fit("mlp", digits, **settings)


def test_augment_needs_images():
    with pytest.raises(CoterieError, match="`augment` is for images"):
        fit("mlp", table(), augment=True)


def test_single_task_loss_is_the_same_with_its_own_examples():
    """Disjoint examples.

    The loss is a mean over the row's own labels, not inflated by the others' absence.
    """
    rng = np.random.default_rng(0)
    y = np.full((400, 2), np.nan)
    y[:40, 0], y[40:, 1] = rng.normal(size=40), rng.normal(size=360)
    data = load({"inputs": rng.normal(size=(400, 3)), "targets": y}, names=["rare", "common"])
    result = fit(
        "mlp", data, np.eye(2), lr=1e-9, epochs=2, batch_size=16, model_options={"hidden": (4,)}
    )
    ratio = np.diag(result.history.train_loss[1]) / np.diag(result.history.validation_loss[1])
    assert (ratio < 3).all(), ratio


def test_negligible_weights_do_not_choose_examples():
    data = table(missing=True)
    hard = fit("mlp", data, np.array([[1.0, 0.0, 0.0]]), **SMALL)
    nearly = fit("mlp", data, np.array([[1.0, 1e-9, 0.0]]), **SMALL)
    assert state_equal(hard.stack, nearly.stack)


def test_scores_are_of_the_metric_asked_for(digits):
    outputs = None
    for asked in (None, "balanced accuracy", {"even": "balanced accuracy"}):
        found = fit("mlp", digits, metric=asked, keep="last", **SMALL)
        again = predict(found.stack, digits, digits.split.validation)
        outputs = again if outputs is None else outputs
        torch.testing.assert_close(again, outputs)  # the training does not depend on it
        tasks = with_metric(digits.tasks, asked)
        expected = scores(outputs, digits.targets[digits.split.validation], tasks)
        np.testing.assert_allclose(found.scores, expected, atol=1e-6)
        assert found.metric_names == metric_names(tasks)
    assert set(found.metric_names) == {"AUROC skill", "balanced accuracy skill"}


def test_a_metric_that_cannot_decide_is_refused_before_training(digits, monkeypatch):
    monkeypatch.setattr("coterie.fitting.job.train", lambda *a, **k: pytest.fail("trained"))
    with pytest.raises(CoterieError, match=r"`metric` of the binary task 'even' must be one of"):
        fit("mlp", digits, metric={"even": "R2"}, **SMALL)


def test_own_metric_is_the_score_of_the_kept_epoch():
    calls = []

    def metric(outputs, targets):
        assert outputs.shape[1] == 1
        assert not targets.isnan().any()
        calls.append(len(targets))
        return -len(calls)

    rng = np.random.default_rng(0)
    arrays = {
        "inputs": rng.normal(size=(200, 3)),
        "targets": (rng.random((200, 1)) < 0.5).astype(np.float32),
    }
    result = fit("mlp", load(arrays, names=["a"], metrics={"a": metric}), **SMALL)
    np.testing.assert_array_equal(result.history.validation_score[:, 0, 0], [-1, -2, -3])
    best = result.history.validation_loss[:, 0, 0].argmin()
    assert result.history.best_epoch.tolist() == [best]
    assert result.scores[0, 0] == -1 - best


def test_learnt_weight_of_zero_feels_its_gradient():
    class Switch(Learnt):
        def weights(self, step):
            hard = torch.zeros_like(self.logits)
            hard[0] = 1
            return hard + self.logits - self.logits.detach()

    provider = Switch(3)
    before = provider.logits.detach().clone()
    fit("mlp", table(), provider, **SMALL)
    assert (before[1] != provider.logits[1]).all()


def test_model_broken_by_the_last_step_is_refused(digits):
    with pytest.raises(CoterieError, match=r"model 0 is not finite after epoch 1"):
        fit("mlp", digits, epochs=1, batch_size=4096, lr=1e38, optimiser="sgd")


def test_fitted_stack_is_ready_for_inference(digits):
    stack = fit("mlp", digits, **SMALL).stack
    assert not stack.template.training
    images = digits.inputs[:3]
    assert torch.equal(stack(images), stack(images))


def test_small_supports_are_recorded_once_an_epoch():
    data = table(missing=True)
    result = fit("mlp", data, np.eye(3)[[0]], record=True, **SMALL | {"batch_size": 512})
    assert np.nanmax(result.data_map.count) == 3


@pytest.mark.parametrize("recorded", [True, False])
def test_saved_and_loaded_fit_is_the_same(digits, tmp_path, recorded):
    result = fit("mlp", digits, record=recorded, **SMALL)
    result.save(tmp_path)
    from coterie.results import Fit

    loaded = Fit.load(tmp_path)
    assert not loaded.stack.training
    assert torch.equal(loaded.stack(digits.inputs[:4]), result.stack(digits.inputs[:4]))
    assert state_equal(result.stack, loaded.stack)
    np.testing.assert_array_equal(result.scores, loaded.scores)
    np.testing.assert_array_equal(result.history.train_loss, loaded.history.train_loss)
    assert (loaded.data_map is None) == (not recorded)
    assert torch.equal(
        predict(result.stack, digits, digits.split.test),
        predict(loaded.stack, digits, digits.split.test),
    )


@pytest.mark.parametrize(
    "options",
    [{"precision": "bf16"}, {"channels_last": True}, {"channels_last": False}, {"augment": True}],
)
def test_cnn_options_train_and_repeat(digits, options):
    one, again = (fit("cnn", digits, epochs=1, **options) for _ in range(2))
    assert state_equal(one.stack, again.stack)
    assert np.nanmean(one.scores) > 0.5


def test_loop_and_vmap_agree_on_images_with_dropout(digits):
    weights = np.eye(14)[:2]
    looped, vmapped = (
        fit("cnn", digits, weights, strategy=s, epochs=1, keep="last") for s in ("loop", "vmap")
    )
    np.testing.assert_allclose(looped.history.train_loss, vmapped.history.train_loss, atol=1e-3)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # of torch's own compiler
@pytest.mark.parametrize(
    ("model", "strategy", "precision"),
    [
        ("mlp", "loop", "fp32"),
        ("mlp", "vmap", "fp32"),
        ("cnn", "loop", "fp32"),
        ("cnn", "vmap", "bf16"),
    ],
)
def test_compiled_training_is_the_same(digits, model, strategy, precision):
    weights = np.eye(14)[:2]
    settings = {
        "epochs": 2,
        "batch_size": 256,
        "strategy": strategy,
        "precision": precision,
        "keep": "last",
    }
    plain = fit(model, digits, weights, **settings)
    torch._dynamo.utils.counters.clear()
    compiled = fit(model, digits, weights, compile=True, **settings)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    np.testing.assert_allclose(plain.history.train_loss, compiled.history.train_loss, atol=1e-3)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("strategy", ["loop", "vmap"])
def test_seeds_of_one_stack_are_what_they_are_alone(strategy, missing):
    data = table(missing=missing)
    settings = SMALL | {
        "strategy": strategy,
        "optimiser": "sgd",
        "lr": 0.01,
        "epochs": 8,
        "patience": 2,
        "batch_size": 47,
    }
    weights = [np.eye(3), np.array([[1.0, 1, 0], [0.5, 0, 1]])]
    parts = [
        OneSeed(seed=5, weights=weights[0]),
        OneSeed(seed=6, weights=weights[1], init=[4, 4]),
        OneSeed(seed=5, weights=weights[1]),
    ]
    together = fit_seeds("mlp", data, parts, record=True, snapshots=[2], **settings)
    for part, found in zip(parts, together, strict=True):
        alone = fit(
            "mlp",
            data,
            part.weights,
            init=part.init,
            seed=part.seed,
            record=0,
            snapshots=[2],
            **settings,
        )
        np.testing.assert_allclose(found.scores, alone.scores, atol=1e-4)
        np.testing.assert_array_equal(found.history.best_epoch, alone.history.best_epoch)
        np.testing.assert_allclose(
            found.history.validation_loss, alone.history.validation_loss, atol=1e-4
        )
        np.testing.assert_allclose(found.data_map.confidence, alone.data_map.confidence, atol=1e-4)
        assert [each.epoch for each in found.data_map.earlier] == [2]
        assert [each.epoch for each in alone.data_map.earlier] == [2]
        assert found.data_map.ids.tolist() == alone.data_map.ids.tolist()
        for key in ("steps", "model_steps", "parameters"):
            assert found.cost[key] == alone.cost[key]
        assert found.config == alone.config
        for name, tensor in found.stack.state().items():
            torch.testing.assert_close(tensor, alone.stack.state()[name], atol=1e-4, rtol=1e-4)


def test_blocks_have_a_cap_and_do_not_change_a_row(monkeypatch):
    data, settings = table(), SMALL | {"strategy": "loop"}
    weights = np.repeat(np.eye(3), 2, axis=0)
    whole = fit("mlp", data, weights, record=4, **settings)
    monkeypatch.setattr(_fit, "BLOCK_BYTES", 2 * 20 * whole.stack.n_parameters)
    seen = []

    class Watched(LocalEngine):
        def rows(self, jobs, progress=None):
            seen.extend(job.rows for job in jobs)
            return super().rows(jobs, progress)

    cut = fit("mlp", data, weights, record=4, engine=Watched(), **settings)
    assert seen == [(0, 1), (2, 3), (4, 5)]
    assert state_equal(whole.stack, cut.stack)
    np.testing.assert_array_equal(whole.data_map.confidence, cut.data_map.confidence)
    np.testing.assert_array_equal(whole.scores, cut.scores)
