"""A grouped model as a program of torch.export or ONNX.

It predicts what the model predicts, from raw numbers.
"""

import json
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import coterie
from coterie.data.fit_preprocessing import fit_table
from coterie.data.preprocessing import Preprocessing
from coterie.errors import CoterieError
from coterie.models import Architecture, GroupedModel
from coterie.tasks import Kind, Task, Tasks

SIZES = (1, 2, 1000)
TASKS = replace(
    Tasks.plain(
        [
            Task(name="C++", kind=Kind.BINARY, classes=("no", "yes")),
            Task(name="colour", kind=Kind.MULTICLASS, classes=("red", "green", "blue")),
            Task(name="age", kind=Kind.REGRESSION),
            Task(name="</script>", kind=Kind.BINARY, classes=("0", "1")),
        ]
    ),
    pos_weight=torch.tensor([3.0, 1.0, 1.0, 0.5]),
    mean=torch.tensor([0.0, 0.0, 40.0, 0.0]),
    std=torch.tensor([1.0, 1.0, 12.0, 1.0]),
)
MEMBERSHIP = np.array([[0.9, 0.1], [0.25, 0.75], [1.0, 0.0], [0.4, 0.6]])


def grouped(model, preprocessing: Preprocessing, *, average="logits", **options) -> GroupedModel:
    """Two members whose batch statistics are not those of an initialisation."""
    architecture = Architecture(model, preprocessing.input_shape, TASKS.n_outputs, options)
    members = [architecture.build(0, k) for k in range(2)]
    generator = torch.Generator().manual_seed(0)
    for module in (module for member in members for module in member.modules()):
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
            module.running_mean.normal_(generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
    return GroupedModel(
        members, MEMBERSHIP, TASKS, architecture, preprocessing, average=average
    ).eval()


def run(path: Path, inputs: Mapping[str, Tensor]) -> tuple[Tensor, dict]:
    """What a program in a file gives, and says of itself, by torch or onnxruntime alone."""
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path)
        [found] = session.run(
            ["predictions"], {name: value.numpy() for name, value in inputs.items()}
        )
        return torch.from_numpy(found), json.loads(
            session.get_modelmeta().custom_metadata_map["coterie"]
        )
    extra = {"coterie.json": ""}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.load(path, extra_files=extra)
    return program.module()(*inputs.values()), json.loads(extra["coterie.json"])


def assert_equal(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5, check_dtype=True)


def onnx(folder: Path) -> Path:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    return folder / "model.onnx"


