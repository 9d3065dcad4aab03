"""Sentences for hand-made gains: each outcome says what it should, and never more."""

import json
from itertools import product

import numpy as np
import pyarrow as pa
import pytest

from coterie.errors import CoterieError
from coterie.results import Finding, Grouping
from coterie.results.findings import difficulty_of, find
from coterie.results.sentences import settled_by
from coterie.results.tables import COSTS, GAINS
from coterie.schema import structure

SCORES = pa.table({"seed": [0, 1, 2], "split": [0, 0, 0]})
ROLES = {
    "joint": "joint",
    "single": "single",
    "random": "random (grouped)",
    "ensemble": "ensemble (K=2)",
}
MARGIN = 0.5
# Outcome, gain and interval.
BETTER, WORSE = ("better", 2.0, 1.0, 3.0), ("worse", -2.0, -3.0, -1.0)
UNDECIDED, UNKNOWN = ("undecided", 0.5, -0.5, 1.5), (None, 2.0, None, None)
NOT_WORTH, SMALL = ("not worth it", 0.1, -0.2, 0.4), ("better", 0.2, 0.1, 0.3)


def row(reference, task, outcome, gain, low, high, p_holm=1.0, **more):
    role = next(role for role, name in ROLES.items() if name == reference)
    return {
        "arm": "grouped",
        "role": "grouped",
        "of": "grouped",
        "reference": reference,
        "reference_role": role,
        "task": task,
        "metric": "AUROC",
        "gain": gain,
        "low": low,
        "high": high,
        "p_holm": p_holm,
        "margin": MARGIN,
        "outcome": outcome,
        **more,
    }


def findings(
    *, tasks=(), models=2.0, unit_seconds=None, more=None, earlier=False, **means
) -> tuple[Finding, ...]:
    """Of one grouping with the given mean gains over its references; one of None was not trained."""
    values = {role: means.get(role, BETTER) for role in ROLES}
    gains = [
        row(ROLES[role], "mean", *value, **(more or {}))
        for role, value in values.items()
        if value is not None
    ]
    gains += [row("joint", name, None, gain, None, None, p_holm=p) for name, gain, p in tasks]
    if earlier:
        gains = [{**each, "margin": None, "outcome": None} for each in gains]
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
    return find(SCORES, *tables, unit_seconds=unit_seconds)


def verdict(**changed) -> list[str]:
    return [finding.sentence for finding in findings(**changed)]


def test_worth_it_names_gain_and_cost():
    sentences = verdict()
    assert sentences[0] == (
        "grouped: worth it if 3.0 times the training steps of joint and 2 models are affordable: "
        "+2.0 points (+1.0 to +3.0) over joint training."
    )
    assert sentences[1] == (
        "grouped against joint: +2.0 points on the mean over tasks (95 % interval +1.0 to +3.0, "
        "3 seeds)."
    )
    assert len(sentences) == 5


@pytest.mark.parametrize(
    ("changed", "outcome", "says"),
    [
        ({"joint": WORSE}, "worse", "not worth it. It does worse than joint training, −2.0"),
        (
            {"joint": NOT_WORTH},
            "not worth it",
            "not worth it. What it gains over joint training is below 0.5 points: +0.1",
        ),
        (
            {"joint": SMALL},
            "not worth it",
            "not worth it. What it gains over joint training is below 0.5 points: +0.2",
        ),
        ({"joint": UNDECIDED}, "undecided", "undecided. Its gain over joint training is +0.5"),
        ({"joint": UNKNOWN}, "no interval", "no verdict: one seed tells nothing of the noise."),
        (
            {"ensemble": WORSE},
            "ensembling",
            "not 0.5 points better than an ensemble of as many joint models, −2.0",
        ),
        ({"ensemble": SMALL}, "ensembling", "this is ensembling, not grouping."),
        ({"random": NOT_WORTH}, "any companions", "which tasks are together matters little."),
        (
            {"random": UNDECIDED},
            "control undecided",
            "whether it is better than random groups of the same sizes is undecided, +0.5",
        ),
        (
            {"ensemble": UNKNOWN},
            "control undecided",
            "whether it is better than an ensemble of as many joint models is undecided",
        ),
        ({"ensemble": None}, "uncontrolled", "a control was not trained"),
        ({"random": None, "ensemble": None}, "uncontrolled", "a control was not trained"),
        # What was trained and lost says more than what was not trained.
        ({"random": WORSE, "ensemble": None}, "any companions", "random groups"),
        ({"single": WORSE}, "single is better", "single-task models do better still"),
        ({"models": 1.0}, "one group", "one group, which is joint training"),
    ],
)
def test_every_other_outcome_says_why_and_never_that_it_is_worth_it(changed, outcome, says):
    first = findings(**changed)[0]
    assert (first.about, first.outcome) == ("worth", outcome)
    assert says in first.sentence
    assert "worth it if" not in first.sentence


