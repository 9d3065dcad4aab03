"""The full set of metrics against scikit-learn, with gaps, rare classes and metrics of one's own."""

import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from coterie.errors import CoterieError
from coterie.evaluation.metrics import all_metrics, primary_scores
from coterie.tasks import Kind, Task, Tasks


def by_name(table, task):
    return {row["metric"]: row["value"] for row in table if row["task"] == task}


def test_all_metrics_agree_with_scikit_learn_on_the_observed_examples():
    g = torch.Generator().manual_seed(0)
    n = 150
    tasks = Tasks.plain([
        Task(name="yes", kind=Kind.BINARY),
        Task(name="colour", kind=Kind.MULTICLASS, classes=("r", "g", "b")),
        Task(name="size", kind=Kind.REGRESSION),
    ])  # fmt: skip
    tasks = Tasks(items=tasks.items, pos_weight=tasks.pos_weight, mean=torch.tensor([0, 0, 5.0]), std=torch.tensor([1, 1, 4.0]),
                  observed_share=tasks.observed_share, loss_scale=tasks.loss_scale)  # fmt: skip
    z = torch.randn(n, 5, generator=g)
    rare = torch.rand(n, generator=g) < 0.3
    y = torch.stack([rare, torch.randint(3, (n,), generator=g), torch.randn(n, generator=g)], 1).float()
    y[torch.rand(y.shape, generator=g) < 0.2] = torch.nan
    table = all_metrics(z, y, tasks)
    seen = [(~y[:, t].isnan()).numpy() for t in range(3)]
    zn, yn = z.numpy(), y.numpy()
    said, truth = zn[seen[0], 0] > 0, yn[seen[0], 0]
    expected = {
        "accuracy": sk.accuracy_score(truth, said), "balanced accuracy": sk.balanced_accuracy_score(truth, said),
        "F1": sk.f1_score(truth, said), "AUROC": sk.roc_auc_score(truth, zn[seen[0], 0]),
        "average precision": sk.average_precision_score(truth, zn[seen[0], 0]),
    }  # fmt: skip
    assert by_name(table, "yes") == pytest.approx(expected, rel=1e-5)
    accuracy = sk.accuracy_score(yn[seen[1], 1], zn[seen[1], 1:4].argmax(1))
    assert by_name(table, "colour") == pytest.approx({"accuracy": accuracy}, rel=1e-5)
    size = {"RMSE": 4 * sk.root_mean_squared_error(yn[seen[2], 2], zn[seen[2], 4]),
            "R2": sk.r2_score(yn[seen[2], 2], zn[seen[2], 4])}  # fmt: skip
    assert by_name(table, "size") == pytest.approx(size, rel=1e-4)


def test_what_is_not_defined_is_none():
    kinds = {"none": Kind.BINARY, "negative": Kind.BINARY, "class": Kind.MULTICLASS, "value": Kind.REGRESSION}
    tasks = Tasks.plain([Task(name=name, kind=kind, classes=("a", "b")) for name, kind in kinds.items()])
    y = torch.tensor([[torch.nan, 0.0, torch.nan, torch.nan], [torch.nan, 0.0, torch.nan, torch.nan]])
    table = all_metrics(torch.tensor([[1.0, -1.0, 0, 0, 0], [1.0, 1.0, 0, 0, 0]]), y, tasks)
    assert set(by_name(table, "none").values()) == {None}
    expected = {"accuracy": 0.5, "balanced accuracy": 0.5, "F1": None, "AUROC": None, "average precision": None}
    assert by_name(table, "negative") == expected
    assert by_name(table, "class") == {"accuracy": None}
    assert by_name(table, "value") == {"RMSE": None, "R2": None}


def test_large_logits_keep_their_order():
    tasks = Tasks.plain([Task(name="yes", kind=Kind.BINARY)])
    table = all_metrics(torch.tensor([[30.0], [20.0], [25.0]]), torch.tensor([[1.0], [0.0], [1.0]]), tasks)
    assert by_name(table, "yes")["AUROC"] == 1.0


def test_a_metric_of_ones_own_sees_observed_examples_and_leads():
    def close(outputs, targets):
        assert outputs.shape == (2, 1)
        return ((outputs[:, 0] - targets).abs() < 1).float().mean()

    tasks = Tasks.plain([Task(name="size", kind=Kind.REGRESSION, metric=close), Task(name="yes", kind=Kind.BINARY)])
    z, y = torch.tensor([[0.5, 1.0], [9.0, 1.0], [3.0, 1.0]]), torch.tensor([[0.0, 1.0], [torch.nan, 1.0], [0.0, 0.0]])
    assert by_name(all_metrics(z, y, tasks), "size")["close"] == 0.5
    np.testing.assert_allclose(primary_scores(z, y, tasks), [0.5, 0.5])


def test_a_metric_of_ones_own_must_be_a_number():
    tasks = Tasks.plain([Task(name="size", kind=Kind.REGRESSION, metric=lambda z, y: "good")])
    with pytest.raises(CoterieError, match=r"metric of task 'size' must return one number; found str"):
        primary_scores(torch.zeros(2, 1), torch.ones(2, 1), tasks)
