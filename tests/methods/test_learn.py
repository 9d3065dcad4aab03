"""Groups that are learnt: with models of their own, or trained anew."""

from __future__ import annotations

from dataclasses import make_dataclass

import numpy as np
import pytest
import torch

import coterie as ct
from coterie.errors import CoterieError
from coterie.evaluation._trainings import mixed
from coterie.evaluation.arms import combine
from coterie.identity import identity
from coterie.metrics import scores
from coterie.training import LearntWeights, predict
from tests.evaluation.rivals.units import SMALL, mixed_kinds, table, trained

PUBLISHED = {"mode": "paper", "normalise": False, "prune": 0.0, "keeps_best": True}


class InterruptError(Exception):
    """Stands for a kill."""


class Weights(LearntWeights):
    """Two models, all tasks."""

    n_rows = 2

    def weights(self, step):
        return torch.ones(2, 4)

    def settings(self):
        return {}


def one_shot(n_groups=2, settings=None, **more):
    provider = ct.DifferentiableGrouping(n_groups, **{**PUBLISHED, **more})
    return ct.Learn(provider, one_shot=True, settings=settings or {})


@pytest.mark.parametrize("make", [table, mixed_kinds])
@pytest.mark.parametrize("stem", [0, 1])
def test_the_branches_of_the_search_are_what_is_scored(make, stem):
    """To the last bit: the validation scores of the arm are those of the search."""
    data, method = make(), one_shot(stem=stem)
    _, trainings = trained(data, method=method)
    search = ct.fit("mlp", data, one_shot(stem=stem).provider, seed=0, **SMALL)
    (arm,) = trainings.of("grouped")
    labels, validation = search.grouping.labels, data.split.validation
    own = search.scores[labels, np.arange(len(labels))]
    outputs = trainings.predict([arm], validation)
    found = scores(outputs, data.targets[validation], data.tasks)[0]
    np.testing.assert_array_equal(found.numpy().astype(own.dtype), own)
    # Random groups of the same sizes are trained from the start, as everything else is.
    (random,) = trainings.of("random")
    assert random.rows.max() < arm.rows.min()


@pytest.mark.parametrize("stem", [0, 1])
def test_the_search_is_all_that_one_shot_groups_cost(stem):
    _case, trainings = trained(table(), n_groups=3, method=one_shot(3, stem=stem))
    (arm,), joint = trainings.of("grouped"), trainings.cost(trainings.joint)
    cost, stack = trainings.cost(arm), trainings.fits[-1].stack
    assert cost["model_steps"] == 3 * joint["model_steps"]
    assert cost["seconds"] == trainings.fits[-1].cost["seconds"]
    served = trainings.grouped_model(arm)
    assert cost["parameters"] == sum(p.numel() for p in served.parameters())
    assert (stack.stem is None) == (stem == 0)


def test_one_shot_groups_may_be_mixed_with_models_that_share_no_stem():
    _, trainings = trained(mixed_kinds(), method=one_shot(stem=1))
    (arm,), test = trainings.of("grouped"), trainings.case.data.split.test
    half = mixed("half", [(trainings.joint, np.full(3, 0.5)), (arm, np.full(3, 0.5))])
    (outputs,) = trainings.predict([half], test)
    with torch.no_grad():
        served = trainings.grouped_model(half)(trainings.case.data.inputs[test])
    torch.testing.assert_close(served, outputs, atol=1e-5, rtol=1e-4)


def test_a_comparison_scores_saves_and_continues_the_search(tmp_path):
    data, own = table(), {"epochs": 6, "schedule": "step"}
    more = {**SMALL, "draws": 1, "baselines": ("single",), "rivals": ["blend"], "repeats": 1}
    methods = {"shot": one_shot(settings=own), "anew": ct.Learn(one_shot().provider)}
    whole = ct.compare("mlp", data, methods, seeds=1, run=tmp_path / "whole", **more)
    search = ct.fit("mlp", data, one_shot().provider, seed=0, **{**SMALL, **own})
    serves = search.grouping.membership
    test = data.split.test
    outputs = combine(predict(search.stack, data, test, device="cpu"), serves, data.tasks)
    rows = whole.scores.query("arm == 'shot' and metric == 'AUROC'").set_index("task").value
    expected = scores(outputs[None], data.targets[test], data.tasks)[0].numpy()
    np.testing.assert_allclose(rows[list(data.tasks.names)], expected, rtol=0, atol=1e-7)
    saved = ct.GroupedModel.load(tmp_path / "whole" / "models" / "shot.safetensors")
    with torch.no_grad():
        torch.testing.assert_close(saved(data.inputs[test]), outputs, atol=1e-5, rtol=1e-4)
    steps = {row["arm"]: row["model_steps"] for row in whole.costs_table.to_pylist()}
    assert steps["shot"] == 2 * steps["joint"] * 6 / 4
    # Joint, on which all groups are found; the search; groups of which each has a model.
    assert steps["anew"] == (3 + len(set(whole.groupings["anew"][0].labels))) * steps["joint"]
    assert steps["chosen"] == steps["shot"] + steps["anew"]
    assert all(found.trained is None for each in whole.found.values() for found in each)

    def stop(done, total, text):
        if "finding groups, shot" in text and "epoch 4" in text:
            raise InterruptError

    with pytest.raises(InterruptError):
        ct.compare("mlp", data, methods, seeds=1, run=tmp_path / "cut", progress=stop, **more)
    continued = ct.compare("mlp", data, methods, seeds=1, run=tmp_path / "cut", **more)
    assert continued.scores.equals(whole.scores)


