"""Which metric decides, on which scale, and what users may ask for."""

import math

import numpy as np
import pytest
import torch

from coterie.errors import CoterieError
from coterie.metrics import (
    METRICS,
    contributions,
    deciding,
    mean_name,
    metric_names,
    n_wrong,
    scores,
    with_metric,
)
from coterie.tasks import Kind, Task, Tasks
from tests.tasks.own import TASKS

YES = Tasks.plain([Task(name=name, kind=Kind.BINARY) for name in "ab"])
SIZE = Tasks.plain([Task(name="size", kind=Kind.REGRESSION)])


def close(outputs, targets):
    assert outputs.shape == (*targets.shape, 1)
    return ((outputs[:, 0] - targets).abs() < 1).float().mean()


def batch(n=40, models=2):
    g = torch.Generator().manual_seed(0)
    targets = torch.stack(
        [torch.randint(k, (n,), generator=g).float() for k in (2, 3)]
        + [torch.randn(n, generator=g)],
        dim=1,
    )
    targets[torch.rand(targets.shape, generator=g) < 0.2] = torch.nan
    return torch.randn(models, n, TASKS.n_outputs, generator=g), targets


def test_tasks_of_one_metric_keep_it_and_others_are_brought_to_one_scale():
    assert metric_names(YES) == ("AUROC", "AUROC")
    mixed = metric_names(TASKS)
    assert mixed[::2] == ("AUROC skill", "R2")
    assert mean_name(mixed) == "skill"
    same = with_metric(Tasks.plain(TASKS.items[:2]), "balanced accuracy")
    assert metric_names(same) == ("balanced accuracy", "balanced accuracy")
    assert [metric.margin for metric in deciding(YES)] == [0.5, 0.5]
    assert [metric.margin for metric in deciding(TASKS)] == [1.0, 1.0, 1.0]


def test_the_scale_is_that_of_the_metric_but_for_its_zero_and_unit():
    outputs, targets = batch()
    found = scores(outputs, targets, with_metric(TASKS, {"colour": "accuracy"}))
    raw = [
        METRICS[name].values(outputs[..., TASKS.columns[t]], targets[:, t], TASKS, t)
        for t, name in enumerate(("AUROC", "accuracy", "R2"))
    ]
    seen = targets[~targets[:, 1].isnan(), 1].long()
    largest = (seen.bincount() / len(seen)).max().double()
    expected = [2 * raw[0] - 1, (raw[1] - largest) / (1 - largest), raw[2]]
    torch.testing.assert_close(found, torch.stack(expected, dim=1), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(scores(outputs[0], targets, TASKS)[::2], found[0, ::2])


def test_contributions_are_on_the_scale_of_the_scores():
    pytest.importorskip("coterie.statistics")
    outputs, targets = batch()
    found = contributions(outputs, targets, TASKS)
    assert found.shape == (2, 40, 3)
    assert not found[:, targets.isnan().numpy()].any()
    alone = contributions(outputs[..., :1], targets[:, :1], Tasks.plain(TASKS.items[:1]))
    np.testing.assert_allclose(found[..., :1], 2 * alone)


def test_a_function_decides_as_it_is_and_sees_what_is_observed():
    own = with_metric(SIZE, close)
    assert metric_names(own) == ("close",)
    assert metric_names(with_metric(SIZE, lambda z, y: 0.0)) == ("own metric",)
    z, y = torch.tensor([[[0.5], [9.0], [3.0]]]), torch.tensor([[0.0], [math.nan], [0.0]])
    assert scores(z, y, own).tolist() == [[0.5]]
    assert scores(z, y * math.nan, own).isnan().all()
    # Of two labels one is close: a mean of 1 and 0.
    np.testing.assert_allclose(contributions(z, y, own)[0, :, 0], [0.5 / 2**0.5, 0, -0.5 / 2**0.5])
    assert np.isnan(contributions(z, y * math.nan, own)).all()
    both = with_metric(TASKS, {"size": close})
    assert metric_names(both)[::2] == ("AUROC skill", "close")
    with pytest.raises(
        CoterieError, match="metric of task 'size' must return one number; found st"
    ):
        scores(z, y, with_metric(SIZE, lambda z, y: "good"))


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("auc", r"of the binary task 'yes' must be one of 'AUROC', .*, or a function; found 'auc'"),
        ("R2", r"of the binary task 'yes' must be one of 'AUROC', .*'log-loss skill', or a fun"),
        ({"size": "RMSE"}, r"of the regression task 'size' must be one of 'R2', or a function"),
        ({"sise": "R2"}, r"`metric` names 'sise', which is no task; tasks are yes, colour, size"),
        (3, r"`metric` must be called with \(outputs, targets\); found 3"),
    ],
)
def test_what_cannot_decide_is_refused(metric, message):
    with pytest.raises(CoterieError, match=message):
        with_metric(TASKS, metric)


def test_what_is_not_named_stays():
    some = with_metric(YES, {"b": "F1"})
    assert [task.metric for task in some] == [None, "F1"]
    assert [task.metric for task in with_metric(some, {"a": "accuracy"})] == ["accuracy", "F1"]
    assert with_metric(some, None) == some


def test_names_of_metrics_are_saved_and_functions_are_not():
    for metric, saved in (("F1", "F1"), (close, None)):
        again = Tasks.from_dict(with_metric(YES, metric).to_dict())
        assert [task.metric for task in again] == [saved] * 2


def test_wrong_classes_are_counted():
    outputs, targets = batch()
    found = n_wrong(outputs, targets, TASKS)
    said, seen = outputs[1, :, 0] > 0, ~targets[:, 0].isnan()
    assert found[1, 0] == ((said != targets[:, 0].bool()) & seen).sum()
    assert np.isnan(found[:, 2]).all()
