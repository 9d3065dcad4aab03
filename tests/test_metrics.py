"""The sums per task against scikit-learn, cases by hand, and laws of batches and bootstraps."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, r2_score

from coterie.metrics import (
    errors,
    example_statistics,
    metric_names,
    outcomes,
    primary_metric,
    summed_statistics,
)
from coterie.tasks import Kind, Task, Tasks

MIXED = Tasks.plain(
    [
        Task(name="yes", kind=Kind.BINARY),
        Task(name="colour", kind=Kind.MULTICLASS, classes=("r", "g", "b")),
        Task(name="size", kind=Kind.REGRESSION),
        Task(name="shape", kind=Kind.MULTICLASS, classes=("a", "b", "c", "d", "e")),
        Task(name="no", kind=Kind.BINARY),
    ]
)


def mixed_batch(n, seed=0, missing=0.0, models=()):
    """Random outputs (*models, n, P) and targets (n, T) of the mixed tasks."""
    g = torch.Generator().manual_seed(seed)
    outputs = torch.randn(*models, n, MIXED.n_outputs, generator=g)
    columns = [
        torch.randint(2, (n,), generator=g),
        torch.randint(3, (n,), generator=g),
        torch.randn(n, generator=g),
        torch.randint(5, (n,), generator=g),
        torch.randint(2, (n,), generator=g),
    ]
    targets = torch.stack([c.float() for c in columns], dim=1)
    targets[torch.rand(targets.shape, generator=g) < missing] = torch.nan
    return outputs, targets


def reference(outputs, targets):
    """The same metrics by scikit-learn, one task after the other."""
    values = []
    for t, task in enumerate(MIXED):
        seen = ~targets[:, t].isnan()
        z, y = outputs[seen][:, MIXED.columns[t]].numpy(), targets[seen, t].numpy()
        if task.kind is Kind.BINARY:
            values.append(balanced_accuracy_score(y, z[:, 0] > 0))
        elif task.kind is Kind.MULTICLASS:
            values.append(accuracy_score(y, z.argmax(1)))
        else:
            values.append(r2_score(y, z[:, 0]))
    return np.array(values)


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_agrees_with_scikit_learn_on_mixed_kinds(missing):
    outputs, targets = mixed_batch(200, missing=missing)
    ours = primary_metric(summed_statistics(outputs, targets, MIXED), MIXED)
    np.testing.assert_allclose(ours, reference(outputs, targets), rtol=1e-5)


@pytest.mark.parametrize("own_targets", [False, True])
def test_a_stack_gives_what_its_models_give(own_targets):
    outputs, targets = mixed_batch(40, missing=0.2, models=(3,))
    if own_targets:
        targets = torch.stack([targets, targets.flip(0), targets.roll(1, 0)])
    stacked = summed_statistics(outputs, targets, MIXED)
    assert stacked.shape == (3, 5, 4)
    for m in range(3):
        alone = summed_statistics(outputs[m], targets[m] if own_targets else targets, MIXED)
        torch.testing.assert_close(stacked[m], alone)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), cut=st.integers(1, 29), missing=st.sampled_from([0.0, 0.3, 0.9]))
def test_sums_of_batches_add_up(seed, cut, missing):
    outputs, targets = mixed_batch(30, seed, missing)
    whole = summed_statistics(outputs, targets, MIXED)
    parts = [
        summed_statistics(outputs[s], targets[s], MIXED) for s in (slice(0, cut), slice(cut, 30))
    ]
    torch.testing.assert_close(parts[0] + parts[1], whole, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        example_statistics(outcomes(outputs, targets, MIXED), targets, MIXED).sum(0),
        whole,
        rtol=1e-5,
        atol=1e-5,
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_integer_weights_are_repeated_examples(seed):
    outputs, targets = mixed_batch(12, seed, 0.2)
    weights = torch.randint(0, 4, (12,), generator=torch.Generator().manual_seed(seed))
    each = example_statistics(outcomes(outputs, targets, MIXED), targets, MIXED)
    weighted = torch.einsum("n,nts->ts", weights.double(), each)
    index = torch.repeat_interleave(torch.arange(12), weights)
    repeated = summed_statistics(outputs[index], targets[index], MIXED)
    torch.testing.assert_close(weighted, repeated, rtol=1e-5, atol=1e-5)


def test_hand_worked_balanced_accuracy_counts_each_class_alike():
    tasks = Tasks.plain([Task(name="rare", kind=Kind.BINARY)])
    outputs = torch.tensor([[1.0], [-1.0], [-1.0], [-1.0], [1.0], [-1.0]])
    targets = torch.tensor([[1.0], [1.0], [0.0], [0.0], [0.0], [0.0]])
    statistics = summed_statistics(outputs, targets, tasks)
    assert statistics.tolist() == [[2.0, 1.0, 4.0, 3.0]]
    assert primary_metric(statistics, tasks).item() == pytest.approx((0.5 + 0.75) / 2)
    error, wrong = errors(statistics, tasks)
    assert (error.item(), wrong.item()) == (pytest.approx(0.375), 2.0)


def test_nothing_observed_is_nan_and_one_class_alone_counts():
    tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY), Task(name="b", kind=Kind.BINARY)])
    outputs, targets = (
        torch.tensor([[1.0, 1.0], [-1.0, 1.0]]),
        torch.tensor([[1.0, torch.nan], [1.0, torch.nan]]),
    )
    score = primary_metric(summed_statistics(outputs, targets, tasks), tasks)
    assert score[0] == 0.5
    assert score[1].isnan()


def test_r2_of_the_mean_is_zero_and_of_a_constant_target_unknown():
    tasks = Tasks.plain(
        [Task(name="a", kind=Kind.REGRESSION), Task(name="b", kind=Kind.REGRESSION)]
    )
    targets = torch.tensor([[1.0, 2.1], [2.0, 2.1], [6.0, 2.1]])
    outputs = torch.tensor([[3.0, 2.1]]).expand(3, 2)
    score = primary_metric(summed_statistics(outputs, targets, tasks), tasks)
    assert score[0].item() == pytest.approx(0.0, abs=1e-6)
    assert score[1].isnan()


def test_half_precision_outputs_are_not_scored_in_it():
    outputs, targets = mixed_batch(20)
    outputs = outputs.bfloat16()
    assert outcomes(outputs, targets, MIXED).dtype == torch.float32
    torch.testing.assert_close(
        summed_statistics(outputs, targets, MIXED),
        summed_statistics(outputs.float(), targets, MIXED),
    )


def test_names_of_the_metrics():
    def share_close(outputs, targets):
        return (outputs - targets).abs().lt(1).float().mean()

    functions = (share_close, lambda outputs, targets: outputs.mean())
    own = Tasks.plain(
        [*MIXED, *(Task(name=str(f), kind=Kind.REGRESSION, metric=f) for f in functions)]
    )
    expected = (
        "balanced accuracy",
        "accuracy",
        "R2",
        "accuracy",
        "balanced accuracy",
        "share_close",
        "own metric",
    )
    assert metric_names(own) == expected
