"""What a learning curve says, in words, frames and files, worked by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import coterie as ct
from coterie.errors import CoterieError
from coterie.results.learning_curves import Estimate

NAN = float("nan")


def made(**changed: Any) -> ct.LearningCurve:
    """Three shares; grouped is surely the best with the fewest labels, forest with all."""
    score = np.array([[0.60, 0.70, 0.62], [0.70, 0.72, 0.71], [0.75, 0.76, 0.80]])
    gain = 100 * (score - score[:, :1])
    found = ct.LearningCurve(
        tasks=("a", "b", "coin"),
        arms=("joint", "grouped", "forest"),
        roles=("joint", "grouped", "forest"),
        metric="AUROC",
        margin=0.5,
        shares=np.array([0.1, 0.5, 1.0]),
        labels=np.array([[10.0, 20, 99], [50, 100, 99], [100, 200, 99]]),
        rarest=np.array([[2.0, 5, 9], [10, 25, 9], [20, 50, 9]]),
        counted=np.array([True, True, False]),
        score=Estimate(score, score - 0.02, score + 0.02),
        gain=Estimate(gain, gain - 2, gain + 2),
        lead=Estimate(
            np.array([[-10.0, 8, -8], [-2, 1, -1], [-5, -4, 4]]),
            np.array([[-12.0, 0, -10], [-5, -2, -3], [-7, -6, 0]]),
            np.array([[0.0, 9, 0], [1, 4, 2], [0, 0, 6]]),
        ),
        task_scores=np.repeat(score[..., None], 3, axis=2),
        outcomes=(
            ("same", "better", "undecided"),
            ("same", "undecided", "undecided"),
            ("same", "undecided", "better"),
        ),
        details={"seeds": [0, 1]},
    )
    return replace(found, **changed)


def test_sentences() -> None:
    best, grouped, forest, left_out = made().sentences
    assert best == (
        "Best of joint, grouped and forest by mean AUROC (95 %): grouped with 10 % (15 labels a "
        "task); any of them, undecided, with 50 % (75 labels a task); forest with 100 % (150 "
        "labels a task)."
    )
    assert grouped == (
        "grouped against joint: better with 10 % (+10.0 points); undecided with 50 to 100 % "
        "(+2.0 to +1.0 points)."
    )
    assert forest == (
        "forest against joint: undecided with 10 to 50 % (+2.0 to +1.0 points); better with "
        "100 % (+5.0 points)."
    )
    assert left_out.endswith("with the most labels: coin.")


def test_neighbours_with_the_same_answer_are_told_together() -> None:
    found = made()
    high = np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 6]])
    best = replace(found, lead=replace(found.lead, high=high)).sentences[0]
    assert ": joint or grouped, undecided, with 10 to 50 % (15 to 75 labels a task); forest" in best


def test_arms_that_are_all_perfect_are_not_told_apart() -> None:
    one, nothing = np.ones((3, 3)), np.zeros((3, 3))
    found = made(
        score=Estimate(one, one, one),
        gain=Estimate(nothing, nothing, nothing),
        lead=Estimate(nothing, nothing, nothing),
        outcomes=(("same", "not worth it", "not worth it"),) * 3,
    )
    assert ": any of them, undecided, with 10 to 100 % (15 to 150" in found.sentences[0]


def test_all_tasks_count_where_none_is_left_out() -> None:
    found = made(counted=np.ones(3, dtype=bool))
    assert len(found.sentences) == 3
    assert found.labels_per_task.tolist() == [43, 83, 133]


def test_without_intervals_nothing_is_told_apart() -> None:
    found = made()
    nothing = np.full((3, 3), NAN)
    unknown = replace(
        found,
        gain=Estimate(found.gain.value, nothing, nothing),
        lead=Estimate(found.lead.value, nothing, nothing),
        outcomes=(("same", "unknown", "unknown"),) * 3,
    )
    assert "any of them, undecided, with 10 to 100 %" in unknown.sentences[0]
    assert unknown.to_dict()["gains"][0]["low"] is None
    assert "unknown with 10 to 100 % (+10.0 to +1.0 points)" in unknown.sentences[1]


def test_frames_have_a_row_for_each_share_and_arm() -> None:
    found = made()
    assert found.scores.shape == (9, 6)
    assert found.scores.loc[1].to_dict() == pytest.approx(
        {"share": 0.1, "labels": 15, "arm": "grouped", "score": 0.7, "low": 0.68, "high": 0.72}
    )
    assert set(found.gains["arm"]) == {"grouped", "forest"}
    last = found.gains[found.gains["arm"] == "forest"].iloc[-1]
    assert (last["outcome"], last["share"]) == ("better", 1.0)
    assert last["gain"] == pytest.approx(5)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = made()
    found.save(tmp_path / "c.safetensors")
    again = ct.LearningCurve.load(tmp_path / "c.safetensors")
    assert again.to_dict() == found.to_dict()
    np.testing.assert_array_equal(again.task_scores, found.task_scores)
    np.testing.assert_array_equal(again.lead.high, found.lead.high)
    assert again.outcomes == found.outcomes
    assert repr(again) == (
        "LearningCurve(3 tasks, 15 to 150 labels a task: joint .600 to .750, grouped .700 to "
        ".760, forest .620 to .800)"
    )


def test_the_picture_has_a_line_with_whiskers_for_each_arm() -> None:
    axes = made().plot()
    assert axes.get_ylabel() == "mean AUROC on test"
    assert [bars.get_label() for bars in axes.containers] == ["joint", "grouped", "forest"]
    line, _, (whiskers,) = axes.containers[1]
    assert line.get_ydata().tolist() == pytest.approx([0.7, 0.72, 0.76])
    assert whiskers.get_segments()[0][:, 1].tolist() == pytest.approx([0.68, 0.72])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"shares": np.array([0.5, 0.1, 1.0])}, "`shares` must rise"),
        ({"outcomes": (("same", "better"),) * 3}, "`outcomes`"),
        ({"margin": -1.0}, "margin"),
        ({"tasks": ("a", "a", "b")}, "'a'"),
        ({"arms": ("joint", "joint", "b")}, "'joint'"),
        ({"labels": np.zeros((3, 2))}, "labels"),
        ({"score": Estimate(np.zeros((3, 2)), np.zeros((3, 2)), np.zeros((3, 2)))}, "score"),
    ],
)
def test_what_does_not_fit_is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(CoterieError, match=said):
        made(**changed)
