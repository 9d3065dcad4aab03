"""What to know of how a comparison was made: each finding appears, and disappears."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from coterie.evaluation.conditions import conditions
from coterie.evaluation.scores import arm_scores
from coterie.results import Found, Grouping, History
from tests.evaluation.made import binary, unit
from tests.results.test_headroom import made as headroom

TASKS = binary("a", "b")
N = 400
LABELS = np.random.default_rng(0).integers(0, 2, (N, 2)).astype(float)
# Steps and models of joint, and of single: the same for each model.
ALIKE = {"joint": {"models": 1, "model_steps": 50}, "single": {"models": 2, "model_steps": 100}}


def history(*best, epochs=5, n_tasks=2):
    """Of models that were best in these epochs."""
    curves = np.ones((epochs, len(best), n_tasks))
    return History(
        learning_rate=np.ones(epochs),
        best_epoch=np.array(best),
        train_loss=curves,
        validation_loss=curves,
        validation_score=curves,
    )


def predicted(seed, *learnt):
    """Logits that know the labels of the tasks that are ``learnt``."""
    noise = np.random.default_rng(seed).normal(size=LABELS.shape)
    return noise + np.where(learnt, 2 * LABELS - 1, 0)


def compared(*, joint=(1, 1), single=(1, 1), best=None, costs=ALIKE, labels=LABELS, seeds=2):
    best = {"joint": (2,), "single": (2, 1)} if best is None else best
    return [
        unit(
            TASKS,
            labels,
            {"joint": predicted(seed, *joint), "single": predicted(seed + 9, *single)},
            seed=seed,
            costs=costs,
            histories={name: history(*each) for name, each in best.items()},
        )
        for seed in range(seeds)
    ]


def data_of(targets):
    split = SimpleNamespace(train=torch.arange(len(targets)))
    return SimpleNamespace(tasks=TASKS, split=split, targets=torch.tensor(targets))


DATA = data_of(LABELS)


def found(units, data=DATA, left_out=None, bound=None):
    told = conditions(units, arm_scores(units, TASKS), data, left_out or {}, bound)
    assert all(finding.sentence for finding in told)
    return {(finding.about, finding.of): finding for finding in told}


def test_where_nothing_is_to_be_known_nothing_is_said():
    assert found(compared()) == {}


def test_tasks_that_no_arm_learns_are_named():
    (finding,) = found(compared(joint=(1, 0), single=(1, 0))).values()
    assert (finding.about, finding.outcome, finding.of) == ("nothing learnt", "chance", "")
    ((name, score),) = finding.tasks
    assert name == "b"
    assert score == pytest.approx(0.5, abs=0.06)
    assert found(compared(joint=(1, 0), single=(1, 1))) == {}


def test_where_no_task_is_learnt_none_is_said_to_stay_out():
    (finding,) = found(compared(joint=(0, 0), single=(0, 0))).values()
    assert (finding.about, finding.outcome) == ("nothing learnt", "all at chance")
    assert [name for name, _ in finding.tasks] == ["a", "b"]


def test_an_arm_that_learns_nothing_is_named():
    (finding,) = found(compared(single=(0, 0))).values()
    assert (finding.about, finding.of) == ("nothing learnt", "single")
    assert [name for name, _ in finding.tasks] == ["a", "b"]
    # Of what nobody learns the arm is not blamed as well.
    told = found(compared(joint=(1, 0), single=(0, 0)))
    assert [name for name, _ in told["nothing learnt", "single"].tasks] == ["a"]
    assert [name for name, _ in told["nothing learnt", ""].tasks] == ["b"]


def test_a_task_without_a_score_is_not_said_to_be_at_chance():
    one_class = np.stack([LABELS[:, 0], np.ones(N)], 1)
    assert found(compared(labels=one_class)) == {}


def test_arms_that_were_still_improving_are_named_with_their_share():
    (finding,) = found(compared(best={"joint": (2,), "single": (4, 1)})).values()
    assert (finding.about, finding.outcome) == ("epochs", "too few")
    assert finding.tasks == (("single", 0.5),)
    both = compared(best={"joint": (4,), "single": (4, 4)})
    assert found(both)["epochs", ""].tasks == (("joint", 1.0), ("single", 1.0))


@pytest.mark.parametrize(
    ("steps", "times"), [(100, None), (140, None), (160, 1.6), (20, 0.2), (70, None)]
)
def test_models_of_unlike_numbers_of_steps_are_told(steps, times):
    costs = {**ALIKE, "single": {"models": 2, "model_steps": steps}}
    costs["joint"] = {"models": 1, "model_steps": 50}
    told = found(compared(costs=costs))
    if times is None:
        assert told == {}
    else:
        finding = told["steps", "single"]
        assert (finding.outcome, finding.times) == ("unlike", pytest.approx(times))
    # Where nobody trained single-task models there is nothing to compare.
    assert found(compared(costs=costs, best={"joint": (2,)})) == {}


def test_joint_that_sees_the_examples_of_all_is_told():
    own = LABELS.copy()
    own[::2, 0] = own[1::2, 1] = np.nan
    told = found(compared(), data_of(own))["examples", "single"]
    assert (told.outcome, told.times) == ("unlike", pytest.approx(2))
    some = LABELS.copy()
    some[:60, 0] = np.nan
    assert found(compared(), data_of(some)) == {}


def test_who_is_left_out_and_why():
    told = found(compared(), left_out={"forest": "forest is left out: images."})
    finding = told["left out", "forest"]
    assert (finding.outcome, finding.why) == ("not trained", "forest is left out: images.")


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("bound", [0.6, 1.5])
def test_headroom_comes_first_with_what_was_done_about_it(trained, bound):
    groups = Grouping(tasks=("a", "b"), membership=np.eye(2), method="kmeans")
    names = {"mine": Found(grouping=groups)}
    units = [
        replace(
            each,
            found=names,
            histories={**each.histories, **({"mine": history(1, 2)} if trained else {})},
        )
        for each in compared()
    ]
    limit = headroom(bound=bound, overlapping_bound=bound)
    told = found(units, left_out={"forest": "why."}, bound=limit)
    first = next(iter(told.values()))
    assert (first.about, first.gain, first.margin, first.models) == ("headroom", bound, 1.0, 2)
    assert first.outcome == ("below the margin" if bound < 1 else "above the margin")
    assert first.why.startswith(limit.sentence)
    assert first.why.endswith("not trained.") != trained


def test_groups_by_difficulty_are_told_over_all_units():
    def units(*shares):
        return [
            replace(
                each,
                found={
                    "mine": Found(
                        grouping=Grouping(
                            tasks=("a", "b"),
                            membership=np.eye(2),
                            method="kmeans",
                            details={"difficulty_share": share},
                        )
                    )
                },
            )
            for each, share in zip(compared(seeds=len(shares)), shares, strict=True)
        ]

    told = found(units(0.9, 0.6))
    assert told["difficulty", ""].tasks == (("mine", pytest.approx(0.75)),)
    assert found(units(0.9, 0.0)) == {}
