"""Scores of arms side by side: which tasks count, and intervals by hand."""

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import roc_auc_score

from coterie.evaluation.scores import arm_scores
from coterie.metrics import with_metric
from coterie.tasks import Kind, Task, Tasks
from tests.evaluation.made import answers, binary, unit

N = 200


def labels(n_tasks=2, n=N, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (n, n_tasks)).astype(float)


def noisy(targets, scale, seed):
    return 2 * targets - 1 + scale * np.random.default_rng(seed).normal(size=targets.shape)


def hit_by(share, shape, seed):
    return np.random.default_rng(seed).random(shape) < share


def test_scores_are_scikit_learns_and_draws_are_averaged():
    y, tasks = labels(), binary("a", "b")
    joint, *draws = (noisy(y, 2, seed) for seed in range(3))
    found = arm_scores([unit(tasks, y, {"joint": joint, "random": draws})], tasks)
    assert found.arms == ("joint", "random")
    auroc = [[roc_auc_score(y[:, t], each[:, t]) for t in range(2)] for each in (joint, *draws)]
    expected = [auroc[0], np.mean(auroc[1:], axis=0)]
    np.testing.assert_allclose(found.scores[0], expected, atol=1e-6)
    alone = arm_scores([unit(tasks, y, dict(zip("xy", draws, strict=True)))], tasks)
    np.testing.assert_allclose(
        found.contributions[0, :, 1], alone.contributions[0].mean(1), atol=1e-7
    )


def test_the_variance_over_examples_is_that_of_the_paired_differences():
    """Equal outputs of two seeds: nothing but the examples is uncertain."""
    y, tasks = labels(1), binary("a", metric="accuracy")
    hits = [hit_by(share, y.shape, seed) for seed, share in enumerate((0.8, 0.7))]
    outputs = dict(zip(("one", "other"), (answers(y, each) for each in hits), strict=True))
    found = arm_scores([unit(tasks, y, outputs, seed=seed) for seed in (0, 1)], tasks)
    difference = 100.0 * (hits[0][:, 0].astype(float) - hits[1][:, 0])
    gains = found.gains(0, 1)
    assert gains.mean == pytest.approx([difference.mean()] * 2)
    assert gains.example_variance == pytest.approx([difference.var(ddof=1) / N] * 2, rel=1e-5)
    assert gains.seed_variance == pytest.approx([0, 0])
    assert gains.low[0] < gains.mean[0] < gains.high[0]


def test_rows_of_one_group_are_one_example():
    """Each example five times, in a group: as uncertain as once."""
    y, tasks, times = labels(1), binary("a", metric="accuracy"), 5
    hits = [hit_by(share, y.shape, seed) for seed, share in enumerate((0.8, 0.7))]
    once = {str(i): answers(y, each) for i, each in enumerate(hits)}
    often = {name: each.repeat(times, 0) for name, each in once.items()}
    many = [unit(tasks, y.repeat(times, 0), often, seed=seed) for seed in (0, 1)]
    groups = np.arange(N).repeat(times)
    expected = arm_scores([unit(tasks, y, once, seed=s) for s in (0, 1)], tasks).gains(0, 1)
    found = arm_scores(many, tasks, groups=groups).gains(0, 1)
    torn = arm_scores(many, tasks).gains(0, 1)
    assert found.examples == expected.examples == N
    assert found.example_variance == pytest.approx(expected.example_variance, rel=0.01)
    assert torn.example_variance == pytest.approx(expected.example_variance / times, rel=0.01)


def test_a_metric_of_ones_own_leaves_out_whole_groups():
    y, times = np.random.default_rng(0).normal(size=(30, 1)), 4

    def error(outputs, targets):
        return -(outputs[:, 0] - targets).square().mean()

    tasks = with_metric(Tasks.plain([Task(name="a", kind=Kind.REGRESSION)]), error)
    rng = np.random.default_rng(1)
    once = {name: y + rng.normal(size=y.shape) for name in "xy"}
    often = {name: each.repeat(times, 0) for name, each in once.items()}
    many = [unit(tasks, y.repeat(times, 0), often, seed=seed) for seed in (0, 1)]
    expected = arm_scores([unit(tasks, y, once, seed=s) for s in (0, 1)], tasks).gains(0, 1)
    found = arm_scores(many, tasks, groups=np.arange(30).repeat(times)).gains(0, 1)
    assert found.examples == expected.examples == 30
    assert found.example_variance == pytest.approx(expected.example_variance, rel=1e-4)
    assert found.example_df == pytest.approx(expected.example_df, rel=1e-4)


