"""Nothing that a file names is run, nor what lies beside the data.

The user's own word is enough.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import coterie as ct
from coterie.cli import main
from coterie.errors import CoterieError
from coterie.files import read_json, write_json

EVIL = (
    "queue",
    "random",
    "json",
    "enum",
    "typing",
    "re",
    "numpy",
    "torch",
    "pandas",
    "tyro",
    "sitecustomize",
    "datasets",
)
OWN = """
from torch import nn

def encoder(input_shape):
    return nn.Linear(*input_shape, 3)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fitted run of a built-in encoder, beside its data, people.csv."""
    folder = tmp_path_factory.mktemp("trust")
    rng = np.random.default_rng(3)
    x = rng.normal(size=(160, 3))
    frame = pd.DataFrame(x, columns=["age", "height", "weight"])
    for position, name in enumerate("ABC"):
        frame[name] = np.where(x[:, position] + rng.normal(size=160) > 0, "yes", "no")
    frame.to_csv(folder / "people.csv", index=False)
    data = ["--data", str(folder / "people.csv"), "--targets", "A", "B", "C"]
    assert main(["record", *data, "--epochs", "1", "--quiet", "--out", str(folder / "run")]) == 0
    assert main(["group", str(folder / "run"), "--groups", "2"]) == 0
    assert main(["fit", str(folder / "run"), "--quiet"]) == 0
    return folder / "run"


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module ``theirs`` whose import, or whose factory, leaves a file ``ran``."""
    code = (
        "from pathlib import Path\nran = Path(__file__).parent / 'ran'\nran.touch()\n"
        "def factory(*_, **__):\n    ran.touch()\n"
    )
    (tmp_path / "theirs.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "theirs", raising=False)
    return tmp_path


def tampered(run: Path, folder: Path, **about: Any) -> Path:
    """A copy of the run whose manifest and model name another encoder; checksums agree."""
    from coterie.files import checksum, read_arrays, write_arrays

    copy, model = folder / "copy", folder / "copy" / "model.safetensors"
    shutil.copytree(run, copy)
    arrays, held = read_arrays(model)
    write_arrays(model, arrays, {**held, **about})
    manifest = read_json(copy / "manifest.json")
    manifest["config"]["training"]["model"] = about["model"]
    manifest["stages"]["model"]["files"]["model.safetensors"] = checksum(model)
    write_json(copy / "manifest.json", manifest)
    return copy


def commands(run: Path) -> list[list[str]]:
    """Every verb that reads a run which names an encoder."""
    data = ["--data", str(run.parent / "people.csv"), "--out", str(run.parent / "p.csv")]
    return [
        ["fit", str(run)],
        ["evaluate", str(run)],
        ["predict", str(run), *data],
        ["predict", str(run / "model.safetensors"), *data],
    ]


@pytest.mark.parametrize(
    "name", ["theirs:factory", "os:system", "theirs:", "theirs", ":", "", "auto:auto"]
)
def test_what_a_run_names_is_not_imported(
    run: Path, evil: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    copy = tampered(run, evil, model=name, options={"cmd": "x"})
    for command in commands(copy):
        assert main(command) == 2
        err = capsys.readouterr().err
        assert err.startswith("coterie: error: ")
        assert f"not built in, {name!r}" in err
        assert "--trust" in err
    assert not (evil / "ran").exists()


def test_another_name_than_the_run_s_is_refused(
    run: Path, evil: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tampered(run, evil, model="theirs:factory")
    for command in commands(copy):
        assert main([*command, "--model", "mlp"]) == 2
        err = capsys.readouterr().err
        assert "'mlp'" in err
        assert "'theirs:factory'" in err
    assert not (evil / "ran").exists()
    assert main([*commands(copy)[1], "--trust"]) == 2
    assert (evil / "ran").exists(), "the user's word imports it, and only then"


@pytest.mark.parametrize("name", ["os:system", "subprocess:Popen", "builtins:exec"])
def test_not_even_a_trusted_name_calls_what_builds_no_module(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    copy = tampered(run, tmp_path, model=name)
    for command in commands(copy)[1:]:
        assert main([*command, "--trust"]) == 2
        assert "could not be built: it must be a callable" in capsys.readouterr().err


@pytest.mark.parametrize(
    "about",
    [
        {"options": {"hidden": [2**40]}},
        {"options": {"hidden": [2**19, 2**19]}},
        {"options": {"hidden": [0]}},
        {"options": {"hidden": "ab"}},
        {"options": {"hidden": [True]}},
        {"options": {"dropout": float("inf")}},
        {"options": {"command": "x"}},
        {"input_shape": [2**40]},
        {"input_shape": ["touch", "x"]},
    ],
)
def test_arguments_of_a_built_in_encoder_are_checked(
    run: Path, tmp_path: Path, about: dict[str, Any]
) -> None:
    copy = tampered(run, tmp_path, model="mlp", **about)
    with pytest.raises(CoterieError):
        ct.GroupedModel.load(copy / "model.safetensors")


def test_python_says_it_by_name_by_factory_or_by_trust(tmp_path: Path) -> None:
    from tests.test_trust import own

    data = ct.load({"inputs": torch.randn(60, 2).numpy(), "targets": {"A": np.arange(60) % 2}})
    fitted = ct.fit(own, data, epochs=1)
    fitted.save(tmp_path)
    for trusted in ({"model": own}, {"model": "tests.test_trust:own"}, {"trust": True}):
        assert ct.Fit.load(tmp_path, **trusted).stack.architecture.name == "tests.test_trust:own"
    with pytest.raises(CoterieError, match=r"model='tests.test_trust:own' or trust=True"):
        ct.Fit.load(tmp_path)
    with pytest.raises(
        CoterieError,
        match=r"`model` is 'tests.test_trust:other', but .* names 'tests.test_trust:own'",
    ):
        ct.Fit.load(tmp_path, model="tests.test_trust:other")


def own(input_shape: tuple[int, ...]) -> torch.nn.Module:
    """An encoder of the user's own."""
    return torch.nn.Linear(*input_shape, 2)


# The current folder


def started(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """What a user would start in ``folder``.

    ``python -m`` searches it first, unless told otherwise.
    """
    source = Path(ct.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONSAFEPATH", None)
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


SCRIPT = [sys.executable, "-P", "-c", "import sys; from coterie.cli import main; sys.exit(main())"]
MODULE = [sys.executable, "-m", "coterie"]


@pytest.fixture
def trap(run: Path, tmp_path: Path) -> Path:
    """A folder with the data and files named like modules, each of which leaves a file ``ran``."""
    for name in EVIL:
        (tmp_path / f"{name}.py").write_text(
            f"open({str(tmp_path / 'ran')!r}, 'a').write({name + ' '!r})\n"
        )
    shutil.copy(run.parent / "people.csv", tmp_path)
    (tmp_path / "mine.py").write_text(OWN)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (["--version"], SCRIPT),
        (["--version"], MODULE),
        (["run", "--help"], SCRIPT),
        (["run", "--help"], MODULE),
        # The slow test below starts verbs both ways.
        (["plan", "--data", "people.csv", "--targets", "A", "B"], MODULE),
    ],
    ids=["version-script", "version-module", "help-script", "help-module", "plan-module"],
)
def test_what_lies_beside_the_data_is_not_run(
    trap: Path, start: list[str], arguments: list[str]
) -> None:
    done = started([*start, *arguments, *(["--epochs", "1"] if "plan" in arguments else [])], trap)
    assert done.returncode == 0, done.stderr
    assert not (trap / "ran").exists()


@pytest.mark.slow
@pytest.mark.parametrize("start", [SCRIPT, MODULE], ids=["script", "module"])
def test_no_verb_runs_what_lies_beside_the_data_and_own_encoders_are_found_last(
    trap: Path, start: list[str]
) -> None:
    data = ["--data", "people.csv", "--targets", "A", "B", "C", "--epochs", "1"]
    for arguments in (
        ["run", *data, "--seeds", "2", "--repeats", "1", "--draws", "1", "--groups", "2"],
        ["report", "runs/people"],
        ["record", *data, "--model", "mine:encoder", "--out", "own"],
        [
            "affinity",
            *data,
            "--model",
            "mine:encoder",
            "--out",
            "measured",
            "--every",
            "1",
            "--batch-size",
            "32",
        ],
        ["group", "own", "--groups", "2"],
        ["fit", "own", "--model", "mine:encoder"],
        ["evaluate", "own", "--trust"],
        ["predict", "own", "--trust", "--data", "people.csv", "--out", "p.csv"],
    ):
        done = started([*start, *arguments], trap)
        assert done.returncode == 0, (arguments, done.stderr)
        assert not (trap / "ran").exists(), (arguments, (trap / "ran").read_text())


def test_the_current_folder_is_searched_for_a_named_encoder_only_and_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr("coterie.cli.verbs.perform", lambda _: seen.append(list(sys.path)))
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    for extra in ([], ["--model", "cnn"], ["--model", "mine:encoder"]):
        assert main(["record", "--data", "d", *extra]) == 0
    assert main(["fit", "r", "--trust"]) == 0
    assert seen == [before, before, [*before, str(tmp_path)], [*before, str(tmp_path)]]
    assert sys.path == before
