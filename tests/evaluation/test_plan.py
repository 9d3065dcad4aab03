"""What is told before anything long starts."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import coterie as ct
from coterie.affinities import Lookahead
from coterie.errors import CoterieError
from coterie.estimators import GradTagScores, MTGNetScores, SurrogateScores
from coterie.evaluation._plan import seconds_of
from coterie.methods import Timing
from tests.estimators.planted import PlantedScores

TRAINING = {"epochs": 4, "batch_size": 128, "model_options": {"hidden": (16,)}, "strategy": "loop"}
SMALL = {**TRAINING, "rivals": "none"}
METHODS = ["data_map", "lookahead", "pairs", "train", "gradtag", "dmtg"]


@pytest.fixture(scope="module")
def planned():
    return ct.plan("mlp", ct.load("digits"), METHODS, n_groups=3, seeds=2, **SMALL)


def test_counts_are_exact(planned):
    work = {w.method.split()[0]: w for w in planned.workloads}
    n_tasks, n_steps = 14, 4 * 9
    assert (
        work["data_map"].trainings,
        work["data_map"].look_aheads,
        work["data_map"].model_steps,
    ) == (0, 0, 0)
    assert work["lookahead"].look_aheads == n_tasks * ((n_steps - 1) // 10)
    assert work["pairs"].trainings == n_tasks + n_tasks * (n_tasks - 1) // 2
    assert work["pairs"].model_steps == work["pairs"].trainings * n_steps
    assert work["dmtg"].model_steps == 3 * n_steps
    assert work["gradtag"].trainings == 0
    assert work["gradtag"].model_steps > 0
    assert work["train"].trainings > work["pairs"].trainings


def test_cheapest_first_and_everything_without_a_budget(planned):
    seconds = [w.seconds for w in planned.workloads]
    assert seconds == sorted(seconds)
    assert len(planned.picked) == len(METHODS)
    assert planned.seconds > planned.units * planned.shared_seconds


def test_counts_agree_with_what_a_comparison_does():
    settings = {**TRAINING, "epochs": 2}
    data = ct.load("digits")
    method = ct.Cluster("lookahead", n_groups=2, every=5)
    work = ct.plan("mlp", data, method, rivals="none", **settings).workloads[0]
    joint = ct.affinity("lookahead", "mlp", data, every=5, **settings)
    assert work.look_aheads == joint.details["lookaheads"]
    assert work.model_steps == pytest.approx(
        joint.details["beyond_training"]["model_steps"], rel=0.05
    )


def table(n=240, n_tasks=4):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, 6, generator=generator)
    return ct.load(
        {
            "inputs": x,
            "targets": (
                x[:, :n_tasks] + 0.3 * torch.randn(n, n_tasks, generator=generator) > 0
            ).float(),
        }
    )


@pytest.mark.parametrize(("repeats", "units"), [(None, 10), (1, 2), (3, 6)])
def test_splits_are_counted_as_a_comparison_counts_them(repeats, units):
    found = ct.plan(
        "mlp",
        table(),
        ["data_map"],
        n_groups=2,
        seeds=[3, 5],
        repeats=repeats,
        **{**SMALL, "batch_size": 32},
    )
    assert found.units == units
    assert found.seconds > units * found.shared_seconds


def test_a_training_of_one_step_an_epoch_is_timed():
    settings = {**TRAINING, "batch_size": 512, "epochs": 30}
    method = ct.Cluster("lookahead", n_groups=2)
    work = ct.plan("mlp", table(), method, rivals="none", **settings).workloads[0]
    measured = ct.affinity("lookahead", "mlp", table(), **settings)
    assert work.look_aheads == measured.details["lookaheads"] == 4 * 2
    assert work.model_steps == pytest.approx(measured.details["beyond_training"]["model_steps"])


@pytest.mark.parametrize("labels", ["all", "one of four"])
def test_steps_of_gradtag_are_nearly_those_that_it_takes(labels):
    data, settings = table(), {**TRAINING, "batch_size": 32}
    if labels != "all":
        data.targets[torch.arange(240)[:, None] % 4 != torch.arange(4)] = torch.nan
    work = ct.plan("mlp", data, ct.Select("gradtag"), rivals="none", **settings).workloads[0]
    taken = GradTagScores().fit(ct.fit("mlp", data, **settings), data).cost["model_steps"]
    assert work.model_steps == pytest.approx(taken, rel=0.02)


def test_seconds_of_gradtag_are_those_of_its_own_passes_and_rows(monkeypatch):
    """A step that trains in another precision says little of them."""
    data, settings = table(), {**SMALL, "batch_size": 32}
    monkeypatch.setattr(Timing, "_timed_reading", lambda *_: (100.0, 7.0, 0.1))
    work = ct.plan("mlp", data, ct.Select("gradtag"), **settings).workloads[0]
    assert work.seconds == pytest.approx(
        100 + 7 * work.model_steps + 0.1 * 15
    )  # of four tasks, all subsets


def test_labelled_examples_are_timed_wherever_they_stand():
    data, settings = table(), {**SMALL, "batch_size": 8, "epochs": 8}
    data.targets[data.split.train[:100]] = torch.nan
    data.targets[data.split.validation[:30]] = torch.nan
    found = ct.plan(
        "mlp", data, ["data_map", "lookahead", "gradtag", "dmtg"], n_groups=2, **settings
    )
    assert {w.method.split()[0] for w in found.workloads if w.seconds > 0} == {
        "lookahead",
        "gradtag",
        "dmtg",
    }


def test_rounds_of_mtgnet_are_those_that_it_takes():
    oracle, net = (
        PlantedScores(np.random.default_rng(0).normal(size=(5, 5))),
        MTGNetScores(max_epochs=3, networks=1),
    )
    net.fit(oracle)
    assert [len(answer) for answer in oracle.answers] == net.rounds(5)
    assert sum(net.rounds(9)) == net.trainings(9)


def test_time_of_a_stack_grows_with_its_models_and_what_a_search_or_a_network_takes_is_added(
    monkeypatch,
):
    """Steps of 1 s alone, and 0.1 s for each further model of a stack."""

    def timed(timing, weights):
        found = ct.fit(timing.model, timing.data, **{**timing.settings, "epochs": 1})
        return found, 0.9 + 0.1 * len(weights) if isinstance(weights, np.ndarray) else 7.0

    monkeypatch.setattr(Timing, "_timed", timed)
    monkeypatch.setattr(MTGNetScores, "own_seconds", lambda self, n_tasks: 1000.0)
    data, settings = table(), {**SMALL, "batch_size": 72, "epochs": 2}
    found = ct.plan(
        "mlp",
        data,
        ["pairs", "mtgnet", "dmtg", "data_map"],
        n_groups=2,
        draws=2,
        repeats=1,
        seeds=1,
        **settings,
    )
    work = {w.method.split()[0]: w for w in found.workloads}
    steps = 4 * (1 + 48 / 144 / 3)
    assert work["pairs"].seconds == pytest.approx(steps * (1 + 0.1 * 9))
    rounds = [5, 1, 1, 1, 1, 1, 1]
    assert work["mtgnet"].seconds == pytest.approx(
        1000 + steps * sum(1 + 0.1 * (rows - 1) for rows in rounds)
    )
    assert work["dmtg"].seconds == pytest.approx(4 * 7)
    assert [w.grouped_seconds for w in found.workloads] == pytest.approx([steps * 0.1 * 2 * 3] * 4)
    assert found.shared_seconds == pytest.approx(steps * (1 + 1 + 0.1 * 4))


def test_memory_holds_the_activations_of_the_models_that_run_together():
    data = ct.load(
        {
            "inputs": torch.zeros(120, 1, 16, 16),
            "targets": (torch.arange(120)[:, None] // 2 ** torch.arange(3) % 2).float(),
        }
    )
    loop, vmap = (
        ct.plan(
            "cnn",
            data,
            ["data_map"],
            n_groups=2,
            rivals="none",
            epochs=1,
            batch_size=16,
            strategy=strategy,
        )
        .workloads[0]
        .bytes
        for strategy in ("loop", "vmap")
    )
    joint = ct.fit("cnn", data, epochs=1, batch_size=16)
    models, kept = 2 * 5 * 4 * joint.stack.n_parameters, vmap - loop
    assert loop == pytest.approx(models + kept)
    # Of a first layer of 32 channels alone, and its gradient.
    assert kept > 2 * 16 * 32 * 16 * 16 * 4


def test_a_budget_picks_what_fits():
    found = ct.plan(
        "mlp", ct.load("digits"), ["data_map", "train"], n_groups=2, seeds=1, budget="1h", **SMALL
    )
    tight = ct.plan(
        "mlp",
        ct.load("digits"),
        ["data_map", "train"],
        n_groups=2,
        seeds=1,
        budget=found.seconds / 10,
        **SMALL,
    )
    assert len(found.picked) == 2
    assert "train K=2" not in tight.picked
    assert {w.method: w.fits for w in tight.workloads}["train K=2"] is False


class Mine:
    n_groups = 2

    def __call__(self, case, *, seed):
        raise AssertionError


class Told(Mine):
    def __init__(self, each):
        self.each = each

    def trainings(self, n_tasks):
        return self.each * n_tasks


class FromJoint:
    on_joint_model = True

    def fit(self, joint, data):
        return self

    def predict(self, weights):
        return weights


class Asks(FromJoint):
    on_joint_model = False


UNKNOWN = {
    "mine": Mine(),
    "read": ct.Select(FromJoint()),
    "asks": ct.Select(Asks()),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_a_method_of_ones_own_takes_is_unknown(name):
    found = ct.plan(
        "mlp",
        table(),
        {name: UNKNOWN[name], "map": ct.Cluster(n_groups=2)},
        repeats=1,
        **SMALL,
    )
    free, own = found.workloads
    assert (free.method, free.seconds, free.fits) == ("map", 0, True)
    assert (own.method, own.fits) == (name, None)
    assert {own.trainings, own.look_aheads, own.model_steps, own.seconds, own.bytes} == {None}
    assert own.grouped_seconds == free.grouped_seconds > 0
    assert found.picked == ("map", name)
    assert (found.unpriced, found.seconds) == ((name,), None)
    assert found.known_seconds == pytest.approx(
        3 * (found.shared_seconds + 2 * free.grouped_seconds)
    )
    assert repr(found).endswith(f"s, without what is unknown: {name})")
    said = json.loads(json.dumps(found.to_dict()))
    assert (said["seconds"], said["unpriced"], said["workloads"][1]["seconds"]) == (
        None,
        [name],
        None,
    )


def test_nothing_unknown_is_picked_within_a_budget():
    methods = {"mine": Mine(), "map": ct.Cluster(n_groups=2)}
    found = ct.plan("mlp", table(), methods, budget="1d", **SMALL)
    assert found.picked == ("map",)
    assert found.seconds == found.known_seconds < 86400
    assert {work.method: work.fits for work in found.workloads} == {"map": True, "mine": None}
    assert repr(found).endswith("without what is unknown: mine)")
    tight = ct.plan("mlp", table(), methods, budget=0.001, **SMALL)
    assert {work.fits for work in tight.workloads} == {False}  # its groups alone take longer


def test_a_method_that_tells_what_it_trains_is_priced():
    methods = {"none": Told(0), "ten": ct.Select("pairs"), "twelve": Told(3)}
    found = ct.plan("mlp", table(), methods, repeats=1, **SMALL)
    assert [(work.method, work.trainings) for work in found.workloads] == [
        ("none", 0),
        ("ten", 10),
        ("twelve", 12),
    ]
    none, ten, twelve = found.workloads
    assert (none.seconds, none.model_steps, none.fits) == (0, 0, True)
    assert twelve.model_steps == pytest.approx(1.2 * ten.model_steps)
    assert twelve.seconds > ten.seconds > 0
    assert found.unpriced == ()
    assert found.seconds == found.known_seconds


def test_settings_of_objects_are_priced(monkeypatch):
    seen = []
    monkeypatch.setattr(
        Timing,
        "_timed_reading",
        lambda timing, scores: seen.append(scores.n_features) or (1.0, 0.0, 0.0),
    )
    methods = [
        *(ct.Select(GradTagScores(n_features=n), n_groups=2) for n in (64, 512)),
        *(ct.Select("gradtag", n_groups=k) for k in (2, 3)),
        ct.Select(SurrogateScores(n_subsets=5)),
        ct.Select(MTGNetScores(n_rows=7)),
        ct.Cluster(Lookahead(every=4), n_groups=2),
        ct.Cluster(Lookahead(every=2), n_groups=2),
        ct.Learn(ct.DifferentiableGrouping(3, stem=1)),
    ]
    found = ct.plan("mlp", table(), methods, repeats=1, draws=1, **{**SMALL, "batch_size": 32})
    work = {w.method: w for w in found.workloads}
    assert sorted(seen) == [64, 256, 512]  # once where only the number of groups differs
    assert (work["surrogate n_subsets=5 K=2"].trainings, work["mtgnet n_rows=7 K=2"].trainings) == (
        4 + 4,
        7,
    )
    n_steps = 4 * 5
    often, seldom = work["lookahead every=2 K=2"], work["lookahead every=4 K=2"]
    assert (often.look_aheads, seldom.look_aheads) == (
        4 * ((n_steps - 1) // 2),
        4 * ((n_steps - 1) // 4),
    )
    assert work["dmtg stem=1 K=3"].model_steps == 3 * n_steps


def seconds_are_counted(monkeypatch, alone=1.0, more=0.1):
    """Steps of 1 s alone, and 0.1 s for each further model of a stack."""

    def timed(timing, weights):
        found = ct.fit(timing.model, timing.data, **{**timing.settings, "epochs": 1})
        return found, alone - more + more * len(weights)

    monkeypatch.setattr(Timing, "_timed", timed)


RIVALS = ["wide", "tuned", "blend", "blend_single", "hybrid", "linear", "forest", "boosting"]


def test_rivals_are_priced_as_what_they_train(monkeypatch):
    seconds_are_counted(monkeypatch)
    data, settings = table(), {**TRAINING, "batch_size": 72, "epochs": 2}
    common = {"n_groups": 3, "draws": 1, "repeats": 1, "seeds": 2, **settings}
    found = ct.plan("mlp", data, "data_map", **common)
    work = {each.method: each for each in found.rivals}
    assert list(work) == RIVALS  # "pooled" does not suit
    steps = 4 * (1 + 48 / 144 / 3)
    wide, tuned = work["wide"], work["tuned"]
    assert (wide.trainings, wide.model_steps, wide.seconds) == (1, 4, pytest.approx(steps))
    assert (tuned.trainings, tuned.model_steps) == (4, 16)
    assert tuned.seconds == pytest.approx(steps * 1.3)
    for name in ("blend", "blend_single", "hybrid"):
        assert (work[name].trainings, work[name].model_steps, work[name].seconds) == (0, 0, 0)
    for name in ("linear", "forest", "boosting"):
        assert work[name].seconds > 0
        assert work[name].bytes is None
    assert found.unpriced == ()
    without = ct.plan("mlp", data, "data_map", rivals="none", **common)
    assert without.rivals == ()
    beside = sum(each.seconds for each in found.rivals)
    assert found.seconds == pytest.approx(without.seconds + 2 * beside)
    assert json.loads(json.dumps(found.to_dict()))["rivals"][0]["method"] == "wide"


def test_what_is_wide_keeps_as_many_parameters_as_the_groups_together():
    """In the bytes of what is trained: models, gradients, moments, and the best epoch."""
    common = {"draws": 1, "repeats": 1, "seeds": 1, "rivals": "wide", **TRAINING}
    few, many = (
        ct.plan("mlp", table(), "data_map", n_groups=k, **common).rivals[0].bytes for k in (2, 4)
    )
    assert 1.5 < many / few < 2.5
    one = ct.Grouping(tasks=table().tasks.names, membership=np.ones((4, 1)), method="one")
    (none,) = ct.plan("mlp", table(), one, **common).rivals
    assert (none.trainings, none.seconds) == (0, 0)


def test_pooled_is_priced_by_its_labels():
    data = table()
    data.targets[torch.arange(240)[:, None] % 4 != torch.arange(4)] = torch.nan
    (work,) = ct.plan("mlp", data, "data_map", rivals="pooled", repeats=1, **TRAINING).rivals
    trained = ct.compare(
        "mlp",
        data,
        "data_map",
        n_groups=2,
        rivals="pooled",
        seeds=1,
        repeats=1,
        draws=1,
        **TRAINING,
    )
    costs = trained.costs.set_index("arm")
    assert work.model_steps == costs.loc["pooled", "model_steps"]
    assert work.seconds > 0


def test_a_forest_is_timed_on_some_examples_and_scaled(monkeypatch):
    seen = []

    def fit(name, data, seed=0):
        seen.append((name, len(data.split.train)))
        return SimpleNamespace(seconds=2.0)

    monkeypatch.setattr("coterie.evaluation.rivals.family.families.fit", fit)
    data = table(n=2500)
    found = ct.plan("mlp", data, "data_map", rivals=["forest", "linear"], **TRAINING)
    assert seen == [("forest", 500), ("linear", 500)]
    scaled = 2.0 * len(data.split.train) / 500
    assert [each.seconds for each in found.rivals] == [pytest.approx(scaled)] * 2


class Rival(ct.evaluation.Rival):
    name, sentence = "rival", "A *rival*."

    def train(self, case, trainings, *, seed):
        raise AssertionError


def test_a_rival_that_does_not_tell_is_not_priced(monkeypatch):
    monkeypatch.setitem(ct.evaluation.RIVALS, "rival", mine := Rival())
    found = ct.plan(
        "mlp", table(), "data_map", rivals=[mine, "tuned"], repeats=1, seeds=1, **TRAINING
    )
    own, tuned = found.rivals
    assert (own.seconds, own.trainings, own.bytes, own.fits) == (None, None, None, None)
    assert (found.unpriced, found.seconds) == (("rival",), None)
    (work,) = found.workloads
    assert found.known_seconds == pytest.approx(
        found.shared_seconds + work.grouped_seconds + tuned.seconds
    )


@pytest.mark.parametrize(("rows", "models"), [(6, 1 + 4 + 6), (50, 1 + 4 + 10)])
def test_the_headroom_is_trained_once_before(rows, models, monkeypatch):
    """Of four tasks there are ten subsets that are neither one task nor all."""
    seconds_are_counted(monkeypatch)
    data, settings = table(), {**SMALL, "batch_size": 72, "epochs": 2}
    common = {"n_groups": 2, "repeats": 1, "seeds": 3, **settings}
    found = ct.plan("mlp", data, "data_map", headroom=(rows, 2), **common)
    bound = ct.headroom("mlp", data, 2, rows=rows, seeds=2, **{**TRAINING, "epochs": 2})
    assert found.headroom.trainings == 2 * models == 2 * len(bound.subsets)
    steps = 4 * (1 + 48 / 144 / 3)
    assert found.headroom.seconds == pytest.approx(2 * steps * (1 + 0.1 * (models - 1)))
    without = ct.plan("mlp", data, "data_map", **common)
    assert without.headroom is None
    assert found.seconds == pytest.approx(without.seconds + found.headroom.seconds)
    # A budget pays for it, and for rivals, before methods.
    tight = ct.plan("mlp", data, "data_map", headroom=(rows, 2), budget=without.seconds, **common)
    assert tight.picked == ()


def test_a_learning_curve_is_so_many_comparisons_of_shares_of_the_labels(monkeypatch):
    seconds_are_counted(monkeypatch)
    common = {**SMALL, "n_groups": 2, "repeats": 2, "rivals": ["forest", "wide"]}
    found = ct.plan("mlp", table(), "data_map", shares=(0.1, 0.5, 1), **common)
    without = ct.plan("mlp", table(), "data_map", **common)
    assert without.curve is None
    (work,), (forest, wide) = without.workloads, without.rivals
    assert (forest.method, wide.method) == ("forest", "wide")
    each = without.shared_seconds + work.seconds + work.grouped_seconds + forest.seconds
    assert found.curve.seconds == pytest.approx(3 * 2 * 1.6 * each, rel=0.5)
    assert found.seconds == pytest.approx(without.seconds + found.curve.seconds, rel=0.5)
    with pytest.raises(CoterieError, match="`shares`"):
        ct.plan("mlp", table(), "data_map", shares=(0, 1), **common)


def test_it_says_whether_seeds_train_as_one_stack():
    alone = {**SMALL, "rivals": "none", "strategy": "loop"}
    together = {**SMALL, "rivals": "none", "strategy": "vmap"}
    found = [ct.plan("mlp", table(), "data_map", **each) for each in (alone, together)]
    assert [each.about["seeds in one stack"] for each in found] == [0, 1]


@pytest.mark.parametrize("wrong", [(3,), (0, 2), (24, 1), 24])
def test_a_headroom_that_cannot_be_is_refused(wrong):
    with pytest.raises(CoterieError, match=r"`(headroom|rows|seeds)`"):
        ct.plan("mlp", table(), "data_map", headroom=wrong, **SMALL)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("2h", 7200), (5, 5), ("1.5d", 129600), ("1h30m", 5400)],
)
def test_times(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"epochs": 5, "batch_size": 72},
            "`every` = 10 leaves nothing to measure for 'lookahead': the training takes 10 steps",
        ),
        ({"seeds": 0}, "`seeds` must be a positive number"),
        ({"repeats": 0}, "`repeats` must be at least 1; found 0"),
        ({"draws": 0}, "`draws` must be at least 1; found 0"),
    ],
)
def test_what_a_comparison_would_refuse_is_refused(wrong, message):
    with pytest.raises(CoterieError, match=message):
        ct.plan("mlp", table(), **wrong)


@pytest.mark.parametrize("text", ["-3m", "0", "soon", "3 weeks", ""])
def test_bad_times_are_refused(text):
    with pytest.raises(
        CoterieError, match="`budget` must be a positive time such as 90s, 30m or 1h30m; found"
    ):
        ct.plan("mlp", ct.load("digits"), budget=text)


def test_a_pilot_is_priced_where_nobody_knows_how_many_seeds_there_will_be():
    options = {**SMALL, "rivals": "none"}
    found = ct.plan("mlp", table(), "data_map", within=0.5, time="20m", repeats=2, **options)
    assert found.units == 2 * 5
    assert (found.about["pilot"], found.about["most seconds"]) == (5, 1200)
    usual = ct.plan("mlp", table(), "data_map", repeats=2, **options)
    assert usual.units == 2 * 3
    assert "pilot" not in usual.about
    with pytest.raises(CoterieError, match="`seeds` says how many"):
        ct.plan("mlp", table(), "data_map", seeds=2, time="20m", **options)
