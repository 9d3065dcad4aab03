"""A data map of the same points, whatever is trained on; the training does not feel it."""

import numpy as np
import pytest
import torch

import coterie as ct
from coterie.errors import CoterieError
from tests.fitting.test_fit import SMALL, state_equal, table


@pytest.fixture(scope="module")
def data():
    return table(240)


@pytest.fixture(scope="module")
def points(data):
    return ct.subset(data, 30)


def test_the_training_is_the_same_to_the_last_bit(data, points):
    """Dropout draws the same numbers, too."""
    plain = ct.fit("mlp", data, **SMALL)
    probed = ct.fit("mlp", data, probes=[ct.DataMapProbe(points, every=2)], **SMALL)
    assert state_equal(plain.stack, probed.stack)
    np.testing.assert_array_equal(plain.history.validation_loss, probed.history.validation_loss)


def test_the_map_is_of_the_points_by_the_model_as_it_stood(data, points):
    """Recorded by hand from the checkpoints of shorter trainings: whole epochs of 5 steps."""
    settings = {**SMALL, "keep": "last"}
    probe = ct.DataMapProbe(points, every=5)
    ct.fit("mlp", data, probes=[probe], **{**settings, "epochs": 4})
    found = probe.data_map()
    by_hand = []
    for epochs in (1, 2, 3):
        stack = ct.fit("mlp", data, **{**settings, "epochs": epochs}).stack
        outputs = ct.predict(stack, points, points.split.train)[0]
        by_hand.append(ct.confidence(outputs, points.targets[points.split.train], data.tasks))
    steps = torch.stack(by_hand).numpy()
    np.testing.assert_array_equal(found.ids, points.ids[points.split.train])
    np.testing.assert_allclose(found.confidence, steps.mean(0), atol=1e-6)
    np.testing.assert_allclose(found.variability, steps.std(0, ddof=1), atol=1e-5)
    assert found.epoch == 3


def test_maps_of_several_training_parts_are_of_the_same_points(data, points):
    maps = []
    for train in (data, ct.subset(data, 40, seed=1)):
        probe = ct.DataMapProbe(points, every=2)
        ct.fit("mlp", train, probes=[probe], **SMALL)
        maps.append(probe.data_map())
    np.testing.assert_array_equal(maps[0].ids, maps[1].ids)
    assert not np.array_equal(maps[0].confidence, maps[1].confidence)
    assert ct.group(maps[1], 2).n_groups == 2


def test_labels_that_are_missing_are_never_observed():
    data = table(240, missing=True)
    everything = data.with_train(data.split.train)
    probe = ct.DataMapProbe(everything, every=2)
    ct.fit("mlp", data, probes=[probe], **SMALL)
    missing = data.targets[data.split.train].isnan().numpy()
    np.testing.assert_array_equal(np.isnan(probe.data_map().confidence), missing)


def test_it_continues_from_a_checkpoint(data, points, tmp_path):
    whole, first, then = (ct.DataMapProbe(points, every=2) for _ in range(3))
    ct.fit("mlp", data, probes=[whole], **SMALL)

    def stop(done, steps, text):
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ct.fit("mlp", data, probes=[first], checkpoint=tmp_path, progress=stop, **SMALL)
    ct.fit("mlp", data, probes=[then], checkpoint=tmp_path, **SMALL)
    np.testing.assert_array_equal(then.data_map().confidence, whole.data_map().confidence)
    np.testing.assert_array_equal(then.data_map().count, whole.data_map().count)


def test_one_of_several_models_is_recorded(data, points):
    one, other = ct.DataMapProbe(points, every=4), ct.DataMapProbe(points, every=4, row=1)
    weights = [[1, 1, 1], [1, 0, 0]]
    ct.fit("mlp", data, weights, probes=[one, other], **SMALL)
    alone = ct.DataMapProbe(points, every=4)
    ct.fit("mlp", data, weights[1:], init=[1], probes=[alone], **SMALL)
    np.testing.assert_allclose(other.data_map().confidence, alone.data_map().confidence, atol=1e-4)
    assert not np.allclose(one.data_map().confidence, other.data_map().confidence, atol=1e-2)


def test_points_of_other_data_are_refused(data):
    with pytest.raises(CoterieError, match=r"`points` were not prepared .* its tasks are"):
        ct.fit("mlp", data, probes=[ct.DataMapProbe(ct.load("digits"), every=2)], **SMALL)


def test_a_second_training_is_refused(data, points):
    probe = ct.DataMapProbe(points, every=4)
    ct.fit("mlp", data, probes=[probe], **SMALL)
    first = probe.data_map()
    with pytest.raises(CoterieError, match="recorded another training: make a new one"):
        ct.fit("mlp", data, probes=[probe], **{**SMALL, "seed": 5})
    np.testing.assert_array_equal(probe.data_map().confidence, first.confidence)


def test_a_training_too_short_to_be_recorded_says_so(data, points):
    probe = ct.DataMapProbe(points, every=99)
    ct.fit("mlp", data, probes=[probe], **SMALL)
    with pytest.raises(CoterieError, match="before step 99, the first"):
        probe.data_map()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"points": 3}, "`points`"), ({"every": 0}, "`every`"), ({"row": -1}, "`row`")],
)
def test_settings_that_cannot_work_are_refused(points, arguments, message):
    with pytest.raises(CoterieError, match=message):
        ct.DataMapProbe(**{"points": points, **arguments})