@pytest.fixture(params=[".pt2", pytest.param(".onnx", marks=pytest.mark.slow)])
def path(request, tmp_path) -> Path:
    return onnx(tmp_path) if request.param == ".onnx" else tmp_path / "model.pt2"


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    """Numbers of very different sizes, some missing; categories, some missing."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        rng.normal(size=(1000, 3)) * [1, 20, 1e6] + [0, 5, 1e9], columns=["x", "y", "time"]
    )
    frame = frame.mask(rng.random(frame.shape) < 0.1)
    frame["pet"] = rng.choice(["cat", "dog", "newt"], 1000)
    frame["town"] = rng.choice(["A", "B"], 1000)
    frame.loc[::9, "pet"] = None
    return frame


def codes(frame: pd.DataFrame, preprocessing: Preprocessing) -> Tensor:
    """As a user would make them from the description of the program."""

    def code(value, categories) -> int:
        return -1 if pd.isna(value) else categories.index(value) if value in categories else -2

    columns = [
        [code(value, c.categories) for value in frame[c.name]] for c in preprocessing.categorical
    ]
    return torch.tensor(columns).T


@pytest.mark.parametrize("average", ["logits", "probabilities"])
@pytest.mark.parametrize("hard", [False, True])
def test_a_table_goes_in_raw(people, path, average, hard):
    preprocessing = fit_table(people, ["x", "y", "time"], ["pet", "town"])[0]
    model = grouped("mlp", preprocessing, average=average, hidden=(4,), dropout=0.5)
    model = model.hard() if hard else model
    about = model.export(path)
    new = people.assign(town=people["town"].where(people["x"] < 1, "C"))
    for n in SIZES:
        numeric = torch.tensor(new[["x", "y", "time"]].to_numpy()[:n])
        found, says = run(path, {"numeric": numeric, "categories": codes(new[:n], preprocessing)})
        assert_equal(found, model.predict(preprocessing.table(new[:n])))
    assert says == about
    # Nor any other path of this machine.
    assert str(Path(coterie.__file__).parent).encode() not in path.read_bytes()
    numbers, categories = about["inputs"]
    assert [column["name"] for column in numbers["columns"]] == ["x", "y", "time"]
    assert [(column["name"], column["categories"]) for column in categories["columns"]] == [
        ("pet", ["cat", "dog", "newt"]),
        ("town", ["A", "B"]),
    ]
    assert (numbers["dtype"], categories["dtype"], categories["missing"], categories["unseen"]) == (
        "float64",
        "int64",
        -1,
        -2,
    )


def test_a_table_goes_in_raw_to_onnx(people, tmp_path):
    test_a_table_goes_in_raw(people, onnx(tmp_path), "probabilities", hard=False)


def test_every_column_of_the_predictions_is_named(people, tmp_path):
    model = grouped("mlp", fit_table(people, ["x"], [])[0], hidden=(2,))
    [gives] = model.export(tmp_path / "model.pt2")["outputs"]
    found = [
        (column["task"], column.get("class"), column["meaning"]) for column in gives["columns"]
    ]
    assert found == [
        ("C++", "yes", "probability"),
        *(("colour", name, "probability") for name in ("red", "green", "blue")),
        ("age", None, "value in the target's units"),
        ("</script>", "1", "probability"),
    ]


@pytest.mark.parametrize(
    ("numeric", "categorical", "name"),
    [(["x", "y"], [], "numeric"), ([], ["pet", "town"], "categories")],
)
def test_what_a_table_lacks_is_no_input(people, tmp_path, numeric, categorical, name):
    preprocessing, path = fit_table(people, numeric, categorical)[0], tmp_path / "model.pt2"
    model = grouped("mlp", preprocessing, hidden=(2,))
    assert [entry["name"] for entry in model.export(path)["inputs"]] == [name]
    raw = torch.tensor(people[numeric].to_numpy()) if numeric else codes(people, preprocessing)
    assert_equal(run(path, {name: raw})[0], model.predict(preprocessing.table(people)))


@pytest.mark.parametrize("encoder", ["cnn", pytest.param("resnet18", marks=pytest.mark.slow)])
def test_images_go_in_as_bytes(path, encoder):
    preprocessing = Preprocessing(
        input_shape=(3, 9, 12), mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.25)
    )
    model = grouped(encoder, preprocessing)
    assert model.export(path)["inputs"] == [
        {"name": "inputs", "dtype": "uint8", "shape": ["batch", 3, 9, 12]}
    ]
    for n in (1, 40):
        images = torch.randint(0, 256, (n, 3, 9, 12), dtype=torch.uint8)
        assert_equal(run(path, {"inputs": images})[0], model.predict(images))


def test_a_stem_is_inside(tmp_path):
    model = grouped("mlp", Preprocessing(input_shape=(5,)), hidden=(6, 4))
    stem = nn.Sequential(*(model.members[0].encoder[i] for i in range(3)))
    for member in model.members:
        for i in range(3):
            member.encoder[i] = nn.Identity()
    model.stem = stem
    model.export(tmp_path / "model.pt2")
    inputs = torch.randn(7, 5)
    assert_equal(run(tmp_path / "model.pt2", {"inputs": inputs})[0], model.predict(inputs))


@pytest.mark.parametrize("strict", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("average", ["logits", "probabilities"])
def test_the_module_itself_bears_torch_export(average, strict):
    """As somebody would do it who knows torch and not coterie.

    And the model still works afterwards.
    """
    model = grouped(
        "cnn", Preprocessing(input_shape=(1, 8, 8), mean=(0.5,), std=(0.2,)), average=average
    )
    images = torch.randint(0, 256, (50, 1, 8, 8), dtype=torch.uint8)
    for module in (model, model.hard()):
        batch = torch.export.Dim("batch")
        program = torch.export.export(
            module, (images[:2],), dynamic_shapes=({0: batch},), strict=strict
        ).module()
        for n in (1, 50):
            assert_equal(program(images[:n]), module(images[:n]))


def test_the_module_itself_bears_torchs_optimised_onnx(tmp_path):
    """The optimiser once dropped what was added in place: all but one member."""
    onnxruntime = pytest.importorskip("onnxruntime")
    model, inputs = grouped("mlp", Preprocessing(input_shape=(5,)), hidden=(4,)), torch.randn(20, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (inputs[:2],),
            tmp_path / "model.onnx",
            dynamo=True,
            verbose=False,
            input_names=["x"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
        )
    [found] = onnxruntime.InferenceSession(tmp_path / "model.onnx").run(None, {"x": inputs.numpy()})
    assert_equal(torch.from_numpy(found), model(inputs).detach())


class Recurrent(nn.Module):
    def __init__(self, input_shape) -> None:
        super().__init__()
        self.gru = nn.GRU(1, 3, batch_first=True)

    def forward(self, x):
        return self.gru(x.unsqueeze(-1))[0][:, -1]


class Attention(nn.Module):
    def __init__(self, input_shape) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(2, 1, 4, dropout=0.5, batch_first=True)

    def forward(self, x):
        return self.layer(x.reshape(len(x), 3, 2)).flatten(1)


class Tied(nn.Module):
    def __init__(self, input_shape) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 6)
        self.b.weight = self.a.weight

    def forward(self, x):
        return self.b(self.a(x).relu())


def normalised(input_shape):
    linear = nn.utils.parametrizations.spectral_norm(nn.Linear(6, 4, bias=False))
    return nn.Sequential(linear, nn.BatchNorm1d(4, momentum=None), nn.Dropout(0.5), nn.GELU())


@pytest.mark.parametrize(
    "factory", [Recurrent, pytest.param(Attention, marks=pytest.mark.slow), Tied, normalised]
)
def test_own_encoders(path, factory):
    model = grouped(factory, Preprocessing(input_shape=(6,)))
    model.export(path)
    for n in (1, 30):
        inputs = torch.randn(n, 6)
        assert_equal(run(path, {"inputs": inputs})[0], model.predict(inputs))


class Branching(nn.Linear):
    def __init__(self, input_shape) -> None:
        super().__init__(6, 3)

    def forward(self, x):
        h = super().forward(x)
        return h * 2 if h.mean().item() > 0 else h


class Noisy(Branching):
    def forward(self, x):
        return nn.Linear.forward(self, x + torch.randn_like(x))


class Squeezing(Branching):
    """Takes a batch of one for a single example."""

    def forward(self, x):
        return nn.Linear.forward(self, x).squeeze(0).unflatten(1, (3, 1)).flatten(1)


class Fixed(Branching):
    """Fixes its batch at that of the tracer."""

    def forward(self, x):
        return nn.Linear.forward(self, x).reshape(int(x.shape[0]), 3) + torch.zeros(
            int(str(int(x.shape[0]))), 3
        )


@pytest.mark.parametrize(
    ("factory", "reason"),
    [
        (Branching, "data-dependent"),
        (Noisy, "predicts something else"),
        (Fixed, "refuses it"),
        (Squeezing, "on one example"),
    ],
)
def test_what_cannot_be_exported_is_refused_by_name(tmp_path, capfd, factory, reason):
    model = grouped(factory, Preprocessing(input_shape=(6,)))
    with pytest.raises(CoterieError, match=rf"test_export:{factory.__name__}.*{reason}"):
        model.export(tmp_path / "model.pt2")
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "message"),
    [("m.pt", "must end in"), ("m", "must end in"), ("file/m.pt2", "cannot be written")],
)
def test_mistakes_are_named(tmp_path, name, message):
    (tmp_path / "file").write_text("")
    with pytest.raises(CoterieError, match=message):
        grouped("mlp", Preprocessing(input_shape=(3,)), hidden=(2,)).export(tmp_path / name)


def test_onnx_without_its_packages_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    with pytest.raises(CoterieError, match=r"coterie\[onnx\]"):
        grouped("mlp", Preprocessing(input_shape=(3,)), hidden=(2,)).export(tmp_path / "m.onnx")