VALUES = (BETTER, WORSE, UNDECIDED, UNKNOWN, NOT_WORTH, SMALL, None)


@pytest.mark.parametrize("joint", VALUES[:-1])
def test_worth_it_is_what_beats_joint_and_both_controls_by_more_than_may_be_noise(joint):
    for single, random, ensemble in product(VALUES, repeat=3):
        first = findings(joint=joint, single=single, random=random, ensemble=ensemble)[0]
        passed = {joint, random, ensemble} == {BETTER} and single != WORSE
        assert (first.outcome == "worth it") == passed, (single, random, ensemble)


@pytest.mark.parametrize(
    ("more", "seconds", "says"),
    [
        ({"more_seeds": 12}, 30.0, "About 12 more seeds (6 minutes) would settle it."),
        ({"more_seeds": 1}, 12.0, "About 1 more seed (under a minute) would settle it."),
        ({"more_seeds": 100}, 120.0, "About 100 more seeds (3 hours) would settle it."),
        ({"more_seeds": 12}, None, "About 12 more seeds would settle it."),
        (
            {"more_examples": 2348},
            30.0,
            "More seeds would not settle it: the test examples are too few, by about 2,300 with "
            "labels.",
        ),
        ({}, 30.0, ""),
    ],
)
def test_what_would_settle_it_is_said_of_what_is_undecided(more, seconds, says):
    worth, mean, *_ = findings(joint=UNDECIDED, more=more, unit_seconds=seconds)
    assert settled_by(worth) == settled_by(mean) == says
    assert worth.sentence == (
        "grouped: undecided. Its gain over joint training is +0.5 points (−0.5 to +1.5), at 3.0 "
        f"times the training steps of joint and 2 models. {says}".rstrip()
    )
    assert mean.sentence == (
        "Undecided between grouped and joint: +0.5 points on the mean over tasks (95 % interval "
        f"−0.5 to +1.5, 3 seeds). {says}".rstrip()
    )


def test_each_pair_is_told_with_its_interval():
    sentences = verdict(single=WORSE, random=UNKNOWN, ensemble=NOT_WORTH)
    assert (
        "grouped against single: −2.0 points on the mean over tasks (95 % interval −3.0 to −1.0, "
        "3 seeds)." in sentences
    )
    assert (
        "grouped against random (grouped): +2.0 points on the mean over tasks, without an interval "
        "(3 seeds)." in sentences
    )
    assert (
        "grouped against ensemble (K=2): +0.1 points on the mean over tasks (95 % interval −0.2 to "
        "+0.4, 3 seeds), below 0.5 points." in sentences
    )


@pytest.mark.parametrize(
    ("changed", "outcome"),
    [
        ({}, "worth it"),
        # Without a margin no gain is too small, and no difference found is no proof of none.
        ({"joint": NOT_WORTH}, "undecided"),
        ({"joint": SMALL}, "worth it"),
        ({"joint": WORSE}, "worse"),
        ({"ensemble": NOT_WORTH}, "control undecided"),
        ({"ensemble": WORSE}, "ensembling"),
    ],
)
def test_tables_of_earlier_versions_are_judged_without_a_margin(changed, outcome):
    first = findings(earlier=True, **changed)[0]
    assert (first.outcome, first.margin) == (outcome, None)
    assert "0.5 points better" not in first.sentence


def test_models_are_told_to_a_tenth_where_numbers_of_groups_differ():
    assert "and 2.3 models" in verdict(models=7 / 3)[0]
    assert "and 2 models" in verdict(models=2.0)[0]


def test_one_group_is_not_held_against_what_it_is():
    assert [found.about for found in findings(models=1.0)] == ["worth"]


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
        "No task is found to lose with grouped against joint (Holm's correction over 1 task)."
        in none
    )


def test_many_tasks_are_cut_short():
    sentences = verdict(tasks=[(f"t{i}", -1.0 - i, 0.001) for i in range(30)])
    losing = next(s for s in sentences if s.startswith("Tasks that lose"))
    assert losing.endswith("and 18 more.")
    assert "t29 (−30.0), t28" in losing