def test_groups_are_read_where_the_test_examples_stand():
    y, tasks = labels(1, n=4), binary("a", metric="accuracy")
    made = unit(tasks, y, {"joint": y}, positions=np.array([5, 1, 0, 3]))
    found = arm_scores([made], tasks, groups=np.array([10, 11, 12, 13, 14, 15]))
    assert found.groups.tolist() == [15, 11, 10, 13]


def test_what_nobody_learns_stays_out_of_the_mean():
    y, tasks = labels(3), binary("easy", "hard", "coin")
    units = []
    for seed in (0, 1, 2):
        good, poor = noisy(y, 1, seed), noisy(y, 3, seed + 10)
        for each in (good, poor):
            each[:, 2] = np.random.default_rng(seed).normal(size=N)
        poor[:, 1] = np.random.default_rng(seed + 20).normal(size=N)
        units.append(unit(tasks, y, {"good": good, "poor": poor}, seed=seed))
    found = arm_scores(units, tasks)
    # One arm that learns a task is enough.
    assert found.better_than_chance().tolist() == [[True, True, False], [True, False, False]]
    assert found.learnt().tolist() == found.counted().tolist() == [True, True, False]
    gains = found.gains(0, 1)
    assert gains.mean.shape == (4,)
    assert gains.mean[-1] == pytest.approx(gains.mean[:2].mean())
    means, added = found.means()
    np.testing.assert_allclose(means, 100 * found.scores[..., :2].mean(-1))
    np.testing.assert_allclose(added, 100 * found.contributions[..., :2].mean(-1))
    several = found.mean_gains([0], 1)
    assert several.mean == pytest.approx(gains.mean[-1:])


def test_two_seeds_that_differ_have_learnt_all_the_same():
    """Of two seeds Student's interval is wide, but these models know what they know."""
    y, tasks = labels(1), binary("a")
    units = [unit(tasks, y, {"x": noisy(y, scale, s)}, seed=s) for s, scale in enumerate((1, 2))]
    assert arm_scores(units, tasks).better_than_chance().all()


def test_chance_is_seldom_taken_for_knowledge():
    """One in a hundred, if examples are counted as what they are."""
    y, tasks = labels(300, n=60), binary(*map(str, range(300)))
    rng = np.random.default_rng(1)
    units = [unit(tasks, y, {"x": rng.normal(size=y.shape)}, seed=s) for s in range(3)]
    assert arm_scores(units, tasks).better_than_chance().mean() < 0.03
    often = [
        unit(tasks, y.repeat(5, 0), {"x": each.outputs[0].repeat(5, 0)}, seed=each.seed)
        for each in units
    ]
    found = arm_scores(often, tasks, groups=np.arange(60).repeat(5))
    assert found.better_than_chance().mean() < 0.03
    assert arm_scores(often, tasks).better_than_chance().mean() > 0.08


def test_where_nobody_learns_anything_all_tasks_count():
    y, tasks = labels(), binary("a", "b")
    units = [
        unit(tasks, y, {"joint": np.random.default_rng(seed + 5).normal(size=y.shape)}, seed=seed)
        for seed in range(3)
    ]
    found = arm_scores(units, tasks)
    assert not found.better_than_chance().any()
    assert found.learnt().all()


def test_a_task_without_a_score_is_no_part_of_the_mean():
    y, tasks = labels(), binary("a", "one class")
    y[:, 1] = 1
    found = arm_scores(
        [unit(tasks, y, {"x": noisy(y, 1, s), "y": noisy(y, 2, s + 9)}, seed=s) for s in (0, 1)],
        tasks,
    )
    assert found.counted().tolist() == [True, False]
    gains = found.gains(0, 1)
    assert np.isnan(gains.mean[1])
    assert gains.mean[2] == pytest.approx(gains.mean[0])
    assert np.isfinite([gains.low[2], gains.high[2]]).all()


def test_one_seed_has_a_gain_and_no_interval():
    y, tasks = labels(), binary("a", "b")
    found = arm_scores([unit(tasks, y, {"x": noisy(y, 1, 0), "y": noisy(y, 2, 1)})], tasks)
    gains = found.gains(0, 1)
    assert np.isfinite(gains.mean).all()
    assert np.isnan([gains.low, gains.high]).all()
    # Over examples alone it can be told that something was learnt.
    assert found.better_than_chance().all()


