"""A part of a user's own is one file: it passes its checks and goes all the way, under its name.

The files are those of ``examples/extending``, which users are told to start from."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import coterie as ct
from coterie.cli import main
from coterie.evaluation import ARMS, RIVALS, Comparison, Lineup
from coterie.methods import METHODS, Cluster, Select, register
from coterie.results import Affinity
from coterie.runs import Run
from coterie.tasks import KINDS
from coterie.testing import (
    check_affinity,
    check_clustering,
    check_encoder,
    check_estimator,
    check_kind,
)
from tests.test_kill import contents, kill, wait_for

EXTENDING = Path(__file__).parents[1] / "examples" / "extending"
TARGETS = ("rye", "oats", "early", "late")
FEW = {"seeds": 1, "repeats": 1, "draws": 1, "epochs": 3, "batch_size": 16, "lr": 1e-2}


@dataclass(frozen=True, kw_only=True)
class Part:
    """How a part of ours is named on the command line, given to ``compare``, checked, and seen."""

    flags: tuple[str, ...]
    check: Callable[[Any], tuple[str, ...]] | None
    compared: Callable[[Any], Mapping[str, Any]]
    seen: Callable[[Comparison], bool]
    kinds: Mapping[str, str] = field(default_factory=dict)


def shares(mine: Any) -> tuple[str, ...]:
    labels = np.random.default_rng(0).uniform(size=240)
    return check_kind(mine.SHARE, labels=labels)


PARTS = {
    "affinity": Part(
        flags=("--methods", "affinity:SignAgreement"),
        check=lambda mine: check_affinity(mine.SignAgreement()),
        compared=lambda mine: {"methods": Cluster(mine.SignAgreement(), n_groups=2)},
        seen=lambda found: found.found["grouped"][0].by == "sign agreement",
    ),
    "clustering": Part(
        flags=("--clustering", "clustering:ward"),
        check=lambda mine: check_clustering(mine.ward),
        compared=lambda mine: {"methods": Cluster(by=mine.ward, n_groups=2)},
        seen=lambda found: found.found["grouped"][0].grouping.method == "ward",
    ),
    "estimator": Part(
        flags=("--methods", "estimator:LeaveOneOut"),
        check=lambda mine: check_estimator(mine.LeaveOneOut),
        compared=lambda mine: {"methods": Select(mine.LeaveOneOut(), n_groups=2)},
        seen=lambda found: found.found["grouped"][0].by == "LeaveOneOut",
    ),
    "arm": Part(
        flags=("--baselines", "random", "arm:NEIGHBOURS"),
        check=None,
        compared=lambda mine: {"baselines": ["random", mine.NEIGHBOURS.role]},
        seen=lambda found: "neighbours" in set(found.scores["role"]),
    ),
    "rival": Part(
        flags=("--rivals", "tuned", "rival:Nearest"),
        check=None,
        compared=lambda mine: {"rivals": ["tuned", mine.Nearest]},
        seen=lambda found: {"tuned", "nearest"} <= set(found.scores["role"]),
    ),
    "kind": Part(
        flags=("--kind", "rye=kind:Share", "oats=kind:Share"),
        check=shares,
        compared=lambda _: {},
        seen=lambda found: found.kinds[:2] == ("share", "share"),
        kinds={"rye": "share", "oats": "share"},
    ),
    "encoder": Part(
        flags=("--model", "encoder:fourier"),
        check=lambda mine: check_encoder(mine.fourier, input_shape=(4,)),
        compared=lambda mine: {"model": mine.fourier},
        # The head for four outputs, and a layer from 128 waves to 16 features.
        seen=lambda found: set(found.costs["parameters"] % (4 * 17 + 16 * 129)) == {0},
    ),
}
each_part = pytest.mark.parametrize("name", PARTS)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """What a test registers and imports, no other one meets."""
    registries = (KINDS, ARMS, METHODS, RIVALS)
    before = [dict(registry) for registry in registries]
    for name, kind in before[0].items():
        if not type(kind).__module__.startswith("coterie."):
            del KINDS[name]  # another test's
    yield
    for registry, entries in zip(registries, before, strict=True):
        registry.clear()
        registry.update(entries)
    for name in (*(path.stem for path in EXTENDING.glob("*.py")), "slow", "keyed"):
        sys.modules.pop(name, None)


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Import an example as a user does, from a folder of their own."""
    monkeypatch.syspath_prepend(EXTENDING)
    return importlib.import_module


