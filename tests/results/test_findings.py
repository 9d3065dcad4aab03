"""Sentences for hand-made gains: each outcome says what it should, and never more."""

import json

import pyarrow as pa
import pytest

from coterie.errors import CoterieError
from coterie.results import Finding
from coterie.results.findings import find
from coterie.results.tables import COSTS, GAINS
from coterie.schema import structure

SCORES = pa.table({"seed": [0, 1, 2], "split": [0, 0, 0]})
ROLES = {
    "joint": "joint",
    "single": "single",
    "random": "random (grouped)",
    "ensemble": "ensemble (K=2)",
}
GAIN, NONE, LOSS, UNKNOWN = (2.0, 1.0, 3.0), (0.5, -0.5, 1.5), (-2.0, -3.0, -1.0), (2.0, None, None)


def row(reference, task, gain, low, high, p_holm=1.0, bootstrap=(0.1, 4.0), arm="grouped"):
    role = next(role for role, name in ROLES.items() if name == reference)
    return {
        "arm": arm,
        "role": "grouped",
        "of": arm,
        "reference": reference,
        "reference_role": role,
        "task": task,
        "metric": "accuracy",
        "gain": gain,
        "low": low,
        "high": high,
        "p": p_holm,
        "p_holm": p_holm,
        "bootstrap_low": bootstrap[0],
        "bootstrap_high": bootstrap[1],
        "relative_gain": None,
    }


def findings(joint=GAIN, single=GAIN, random=GAIN, ensemble=GAIN, tasks=(), models=2.0, **more):
    values = dict(zip(ROLES.values(), (joint, single, random, ensemble), strict=True))
    gains = [row(reference, "mean", *value, **more) for reference, value in values.items()]
    gains += [row("joint", name, gain, None, None, p_holm=p) for name, gain, p in tasks]
    costs = [
        {"arm": "joint", "role": "joint", "models": 1.0, "model_steps": 10.0},
        {
            "arm": "grouped",
            "role": "grouped",
            "of": "grouped",
            "models": models,
            "model_steps": 30.0,
        },
    ]
    tables = pa.Table.from_pylist(gains, schema=GAINS), pa.Table.from_pylist(costs, schema=COSTS)
    return find(SCORES, *tables)


def verdict(**changed):
    return [finding.sentence for finding in findings(**changed)]


def test_worth_it_names_gain_and_cost():
    sentences = verdict()
    assert sentences[0] == (
        "grouped: worth it if 3.0 times the training steps of joint and 2 models are affordable: "
        "+2.0 points over joint training."
    )
    assert sentences[1] == (
        "grouped against joint: +2.0 points on the mean over tasks (95 % interval +1.0 to +3.0 "
        "over 3 seeds)."
    )
    assert len(sentences) == 5


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            {"ensemble": NONE},
            "no gain is found over an ensemble of as many joint models: this is ensembling, not "
            "grouping",
        ),
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
    expected = (
        "No difference found between grouped and single: +0.5 points on the mean over tasks "
        f"({spread})."
    )
    assert expected in verdict(single=NONE)


def test_a_loss_and_a_missing_interval_are_said():
    sentences = verdict(single=LOSS, random=UNKNOWN)
    assert (
        "grouped against single: −2.0 points on the mean over tasks (95 % interval −3.0 to −1.0 "
        "over 3 seeds)." in sentences
    )
    assert (
        "grouped against random (grouped): +2.0 points on the mean over tasks, without an interval "
        "(3 seeds)." in sentences
    )


def test_an_interval_over_test_examples_that_holds_zero_is_said():
    assert verdict(bootstrap=(-0.3, 2.0))[1].endswith(
        "Other test examples could undo it: −0.3 to +2.0 over resampled ones."
    )


def test_tasks_are_named_only_after_correction():
    sentences = verdict(
        tasks=[("cat", -4.0, 0.01), ("dog", -9.0, 0.2), ("ship", 3.0, 0.04), ("car", -5.0, 0.049)]
    )
    assert (
        "Tasks that lose with grouped against joint, after Holm's correction: car (−5.0), cat "
        "(−4.0)." in sentences
    )
    assert (
        "Tasks that gain with grouped against joint, after Holm's correction: ship (+3.0)."
        in sentences
    )
    assert not any("dog" in sentence for sentence in sentences)
    none = verdict(tasks=[("dog", -9.0, 0.2)])
    assert (
        "No task is found to lose with grouped against joint (Holm's correction over 1 tasks)."
        in none
    )


def test_many_tasks_are_cut_short():
    sentences = verdict(tasks=[(f"t{i}", -1.0 - i, 0.001) for i in range(30)])
    losing = next(s for s in sentences if s.startswith("Tasks that lose"))
    assert losing.endswith("and 18 more.")
    assert "t29 (−30.0), t28" in losing


def test_findings_are_facts_before_they_are_sentences():
    worth, *means = findings(single=LOSS, tasks=[("cat", -4.0, 0.01)])[:5]
    assert (worth.about, worth.outcome, worth.of, worth.role) == (
        "worth",
        "single is better",
        "grouped",
        "joint",
    )
    assert (worth.times, worth.models, worth.gain, worth.interval) == (3.0, 2.0, 2.0, (1.0, 3.0))
    assert [(each.role, each.against, each.outcome) for each in means] == [
        (role, arm, "loss" if role == "single" else "gain") for role, arm in ROLES.items()
    ]
    last = findings(tasks=[("cat", -4.0, 0.01), ("dog", -9.0, 0.2)])[-1]
    assert (last.about, last.outcome, last.tasks, last.count) == (
        "tasks that lose",
        "loss",
        (("cat", -4.0),),
        2,
    )


def test_what_a_grouping_is_judged_by_must_be_there():
    gains = pa.Table.from_pylist([row("single", "mean", *GAIN)], schema=GAINS)
    with pytest.raises(CoterieError, match="a mean gain of 'grouped' over joint"):
        find(SCORES, gains, COSTS.empty_table())


@pytest.mark.parametrize("about", ["worth", "mean", "tasks that lose", "tasks that gain", "rivals"])
def test_any_finding_has_a_sentence_and_survives_json(about):
    made = Finding(about=about, outcome="gain", of="mine", tasks=(("a", 1.0),), interval=(0.5, 1.5))
    assert made.sentence.endswith(".")
    assert structure(json.loads(json.dumps(made.to_dict())), Finding) == made
