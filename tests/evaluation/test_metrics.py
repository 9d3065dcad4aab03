"""The full set of metrics against scikit-learn, with gaps, rare classes, NaN and one's own."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from coterie.errors import CoterieError
from coterie.evaluation.metrics import all_metrics
from coterie.metrics import scores, with_metric
from coterie.tasks import Kind, Task, Tasks, statistic

YES = Tasks.plain([Task(name="yes", kind=Kind.BINARY)])
COLOUR = Tasks.plain([Task(name="colour", kind=Kind.MULTICLASS, classes=tuple("rgby"))])
# Few values, so that there are ties, and any others, far beyond where a sigmoid is 1.
SCORES = st.one_of(
    st.sampled_from([-1.0, -0.0, 0.0, 1.0, 50.0, 51.0]), st.floats(-1e4, 1e4, width=32)
)
MANY = settings(max_examples=75, deadline=None)


def by_name(table, task):
    return {row["metric"]: row["value"] for row in table if row["task"] == task}


def in_units(tasks, mean, std):
    """Tasks with other units."""
    return Tasks(
        items=tasks.items,
        pos_weight=tasks.pos_weight,
        mean=statistic("mean", mean),
        std=statistic("std", std),
        observed_share=tasks.observed_share,
        loss_scale=tasks.loss_scale,
    )


def test_all_metrics_agree_with_scikit_learn_on_the_observed_examples():
    g = torch.Generator().manual_seed(0)
    n = 150
    tasks = Tasks.plain(
        [
            Task(name="yes", kind=Kind.BINARY),
            Task(name="colour", kind=Kind.MULTICLASS, classes=("r", "g", "b")),
            Task(name="size", kind=Kind.REGRESSION),
        ]
    )
    tasks = in_units(tasks, [0, 0, 5.0], [1, 1, 4.0])
    z = torch.randn(n, 5, generator=g)
    rare = torch.rand(n, generator=g) < 0.3
    y = torch.stack(
        [rare, torch.randint(3, (n,), generator=g), torch.randn(n, generator=g)], 1
    ).float()
    y[torch.rand(y.shape, generator=g) < 0.2] = torch.nan
    table = all_metrics(z, y, tasks)
    seen = [(~y[:, t].isnan()).numpy() for t in range(3)]
    zn, yn = z.numpy(), y.numpy()
    said, truth = zn[seen[0], 0] > 0, yn[seen[0], 0]
    expected = {
        "accuracy": sk.accuracy_score(truth, said),
        "balanced accuracy": sk.balanced_accuracy_score(truth, said),
        "F1": sk.f1_score(truth, said),
        "AUROC": sk.roc_auc_score(truth, zn[seen[0], 0]),
        "average precision": sk.average_precision_score(truth, zn[seen[0], 0]),
    }
    expected["log loss"] = sk.log_loss(truth, z[seen[0], 0].double().sigmoid().numpy())
    found = by_name(table, "yes")
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-5)
    accuracy = sk.accuracy_score(yn[seen[1], 1], zn[seen[1], 1:4].argmax(1))
    assert by_name(table, "colour")["accuracy"] == pytest.approx(accuracy, rel=1e-5)
    size = {
        "RMSE": 4 * sk.root_mean_squared_error(yn[seen[2], 2], zn[seen[2], 4]),
        "R2": sk.r2_score(yn[seen[2], 2], zn[seen[2], 4]),
    }
    assert by_name(table, "size")["R2"] == pytest.approx(size["R2"], rel=1e-4)
    assert by_name(table, "size")["RMSE"] == pytest.approx(size["RMSE"], rel=1e-4)
    skill = 2 * by_name(table, "yes")["AUROC"] - 1
    assert by_name(table, "yes")["AUROC skill"] == pytest.approx(skill)


def test_what_is_not_defined_is_none():
    kinds = {
        "none": Kind.BINARY,
        "negative": Kind.BINARY,
        "class": Kind.MULTICLASS,
        "value": Kind.REGRESSION,
    }
    tasks = Tasks.plain(
        [Task(name=name, kind=kind, classes=("a", "b")) for name, kind in kinds.items()]
    )
    y = torch.tensor(
        [[torch.nan, 0.0, torch.nan, torch.nan], [torch.nan, 0.0, torch.nan, torch.nan]]
    )
    table = all_metrics(torch.tensor([[1.0, -1.0, 0, 0, 0], [1.0, 1.0, 0, 0, 0]]), y, tasks)
    assert set(by_name(table, "none").values()) == {None}
    found = by_name(table, "negative")
    assert (found.pop("accuracy"), found.pop("balanced accuracy")) == (0.5, 0.5)
    assert min(found.pop("log loss"), found.pop("Brier score")) > 0
    assert set(found.values()) == {None}
    assert set(by_name(table, "class").values()) == {None}
    assert set(by_name(table, "value").values()) == {None}


@MANY
@given(
    st.lists(st.tuples(st.sampled_from([0.0, 1.0, 1.0, math.nan]), SCORES), min_size=1, max_size=25)
)
def test_binary_metrics_are_scikit_learns(cells):
    y, z = torch.tensor(cells).unbind(1)
    found = by_name(all_metrics(z[:, None], y[:, None], YES), "yes")
    seen = ~y.isnan()
    truth, scores = y[seen].numpy(), z[seen].double().numpy()
    said = scores > 0
    probabilities = ("log loss", "log-loss skill", "Brier score")
    expected = dict.fromkeys(name for name in found if name not in probabilities)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class is only predicted, or only true
        if len(truth):
            expected["accuracy"] = sk.accuracy_score(truth, said)
            expected["balanced accuracy"] = sk.balanced_accuracy_score(truth, said)
        if truth.any():
            expected["F1"] = sk.f1_score(truth, said)
        if 0 < truth.sum() < len(truth):
            expected["AUROC"] = sk.roc_auc_score(truth, scores)
            expected["average precision"] = sk.average_precision_score(truth, scores)
    for name, value in expected.items():
        assert found[name] == (
            None if value is None else pytest.approx(value, rel=1e-6, abs=1e-7)
        ), name


@MANY
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 1.0, 2.0, math.nan]),
            st.tuples(*[st.sampled_from([-2.0, 0.0, 0.5, 90.0])] * 4),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_multiclass_accuracy_is_scikit_learns(cells):
    """A class may be in one of labels and predictions only.

    Of equal logits the first class is said.
    """
    y, z = (
        torch.tensor([label for label, _ in cells]),
        torch.tensor([logits for _, logits in cells]),
    )
    seen = ~y.isnan()
    found = by_name(all_metrics(z, y[:, None], COLOUR), "colour")
    if seen.any():
        assert found["accuracy"] == pytest.approx(
            sk.accuracy_score(y[seen].numpy(), z[seen].numpy().argmax(1)), rel=1e-12
        )
    else:
        assert set(found.values()) == {None}


@MANY
@example(cells=[(0.0, 0.0), (1.5750386764267938, 1.578125)], shift=-400.0, mean=0.0, std=1e-9)
@given(
    cells=st.lists(
        st.tuples(st.one_of(st.just(math.nan), st.floats(-5, 5)), st.floats(-5, 5, width=32)),
        min_size=2,
        max_size=25,
    ),
    shift=st.sampled_from([0.0, 3.0, -400.0, 2e4]),
    mean=st.sampled_from([0.0, 1e6, -1e9, 1e-8]),
    std=st.sampled_from([1e-9, 1.0, 30.0, 1e12]),
)
def test_regression_metrics_are_scikit_learns_in_units(cells, shift, mean, std):
    """``shift`` standard deviations off the training part: the spread is little of the squares."""
    assume(std > 1e-9 * abs(mean))
    truth, z = np.array(cells).T
    truth, z = (truth + shift) * std + mean, torch.tensor(z + shift, dtype=torch.float32)
    known = truth[~np.isnan(truth)]
    assume(len(known) > 1 and np.ptp(known) > std)
    tasks = in_units(Tasks.plain([Task(name="size", kind=Kind.REGRESSION)]), [mean], [std])
    encoded = torch.tensor((truth - mean) / std, dtype=torch.float32)
    found = by_name(
        all_metrics(z[:, None], encoded[:, None], tasks, torch.tensor(truth)[:, None]), "size"
    )
    said = z.double().numpy() * std + mean
    expected = sk.root_mean_squared_error(known, said[~np.isnan(truth)])
    assert found["RMSE"] == pytest.approx(expected, rel=1e-12)
    # R2 reads labels in float32, whose last bit may be much of a small residual.
    wrong, bit = (
        (known - said[~np.isnan(truth)]) / std,
        float(np.spacing(np.float32(abs(shift) + 5))),
    )
    off = bit * np.linalg.norm(wrong) * len(known) ** 0.5 + len(known) * bit**2
    missed = 1 - sk.r2_score(known, said[~np.isnan(truth)])
    assert 1 - found["R2"] == pytest.approx(
        missed,
        rel=0,
        abs=(2e-2 if shift == 2e4 else 1e-3) * missed + off / (np.var(known / std) * len(known)),
    )


@pytest.mark.parametrize("mean", [0.0, 0.3, -7e5])
@pytest.mark.parametrize("value", [0.3, 1.0, -7e5])
def test_r2_of_a_constant_within_rounding_is_undefined(value, mean):
    tasks = in_units(Tasks.plain([Task(name="size", kind=Kind.REGRESSION)]), [mean], [0.1])
    near = value + np.spacing(value) * np.array([0, 1, 0, -1, 0])
    for y in (np.full(5, value), near):
        encoded = torch.tensor((y - mean) / 0.1, dtype=torch.float32)[:, None]
        assert by_name(all_metrics(torch.zeros(5, 1), encoded, tasks), "size")["R2"] is None


def test_r2_of_a_small_spread_is_defined():
    truth, z = torch.tensor([1.0, 2.0, 4.0]) * 1e-9, torch.tensor([1.0, 3.0, 4.0]) * 1e-9
    tasks = Tasks.plain([Task(name="size", kind=Kind.REGRESSION)])
    assert scores(z[:, None], truth[:, None], tasks).item() == pytest.approx(
        sk.r2_score([1, 2, 4], [1, 3, 4])
    )


def test_large_logits_keep_their_order():
    table = all_metrics(
        torch.tensor([[300.0], [200.0], [250.0]]), torch.tensor([[1.0], [0.0], [1.0]]), YES
    )
    assert by_name(table, "yes")["AUROC"] == 1.0
    assert by_name(table, "yes")["average precision"] == 1.0


@MANY
@given(
    labels=st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=2, max_size=12),
    right=st.booleans(),
    column=st.integers(0, 3),
)
def test_nan_is_no_class(labels, right, column):
    """All but the first prediction are right or wrong throughout.

    The first is NaN, in one column of a multi-class task.
    """
    y = torch.tensor(labels)
    said = y.long() if right else (y.long() + 1) % 4
    z = torch.nn.functional.one_hot(said, 4).float()
    z[0, column] = torch.nan
    hits = (len(y) - 1) / len(y) if right else 0.0
    assert by_name(all_metrics(z, y[:, None], COLOUR), "colour")["accuracy"] == pytest.approx(hits)
    asked = with_metric(COLOUR, "accuracy")
    assert scores(z, y[:, None], asked).item() == pytest.approx(hits)
    y = y.clamp(max=1)
    logits = (2 * y - 1) * (1 if right else -1)
    logits[0] = torch.nan
    found = by_name(all_metrics(logits[:, None], y[:, None], YES), "yes")
    assert found["accuracy"] == pytest.approx(hits)
    rates = [
        ((y == c) & (logits.isnan() == 0)).sum().item() / (y == c).sum().item()
        for c in (0, 1)
        if (y == c).any()
    ]
    assert found["balanced accuracy"] == pytest.approx(np.mean(rates) if right else 0.0)
    assert found["AUROC"] is None
    assert found["average precision"] is None


def test_nan_is_wrong_in_f1_whatever_the_label():
    labels = torch.tensor([[1.0], [1.0], [0.0]])
    f1 = lambda *logits: by_name(all_metrics(torch.tensor(logits)[:, None], labels, YES), "yes")[  # noqa: E731
        "F1"
    ]
    assert f1(1.0, 1.0, math.nan) == pytest.approx(f1(1.0, 1.0, 1.0))
    assert f1(1.0, math.nan, -1.0) == pytest.approx(f1(1.0, -1.0, -1.0))


def test_nan_where_no_label_is_known_counts_for_nothing():
    z, y = torch.tensor([[1.0], [math.nan], [-1.0]]), torch.tensor([[1.0], [math.nan], [0.0]])
    found, alone = (by_name(all_metrics(*each, YES), "yes") for each in ((z, y), (z[::2], y[::2])))
    assert found == alone
    assert None not in found.values()


def test_regression_with_nan_is_undefined():
    tasks = Tasks.plain(
        [Task(name="size", kind=Kind.REGRESSION), Task(name="weight", kind=Kind.REGRESSION)]
    )
    z, y = (
        torch.tensor([[1.0, 1.0], [math.nan, 2.0], [4.0, 4.0]]),
        torch.tensor([[1.0, 1.0], [2.0, 3.0], [5.0, 4.0]]),
    )
    table = all_metrics(z, y, tasks)
    assert set(by_name(table, "size").values()) == {None}
    assert by_name(table, "weight")["RMSE"] == pytest.approx(math.sqrt(1 / 3))


def test_a_metric_of_ones_own_sees_observed_examples_and_leads():
    def close(outputs, targets):
        assert outputs.shape == (2, 1)
        return ((outputs[:, 0] - targets).abs() < 1).float().mean()

    tasks = Tasks.plain(
        [Task(name="size", kind=Kind.REGRESSION, metric=close), Task(name="yes", kind=Kind.BINARY)]
    )
    z, y = (
        torch.tensor([[0.5, 2.0], [9.0, 1.0], [3.0, 1.0]]),
        torch.tensor([[0.0, 1.0], [torch.nan, 1.0], [0.0, 0.0]]),
    )
    assert by_name(all_metrics(z, y, tasks), "size")["close"] == 0.5
    np.testing.assert_allclose(scores(z, y, tasks), [0.5, 0.5])


def test_a_metric_of_ones_own_must_be_a_number():
    tasks = Tasks.plain([Task(name="size", kind=Kind.REGRESSION, metric=lambda z, y: "good")])
    with pytest.raises(
        CoterieError, match=r"metric of task 'size' must return one number; found str"
    ):
        scores(torch.zeros(2, 1), torch.ones(2, 1), tasks)