def test_a_search_starts_from_the_groups_of_another_method(tmp_path):
    """It has what these are measured by, and pays for them."""
    data, more = table(), {**SMALL, "draws": 1, "rivals": "none", "repeats": 1, "seeds": 1}
    still = ct.DifferentiableGrouping(2, learning_rate=1e-9)
    methods = {
        "map": ct.Cluster(n_groups=2),
        "cosine": ct.Cluster("cosine", n_groups=2, every=2),
        "from map": ct.Learn(still, start=ct.Cluster(n_groups=2), one_shot=True),
        "from cosine": ct.Learn(still, start=ct.Cluster("cosine", n_groups=2, every=2)),
    }
    found = ct.compare("mlp", data, methods, run=tmp_path, **more)
    cost = {row["arm"]: row["model_steps"] for row in found.costs_table.to_pylist()}
    for name in ("map", "cosine"):
        one, other = found.groupings[name][0], found.groupings[f"from {name}"][0]
        assert ct.grouping.agreement([one, other])["mean"] == 1
    assert cost["from map"] == 3 * cost["joint"]
    assert cost["from cosine"] == pytest.approx(cost["cosine"] + 2 * cost["joint"])
    told = ct.plan("mlp", data, methods, **{**more, "seeds": 1})
    priced = {work.method: work.model_steps for work in told.workloads}
    assert priced["from cosine"] == pytest.approx(priced["cosine"] + 2 * cost["joint"])


def test_the_plan_trains_one_shot_groups_once():
    settings = {**SMALL, "rivals": "none", "draws": 1}
    found = ct.plan("mlp", table(), {"shot": one_shot(), "anew": one_shot().provider}, **settings)
    work = {each.method: each for each in found.workloads}
    assert work["shot"].grouped_seconds == pytest.approx(work["anew"].grouped_seconds / 2)
    assert work["shot"].model_steps == work["anew"].model_steps
    own = one_shot(settings={"epochs": 8, "optimizer": "sgd"})
    longer = ct.plan("mlp", table(), {"long": own}, **settings, optimiser="adam")
    assert longer.workloads[0].model_steps == 2 * work["shot"].model_steps


def test_what_it_was_before_it_could_be_one_shot_is_continued():
    """An earlier run knows it by its provider alone."""
    provider = ct.DifferentiableGrouping(3)
    earlier = make_dataclass("Learn", [("provider", object)], namespace={"__module__": "coterie"})
    assert identity(ct.Learn(provider).itself, "") == identity(earlier(provider), "")
    told = [
        one_shot(),
        one_shot(settings={"lr": 0.1}),
        ct.Learn(one_shot().provider),
        ct.Learn(one_shot().provider, start=ct.Cluster(n_groups=2)),
    ]
    assert len({str(identity(method.itself, "")) for method in told}) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"one_shot": 1}, "`one_shot` must be a bool; found 1"),
        ({"settings": {"model_options": {}}}, "`settings` must leave .*; found model_options"),
        ({"settings": {"epoch": 3}}, "`epoch` is not a setting of fit; .* Did you mean `epochs`"),
        ({"settings": [("epochs", 3)]}, "`settings` must be a Mapping"),
        ({"start": "data_map"}, "`start` must be a Method"),
        ({"start": ct.Cluster(n_groups=3)}, "`start` must find 2 groups, .* asked for 3"),
        ({"start": ct.Cluster()}, "`start` must find 2 groups, .* asked for auto"),
        (
            {"provider": Weights(), "start": ct.Cluster(n_groups=2)},
            "`start` is nothing that `provider` 'Weights' can start from",
        ),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(CoterieError, match=message):
        ct.Learn(**arguments)