def test_several_splits_have_nadeau_and_bengios_interval():
    """Seeds of one split are averaged: they share its test examples."""
    tasks, by_split = binary("a", metric="accuracy"), []
    units = []
    for split in range(3):
        y = labels(1, seed=split)
        gains = []
        for seed in range(2):
            hits = [
                hit_by(share, y.shape, 10 * split + seed + i) for i, share in ((0, 0.9), (5, 0.8))
            ]
            gains.append(100 * (hits[0].mean() - hits[1].mean()))
            outputs = {str(i): answers(y, each) for i, each in enumerate(hits)}
            units.append(unit(tasks, y, outputs, split=split, seed=seed, overlap=0.5))
        by_split.append(np.mean(gains))
    found = arm_scores(units, tasks)
    assert found.contributions is None
    interval = found.gains(0, 1)
    half = stats.t.ppf(0.975, 2) * np.sqrt((1 / 3 + 0.5) * np.var(by_split, ddof=1))
    assert interval.mean == pytest.approx([np.mean(by_split)] * 2)
    assert interval.high - interval.mean == pytest.approx([half] * 2)
    # Of several arms by Bonferroni's correction.
    both = found.mean_gains([0, 0], 1)
    wider = stats.t.ppf(1 - 0.05 / 4, 2) / stats.t.ppf(0.975, 2) * half
    assert both.high - both.mean == pytest.approx([wider] * 2)


def test_different_metrics_are_brought_to_one_scale():
    tasks = Tasks.plain([Task(name="yes", kind=Kind.BINARY), Task(name="n", kind=Kind.REGRESSION)])
    y = labels()
    y[:, 1] = np.random.default_rng(3).normal(size=N)
    predicted = np.stack([noisy(y[:, 0], 2, 0), y[:, 1] + 0.5], 1)
    found = arm_scores([unit(tasks, y, {"joint": predicted})], tasks)
    auroc = roc_auc_score(y[:, 0], predicted[:, 0])
    expected = [2 * auroc - 1, 1 - 0.25 / y[:, 1].var()]
    np.testing.assert_allclose(found.scores[0, 0], expected, atol=1e-5)
    assert (found.metric, found.metrics) == ("skill", ("AUROC skill", "R2"))
    assert found.chance.tolist() == [0, 0]
    assert found.margins.tolist() == [1, 1, 1]


def test_margins_are_the_metrics_or_what_is_given():
    y, tasks = labels(), binary("a", "b")
    made = [unit(tasks, y, {"joint": noisy(y, 1, 0)})]
    assert arm_scores(made, tasks).margins.tolist() == [0.5] * 3
    assert arm_scores(made, tasks).chance.tolist() == [0.5] * 2
    assert arm_scores(made, tasks, margin=2).margins.tolist() == [2] * 3


def test_a_metric_of_ones_own_has_an_interval_and_no_chance():
    """Half of the negative squared error: its contributions are those of a mean."""

    def error(outputs, y):
        return -(outputs[:, 0] - y).square().mean() / 2

    y = np.random.default_rng(0).normal(size=(400, 1))
    plain = Tasks.plain([Task(name="a", kind=Kind.REGRESSION)])
    tasks = with_metric(plain, error)
    rng = np.random.default_rng(1)
    units = [
        unit(tasks, y, {"x": y + rng.normal(size=y.shape), "y": y + 2}, seed=seed)
        for seed in range(3)
    ]
    found = arm_scores(units, tasks)
    assert np.isnan(found.chance).all()
    assert found.learnt().all()
    assert found.metric == "error"
    gains = found.gains(0, 1)
    squares = [
        -((torch.from_numpy(each.outputs[0] - each.targets).double() ** 2) / 2).numpy()
        for each in units
    ]
    expected = np.mean([100 * (each.mean() + 2) for each in squares])
    assert gains.mean == pytest.approx([expected] * 2, rel=1e-5)
    assert np.isfinite([gains.low, gains.high]).all()
    one_seed = 100**2 * squares[0].var(ddof=1) / len(y)
    assert ((100 * found.contributions[0, :, 0, 0]) ** 2).sum() == pytest.approx(one_seed, rel=0.6)
