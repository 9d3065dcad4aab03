"""Gradient features.

What layers are factorised, what falls back, and what must not change the numbers.
"""

import numpy as np
import pytest
import torch
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

import coterie as ct
from coterie.errors import CoterieError
from coterie.estimators import GradTagScores
from coterie.estimators.gradtag import bases
from coterie.estimators.gradtag.bases import Side
from coterie.estimators.gradtag.features import DenseProjection, examples_that_fit, extract
from coterie.estimators.gradtag.kronecker import KroneckerProjection, bytes_of_sampling
from coterie.estimators.gradtag.linearised import Linearised, cells
from coterie.estimators.gradtag.margins import margins
from coterie.tasks import Kind, Task, Tasks
from coterie.training.work import Work

SETTINGS = {"epochs": 2, "batch_size": 32}


def table(n=120, width=6, seed=0):
    """A binary task, one of three classes, and a regression."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, width)).astype(np.float32)
    noise = rng.normal(size=(n, 3))
    which = np.digitize(x[:, 1] + 0.3 * noise[:, 1], [-0.5, 0.5])
    y = np.stack([x[:, 0] + 0.5 * noise[:, 0] > 0, which, x[:, 2] + 0.3 * noise[:, 2]], axis=1)
    return ct.load({"inputs": x, "targets": y.astype(np.float32)}, kinds={"task 1": "multiclass"})


class Repeated(nn.Module):
    """One layer with a bias, called twice, followed by an operation in place; LayerNorm.

    Positions between.
    """

    def __init__(self, width):
        super().__init__()
        self.inner = nn.Linear(width // 2, width // 2)
        self.norm = nn.LayerNorm(width // 2)

    def forward(self, x):
        parts = x.unflatten(1, (2, -1))
        return self.norm(self.inner(self.inner(parts).relu_())).flatten(1)


class Recurrent(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.lstm = nn.LSTM(1, 4, batch_first=True)

    def forward(self, x):
        return self.lstm(x.unsqueeze(2))[0][:, -1]


class Borrowed(nn.Module):
    """Uses the weight of a layer outside of it as well."""

    def __init__(self, width):
        super().__init__()
        self.inner = nn.Linear(width, width)

    def forward(self, x):
        return self.inner(x).tanh() @ self.inner.weight


class Interacting(nn.Module):
    """Subtracts the mean of the batch, in evaluation too."""

    def __init__(self, width):
        super().__init__()
        self.inner = nn.Linear(width, width)

    def forward(self, x):
        found = self.inner(x).tanh()
        return found - found.mean(0)


class Frozen(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner = nn.Linear(width, 4).requires_grad_(False)

    def forward(self, x):
        return self.inner(x)


def linearised(encoder, data):
    return Linearised.of(ct.fit(lambda shape: encoder(shape[0]), data, **SETTINGS))


def some(data, n=8):
    positions = data.split.train[:n]
    return data.preprocessing.normalise(data.inputs[positions]), data.targets[positions]


@pytest.fixture(scope="module")
def data():
    return table()


def test_all_kinds_are_recognised(data):
    assert [task.kind for task in data.tasks] == [Kind.BINARY, Kind.MULTICLASS, Kind.REGRESSION]


def test_layers_called_twice_with_bias_norm_and_work_in_place(data):
    model = linearised(Repeated, data)
    inputs, targets = some(data)
    projection = KroneckerProjection.fit(
        model, lambda: iter([(inputs, targets)]), n_features=10_000
    )
    assert projection.n_features == model.n_parameters
    explicit = model.one_by_one(inputs, targets)
    found, outputs = projection.features(inputs, targets)
    torch.testing.assert_close(found, projection.project(explicit), atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(outputs, model.model(inputs).detach())
    # With as many features as parameters nothing is lost: inner products of gradients are those of
    # features.
    flat = torch.cat([gradient.flatten(2) for gradient in explicit.values()], dim=2).flatten(0, 1)
    torch.testing.assert_close(
        found.flatten(0, 1) @ found.flatten(0, 1).T, flat @ flat.T, atol=1e-3, rtol=1e-3
    )


def test_kept_features_hold_more_than_random_ones(data):
    model = linearised(
        lambda width: nn.Sequential(nn.Linear(width, 16), nn.Tanh(), nn.Linear(16, 8)), data
    )
    inputs, targets = some(data, 60)
    flat = torch.cat(
        [g.flatten(2) for g in model.gradients(inputs, targets).values()], dim=2
    ).flatten(0, 1)
    gram = flat @ flat.T

    def error(projection):
        found = projection.features(inputs, targets)[0].flatten(0, 1)
        return ((found @ found.T - gram).norm() / gram.norm()).item()

    factorised = KroneckerProjection.fit(model, lambda: iter([(inputs, targets)]), n_features=32)
    assert error(factorised) < 0.5 * error(DenseProjection(model, 32))


@pytest.mark.parametrize("encoder", [Recurrent, Borrowed])
def test_other_modules_fall_back_to_signs_with_a_note(encoder, data):
    joint = ct.fit(lambda shape: encoder(shape[0]), data, **SETTINGS)
    found = GradTagScores(n_features=16).fit(joint, data)
    assert found.details["projection"] == "dense"
    assert "Dense projection" in found.details["notes"][0]
    assert np.isfinite(found.predict(np.ones((1, 3)))).all()
    inputs, targets = some(data, 3)
    projection = DenseProjection(Linearised.of(joint), 16)
    explicit = projection.project(projection.linearised.one_by_one(inputs, targets))
    torch.testing.assert_close(
        projection.features(inputs, targets)[0], explicit, atol=1e-4, rtol=1e-3
    )


def test_examples_that_depend_on_each_other_are_noticed(data):
    model = linearised(Interacting, data)
    inputs, targets = some(data)
    projection = KroneckerProjection.fit(model, lambda: iter([(inputs, targets)]), n_features=16)
    assert not projection.agrees(inputs[:2], targets[:2])


def test_an_encoder_without_anything_to_train_is_refused(data):
    joint = ct.fit(lambda shape: Frozen(shape[0]), data, **SETTINGS)
    with pytest.raises(CoterieError, match="no parameters that are trained"):
        GradTagScores().fit(joint, data)


def test_chunks_and_memory_change_nothing(data):
    model = linearised(lambda width: nn.Sequential(nn.Linear(width, 8), nn.Tanh()), data)
    inputs, targets = some(data, 9)
    whole = DenseProjection(model, 12, seed=1).features(inputs, targets)[0]
    torch.testing.assert_close(
        DenseProjection(model, 12, seed=1, memory=1).features(inputs, targets)[0], whole
    )
    joint = ct.fit("mlp", data, model_options={"hidden": (8,)}, **SETTINGS)
    rows = [[1, 0, 0], [1, 1, 1]]
    for settings in ({"projection": "dense"}, {}):
        base = GradTagScores(n_features=32, **settings).fit(joint, data)
        other = GradTagScores(n_features=32, chunk=7, **settings).fit(joint, data)
        np.testing.assert_allclose(other.predict(rows), base.predict(rows), rtol=1e-3)
    tight = GradTagScores(n_features=32, projection="dense", memory=1).fit(joint, data)
    np.testing.assert_allclose(
        tight.predict(rows),
        GradTagScores(n_features=32, projection="dense").fit(joint, data).predict(rows),
        rtol=1e-3,
    )


def test_signs_of_a_parameter_do_not_depend_on_the_others(data):
    small = linearised(lambda width: nn.Sequential(nn.Linear(width, 8)), data)
    large = linearised(
        lambda width: nn.Sequential(nn.Linear(width, 8), nn.Tanh(), nn.Linear(8, 4)), data
    )
    name = "encoder.0.weight"
    assert torch.equal(
        DenseProjection(small, 5, seed=2).signs(name, 0, 48),
        DenseProjection(large, 5, seed=2).signs(name, 0, 48),
    )
    # Large parameters are drawn in blocks and summed: a batch of unit vectors reads the signs back.
    wide = DenseProjection(small, 6)
    gradient = torch.zeros(2, 1, 5000)
    gradient[0, 0, 4095] = gradient[1, 0, 4096] = 1
    found = wide.project({"w": gradient})[:, 0] * 6**0.5
    torch.testing.assert_close(found[0], wide.signs("w", 0, 4096)[-1].float())
    torch.testing.assert_close(found[1], wide.signs("w", 1, 904)[0].float())


def test_disjoint_labels_take_one_backward_pass(data):
    model = linearised(lambda width: nn.Sequential(nn.Linear(width, 8), nn.Tanh()), data)
    inputs, targets = some(data, 6)
    full = model.one_by_one(inputs, targets)
    lone = torch.full_like(targets, torch.nan)
    own = torch.tensor([0, 1, 2, 2, 1, 0])
    lone[torch.arange(6), own] = targets[torch.arange(6), own]
    assert cells(lone)[0].shape == (6, 1)
    projection = KroneckerProjection.fit(model, lambda: iter([(inputs, targets)]), n_features=500)
    found = projection.features(inputs, lone)[0][:, 0]
    torch.testing.assert_close(
        found, projection.project(full)[torch.arange(6), own], atol=1e-5, rtol=1e-4
    )


def test_unlabelled_cells_are_left_out_of_the_batches():
    data = table()
    data.targets[data.split.train[:5], 0] = torch.nan
    model = linearised(lambda width: nn.Sequential(nn.Linear(width, 8)), data)
    batches = extract(DenseProjection(model, 4), data, data.split.train, torch.ones(3), chunk=32)
    sizes = np.zeros(3, dtype=int)
    for found in batches:
        assert model.work.backwards == 3 * model.work.forwards
        for task, mine in found.items():
            sizes[task] += len(mine.target)
    n = len(data.split.train)
    assert sizes.tolist() == [n - 5, n, n]


@pytest.mark.parametrize("logit", [-80.0, 80.0])
def test_margins_stay_exact_where_probabilities_round(logit):
    tasks = Tasks.plain([Task(name="which", kind=Kind.MULTICLASS, classes=("a", "b", "c"))])
    outputs = torch.tensor([[logit, 0.0, 1.0]], dtype=torch.float64)
    found = margins(outputs, torch.zeros(1, 1, dtype=torch.float64), tasks).item()
    assert found == pytest.approx(logit - np.log(1 + np.e), rel=1e-12)


@pytest.mark.parametrize("size", [900, 1100])
def test_leading_eigenvectors_without_the_matrix_where_it_is_large(size):
    generator = torch.Generator().manual_seed(0)
    basis = torch.linalg.qr(torch.randn(size, 6, generator=generator)).Q
    rows = torch.tensor([9.0, 7.0, 5.0, 4.0, 2.0, 1.0]).sqrt()[:, None] * basis.T
    side = Side.of(size, 4, generator, torch.device("cpu"))
    assert side.total.numel() == (size**2 if size == 900 else size * 20)
    for turn in range(3):
        if turn:
            side.turn()
        side.add(rows[None, :2])
        side.add(rows[None, 2:])
    found = side.leading(4)
    torch.testing.assert_close(found.T @ found, torch.eye(4), atol=1e-5, rtol=0)
    torch.testing.assert_close((basis[:, :4].T @ found).abs(), torch.eye(4), atol=1e-3, rtol=0)


def test_a_layer_of_many_inputs_is_projected_without_a_matrix_of_their_square(monkeypatch):
    data = table(n=100, width=1500)
    model = linearised(lambda width: nn.Sequential(nn.Linear(width, 8), nn.Tanh()), data)
    inputs, targets = some(data, 40)
    largest = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            found = function(*args, **(kwargs or {}))
            largest.append(found.numel() if isinstance(found, torch.Tensor) else 0)
            return found

    with Watch():
        projection = KroneckerProjection.fit(
            model, lambda: iter([(inputs, targets)]), n_features=64
        )
    assert max(largest) < 1500**2 / 10
    found = projection.features(inputs, targets)[0]
    torch.testing.assert_close(
        found, projection.project(model.gradients(inputs, targets)), atol=1e-4, rtol=1e-3
    )
    monkeypatch.setattr(bases, "_DIRECT", 10_000)
    exact = KroneckerProjection.fit(model, lambda: iter([(inputs, targets)]), n_features=64)
    assert found.square().sum() > 0.98 * exact.features(inputs, targets)[0].square().sum()


@pytest.mark.parametrize(("width", "forwards"), [(20, 3), (1500, 6)])
def test_bases_of_inputs_take_no_backward_pass(width, forwards):
    data = table(n=100, width=width)
    model = linearised(lambda width: nn.Sequential(nn.Linear(width, 8), nn.Tanh()), data)
    inputs, targets = some(data, 40)
    KroneckerProjection.fit(model, lambda: iter([(inputs, targets)]), n_features=16)
    assert model.work == Work(forwards=40 * forwards, backwards=40 * 3 * 2)


class Peak(TorchDispatchMode):
    """The most bytes that are alive at a time, of what was made inside."""

    def __init__(self):
        super().__init__()
        self.bytes, self._alive = 0, {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        for made in found if isinstance(found, tuple | list) else [found]:
            if isinstance(made, torch.Tensor):
                storage = made.untyped_storage()
                self._alive[storage.data_ptr()] = (StorageWeakRef(storage), storage.nbytes())
        self._alive = {at: kept for at, kept in self._alive.items() if not kept[0].expired()}
        self.bytes = max(self.bytes, sum(size for _, size in self._alive.values()))
        return found


@pytest.mark.parametrize(
    "layers", [(nn.Conv2d(3, 8, 5),), (nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 16, 3))]
)
def test_sampling_a_convolution_stays_within_its_memory(layers):
    """Activations, patches and all products.

    The smallest batch shows what does not depend on its size.
    """
    rng = np.random.default_rng(0)
    pictures = rng.normal(size=(80, 3, 16, 16)).astype(np.float32)
    data = ct.load({"inputs": pictures, "targets": (rng.random((80, 3)) > 0.5).astype(np.float32)})
    model = linearised(lambda _: nn.Sequential(*layers, nn.ReLU(), nn.Flatten()), data)
    inputs, targets = some(data, 40)
    beside = bytes_of_sampling(model, inputs[:2], 64)
    memory = next(
        m
        for m in (2**power for power in range(20, 40))
        if examples_that_fit(model, data, beside, m) >= 16
    )
    peaks = {}
    for size in (2, examples_that_fit(model, data, beside, memory)):
        parts = list(zip(inputs.split(size), targets.split(size), strict=True))
        with Peak() as peak:
            KroneckerProjection.fit(model, lambda parts=parts: iter(parts), n_features=64)
        peaks[size] = peak.bytes
    assert 0.2 * memory < max(peaks.values()) - peaks[2] < memory, (peaks, memory)
