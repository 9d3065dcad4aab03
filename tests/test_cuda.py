"""The main paths on a GPU: they run, agree with the CPU to rounding, and continue after a kill.

Skipped where there is none.
"""

import copy

import numpy as np
import pytest
import torch

import coterie as ct
from coterie.affinities import AFFINITIES, affinity
from coterie.differentiable import MODES
from coterie.estimators import GradTagScores
from coterie.models.batch_norm import vmapped_batch_norm
from tests.differentiable.small import KINDS, InterruptError, interrupted_at, table
from tests.distillation.small import of_pictures

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="there is no CUDA device here"
)

SMALL = {"epochs": 2, "batch_size": 32, "model_options": {"hidden": (12, 8)}}
ROWS = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1.0]])


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (160, 3, 16, 16), dtype=np.uint8)
    bright = pixels.reshape(160, 3, -1).mean(2)
    return ct.load(
        {"inputs": pixels, "targets": (bright > np.median(bright, axis=0)).astype(np.float32)}
    )


def agree(one, other, atol=2e-3):
    for name, tensor in one.stack.state().items():
        torch.testing.assert_close(
            tensor.cpu(), other.stack.state()[name].cpu(), atol=atol, rtol=1e-2, msg=name
        )


@pytest.mark.parametrize("strategy", ["loop", "vmap"])
@pytest.mark.parametrize("missing", [False, True])
def test_a_stack_agrees_with_the_cpu(strategy, missing):
    data = table(missing=missing)
    on_cpu = ct.fit("mlp", data, ROWS, strategy="loop", device="cpu", **SMALL)
    on_gpu = ct.fit("mlp", data, ROWS, strategy=strategy, device="cuda", **SMALL)
    assert on_gpu.stack.device.type == "cuda"
    agree(on_cpu, on_gpu)


def test_tables_in_low_precision():
    assert ct.fit(
        "mlp", table(), ROWS, precision="bf16", strategy="vmap", **SMALL
    ).scores.shape == (3, 4)


def test_vmapped_batch_norm_is_that_of_the_cpu():
    layer, x = torch.nn.BatchNorm2d(3), torch.randn(4, 5, 3, 6, 6)
    found = []
    for device in ("cpu", "cuda"):
        moved = copy.deepcopy(layer).to(device)
        state = {
            name: torch.stack([tensor.detach()] * 4) for name, tensor in moved.state_dict().items()
        }
        inputs = x.detach().clone().to(device).requires_grad_()
        with vmapped_batch_norm(torch.device(device)):
            outputs = torch.func.vmap(
                lambda own, one: torch.func.functional_call(moved, own, (one,))  # noqa: B023
            )(state, inputs)
        (outputs * x.to(device)).sum().backward()
        found.append((outputs.detach().cpu(), inputs.grad.cpu()))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("strategy", ["loop", "vmap"])
def test_images(images, precision, strategy):
    fit = ct.fit(
        "cnn",
        images,
        np.eye(3),
        epochs=1,
        batch_size=32,
        augment=True,
        precision=precision,
        strategy=strategy,
    )
    assert fit.stack.device.type == "cuda"
    assert np.isfinite(fit.scores[np.eye(3) > 0]).all()


def test_recording_agrees_with_the_cpu():
    data = table()
    one, other = (
        ct.fit("mlp", data, record=True, device=device, **SMALL).data_map
        for device in ("cpu", "cuda")
    )
    np.testing.assert_allclose(one.confidence, other.confidence, atol=1e-3)
    assert ct.group(other, 2).membership.shape == (4, 2)


@pytest.mark.parametrize("mode", MODES)
def test_differentiable_grouping_agrees_and_continues(mode, tmp_path):
    data = table()
    made = lambda: ct.DifferentiableGrouping(  # noqa: E731
        2, mode, stem=3, held_out=0.2, balance=0.1, entropy=0.1
    )
    settings = {**SMALL, "strategy": "loop"}
    on_cpu = ct.fit("mlp", data, made(), device="cpu", **settings)
    whole = ct.fit("mlp", data, made(), device="cuda", **settings)
    if mode != "paper":  # identical branches amplify what is rounding at first
        probabilities = [np.array(fit.grouping.details["probabilities"]) for fit in (on_cpu, whole)]
        np.testing.assert_allclose(*probabilities, atol=1e-3)
    with pytest.raises(InterruptError):
        ct.fit(
            "mlp",
            data,
            made(),
            device="cuda",
            checkpoint=tmp_path,
            progress=interrupted_at(7),
            **settings,
        )
    agree(whole, ct.fit("mlp", data, made(), device="cuda", checkpoint=tmp_path, **settings))
    tuned, groups = ct.finetune(whole, data, epochs=1)
    model = ct.GroupedModel.from_stack(
        tuned.stack, groups.membership, data.tasks, data.preprocessing
    ).hard()
    assert model.cuda().predict(data.inputs[:5].cuda()).shape == (5, data.tasks.n_outputs)


@pytest.mark.parametrize("method", AFFINITIES)
def test_affinities_agree_with_the_cpu(method):
    data, settings = table(missing=method != "data_map"), {**SMALL, "lr": 0.01}
    one, other = (
        affinity(method, "mlp", data, every=3, device=device, **settings)
        for device in ("cpu", "cuda")
    )
    np.testing.assert_allclose(one.matrix, other.matrix, atol=5e-3)


class Recurrent(torch.nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.cell = torch.nn.GRU(1, 5, batch_first=True)

    def forward(self, x):
        return self.cell(x.unsqueeze(-1))[0][:, -1]


@pytest.mark.parametrize("measure", ["loss", "score"])
def test_gradtag_agrees_with_the_cpu(measure):
    data = table()
    found = []
    for device in ("cpu", "cuda"):
        joint = ct.fit("mlp", data, device=device, **SMALL)
        found.append(GradTagScores(measure=measure, seed=0).fit(joint, data).predict(ROWS))
    np.testing.assert_allclose(found[0], found[1], atol=0.05)


def test_gradtag_of_recurrent_layers():
    data = table()
    joint = ct.fit(Recurrent, data, epochs=1, strategy="loop")
    assert np.isfinite(GradTagScores(seed=0).fit(joint, data).predict(ROWS)[ROWS > 0]).all()


def test_distillation_agrees_with_the_cpu():
    """As long as rounding has not grown."""
    data, teacher = of_pictures()
    settings = {"iterations": 4, "round_iterations": 2}
    on_cpu = ct.distill(teacher, data, 4, device="cpu", **settings)
    on_gpu = ct.distill(teacher, data, 4, device="cuda", **settings)
    np.testing.assert_array_equal(on_gpu.ids, on_cpu.ids)
    apart = np.abs(on_gpu.images.astype(int) - on_cpu.images)
    assert np.quantile(apart, 0.95) <= 2
    half = ct.distill(teacher, data, 4, device="cuda", precision="bf16", **settings)
    assert half.images.shape == on_cpu.images.shape


def test_a_whole_comparison(tmp_path):
    methods = ["data_map", "lookahead", "gradtag", "pairs", "dmtg"]
    result = ct.compare(
        "mlp",
        table(),
        methods,
        n_groups=2,
        seeds=1,
        repeats=1,
        draws=1,
        run=tmp_path / "run",
        **{**SMALL, "epochs": 4},
    )
    assert result.config["hardware"]["gpu"]
    assert {"joint", "single", "chosen"} <= set(result.costs_table.column("arm").to_pylist())
    assert result.report(tmp_path / "report.html").exists()
    model = ct.GroupedModel.load(tmp_path / "run" / "model.safetensors")
    assert len(model.tasks) == len(KINDS)
