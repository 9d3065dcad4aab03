"""Where jobs run, and in which order, changes no bit; what they raise arrives."""

import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache, partial
from multiprocessing import get_context

import numpy as np
import pytest
import torch

import coterie as ct
from coterie.errors import CoterieError
from coterie.fitting import _fit
from coterie.models import Architecture, ModelStack

SETTINGS = {
    "epochs": 2,
    "batch_size": 16,
    "lr": 0.05,
    "strategy": "loop",
    "device": "cpu",
    "model_options": {"hidden": (6,), "dropout": 0.2},
}


@cache
def other_process():
    """One for all tests here, because to start it takes longer than most of them.

    Sums depend on how many threads share them.
    """
    threads = {"initializer": torch.set_num_threads, "initargs": (torch.get_num_threads(),)}
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"), **threads)


@pytest.fixture(scope="module", autouse=True)
def ended():
    yield
    other_process().shutdown()


class Elsewhere:
    """Runs jobs in another process, the last one first."""

    def __init__(self):
        self.names = []

    def rows(self, jobs, progress=None):
        self.names += [job.name for job in jobs]
        started = [other_process().submit(job.run) for job in reversed(jobs)]
        yield from (each.result() for each in reversed(started))

    units = rows


class Forgetful(ct.LocalEngine):
    """Runs one job too few."""

    def rows(self, jobs, progress=None):
        return super().rows(jobs[1:], progress)

    units = rows


