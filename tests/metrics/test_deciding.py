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
    drawn_together,
    mean_name,
    metric_names,
    n_wrong,
    scores,
    with_metric,
)
from coterie.metrics._deciding import blocks
from coterie.statistics import interval
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


def error(outputs, targets):
    return -(outputs[:, 0] - targets).square().mean()


def regression(n, missing, seed):
    rng = torch.Generator().manual_seed(seed)
    y = torch.randn(n, 1, generator=rng)
    z = y + torch.randn(2, n, 1, generator=rng)
    y[torch.rand(n, 1, generator=rng) < missing] = torch.nan
    return z, y


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_of_few_examples_the_jackknife_of_a_mean_is_exact(missing):
    z, y = regression(35, missing, 0)
    found = contributions(z, y, with_metric(SIZE, error))[..., 0]
    squares = -((z - y)[..., 0].double() ** 2).numpy()
    seen = ~np.isnan(squares[0])
    n = seen.sum()
    deviations = squares[:, seen] - squares[:, seen].mean(1, keepdims=True)
    np.testing.assert_allclose(found[:, seen], deviations / np.sqrt(n * (n - 1)), atol=1e-6)
    assert not found[:, ~seen].any()


@pytest.mark.parametrize("missing", [0.0, 0.6])
def test_of_many_examples_forty_groups_tell_the_variance(missing):
    """Without bias, of one model and of the difference of two, which share the groups."""
    own = with_metric(SIZE, error)
    ratios = []
    for seed in range(60):
        z, y = regression(333, missing, seed)
        found = contributions(z, y, own)[..., 0]
        assert 30 < (found[0] != 0).sum() <= 40
        assert not found[:, y[:, 0].isnan().numpy()].any()
        squares = -((z - y)[..., 0].double() ** 2).numpy()
        squares = squares[:, ~np.isnan(squares[0])]
        for mine, each in ((found[0], squares[0]), (found[0] - found[1], squares[0] - squares[1])):
            ratios.append((mine**2).sum() / (each.var(ddof=1) / len(each)))
    ratios = np.reshape(ratios, (60, 2))
    np.testing.assert_allclose(ratios.mean(0), 1, atol=0.12)
    # As of 39 degrees of freedom.
    np.testing.assert_allclose(ratios.std(0), np.sqrt(2 / 39), rtol=0.5)


@pytest.mark.parametrize("n", [25, 333])
def test_groups_of_rows_are_left_out_as_wholes(n):
    """Each example five times, in a group: as uncertain as once."""
    own, times = with_metric(SIZE, error), 5
    z, y = regression(n, 0.2, 1)
    once = contributions(z, y, own)[..., 0]
    groups = np.random.default_rng(0).permutation(1000)[:n].repeat(times)
    often = contributions(z.repeat_interleave(times, 1), y.repeat_interleave(times, 0), own, groups)
    gains = np.zeros(2), np.zeros(2)
    found = interval(gains[0][:, None], often[..., 0][..., None], groups=groups)
    wanted = interval(gains[1][:, None], once[..., None])
    # Blocks of groups are others than of examples, where there are more than forty.
    tolerance = 1e-6 if n <= 40 else 0.5
    np.testing.assert_allclose(found.example_variance, wanted.example_variance, rtol=tolerance)
    torn = contributions(z.repeat_interleave(times, 1), y.repeat_interleave(times, 0), own)
    assert (torn**2).sum() < 0.5 * (once**2).sum()


@pytest.mark.parametrize("groups", [None, np.arange(400) // 2])
def test_a_mean_with_other_metrics_varies_as_its_tasks_do_together(groups):
    """Twice the same task, by a metric and by a function that is the same: one task's variance."""

    def share(outputs, targets):
        return ((outputs[:, 0] > 0) == (targets > 0)).double().mean()

    two = Tasks.plain([Task(name=name, kind=Kind.BINARY) for name in "ab"])
    mixed = with_metric(two, {"a": share, "b": "accuracy"})
    twice = with_metric(two, "accuracy")
    variances = []
    for seed in range(40):
        rng = torch.Generator().manual_seed(seed)
        y = (torch.arange(400) % 2).float()[:, None].expand(-1, 2)
        z = ((2 * y - 1) + 1.5 * torch.randn(400, 1, generator=rng))[None]
        each = []
        for tasks in (mixed, twice):
            together = drawn_together(tasks, 400, groups)
            added = contributions(z, y, tasks, together) * np.where(
                [metric.is_skill for metric in deciding(tasks)], 0.5, 1.0
            )
            found = interval(np.zeros((1, 1)), added.mean(-1, keepdims=True), groups=together)
            each.append(found.example_variance[0])
        variances.append(each)
    found, wanted = np.mean(variances, 0)
    assert found == pytest.approx(wanted, rel=0.12)


def test_blocks_are_of_whole_groups_and_of_nearly_equal_numbers_of_them():
    groups = np.random.default_rng(0).integers(0, 130, 2000)
    found = blocks(2000, groups)
    assert all(len(set(found[groups == group])) == 1 for group in range(130))
    number = [len(set(groups[found == block])) for block in range(40)]
    assert (min(number), max(number), sum(number)) == (3, 4, 130)
    # Blocks of blocks are the same ones.
    again = blocks(2000, found)
    assert len({*zip(found.tolist(), again.tolist(), strict=True)}) == 40
    few = blocks(6, np.array(["a", "b", "a", "c", "b", "a"]))
    assert len(set(few.tolist())) == 3
    assert few[0] == few[2] == few[5]


def test_without_a_function_examples_are_drawn_as_they_are_grouped():
    groups = np.array([1, 1, 2])
    assert drawn_together(SIZE, 3) is None
    assert drawn_together(SIZE, 3, groups) is groups


def test_what_is_not_defined_without_some_examples_has_no_contributions():
    def needs_both(outputs, targets):
        if len(set(targets.tolist())) < 2:
            raise ValueError("one class")
        return (outputs[:, 0] * (2 * targets - 1)).mean()

    tasks = with_metric(Tasks.plain([Task(name="a", kind=Kind.BINARY)]), needs_both)
    z, y = torch.randn(1, 30, 1), torch.zeros(30, 1)
    y[:2] = 1
    assert np.isfinite(contributions(z, y, tasks)).all()
    y[1] = 0
    assert scores(z, y, tasks).isfinite().all()
    assert np.isnan(contributions(z, y, tasks)).any()


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
