"""What is told of students."""

from __future__ import annotations

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.results import PostTraining
from tests.results.made import post_training


def test_the_last_epoch_counts_and_the_best_stands_beside_it():
    found = post_training()
    assert found.last.tolist() == [[0.5, 0.5], [0.75, 0.75]]
    assert found.best.tolist() == [[0.75, 0.5], [0.75, 0.75]]
    assert found.frame.loc["a", "last"] == 0.625
    assert found.frame.loc["a", "last sd"] == pytest.approx(0.25 / 2**0.5)
    assert found.frame.loc["b", "best"] == 0.625


def test_in_words():
    found = post_training()
    assert found.sentence == (
        "Accuracy on test examples, mean of 2 tasks: 62.5 ± 17.7 over 2 seeds after the last epoch; "
        "the best epoch of each run, as papers report it, 68.8 ± 8.8. "
        "The teacher, which saw all examples: 75.0."
    )
    alone = post_training(
        seeds=(0,),
        tasks=("a",),
        metric_names=("AUROC",),
        scores=found.scores[:1, :, :1],
        teacher=None,
    )
    assert alone.sentence.startswith("AUROC on test examples: 50.0 after the last epoch; ")
    assert np.isnan(alone.frame["last sd"]).all()
    assert "2 students x 2 tasks" in repr(found)


@pytest.mark.parametrize(
    "changed",
    [
        {"seeds": (0,)},
        {"epochs": np.array([1])},
        {"epochs": np.array([], dtype=int), "scores": np.zeros((2, 0, 2))},
        {"tasks": ("a",)},
        {"scores": np.zeros((2, 3))},
        {"scores": np.full((2, 3, 2), "a")},
    ],
)
def test_what_does_not_fit_together_is_refused(changed):
    with pytest.raises(CoterieError):
        post_training(**changed)


def test_a_file_holds_no_models(tmp_path):
    post_training().save(tmp_path / "post_training.safetensors")
    assert PostTraining.load(tmp_path / "post_training.safetensors").fit is None


def test_the_teacher_is_told_where_it_knows_all_tasks():
    """A mean over other tasks than the students' would not compare."""
    for scores in (None, np.array([0.875, np.nan])):
        assert "teacher" not in post_training(teacher=scores).sentence
    with pytest.raises(CoterieError, match="`teacher`"):
        post_training(teacher=np.array([0.5]))
