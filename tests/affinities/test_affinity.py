"""The verbs: one joint training, affinities of it, and mistakes named before it starts."""

import numpy as np
import pytest

from coterie import affinities as room
from coterie.affinities import (
    AFFINITIES,
    AffinityProbe,
    Cosine,
    Lookahead,
    TransferGain,
    affinities,
    affinity,
    measure,
)
from coterie.errors import CoterieError
from coterie.fitting import fit
from coterie.results import Affinity
from tests.affinities.moments import KINDS, smooth, table

SMALL = {"epochs": 2, "batch_size": 30, "lr": 0.05, "device": "cpu"}
MEASURED = [name for name in AFFINITIES if name != "data_map"]


@pytest.fixture(scope="module")
def data():
    return table(150, kinds=KINDS, missing=0.1)


@pytest.mark.parametrize("method", MEASURED)
def test_every_method_measures_kinds_of_all_sorts(data, method):
    found = affinity(method, "mlp", data, every=2, **SMALL, model_options={"hidden": (8,)})
    assert found.tasks == data.tasks.names
    assert found.method == method
    assert np.isfinite(found.matrix).all()
    assert (found.counts == 2).all()  # before steps 2 and 4 of 6
    assert np.isfinite(found.stderr).all()
    assert found.matrix.shape == (3, 3)
    assert found.details["measurements"] == 2


def test_cost_is_the_training_and_the_measurement(data):
    found = affinity("transfer_gain", smooth, data, every=2, **SMALL)
    price = TransferGain().price(3)
    assert found.details["lookaheads"] == 2 * price.lookaheads
    assert found.cost["model_steps"] == pytest.approx(6 + 2 * price.model_steps)
    assert found.details["beyond_training"]["model_steps"] == pytest.approx(2 * price.model_steps)
    assert found.cost["seconds"] > found.details["beyond_training"]["seconds"] > 0


def test_several_share_a_training_and_equal_those_measured_alone(data):
    together = affinities(
        ["cosine", Lookahead(batch_size=20), "transfer-gain"], smooth, data, every=3, **SMALL
    )
    assert list(together) == ["cosine", "lookahead", "transfer_gain"]
    for method, found in zip(
        (Cosine(), Lookahead(batch_size=20), TransferGain()), together.values(), strict=True
    ):
        alone = affinity(method, smooth, data, every=3, **SMALL)
        np.testing.assert_array_equal(found.matrix, alone.matrix)
        assert found.cost["model_steps"] == alone.cost["model_steps"]


def test_measure_also_returns_the_joint_training(data):
    joint, found = measure({"mine": Cosine(every=4)}, smooth, data, **SMALL)
    plain = fit(smooth, data, **SMALL)
    np.testing.assert_array_equal(joint.scores, plain.scores)
    assert found["mine"].details["measurements"] == 1


def test_a_probe_that_is_passed_is_copied(data):
    probe = Cosine(every=2)
    first, second = (affinity(probe, smooth, data, **SMALL) for _ in range(2))
    assert probe.measurements == 0
    np.testing.assert_array_equal(first.matrix, second.matrix)
    assert affinity(probe, smooth, data, every=3, **SMALL).details["every"] == 3