def field_trial() -> pd.DataFrame:
    """200 rows of 4 inputs, two shares and two binary targets."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4))
    frame = pd.DataFrame(x, columns=["sun", "rain", "clay", "slope"])
    frame["rye"] = 1 / (1 + np.exp(-x[:, 0] - 0.3 * rng.normal(size=200)))
    frame["oats"] = 1 / (1 + np.exp(-x[:, 0] - x[:, 1]))
    frame["early"] = x[:, 0] + 0.3 * rng.normal(size=200) > 0
    frame["late"] = x[:, 2] > 0
    return frame


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a user works: a table and the file with the part."""
    field_trial().to_csv(tmp_path / "field.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(verb: str, name: str, *, out: str | None = None) -> list[str]:
    options = {"groups": 2, **FEW} | ({} if out is None else {"out": out})
    flags = [
        text
        for key, value in options.items()
        for text in (f"--{key.replace('_', '-')}", str(value))
    ]
    own = PARTS[name].flags
    quick = ["--no-headroom", *(() if "--rivals" in own else ("--rivals", "none"))]
    return [verb, "--data", "field.csv", "--targets", *TARGETS, *flags, *quick, *own]


def test_each_is_one_short_file() -> None:
    assert {path.stem for path in EXTENDING.glob("*.py")} > set(PARTS)
    for path in EXTENDING.glob("*.py"):
        assert len(path.read_text().splitlines()) < 60, path.name


# SciPy takes affinities, which are symmetric, for distances.
@pytest.mark.filterwarnings("ignore:.*uncondensed distance matrix")
@pytest.mark.parametrize(
    "name",
    [name for name, part in PARTS.items() if part.check],
)
def test_each_passes_its_checks(name: str, imported: Callable[[str], Any]) -> None:
    check = PARTS[name].check
    assert check is not None
    assert len(check(imported(name))) > 4


def test_the_arm_serves_each_task_by_one_model_of_two(imported: Callable[[str], Any]) -> None:
    """There is no suite for arms; what they must hold is little."""
    (arm,) = imported("arm").NEIGHBOURS.make(
        Lineup(n_tasks=5, groupings={}, asked={}, draws=1, seed=0)
    )
    assert arm.weights.tolist() == [[1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1]]
    assert (arm.serves == arm.weights.T).all()


def test_the_rival_answers_by_the_rows_most_like_it(
    imported: Callable[[str], Any], tmp_path: Path
) -> None:
    """There is no suite for rivals; whatever they answer is checked to be outputs."""
    mine = imported("rival").Nearest()
    frame = field_trial()
    data = ct.load(frame, targets=list(TARGETS))
    joint = ct.fit("mlp", data, epochs=1, record=True)
    case = ct.Case(model="mlp", data=data, joint=joint)
    assert mine.suits(data, model="mlp", settings={}, baselines=()) is None
    found = mine.train(case, None, seed=0)
    test, train = data.split.test, data.split.train
    outputs = found.outputs(test)
    assert outputs.shape == (len(test), 4)
    distances = torch.cdist(data.inputs[test], data.inputs[train])
    near = data.targets[train][distances.topk(25, largest=False).indices].mean(1)
    torch.testing.assert_close(outputs[:, :2], near[:, :2])
    shares = (outputs[:, 2:] - data.tasks.pos_weight[2:].log()).sigmoid()
    torch.testing.assert_close(shares, near[:, 2:].clamp(0.01, 0.99))
    found.model().save(tmp_path / "rows.safetensors")
    gaps = frame.assign(early=frame["early"].astype(float).mask(frame.index < 20))
    told = mine.suits(ct.load(gaps, targets=list(TARGETS)), model="mlp", settings={}, baselines=())
    assert told is not None


@each_part
def test_each_is_compared_planned_continued_and_reported(
    name: str, imported: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, mine = PARTS[name], imported(name)
    data = ct.load(field_trial(), targets=list(TARGETS), kinds=part.kinds)
    given: dict[str, Any] = {
        "model": "mlp",
        "methods": "data_map",
        "n_groups": 2,
        "rivals": "none",
        **part.compared(mine),
        **FEW,
    }
    planned = {key: value for key, value in given.items() if key not in ("baselines", "rivals")}
    assert ct.plan(data=data, **planned).seconds is not None

    def compared(**extra: Any) -> Comparison:
        return ct.compare(data=data, run=tmp_path / "run", **given, **extra)

    first = compared()
    assert part.seen(first)
    # Finished units are read, which is what an interrupted run is continued by.
    monkeypatch.setattr("coterie.training.loop.gradient_step", None)
    again = compared()
    assert again.scores.equals(first.scores)
    assert part.seen(again)
    assert first.report(tmp_path / "report.html").read_text().startswith("<!doctype html>")
    with pytest.raises(ct.CoterieError, match="holds a run with other settings"):
        ct.compare(data=data, run=tmp_path / "run", **{**given, "lr": 0.1})


@each_part
def test_each_runs_by_its_name_on_the_command_line(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(EXTENDING / f"{name}.py", folder)
    assert main(command("plan", name)) == 0, capsys.readouterr().err
    assert main(command("run", name, out="runs/mine")) == 0, capsys.readouterr().err
    found = Comparison.load(folder / "runs" / "mine" / "comparison")
    assert PARTS[name].seen(found)
    assert (folder / "runs" / "mine" / "report.html").is_file()
    assert PARTS[name].flags[-1].rpartition("=")[2] in Run.existing("runs/mine").config["own"]
    assert str(folder) not in sys.path
    # As a run never was without it, it is not continued without it.
    others = command("run", name, out="runs/mine")[: -len(PARTS[name].flags)]
    capsys.readouterr()
    assert main(others) == 2
    assert "holds a run with other settings" in capsys.readouterr().err


SLOW = """
from torch.nn import Sequential

from tests.test_kill import Reluctant
from {module} import {factory} as plain


def encoder(input_shape):
    return Sequential(plain(input_shape), Reluctant())
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
@each_part
def test_each_is_killed_in_the_middle_and_ends_the_same(name: str, folder: Path) -> None:
    """Of an affinity while it measures, of others while groups are trained."""
    shutil.copy(EXTENDING / f"{name}.py", folder)
    factory = ("encoder", "fourier") if name == "encoder" else ("coterie.models.encoders", "mlp")
    (folder / "slow.py").write_text(SLOW.format(module=factory[0], factory=factory[1]))
    asked = {out: [*command("run", name, out=out), "--model", "slow:encoder"] for out in "ab"}
    killed = folder / "b"
    paths = [str(EXTENDING.parents[1]), *filter(None, sys.path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "coterie", *asked["b"]],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    stage = "joint" if name == "affinity" else "groups"
    wait_for(killed, f"checkpoints/**/{stage}/checkpoint.safetensors", process)
    kill(process)
    assert process.returncode == -signal.SIGKILL
    assert list(killed.glob(f"checkpoints/**/{stage}/checkpoint.safetensors"))
    assert main(asked["a"]) == main(asked["b"]) == 0
    assert contents(folder / "a") == contents(killed)
    whole, continued = (Comparison.load(folder / out / "comparison") for out in "ab")
    assert PARTS[name].seen(continued)
    assert whole.scores.equals(continued.scores)
    for one, other in zip(whole.found["grouped"], continued.found["grouped"], strict=True):
        assert one.grouping.to_dict() == other.grouping.to_dict()
        if isinstance(one.evidence, Affinity):
            assert isinstance(other.evidence, Affinity)
            np.testing.assert_array_equal(one.evidence.matrix, other.evidence.matrix)


def test_an_affinity_is_measured_and_clustered_by_a_function(folder: Path) -> None:
    for name in ("affinity", "clustering"):
        shutil.copy(EXTENDING / f"{name}.py", folder)
    data = ["--data", "field.csv", "--targets", *TARGETS, "--epochs", "3", "--batch-size", "16"]
    measure = ["affinity", *data, "--out", "mine", "--methods", "affinity:SignAgreement", "cosine"]
    assert main([*measure, "--every", "4"]) == 0
    run = Run.existing("mine")
    assert run.stages == ("affinity-sign_agreement", "affinity-cosine")
    before = Affinity.load(folder / "mine" / "affinity-sign_agreement.safetensors")
    assert before.method == "sign agreement"
    assert main([*measure, "--every", "4"]) == 0  # reads what is there
    grouped = ["group", "mine", "--affinity", "sign agreement", "--groups", "2"]
    assert main([*grouped, "--clustering", "clustering:ward"]) == 0
    assert ct.Grouping.load(folder / "mine" / "grouping.json").method == "ward"


def test_an_affinity_that_has_changed_is_measured_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = shutil.copy(EXTENDING / "affinity.py", folder)
    data = ["--data", "field.csv", "--targets", *TARGETS, "--epochs", "2", "--batch-size", "16"]
    ours = ["affinity", *data, "--out", "mine", "--every", "4", "--quiet", "--methods"]
    assert main([*ours, "affinity:SignAgreement"]) == 0
    first = Run.existing("mine").about("affinity-sign_agreement")
    sys.modules.pop("affinity")
    text = Path(file).read_text()
    Path(file).write_text(
        text.replace('"sign agreement"\n', '"sign agreement"\n    share: float = 1.0\n', 1)
    )
    importlib.invalidate_caches()
    assert main([*ours, "affinity:SignAgreement"]) == 0
    assert Run.existing("mine").about("affinity-sign_agreement")["own"] != first["own"]


def test_a_run_is_not_continued_with_another_key(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Code is not compared, its key is."""
    method = folder / "keyed.py"
    method.write_text(
        "import numpy as np\n"
        "from coterie import Grouping\n\n\n"
        "def halves(case, *, seed):\n"
        "    names = case.data.tasks.names\n"
        "    return Grouping(tasks=names, membership=np.eye(2)[[0, 0, 1, 1]], method='halves')\n\n\n"
        "halves.key = 'first'\n"
    )
    few = [*command("compare", "clustering", out="run")[:-2], "--methods", "keyed:halves"]
    assert main(few) == 0
    assert main(few) == 0
    method.write_text(method.read_text().replace("first", "second"))
    sys.modules.pop("keyed")
    importlib.invalidate_caches()
    capsys.readouterr()
    assert main(few) == 2
    assert "holds a run with other settings: own.keyed:halves.key" in capsys.readouterr().err


def test_kinds_that_only_a_run_names_are_not_imported(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(EXTENDING / "kind.py", folder)
    assert main([*command("run", "kind", out="run"), "--quiet"]) == 0
    capsys.readouterr()
    sys.modules.pop("kind")
    predict = ["predict", "run", "--data", "field.csv", "--out", "predictions.csv"]
    for asked in (predict, ["evaluate", "run"], ["export", "run", "--out", "program.pt2"]):
        assert main(asked) == 2
        assert (
            "names a kind of target that is not built in, 'kind:Share'" in capsys.readouterr().err
        )
        assert "kind" not in sys.modules
    assert main([*predict, "--trust"]) == 0
    assert pd.read_csv(folder / "predictions.csv")["rye"].between(0, 1).all()
    assert main(["evaluate", "run", "--trust"]) == 0
    assert main(["report", "run"]) == 0


def test_parts_that_register_themselves_go_by_a_name(imported: Callable[[str], Any]) -> None:
    """One file again: the line that registers stands in it."""
    register("signs", partial(Cluster, imported("affinity").SignAgreement()))
    register("ward", partial(Cluster, by=imported("clustering").ward))
    register("without", partial(Select, imported("estimator").LeaveOneOut()))
    register("correlation", imported("method").TargetCorrelation)
    kinds = {"rye": imported("kind").SHARE.value}
    assert imported("arm").NEIGHBOURS.role == "neighbours"
    data = ct.load(field_trial(), targets=list(TARGETS), kinds=kinds)
    names = {name: name for name in ("signs", "ward", "without", "correlation")}
    few: dict[str, Any] = {**FEW, "n_groups": 2}
    assert {work.method for work in ct.plan("mlp", data, names, **few).workloads} == set(names)
    found = ct.compare("mlp", data, names, baselines=["neighbours"], rivals="none", **few)
    families = {name: about.family for name, about in found.about.items()}
    assert families == {
        "signs": "affinity",
        "ward": "data map",
        "without": "selection",
        "correlation": "affinity",
    }
    assert found.kinds[0] == "share"
    assert "neighbours" in set(found.scores["role"])