@pytest.fixture(scope="module")
def disjoint():
    """Each task has examples of its own, so many that rows fall into three blocks."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 4))
    y = (x[:, :3] + rng.normal(size=(600, 3)) > 0).astype(float)
    owner = rng.choice(3, p=[0.5, 0.3, 0.2], size=600)
    y[owner[:, None] != np.arange(3)] = np.nan
    return ct.load({"inputs": x, "targets": y}, names=["a", "b", "c"])


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 3))
    return ct.load({"inputs": x, "targets": (x[:, [0, 1, 0, 1]] > 0).astype(float)})


def require_same(one, other):
    for name in ("weights", "scores"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for name, curve in vars(one.history).items():
        np.testing.assert_array_equal(curve, getattr(other.history, name))
    states = one.stack.state(), other.stack.state()
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())


def test_rows_have_the_same_bits_wherever_they_are_trained(disjoint):
    weights = np.array([[0.0, 0, 1], [1, 1, 1], [1, 0, 0], [0, 1, 0]])
    engine = Elsewhere()
    here = ct.fit("mlp", disjoint, weights, record=2, **SETTINGS)
    there = ct.fit("mlp", disjoint, weights, record=2, engine=engine, **SETTINGS)
    assert engine.names == ["row 1", "row 0", "row 3", "row 2"]
    require_same(here, there)
    np.testing.assert_array_equal(here.data_map.confidence, there.data_map.confidence)
    np.testing.assert_array_equal(
        ct.predict(here.stack, disjoint, disjoint.split.test),
        ct.predict(there.stack, disjoint, disjoint.split.test),
    )


def test_a_fit_elsewhere_goes_on_from_its_checkpoint_and_from_models(disjoint, tmp_path):
    start = ct.fit("mlp", disjoint, np.eye(3), **SETTINGS).stack
    options = {**SETTINGS, "start": start, "checkpoint": tmp_path}
    there = ct.fit("mlp", disjoint, np.eye(3), engine=Elsewhere(), **options)
    files = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.safetensors")}
    assert len(files) == 3
    require_same(ct.fit("mlp", disjoint, np.eye(3), **options), there)
    assert files == {file: file.stat().st_mtime_ns for file in files}


def test_units_have_the_same_bits_wherever_they_are_run(data, tmp_path):
    groups = ct.Grouping(
        tasks=data.tasks.names, membership=np.eye(2)[np.arange(4) % 2], method="mine"
    )
    options = {"seeds": 2, "repeats": 2, "draws": 1, "rivals": "none", **SETTINGS}
    methods = {"mine": groups, "map": "data_map"}
    compared = partial(ct.compare, "mlp", data, methods, **options)
    engine = Elsewhere()
    here, there = compared(), compared(run=tmp_path, engine=engine)
    assert engine.names == [f"split {s}, seed {r}" for s in (0, 1) for r in (0, 1)]
    for name in ("scores", "gains"):
        assert getattr(here, name).equals(getattr(there, name))
    untimed = [[replace(f, minutes=None) for f in each.findings] for each in (here, there)]
    assert untimed[0] == untimed[1]
    run = ct.Run.existing(tmp_path)
    assert [stage for stage in run.stages if stage.startswith("units/")] == [
        f"units/split-{s}-seed-{r}" for s in (0, 1) for r in (0, 1)
    ]
    assert run.done("model")
    assert not list(run.checkpoint("").iterdir())
    again = compared(run=tmp_path, engine=engine)
    assert engine.names[4:] == []
    assert again.scores.equals(here.scores)


@pytest.mark.parametrize("engine", [ct.LocalEngine(), Elsewhere()], ids=["here", "elsewhere"])
def test_errors_arrive_and_say_where_they_were(data, engine):
    settings = {**SETTINGS, "lr": 1e38, "optimiser": "sgd", "repeats": 1}
    with pytest.raises(CoterieError, match="Training stopped") as caught:
        ct.compare("mlp", data, "data_map", n_groups=2, seeds=[7], engine=engine, **settings)
    assert caught.value.__notes__ == ["This was in split 0, seed 7."]


def test_what_objects_of_this_process_watch_is_trained_here(data):
    """Observers, probes and providers of weights could not be told elsewhere."""
    engine = Forgetful()
    grouping = ct.fit("mlp", data, ct.DifferentiableGrouping(2), engine=engine, **SETTINGS).grouping
    assert grouping.n_groups == 2

    class Probe:
        every, seen = 3, 0

        def on_step(self, moment):
            self.seen += 1

        def state(self):
            return {}

        def restore(self, arrays):
            pass

    probe = Probe()
    ct.fit("mlp", data, probes=[probe], engine=engine, **SETTINGS)
    assert probe.seen > 2


def test_progress_is_told_here(disjoint):
    told = []
    ct.fit("mlp", disjoint, np.eye(3), progress=lambda *each: told.append(each), **SETTINGS)
    assert sum(done == steps for done, steps, _ in told) == 3


@pytest.mark.parametrize("verb", ["fit", "compare"])
def test_an_engine_that_is_none_is_named(data, disjoint, verb):
    call = {
        "fit": lambda engine: ct.fit("mlp", disjoint, np.eye(3), engine=engine, **SETTINGS),
        "compare": lambda engine: ct.compare(
            "mlp", data, engine=engine, seeds=2, repeats=1, **SETTINGS
        ),
    }[verb]
    with pytest.raises(CoterieError, match="`engine` must have methods rows and units; found 3"):
        call(3)
    with pytest.raises(CoterieError, match=r"one result for each of \d+ jobs; found \d+"):
        call(Forgetful())


def test_jobs_and_stacks_can_be_pickled(disjoint, monkeypatch):
    jobs = []
    merged = _fit.merged

    def noted(given, *more):
        jobs.extend(given)
        return merged(given, *more)

    monkeypatch.setattr(_fit, "merged", noted)
    ct.fit("mlp", disjoint, np.eye(3), **SETTINGS)
    assert len(jobs) == 3
    for job in jobs:
        require_same(pickle.loads(pickle.dumps(job)).run().fit, job.run().fit)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch, when it compiles
def test_a_stack_is_pickled_without_what_it_makes_again():
    stack = ModelStack.create(Architecture("mlp", (4,), 2), n_models=2, seed=0)
    stack.compile()
    stack.zero_grad()
    stack._execution.slices(slice(0, 1), looped=True)
    again = pickle.loads(pickle.dumps(stack))
    assert not again._execution.views
    inputs = torch.randn(3, 4)
    plain = ModelStack.create(Architecture("mlp", (4,), 2), n_models=2, seed=0)
    assert torch.equal(again(inputs), plain(inputs))
    assert all(parameter.requires_grad for parameter in again.parameters.values())
