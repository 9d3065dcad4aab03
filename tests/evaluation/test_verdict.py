"""Sentences for hand-made gains: each outcome says what it should, and never more."""

import pyarrow as pa
import pytest

from coterie.evaluation.verdict import write_verdict
from coterie.results.tables import COSTS, GAINS

ROLES = {"joint": "joint", "single": "single", "random": "random (grouped)", "ensemble": "ensemble (K=2)"}
GAIN, NONE, LOSS, UNKNOWN = (2.0, 1.0, 3.0), (0.5, -0.5, 1.5), (-2.0, -3.0, -1.0), (2.0, None, None)


def row(reference, task, gain, low, high, p_holm=1.0, bootstrap=(0.1, 4.0), arm="grouped"):
    return {
        "arm": arm, "reference": reference, "task": task, "metric": "accuracy", "gain": gain, "low": low, "high": high,
        "p": p_holm, "p_holm": p_holm, "bootstrap_low": bootstrap[0], "bootstrap_high": bootstrap[1], "relative_gain": None,
    }  # fmt: skip


def verdict(joint=GAIN, single=GAIN, random=GAIN, ensemble=GAIN, tasks=(), models=2.0, **more):
    values = dict(zip(ROLES.values(), (joint, single, random, ensemble), strict=True))
    gains = [row(reference, "mean", *value, **more) for reference, value in values.items()]
    gains += [row("joint", name, gain, None, None, p_holm=p) for name, gain, p in tasks]
    costs = [{"arm": "joint", "models": 1.0, "parameters": 1.0, "model_steps": 10.0, "seconds": 1.0},
             {"arm": "grouped", "models": models, "parameters": 2.0, "model_steps": 30.0, "seconds": 3.0}]  # fmt: skip
    tables = pa.Table.from_pylist(gains, schema=GAINS), pa.Table.from_pylist(costs, schema=COSTS)
    return write_verdict(*tables, {"grouped": ROLES}, repetitions="3 seeds")


def test_worth_it_names_gain_and_cost():
    sentences = verdict()
    assert sentences[0] == (
        "grouped: worth it if 3.0 times the training steps of joint and 2 models are affordable: "
        "+2.0 points over joint training."
    )
    assert sentences[1] == (
        "grouped against joint: +2.0 points on the mean over tasks (95 % interval +1.0 to +3.0 over 3 seeds)."
    )
    assert len(sentences) == 5


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"ensemble": NONE}, "no gain is found over an ensemble of as many joint models: this is ensembling, not grouping"),
        ({"ensemble": LOSS}, "this is ensembling, not grouping"),
        ({"random": NONE}, "no gain is found over random groups of the same sizes"),
        ({"single": LOSS}, "single-task models do better still"),
        ({"joint": NONE}, "not worth it here. No difference found to joint training"),
        ({"joint": LOSS}, "not worth it. It does worse than joint training"),
        ({"joint": UNKNOWN}, "undecided, because gains need at least two seeds"),
        ({"models": 1.0}, "one group, which is joint training"),
    ],
)
def test_every_other_outcome_is_not_worth_it_and_says_why(changed, says):
    first = verdict(**changed)[0]
    assert says in first
    assert "worth it if" not in first


def test_no_difference_is_said():
    spread = "95 % interval −0.5 to +1.5 over 3 seeds"
    expected = f"No difference found between grouped and single: +0.5 points on the mean over tasks ({spread})."
    assert expected in verdict(single=NONE)


def test_a_loss_and_a_missing_interval_are_said():
    sentences = verdict(single=LOSS, random=UNKNOWN)
    assert "grouped against single: −2.0 points on the mean over tasks (95 % interval −3.0 to −1.0 over 3 seeds)." in sentences
    assert "grouped against random (grouped): +2.0 points on the mean over tasks, without an interval (3 seeds)." in sentences


def test_an_interval_over_test_examples_that_holds_zero_is_said():
    assert verdict(bootstrap=(-0.3, 2.0))[1].endswith("Other test examples could undo it: −0.3 to +2.0 over resampled ones.")


def test_tasks_are_named_only_after_correction():
    sentences = verdict(tasks=[("cat", -4.0, 0.01), ("dog", -9.0, 0.2), ("ship", 3.0, 0.04), ("car", -5.0, 0.049)])
    assert "Tasks that lose with grouped against joint, after Holm's correction: car (−5.0), cat (−4.0)." in sentences
    assert "Tasks that gain with grouped against joint, after Holm's correction: ship (+3.0)." in sentences
    assert not any("dog" in sentence for sentence in sentences)
    none = verdict(tasks=[("dog", -9.0, 0.2)])
    assert "No task is found to lose with grouped against joint (Holm's correction over 1 tasks)." in none


def test_many_tasks_are_cut_short():
    sentences = verdict(tasks=[(f"t{i}", -1.0 - i, 0.001) for i in range(30)])
    losing = next(s for s in sentences if s.startswith("Tasks that lose"))
    assert losing.endswith("and 18 more.")
    assert "t29 (−30.0), t28" in losing
