"""Which arm is recommended: cheap before good, within a margin, and never a control."""

from types import SimpleNamespace

import numpy as np
import pytest

from coterie.evaluation.recommending import recommend, standings
from coterie.evaluation.scores import arm_scores
from coterie.evaluation.tables import costs_table
from coterie.results.recommendation import Standing
from coterie.results.tables import Part
from tests.evaluation.made import binary, unit

TASKS = binary("a", "b")
PARTS = {name: Part(name, None) for name in ("joint", "ensemble", "forest")}
PARTS["random (mine)"] = Part("random", "mine")
COSTS = {
    "joint": {"models": 1, "latency": 0.1},
    "ensemble": {"models": 3, "latency": 0.3},
    "forest": {"models": 1, "latency": 0.2},
}


def units(noise, *, n=2000, seeds=3, jitter=0.01, **more):
    """Arms of the same errors, scaled by ``noise``, with a little of their own on each seed."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, (n, 2)).astype(float)
    shared = rng.normal(size=y.shape)
    return [
        unit(
            TASKS,
            y,
            {
                name: 2 * y - 1 + scale * shared + jitter * rng.normal(size=y.shape)
                for name, scale in noise.items()
            },
            seed=seed,
            costs=COSTS,
            **more,
        )
        for seed in range(seeds)
    ]


def answered(made, **margin):
    arms = arm_scores(made, TASKS, **margin)
    found = standings(arms, costs_table(made, PARTS).to_pylist())
    return found, recommend(found, arms)


def test_the_cheapest_within_the_margin_is_taken():
    found, advice = answered(units({"ensemble": 1.98, "joint": 2.0, "forest": 1.99}))
    assert [each.arm for each in found] == ["joint", "forest", "ensemble"]
    assert advice.best.arm == "ensemble"
    assert (advice.arm, advice.outcome, advice.basis) == ("joint", "decided", "test")
    assert -advice.margin <= advice.chosen.low <= 0
    assert (advice.margin, advice.arms, advice.metric) == (0.5, 3, "AUROC")


def test_what_is_better_by_more_than_the_margin_is_worth_its_price():
    made = units({"joint": 2.5, "ensemble": 2.0})
    found, advice = answered(made)
    assert (advice.arm, advice.outcome) == ("ensemble", "decided")
    assert found[1].low == 0
    assert found[0].high == 0
    # Unless nobody wants so little.
    _, advice = answered(made, margin=20)
    assert advice.arm == "joint"


def test_what_test_examples_cannot_tell_is_picked_on_validation():
    validation = {"joint": 0.7, "forest": 0.71, "ensemble": 0.9}
    noise = {"joint": 2.0, "forest": 2.0, "ensemble": 2.0}
    made = units(noise, n=60, jitter=2.0, validation=validation)
    _, advice = answered(made)
    assert (advice.arm, advice.outcome, advice.basis) == ("ensemble", "undecided", "validation")
    # Test examples are 60; with as many more as asked for, the same models are told apart.
    assert advice.more_seeds > 0
    assert advice.more_examples > 60
    assert "would settle it together with about" in advice.sentences[1]
    enough = units(noise, n=60 + advice.more_examples, jitter=0.0, validation=validation)
    assert answered(enough)[1].outcome == "decided"
    near = units(noise, n=60, jitter=2.0, validation={**validation, "joint": 0.896})
    _, advice = answered(near)
    assert (advice.arm, advice.outcome) == ("joint", "undecided")


def test_one_seed_decides_nothing():
    found, advice = answered(units({"joint": 3.0, "ensemble": 0.5}, seeds=1))
    assert advice.outcome == "undecided"
    assert {each.low for each in found} == {None}


@pytest.mark.parametrize("splits", [1, 4])
def test_several_splits_are_judged_by_splits(splits):
    made = [
        unit
        for split in range(splits)
        for unit in units({"joint": 4.0, "ensemble": 0.5}, seeds=1, split=split)
    ]
    for number, each in enumerate(made):
        each.primary[:] += 0.001 * number * np.array([[1], [-1]])
    found, advice = answered(made)
    assert advice.outcome == ("decided" if splits > 1 else "undecided")
    if splits > 1:
        assert advice.arm == "ensemble"
        assert found[0].high == 0


def test_random_groups_are_never_recommended():
    found, advice = answered(units({"joint": 2.0, "random (mine)": 0.1}))
    assert [each.arm for each in found] == ["joint"]
    assert (advice.arm, advice.outcome, advice.arms) == ("joint", "decided", 1)


def test_scores_and_costs_are_those_of_the_tables():
    made = units({"joint": 2.0, "ensemble": 1.9}, validation={"joint": 0.75})
    found, _ = answered(made)
    for place, each in enumerate(found):
        assert each.score == pytest.approx(np.mean([unit.primary[place] for unit in made]))
    told = [(each.validation, each.models, each.latency) for each in found]
    assert told == [pytest.approx((0.75, 1, 0.1)), pytest.approx((0.5, 3, 0.3))]


@pytest.mark.parametrize(
    ("cheaper", "dearer"),
    [
        # Models first, however long they train or take to answer,
        (
            {"models": 11.7, "parameters": 9e5, "latency": 0.9, "seconds": 90, "model_steps": 900},
            {"models": 14, "parameters": 1e5, "latency": 0.1, "seconds": 10, "model_steps": 100},
        ),
        # then their size,
        (
            {"models": 2, "parameters": 100, "latency": 0.9, "model_steps": 900},
            {"models": 2, "parameters": 200, "latency": 0.1, "model_steps": 100},
        ),
        # then how long they train; times as measured never count.
        (
            {"models": 2, "parameters": 100, "latency": 0.9, "seconds": 90, "model_steps": 100},
            {"models": 2, "parameters": 100, "latency": 0.1, "seconds": 10, "model_steps": 900},
        ),
    ],
)
def test_arms_are_ordered_by_what_they_cost_to_serve_and_then_to_train(cheaper, dearer):
    made = units({"joint": 2.0, "ensemble": 2.0})
    arms = arm_scores(made, TASKS)
    for names in (("joint", "ensemble"), ("ensemble", "joint")):
        costs = [
            {"arm": arm, "role": arm, "latency": None, "seconds": None, **cost}
            for arm, cost in zip(names, (cheaper, dearer), strict=True)
        ]
        assert [each.arm for each in standings(arms, costs)] == list(names)
        assert recommend(standings(arms, costs), arms, margin=50).arm == names[0]


ARMS = SimpleNamespace(repeated="seed", margins=np.array([0.5]), metric="AUROC")


def standing(arm, score=0.8, **more):
    return Standing(arm=arm, role=arm, score=score, **more)


def test_without_any_score_nothing_is_recommended():
    assert recommend([standing("joint", np.nan)], ARMS) is None
    assert recommend([], ARMS) is None


def test_an_arm_without_a_score_is_passed_over():
    found = recommend([standing("joint", np.nan, low=0.0), standing("single", low=-0.1)], ARMS)
    assert (found.arm, found.arms) == ("single", 1)


def test_of_what_is_near_enough_the_first_is_the_cheapest():
    listed = [standing("far", low=-0.6), standing("near", low=-0.4), standing("best", low=0.0)]
    assert recommend(listed, ARMS).arm == "near"
    assert recommend(listed, ARMS, margin=0.7).arm == "far"
    assert recommend(listed, ARMS, margin=0.2).arm == "best"


def test_without_validation_scores_the_cheapest_stands_in():
    found = recommend([standing("a", low=None), standing("b", 0.9, low=None)], ARMS)
    assert (found.arm, found.best.arm, found.outcome) == ("a", "b", "undecided")
