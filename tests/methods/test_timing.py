"""Prices in steps, which are exact, and what they ask to be timed."""

import pytest

import coterie as ct
from coterie.affinities import Cosine, Lookahead
from coterie.estimators import GradTagScores
from coterie.methods import Timing
from coterie.methods.timing import TIMED_EXAMPLES
from tests.affinities.moments import table

SETTINGS = {
    "epochs": 2,
    "batch_size": 32,
    "model_options": {"hidden": (8,)},
    "strategy": "loop",
    "device": "cpu",
}


@pytest.fixture(scope="module")
def timing():
    return Timing(model="mlp", data=table(400), settings=SETTINGS)


def test_steps_are_those_of_a_training(timing):
    assert timing.n_steps == ct.fit("mlp", timing.data, **SETTINGS).cost["model_steps"]


def test_trainings_of_all_rounds_are_counted(timing):
    cost = timing.cost_of([3, 0, 2], share=0.5, seconds=100.0)
    assert (cost.trainings, cost.model_steps) == (5, 5 * timing.n_steps * 0.5)
    assert cost.seconds == pytest.approx(
        100 + 0.5 * (timing.training_seconds(3) + timing.training_seconds(2))
    )
    assert cost.bytes == timing.stack_bytes(3) > timing.stack_bytes(1)
    assert timing.cost_of([]).model_steps == 0


def test_a_measurement_costs_what_it_says(timing):
    few, often = (timing.cost_of_probe(Lookahead(every=n)) for n in (4, 2))
    told = Lookahead().price(len(timing.data.tasks))
    assert few.look_aheads == told.lookaheads * ((timing.n_steps - 1) // 4)
    assert often.look_aheads == told.lookaheads * ((timing.n_steps - 1) // 2)
    assert timing.cost_of_probe(Cosine(every=4)).look_aheads == 0


def test_a_measurement_is_timed_on_as_many_examples_as_it_is_scored_on(timing):
    n_scored = len(timing.data.split.validation)
    assert n_scored > TIMED_EXAMPLES
    few, many = (timing.cost_of_probe(Lookahead(batch_size=n)) for n in (n_scored // 4, n_scored))
    assert many.model_steps - few.model_steps == pytest.approx(
        (timing.n_steps - 1)
        // 10
        * (len(timing.data.tasks) + 1)
        * (n_scored - n_scored // 4)
        / min(SETTINGS["batch_size"], len(timing.data.split.train))
        / 3
    )


def test_a_search_is_a_training_of_its_branches(timing):
    cost = timing.cost_of_learning(ct.DifferentiableGrouping(3))
    assert (cost.trainings, cost.model_steps) == (3, 3.0 * timing.n_steps)


def test_weights_that_look_pay_for_it(timing):
    provider = ct.AdaptiveWeights(timing.data.tasks.names[:2], every=2)
    cost = timing.cost_of_learning(provider)
    fit = ct.fit(timing.model, timing.data, provider, **timing.settings)
    looked = fit.cost["model_steps"] - 2 * timing.n_steps
    # An epoch's last batch is smaller, and what scores it so much larger beside it.
    assert cost.model_steps - 2 * timing.n_steps == pytest.approx(looked, rel=0.1)
    assert looked > 0
    assert cost.seconds > 0


def test_what_is_alike_is_timed_once(timing, monkeypatch):
    seen = []
    monkeypatch.setattr(
        Timing, "_timed_reading", lambda self, each: seen.append(each) or (1.0, 2.0, 0.5)
    )
    one, two = (timing.cost_of_reading(GradTagScores(n_features=7), n) for n in (1, 3))
    assert len(seen) == 1
    assert two.seconds - one.seconds == pytest.approx(2 * 0.5)


def test_what_does_not_tell_its_steps_has_no_price(timing):
    assert timing.cost_of_reading(object(), 1) is None