def test_seed_changes_the_result_and_repeats_it(data):
    one, again, other = (
        affinity("lookahead", smooth, data, every=2, seed=seed, **SMALL).matrix
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_data_map_is_recorded_on_the_same_training(data, monkeypatch):
    seen = []

    def of_map(data_map, *, seed):
        seen.append((data_map, seed))
        return Affinity(tasks=data.tasks.names, matrix=np.eye(3), method="data_map")

    monkeypatch.setattr(room._affinity, "data_map_affinity", of_map)
    joint, found = measure(["cosine", "data-map"], smooth, data, every=2, seed=3, **SMALL)
    assert seen[0][0] is joint.data_map
    assert seen[0][1] == 3
    assert found["data_map"].cost["model_steps"] == 6
    assert 0 < found["data_map"].cost["seconds"] < joint.cost["seconds"] + 10


def test_data_map_of_a_real_recording(data):
    found = affinity("data_map", smooth, data, **SMALL)
    assert found.method == "data_map"
    np.testing.assert_allclose(found.matrix, found.matrix.T)


def test_affinities_are_saved_and_read_back(data, tmp_path):
    found = affinity("auxiliary_gain", smooth, data, every=2, **SMALL)
    found.save(tmp_path / "affinity.safetensors")
    again = Affinity.load(tmp_path / "affinity.safetensors")
    np.testing.assert_array_equal(again.matrix, found.matrix)
    assert again.details == found.details
    assert again.cost == found.cost


@pytest.mark.parametrize(
    ("method", "settings", "message"),
    [
        ("lookahed", {}, "found 'lookahed'. Did you mean 'lookahead'?"),
        (3, {}, "`method` must be one of cosine, .* or a probe; found 3"),
        ("cosine", {"every": 0}, "`every` must be a whole number of at least 1; found 0"),
        (
            "cosine",
            {"every": 6},
            r"`every` = 6 leaves nothing to measure for 'cosine': the training takes 6 steps \(2 "
            r".* of 3\)",
        ),
        ("cosine", {}, "`every` = 10 leaves nothing to measure"),
        (
            "cosine",
            {"every": 2, "epoch": 3},
            "`epoch` is not a setting of fit.* Did you mean `epochs`?",
        ),
        ("cosine", {"every": 2, "weights": [[1.0, 2.0, 3.0]]}, "`weights` is not a setting of fit"),
    ],
)
def test_mistakes_are_named_before_any_training(data, monkeypatch, method, settings, message):
    monkeypatch.setattr(
        room._affinity, "fit", lambda *a, **k: pytest.fail("a training was started")
    )
    with pytest.raises(CoterieError, match=message):
        affinity(method, smooth, data, **SMALL, **settings)


def test_one_task_is_refused():
    with pytest.raises(CoterieError, match="at least 2 tasks; `data` has 1: 'regression0'"):
        affinity("cosine", smooth, table(kinds=("regression",)), **SMALL)


def test_methods_need_names_that_differ(data):
    with pytest.raises(CoterieError, match="holds 'transfer_gain' twice"):
        affinities(
            ["transfer_gain", TransferGain(pairs="first-order")], smooth, data, every=2, **SMALL
        )
    with pytest.raises(CoterieError, match="`methods` is empty"):
        affinities([], smooth, data, every=2, **SMALL)


def unlabelled_in_part():
    """A third of the training part has no label at all.

    The loading drops such examples, a data set made otherwise may not.
    """
    data = table(150, kinds=KINDS, missing=0.2)
    data.targets[data.split.train[:31]] = np.nan
    return data


@pytest.mark.parametrize("make", [unlabelled_in_part, lambda: table(150, kinds=KINDS, missing=0.2)])
def test_steps_are_counted_as_the_training_counts_them(make):
    data = make()
    steps = fit(smooth, data, **SMALL).cost["model_steps"]
    assert affinity("cosine", smooth, data, every=steps - 1, **SMALL).details["measurements"] == 1
    with pytest.raises(CoterieError, match=f"takes {steps} steps"):
        affinity("cosine", smooth, data, every=steps, **SMALL)


@pytest.mark.parametrize("method", [*MEASURED[:-1], TransferGain(pairs="first-order")])
def test_examples_without_any_label_neither_train_nor_score(method):
    data, spoiled = unlabelled_in_part(), unlabelled_in_part()
    spoiled.inputs[spoiled.split.train[:31]] += 100
    one, other = (affinity(method, smooth, d, every=2, **SMALL) for d in (data, spoiled))
    np.testing.assert_array_equal(one.matrix, other.matrix)
    assert np.isfinite(one.matrix).all()


def test_registry_and_room_agree():
    assert set(AFFINITIES) == {
        "cosine",
        "alignment",
        "lookahead",
        "transfer_gain",
        "auxiliary_gain",
        "data_map",
    }
    for name in MEASURED:
        assert issubclass(AFFINITIES[name], AffinityProbe)
        assert AFFINITIES[name].name == name