def test_findings_are_facts_before_they_are_sentences():
    worth, *means = findings(single=WORSE, tasks=[("cat", -4.0, 0.01)])[:5]
    assert (worth.about, worth.outcome, worth.of, worth.role) == (
        "worth",
        "single is better",
        "grouped",
        "joint",
    )
    assert (worth.times, worth.models, worth.gain, worth.interval, worth.margin) == (
        *(3.0, 2.0, 2.0),
        *((1.0, 3.0), MARGIN),
    )
    assert [(each.role, each.against, each.outcome) for each in means] == [
        (role, arm, "worse" if role == "single" else "better") for role, arm in ROLES.items()
    ]
    last = findings(tasks=[("cat", -4.0, 0.01), ("dog", -9.0, 0.2)])[-1]
    assert (last.about, last.outcome, last.tasks, last.count) == (
        "tasks that lose",
        "loss",
        (("cat", -4.0),),
        2,
    )


def test_what_a_grouping_is_judged_by_must_be_there():
    gains = pa.Table.from_pylist([row("single", "mean", *BETTER)], schema=GAINS)
    with pytest.raises(CoterieError, match="a mean gain of 'grouped' over joint"):
        find(SCORES, gains, COSTS.empty_table())


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (
            Finding(about="headroom", outcome="below the margin", why="No grouping can gain much."),
            "Headroom: No grouping can gain much.",
        ),
        (
            Finding(about="epochs", outcome="too few", tasks=(("joint", 1.0), ("single", 0.25))),
            "of joint (100 %) and single (25 %), models are best in their last epoch;",
        ),
        (
            Finding(
                about="epochs",
                outcome="too few",
                tasks=(("a", 0.1), ("b", 0.4), ("c", 0.3), ("d", 0.2), ("e", 0.1)),
            ),
            "of b (40 %), c (30 %), d (20 %) and 2 more arms, models are best",
        ),
        (
            Finding(about="nothing learnt", outcome="chance", tasks=(("coin", 0.53),)),
            "No arm is surely better than chance on coin (.53); these tasks stay out of the mean.",
        ),
        (
            Finding(about="nothing learnt", outcome="all at chance", tasks=(("coin", 0.53),)),
            "No arm is surely better than chance on any task: coin (.53). What they differ by may",
        ),
        (
            Finding(about="nothing learnt", outcome="chance", of="single", tasks=(("a", 0.5),)),
            "single is not surely better than chance on a (.50).",
        ),
        (
            Finding(about="steps", outcome="unlike", of="single", times=0.25),
            "The models of single took 0.25 times the optimiser steps of the joint model",
        ),
        (
            Finding(about="examples", outcome="unlike", of="single", times=8.0),
            "The joint model sees 8.0 times the examples",
        ),
        (
            Finding(about="difficulty", outcome="strata", tasks=(("a", 0.96), ("b", 0.6))),
            "what tells the groups of a (96 %) and b (60 %) apart is mostly how easily their tasks",
        ),
        (
            Finding(about="left out", outcome="not trained", of="wide", why="wide is too large."),
            "Wide is too large.",
        ),
    ],
)
def test_conditions_are_said(found, says):
    assert says in found.sentence


def test_groups_are_strata_where_difficulty_is_most_of_what_tells_them_apart():
    def groups(share):
        details = {} if share is None else {"difficulty_share": share}
        return Grouping(tasks=("a", "b"), membership=np.eye(2), method="mine", details=details)

    of = lambda *shares: [groups(share) for share in shares]  # noqa: E731
    found = difficulty_of({"a": of(0.9, 0.7), "b": of(0.9, 0.0), "c": of(None), "d": of(None, 0.6)})
    assert (found.about, found.outcome) == ("difficulty", "strata")
    assert found.tasks == (("a", pytest.approx(0.8)), ("d", pytest.approx(0.6)))
    assert difficulty_of({"b": of(0.9, 0.0)}) is None
    assert difficulty_of({}) is None


@pytest.mark.parametrize(
    "about",
    [
        "worth",
        "mean",
        "tasks that lose",
        "tasks that gain",
        "rivals",
        "headroom",
        "epochs",
        "nothing learnt",
        "steps",
        "examples",
        "difficulty",
        "left out",
    ],
)
def test_any_finding_has_a_sentence_and_survives_json(about):
    made = Finding(
        about=about,
        outcome="better",
        of="mine",
        tasks=(("a", 1.0),),
        interval=(0.5, 1.5),
        why="some reason.",
    )
    assert made.sentence.endswith(".")
    assert structure(json.loads(json.dumps(made.to_dict())), Finding) == made
