"""What a recommendation says: two sentences, no surer than the numbers."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from coterie.results.recommendation import Recommendation, Standing
from coterie.schema import structure

JOINT = Standing(arm="joint", role="joint", score=0.881, low=-0.31, high=0.2, latency=0.012)
FOREST = Standing(
    arm="forest", role="forest", score=0.8834, low=-0.2, high=0.4, models=6, seconds=95.0
)


def made(**changed: object) -> Recommendation:
    found = Recommendation(
        outcome="decided", chosen=JOINT, best=FOREST, margin=0.5, arms=5, metric="AUROC"
    )
    return replace(found, **changed)


def test_decided_says_what_to_use_at_which_cost_and_what_more_would_buy() -> None:
    assert made().sentences == (
        "Use joint: 1 model, 12 ms for 1,000 predictions, a mean AUROC of .881, at most 0.4 points "
        "below the best of 5 arms (95 %).",
        "The highest score, that of forest, costs 6 models instead of 1 (trained in 1 min 35 s) and would "
        "gain +0.2 points, 0.4 at most.",
    )
    assert (made().arm, made().basis) == ("joint", "test")


def test_a_gain_that_does_not_show_is_said_to_be_small() -> None:
    best = replace(FOREST, score=JOINT.score + 0.0001)
    assert "would gain under 0.1 points, 0.4 at most" in made(best=best).sentences[1]


@pytest.mark.parametrize(
    ("chosen", "best", "says"),
    [
        # Slower to train, but fewer models to serve.
        (
            {"models": 11.7, "seconds": 90.0},
            {"models": 14, "seconds": 40.0},
            "The highest score, that of forest, costs 14 models instead of 11.7 (trained in 40.0 s) and would "
            "gain +0.2 points, 0.4 at most.",
        ),
        (
            {"parameters": 1000},
            {"models": 1, "parameters": 2500, "seconds": None},
            "The highest score, that of forest, costs 2,500 parameters instead of 1,000 and would gain "
            "+0.2 points, 0.4 at most.",
        ),
        (
            {"parameters": 1000},
            {"models": 1, "parameters": 1000, "seconds": None},
            "The highest score, that of forest, costs as much to serve and would gain +0.2 points, 0.4 at "
            "most.",
        ),
        # The best by score alone comes before by price, and was passed over.
        (
            {"models": 7, "parameters": 10},
            {"models": 1, "parameters": 9000, "low": -0.8},
            "The highest score, +0.2 points more, is that of forest, which costs 1 model instead of 7 "
            "but is not surely within 0.5 points of the best.",
        ),
        (
            {"parameters": 5000},
            {"models": 1, "parameters": 1000, "low": None},
            "The highest score, +0.2 points more, is that of forest, which costs 1,000 parameters "
            "instead of 5,000 but is not surely within 0.5 points of the best.",
        ),
    ],
)
def test_the_second_sentence_is_true_whichever_costs_more(chosen, best, says) -> None:
    found = made(chosen=replace(JOINT, **chosen), best=replace(FOREST, **best))
    assert found.sentences[1] == says


@pytest.mark.parametrize(
    ("low", "says"),
    [
        (0.0, "surely the best of 5 arms (95 %)."),
        (-0.3, "at most 0.3 points below the best"),
        # A limit is rounded up: 0.0 would be a promise.
        (-0.02, "at most 0.1 points below the best"),
        (-0.41, "at most 0.5 points below the best"),
    ],
)
def test_the_distance_to_the_best_is_a_limit(low: float, says: str) -> None:
    best = replace(FOREST, low=low)
    first, second = made(chosen=best, best=best).sentences
    assert says in first
    assert second == "No other arm scores higher."


def test_undecided_says_by_what_it_was_picked_and_claims_no_distance() -> None:
    found = made(outcome="undecided")
    first, second = found.sentences
    assert first.startswith("Undecided. Until more is known, use joint: 1 model")
    assert "below" not in first
    assert second == (
        "No arm is surely within 0.5 points of the best of 5, so joint was picked on validation "
        "examples; the test examples only score it."
    )
    assert found.basis == "validation"


def test_numbers_of_models_that_differ_between_repetitions_are_told_to_a_tenth() -> None:
    assert "2.3 models" in made(chosen=replace(JOINT, models=7 / 3)).sentences[0]


def test_it_survives_json() -> None:
    assert structure(json.loads(json.dumps(asdict(made()))), Recommendation) == made()
