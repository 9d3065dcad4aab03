"""What holds of every metric, and the register."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.metrics import METRICS, Metric, metric_named, metrics_of, register
from coterie.tasks import KINDS, Task, Tasks
from tests.tasks.own import ALL, classes, labels_of

CELLS = [(metric, kind) for kind in ALL for metric in metrics_of(kind)]


def cells(kind, n=60, models=3, missing=0.3, seed=0):
    """Outputs (models, n, w), labels (n,) and the tasks of one task of this kind."""
    g = torch.Generator().manual_seed(seed)
    task = Task(name="a", kind=kind, classes=classes(kind, 3))
    labels = labels_of(kind, n, len(task.classes), g)
    labels[torch.rand(n, generator=g) < missing] = torch.nan
    return torch.randn(models, n, task.width, generator=g), labels, Tasks.plain([task])


@pytest.mark.parametrize(
    ("metric", "kind"), CELLS, ids=lambda each: str(getattr(each, "name", each))
)
def test_models_are_scored_apart_and_missing_labels_count_for_nothing(metric, kind):
    outputs, labels, tasks = cells(kind)
    found = metric.values(outputs, labels, tasks, 0)
    assert found.dtype == torch.float64
    assert found.isfinite().all()
    for model, value in enumerate(found):
        (alone,) = metric.values(outputs[model : model + 1], labels, tasks, 0)
        assert alone == pytest.approx(value.item(), rel=1e-12)
    other = torch.where(labels.isnan()[:, None], 50.0, outputs)
    assert torch.equal(metric.values(other, labels, tasks, 0), found)
    assert metric.values(outputs, torch.full_like(labels, torch.nan), tasks, 0).isnan().all()


@pytest.mark.parametrize(
    ("metric", "kind"), CELLS, ids=lambda each: str(getattr(each, "name", each))
)
def test_the_order_of_examples_does_not_count(metric, kind):
    outputs, labels, tasks = cells(kind)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        metric.values(outputs[:, order], labels[order], tasks, 0),
        metric.values(outputs, labels, tasks, 0),
        rtol=1e-12,
        atol=1e-12,
    )


@pytest.mark.parametrize(
    ("metric", "kind"), CELLS, ids=lambda each: str(getattr(each, "name", each))
)
def test_contributions_are_the_slope_of_the_value_in_the_weight_of_each_example(metric, kind):
    """An example that is there k times more moves the value by its contribution, to first order."""
    pytest.importorskip("coterie.statistics")
    outputs, labels, tasks = cells(kind, n=25, missing=0.2)
    found = metric.contributions(outputs, labels, tasks, 0)
    seen = ~labels.isnan().numpy()
    assert found.shape == outputs.shape[:2]
    assert not found[:, ~seen].any()
    n, copies = int(seen.sum()), 40
    many = outputs.repeat(1, copies, 1), labels.repeat(copies)
    base = metric.values(*many, tasks, 0).numpy()
    for example in np.flatnonzero(seen)[:8]:
        once = torch.cat([torch.arange(len(many[1])), torch.tensor([int(example)])])
        moved = metric.values(many[0][:, once], many[1][once], tasks, 0).numpy() - base
        # Without the factor for small samples, which depends on the sizes of classes.
        scale = copies * moved
        assert np.allclose(found[:, example], scale, rtol=0.35, atol=2e-3 + 0.1 / n), example


@pytest.mark.parametrize("name", METRICS)
def test_chance_has_no_skill_and_perfection_is_one(name):
    metric, priors = METRICS[name], (0.6, 0.3, 0.1)
    assert metric.skill(metric.chance(priors), priors) == pytest.approx(0)
    assert metric.skill(1.0, priors) == pytest.approx(1)
    assert metric.is_skill <= (metric.chance(priors) == 0)


@settings(max_examples=50, deadline=None)
@given(
    share=st.floats(0.05, 0.95), size=st.integers(2, 6), value=st.floats(0, 1), by=st.floats(0, 1)
)
def test_skill_by_hand(share, size, value, by):
    even = (1 / size,) * size
    assert metric_named("AUROC").skill(value) == pytest.approx(2 * value - 1)
    assert metric_named("balanced accuracy").skill(value, even) == pytest.approx(
        (size * value - 1) / (size - 1)
    )
    largest = max(share, 1 - share)
    accuracy = metric_named("accuracy")
    assert accuracy.skill(value, (1 - share, share)) == pytest.approx(
        (value - largest) / (1 - largest)
    )
    if value <= by:
        assert accuracy.skill(value, even) <= accuracy.skill(by, even)
    assert metric_named("R2").skill(value) == value


def test_every_kind_has_a_metric_to_be_compared_by_and_it_comes_first():
    for kind in KINDS.values():
        first, *others = metrics_of(kind)
        assert first.name == kind.metric_name
        assert first.margin is not None
        assert first.higher_is_better
        assert len({each.name for each in others}) == len(others)
    for metric in METRICS.values():
        assert metric.margin is None or metric.higher_is_better
        assert metric.kinds == tuple(
            str(kind) for kind in KINDS.values() if metric in metrics_of(kind)
        )


def test_a_name_belongs_to_one_metric():
    class Other(Metric):
        name, role = "AUROC", "ranking"

        def suits(self, kind):
            return False

        def of(self, found):
            return found.outputs.sum((1, 2))

    with pytest.raises(CoterieError, match="another one is called 'AUROC'"):
        register(Other())
    with pytest.raises(CoterieError, match="`metric` must be"):
        register("AUROC")
    with pytest.raises(CoterieError, match=r"must be one of 'AUROC', .*; found 'auc'"):
        metric_named("auc")
    assert register(METRICS["AUROC"]) is METRICS["AUROC"]
