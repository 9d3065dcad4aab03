"""Tables of scores and of costs."""

from __future__ import annotations

from dataclasses import replace

from coterie.report import scores

from .synthetic import comparison


def test_scores_mark_the_best_and_hide_a_metric_that_all_share() -> None:
    made = comparison(("a", "b", "c"), n_groups=2, recorded=False)
    table = scores.score_table(made, made.tasks)
    assert table.metric == "balanced accuracy"
    assert table.arms == ["grouped", "joint", "single", "random (grouped)", "ensemble (K=2)"]
    for row in table.rows:
        shown = [float(cell.text) for cell in row.cells]
        assert [cell.best for cell in row.cells] == [value == max(shown) for value in shown]
    mixed = replace(made, metric_names=("accuracy", "auroc", "balanced_accuracy"))
    assert scores.score_table(mixed, made.tasks).metric is None
