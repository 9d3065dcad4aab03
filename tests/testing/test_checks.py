"""Every check can fail: for each property an object that violates it, and hardly anything else."""

import random
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import pytest
import torch
from torch import nn

import coterie as ct
from coterie.affinities import Cosine
from coterie.errors import CoterieError
from coterie.estimators import GradTagScores, PairScores
from coterie.grouping import AFFINITY_METHODS, METHODS
from coterie.grouping._method import Clusters, Settings
from coterie.grouping.kmeans import kmeans
from coterie.tasks import KINDS, Count, Kind
from coterie.testing import (
    CheckFailed,
    check_affinity,
    check_clustering,
    check_encoder,
    checks_of,
    parametrize_with_checks,
)
from coterie.testing._checks import SUITES, NotApplicableError
from coterie.training import LearntWeights
from coterie.training.work import Work

EVER = count()


def mean_of(data, part):
    return float(data.inputs[getattr(data.split, part)].mean())


def probe_that(after=None, **methods):
    """The cosine with ``after(probe, trial, matrix)`` as its measurement and other methods."""
    if after is not None:
        methods["measure"] = lambda self, trial: after(self, trial, Cosine.measure(self, trial))
    return type("Broken", (Cosine,), {"every": 2, **methods})()


def touching(self, moment):
    Cosine.on_step(self, moment)
    with torch.no_grad():
        moment.stack.parameters["head.bias"].add_(1e-3)


def dividing(self, moment):
    if len(moment.tasks) == 1:
        raise ZeroDivisionError
    Cosine.on_step(self, moment)


def seen_so_far(self, trial, matrix):
    self.seen = getattr(self, "seen", 0) + 1
    return matrix + self.seen


def drawing(self, trial, matrix):
    random.random()
    return matrix


def only_plain(self, trial, matrix):
    if trial.moment.tasks.n_outputs != trial.n_tasks:
        raise IndexError("one column a task")
    return matrix


AFFINITIES = {
    "matrix": probe_that(
        affinity=lambda self, training=None: replace(
            Cosine.affinity(self), tasks=tuple("abcd"[: len(self.tasks)])
        )
    ),
    "relabelling": probe_that(lambda self, trial, matrix: matrix + torch.arange(len(matrix))),
    "missing labels": probe_that(
        lambda self, trial, matrix: matrix + mean_of(trial.moment.data, "train")
    ),
    "the test part": probe_that(
        lambda self, trial, matrix: matrix + mean_of(trial.moment.data, "test")
    ),
    "seed": probe_that(lambda self, trial, matrix: matrix + next(EVER)),
    "random state": probe_that(drawing),
    "training untouched": probe_that(on_step=touching),
    "identity": probe_that(key="mine"),
    "resume": probe_that(seen_so_far),
    "price": probe_that(price=lambda self, n_tasks: Work(0, 0)),
    "two tasks": probe_that(
        lambda self, trial, matrix: matrix * (torch.nan if len(matrix) == 2 else 1)
    ),
    "one task": probe_that(on_step=dividing),
    "gaps": probe_that(
        lambda self, trial, matrix: matrix * (torch.nan if trial.batch.targets.isnan().any() else 1)
    ),
    "mixed kinds": probe_that(only_plain),
    "saved": probe_that(details=lambda self: {"pair": (1, 2)}),
}


def plain(values, n_groups, seed):
    """K-means, as a function of one's own."""
    return kmeans(
        values, Settings(n_groups=n_groups, fuzziness=2.0, restarts=3, seed=seed)
    ).membership


def clustering_that(look):
    """The same after ``look(values, n_groups)``, which may answer instead."""

    class Broken:
        key = "broken"

        def __call__(self, values, n_groups, seed):
            found = look(values, n_groups)
            return plain(values, n_groups, seed) if found is None else found

    return Broken()


def refusing(when):
    """An error where ``when`` of the values and K holds."""

    def look(values, n_groups):
        if when(values, n_groups):
            raise ZeroDivisionError

    return clustering_that(look)


def at_random(generator):
    return lambda values, n_groups: (
        generator(values).integers(n_groups, size=len(values)) if n_groups == 3 else None
    )


def unsaved(matrix, settings):
    return Clusters(
        membership=plain(matrix, settings.n_groups, settings.seed), details={"how": np.float32(1)}
    )


def complete_only(data_map, features, seed):
    if np.isnan(data_map.confidence).any():
        raise ZeroDivisionError
    return METHODS["kmeans"](data_map, features, seed)


def writing(data_map, features, seed):
    data_map.confidence[0] = 0.5
    return METHODS["kmeans"](data_map, features, seed)


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """Clusterings that see more than a function does."""
    monkeypatch.setitem(AFFINITY_METHODS, "unsaved", unsaved)
    monkeypatch.setitem(METHODS, "complete only", complete_only)
    monkeypatch.setitem(METHODS, "writing", writing)


CLUSTERINGS = {
    "membership": clustering_that(
        lambda values, n_groups: np.full((len(values), 3), 0.3) if n_groups == 3 else None
    ),
    "plain groups": clustering_that(lambda values, n_groups: np.arange(len(values)) % n_groups),
    "relabelling": clustering_that(
        at_random(lambda values: np.random.default_rng(list(values.tobytes())))
    ),
    "missing labels": "complete only",
    "seed": clustering_that(at_random(lambda values: np.random.default_rng(next(EVER)))),
    "random state": clustering_that(lambda values, n_groups: (random.random(), None)[1]),
    "source untouched": "writing",
    "identity": lambda values, n_groups, seed: plain(values, n_groups, seed),
    "two tasks": refusing(lambda values, n_groups: len(values) == 2),
    "every size": refusing(lambda values, n_groups: n_groups == 4),
    "tasks alike": refusing(lambda values, n_groups: np.ptp(values) == 0),
    "saved": "unsaved",
}


class Base(PairScores):
    """An estimator of an oracle, to be broken: ``after(rows, scores)`` is what it answers."""

    after = staticmethod(lambda rows, scores: scores)

    def predict(self, weights):
        return self.after(weights, super().predict(weights))


def estimator_that(after=None, base=Base, **methods):
    return type(
        "Broken", (base,), {**methods, **({} if after is None else {"after": staticmethod(after)})}
    )


def fit_refusing(n_tasks):
    def fit(self, oracle):
        if len(oracle.tasks) == n_tasks:
            raise ZeroDivisionError
        return PairScores.fit(self, oracle)

    return fit


def asked_in_place(rows, scores):
    rows[:] = 1
    return scores


def drawn(rows, scores):
    random.random()
    return scores


class OfJoint(GradTagScores):
    """An estimator of a joint model, to be broken."""

    part = None

    def fit(self, joint, data):
        self.look(data)
        self.offset = 0.0 if self.part is None else mean_of(data, self.part)
        return super().fit(joint, data)

    def look(self, data):
        pass

    def predict(self, weights):
        return super().predict(weights) + self.offset


def no_gaps(self, data):
    if data.targets[data.split.validation].isnan().any():
        raise ZeroDivisionError


def one_column(self, data):
    if data.tasks.n_outputs != len(data.tasks):
        raise ZeroDivisionError


class Forgetful(Base):
    """Has a setting that its key does not tell."""

    key = "mine"

    def __init__(self, share=1):
        super().__init__()
        self.share = share


ESTIMATORS = {
    "scores": estimator_that(lambda rows, scores: scores.astype(np.float32)),
    "rows apart": estimator_that(
        lambda rows, scores: scores + 0.01 * np.arange(len(scores))[:, None]
    ),
    "relabelling": estimator_that(lambda rows, scores: scores + np.arange(scores.shape[1])),
    "informed": estimator_that(lambda rows, scores: 0 * scores),
    "missing labels": estimator_that(base=OfJoint, part="train"),
    "the test part": estimator_that(base=OfJoint, part="test"),
    "seed": estimator_that(lambda rows, scores: scores + next(EVER) % 2),
    "random state": estimator_that(drawn),
    "untouched": estimator_that(asked_in_place),
    "identity": Forgetful,
    "price": estimator_that(trainings=lambda self, n_tasks: 1),
    "unfitted": estimator_that(
        predict=lambda self, w: (
            np.zeros_like(w) if self._matrix is None else PairScores.predict(self, w)
        )
    ),
    "fitted anew": estimator_that(
        fit=lambda self, oracle: PairScores.fit(self, oracle) if self._matrix is None else self
    ),
    "two tasks": estimator_that(
        lambda rows, scores: scores * (np.nan if scores.shape[1] == 2 else 1)
    ),
    "one task": estimator_that(fit=fit_refusing(1)),
    "gaps": estimator_that(base=OfJoint, look=no_gaps),
    "mixed kinds": estimator_that(base=OfJoint, look=one_column),
}


@dataclass(frozen=True)
class Mine:
    """A method: the data map of the joint training, clustered."""

    n_groups: int = 2

    def __call__(self, case, *, seed):
        return self.after(
            case, ct.group(case.joint.data_map, self.n_groups, method="kmeans", seed=seed)
        )

    @staticmethod
    def after(case, grouping):
        return grouping


def method_that(after=None, **more):
    """The same with ``after(case, grouping)`` as what it finds."""
    return type(
        "Broken", (Mine,), {**more, **({} if after is None else {"after": staticmethod(after)})}
    )()


def split_by(labels, grouping):
    return replace(grouping, membership=np.eye(2)[np.asarray(labels) % 2], distances=None)


def first_alone_if(holds, grouping):
    """Another grouping than the one that was found: its first task changes sides."""
    first = np.arange(len(grouping.tasks)) == 0
    return split_by(grouping.labels + first, grouping) if holds else grouping


def error_if(when):
    def after(case, grouping):
        if when(case):
            raise ZeroDivisionError
        return grouping

    return method_that(after)


def one_task_breaks(self, case, *, seed):
    if len(case.data.tasks) == 1:
        raise ZeroDivisionError
    return Mine.__call__(self, case, seed=seed)


def spoiling(case, grouping):
    case.joint.stack.state()["head.bias"].add_(1)
    return grouping


def training_for_nothing(case, grouping):
    ct.fit(case.model, case.data, **case.settings)
    return grouping


def changing_its_mind(case, grouping):
    """Trains, and finds something else where it left a trace."""
    again = False
    if case.checkpoints is not None:
        trace = case.checkpoints / "trace"
        again = trace.exists()
        trace.touch()
    cost = ct.fit(case.model, case.data, progress=case.progress, **case.settings).cost
    return replace(first_alone_if(again, grouping), details={"cost": cost})


def measured_anew(self):
    return next(EVER)


METHODS_BROKEN = {
    "about": method_that(about="a method"),
    "grouping": method_that(
        lambda case, grouping: replace(grouping, tasks=tuple("abcd"[: len(grouping.tasks)]))
    ),
    "relabelling": method_that(
        lambda case, grouping: split_by(range(len(grouping.tasks)), grouping)
    ),
    "missing labels": method_that(
        lambda case, grouping: first_alone_if(mean_of(case.data, "train") > 2, grouping)
    ),
    "the test part": method_that(
        lambda case, grouping: first_alone_if(mean_of(case.data, "test") > 2, grouping)
    ),
    "seed": method_that(lambda case, grouping: first_alone_if(next(EVER) % 2, grouping)),
    "random state": method_that(lambda case, grouping: (torch.rand(1), grouping)[1]),
    "case untouched": method_that(spoiling),
    "identity": method_that(key="mine"),
    "measurement": method_that(
        measurement=property(measured_anew), probe=lambda self, seed: Cosine()
    ),
    "price": method_that(training_for_nothing),
    "resume": method_that(changing_its_mind),
    "two tasks": error_if(lambda case: len(case.data.tasks) == 2),
    "one task": method_that(__call__=one_task_breaks),
    "gaps": error_if(lambda case: case.data.targets[case.data.split.validation].isnan().any()),
    "mixed kinds": error_if(lambda case: case.data.tasks.n_outputs != len(case.data.tasks)),
    "saved": method_that(lambda case, grouping: replace(grouping, details={"how": np.float32(1)})),
}


class Net(nn.Module):
    """(B, 8) to (B, 4), to be broken: ``after(net, x, h)`` is what it answers."""

    after = staticmethod(lambda net, x, h: h)

    def __init__(self, input_shape):
        super().__init__()
        self.layer = nn.Linear(input_shape[0], 4)
        self.more()

    def more(self):
        pass

    def forward(self, x):
        return self.after(self, x, self.layer(x).tanh())


def net_that(after=None, **methods):
    return type(
        "Broken",
        (Net,),
        {**methods, "key": "broken", **({} if after is None else {"after": staticmethod(after)})},
    )


SHARED = nn.Linear(8, 4)


def scaled_ever(self):
    with torch.no_grad():
        self.layer.weight.mul_(1 + next(EVER))


def in_place(net, x, h):
    x.add_(1)
    return h


def noisy(net, x, h):
    return h if net.training else h + torch.rand(h.shape)


def counting(net, x, h):
    net.count = getattr(net, "count", 0) + net.training
    return h if net.training else h * (1 + net.count)


def batched_twice(net, x, h):
    return 2 * h if torch._C._functorch.is_batchedtensor(h) else h


def with_unused(self):
    self.unused = nn.Parameter(torch.ones(2))


def with_plain(self):
    self.scale = torch.ones(1)


def shared_layer(self):
    self.layer = SHARED


ENCODERS = {
    "features": net_that(lambda net, x, h: h * torch.nan if net.training and len(x) == 2 else h),
    "initialisation": net_that(more=scaled_ever),
    "built apart": net_that(more=shared_layer),
    "random state": net_that(more=lambda self: random.random()),
    "input untouched": net_that(in_place),
    "evaluation": net_that(noisy),
    "examples apart": net_that(lambda net, x, h: h - h.mean(0)),
    "one example": net_that(lambda net, x, h: h[0] if len(x) == 1 else h),
    "gradients": net_that(more=with_unused),
    "state": net_that(counting),
    "registered": net_that(more=with_plain),
    "rows apart": net_that(lambda net, x, h: h * (1 + next(EVER)) if net.training else h),
    "vmap": net_that(batched_twice),
    "identity": lambda input_shape: Net(input_shape),
}


class Two(LearntWeights):
    """Two models of all tasks, to be broken."""

    n_rows = 2

    def __init__(self, n_tasks):
        self.n_tasks, self.factor, self.calls = n_tasks, 1.0, 0

    def prepare(self, data, n_steps, seed, device="cpu"):
        self.names, self.factor, self.calls = data.tasks.names, 1.0, 0
        self.look(data)

    def look(self, data):
        pass

    def weights(self, step):
        return self.factor * torch.ones(2, self.n_tasks) / self.n_tasks

    def settings(self):
        return {"tasks": self.n_tasks}


def provider_that(**methods):
    kind = type("Broken", (Two,), methods)

    def made(n_tasks):
        return kind(n_tasks)

    made.key = "broken"
    return made


def factor_from(read):
    def look(self, data):
        self.factor = read(data)

    return look


def refusing_data(when):
    def look(self, data):
        if when(data):
            raise ZeroDivisionError

    return look


def per_epoch(self, epoch):
    self.factor *= 1.5


def for_good(self, data):
    """Never back to the beginning, but kept."""
    self.factor = self.__dict__.setdefault("kept", 1.0)


def kept_per_epoch(self, epoch):
    self.kept = self.factor = self.kept * 1.5


def restored(self, arrays):
    self.kept = self.factor = float(arrays["kept"])


def ever_less(self, step):
    self.calls += 1
    return Two.weights(self, step) / self.calls


def drawn_weights(self, step):
    torch.rand(1)
    return Two.weights(self, step)


def on_and_off(self, step):
    mask = torch.ones(2, self.n_tasks)
    mask[step % 2, 0] = 0
    return mask


class WithShare(Two):
    """A setting that its key does not tell."""

    def __init__(self, n_tasks=4, share=1):
        super().__init__(n_tasks)
        self.share = share


def of_others(self):
    return ct.Grouping(
        tasks=tuple("wxyz"[: self.n_tasks]),
        membership=np.eye(2)[np.arange(self.n_tasks) % 2],
        method="mine",
    )


def unreached(self):
    return (self.__dict__.setdefault("parameter", nn.Parameter(torch.ones(1))),)


WEIGHTS = {
    "weights": provider_that(
        weights=lambda self, step: (
            Two.weights(self, step) - 0.6 * (torch.arange(2)[:, None] == 0) / 2
        )
    ),
    "steps apart": provider_that(weights=ever_less),
    "seed": provider_that(look=factor_from(lambda data: 1.0 + next(EVER))),
    "prepared anew": provider_that(
        look=for_good,
        on_epoch_end=kept_per_epoch,
        state=lambda self: {"kept": np.array(self.kept)},
        restore=restored,
    ),
    "random state": provider_that(weights=drawn_weights),
    "data untouched": provider_that(look=lambda self, data: data.targets[0].mul_(0)),
    "identity": WithShare(),
    "learning": provider_that(parameters=unreached),
    "training": provider_that(
        on_epoch_end=lambda self, epoch: setattr(self, "factor", 1.0 + next(EVER))
    ),
    "missing labels": provider_that(look=factor_from(lambda data: 1 + abs(mean_of(data, "train")))),
    "the test part": provider_that(look=factor_from(lambda data: 1 + abs(mean_of(data, "test")))),
    "resume": provider_that(on_epoch_end=per_epoch),
    "result": provider_that(result=of_others),
    "settled": provider_that(settled=on_and_off),
    "two tasks": provider_that(look=refusing_data(lambda data: len(data.tasks) == 2)),
    "one task": provider_that(look=refusing_data(lambda data: len(data.tasks) == 1)),
    "gaps": provider_that(
        look=refusing_data(lambda data: data.targets[data.split.validation].isnan().any())
    ),
    "mixed kinds": provider_that(
        look=refusing_data(lambda data: data.tasks.n_outputs != len(data.tasks))
    ),
}


def kind_that(own, **methods):
    """Counts, but for some methods."""
    return type("Broken", (Count,), {"name": f"broken_{own}", **methods})()


def overflowing(self, outputs, labels, block):
    return 2 * (torch.xlogy(labels, labels) - labels * outputs - labels + outputs.exp())


def of_company(self, outputs, labels):
    return Count.confidence(self, outputs, labels) / outputs.shape[-1]


def by_size(self, outcome, labels):
    return (*Count.statistics(self, outcome, labels)[:3], outcome * outcome.shape[-2])


def unlearnt(self, outputs, labels, block):
    return Count.loss(self, outputs.detach(), labels, block) + 0 * outputs


KINDS_BROKEN = {
    "name": kind_that("name"),  # nobody registers it
    "labels": kind_that(
        "labels", read=lambda self, column, positive=None: ((), np.nan_to_num(column.numbers))
    ),
    "losses": kind_that("losses", loss=overflowing),
    "tasks apart": kind_that("apart", confidence=of_company),
    "missing labels": kind_that(
        "gaps", outcome=lambda self, z, y: Count.outcome(self, z, y.nan_to_num())
    ),
    "confidences": kind_that(
        "sure", confidence=lambda self, z, y: 2 * Count.confidence(self, z, y)
    ),
    "constant": kind_that(
        "constant", constant=lambda self, y, n, w: Count.constant(self, y, n, w) + 0.5
    ),
    "sums": kind_that("sums", statistics=by_size),
    "metrics": kind_that("metrics", metrics=lambda self, *_: {"MAE": 0.0}),
    "link": kind_that("link", link=lambda self, means: means),
    "predictions": kind_that("predictions", meanings=lambda self, task: []),
    "training": kind_that("training", loss=unlearnt),
}


def engine_that(own):
    """Runs every job, but answers with what ``own`` makes of them."""

    class Broken:
        def rows(self, jobs, progress=None):
            return own(self, jobs)

        units = rows

    return Broken()


def reworded(self, jobs):
    try:
        return [job.run() for job in jobs]
    except CoterieError as error:
        raise RuntimeError("a job failed") from error


def other_rows(self, jobs):
    """Trains from another seed."""
    seeded = [
        replace(job, config=replace(job.config, seed=1)) if hasattr(job, "config") else job
        for job in jobs
    ]
    return [job.run() for job in seeded]


def other_units(self, jobs):
    return [
        (replace(job, train_seed=99) if hasattr(job, "train_seed") else job).run() for job in jobs
    ]


ENGINES = {
    "order": engine_that(lambda self, jobs: [job.run() for job in jobs][::-1]),
    "no jobs": engine_that(lambda self, jobs: [job.run() for job in jobs] if jobs else jobs[0]),
    "errors": engine_that(reworded),
    "rows": engine_that(other_rows),
    "units": engine_that(other_units),
}


@pytest.fixture(autouse=True)
def broken_kinds(monkeypatch):
    for name, kind in KINDS_BROKEN.items():
        if name != "name":
            monkeypatch.setitem(KINDS, str(kind), kind)


BROKEN = {
    "affinity": AFFINITIES,
    "clustering": CLUSTERINGS,
    "estimator": ESTIMATORS,
    "method": METHODS_BROKEN,
    "encoder": ENCODERS,
    "weights": WEIGHTS,
    "kind": KINDS_BROKEN,
    "engine": ENGINES,
}
EACH = [
    pytest.param(suite, name, id=f"{suite}-{name}")
    for suite, broken in BROKEN.items()
    for name in broken
]
READ_TWICE = {"missing labels", "the test part", "resume"}
# What cannot be otherwise: an object that is never the same is not the same in another order
# either.
ALSO = {
    ("affinity", "seed"): {"relabelling", *READ_TWICE},
    ("clustering", "membership"): {"relabelling", "seed", "every size"},
    ("clustering", "seed"): {"relabelling"},
    ("estimator", "seed"): {"relabelling", "rows apart", "fitted anew"},
    # The rows asked about are compared with.
    ("estimator", "untouched"): {"fitted anew", "informed", "two tasks"},
    ("estimator", "gaps"): {"missing labels"},
    ("method", "grouping"): {"two tasks", "gaps", "mixed kinds"},
    ("method", "seed"): {"relabelling", "missing labels", "the test part"},
    ("method", "gaps"): {"missing labels"},
    ("encoder", "initialisation"): {"rows apart", "vmap"},
    ("encoder", "input untouched"): {"gradients", "vmap"},
    ("encoder", "evaluation"): {"examples apart", "state", "vmap"},
    ("encoder", "rows apart"): {"vmap"},
    ("weights", "steps apart"): {"resume"},
    ("weights", "seed"): {"steps apart", "prepared anew", "training", *READ_TWICE},
    ("weights", "identity"): {"two tasks", "mixed kinds"},  # an object, which is of four tasks
    ("weights", "training"): READ_TWICE,
    ("weights", "gaps"): {"missing labels"},
    ("engine", "order"): {"errors", "rows", "units"},
    ("kind", "name"): set(KINDS_BROKEN),  # nothing can be read
}


def outcome(check, subject):
    try:
        check(subject)
    except CheckFailed as failed:
        return failed
    except NotApplicableError:
        pass
    return None


@pytest.mark.parametrize(("suite", "name"), EACH)
def test_a_check_fails_on_what_violates_it(suite, name):
    check = next(check for check in checks_of(suite) if check.name == name)
    failed = outcome(check, BROKEN[suite][name])
    assert failed is not None
    assert failed.check == name
    assert check.says in str(failed)
    assert failed.expected in str(failed)
    assert failed.found in str(failed)


@pytest.mark.slow
@pytest.mark.parametrize(("suite", "name"), EACH)
def test_what_violates_one_property_holds_the_others(suite, name):
    failing = {check.name for check in checks_of(suite) if outcome(check, BROKEN[suite][name])}
    assert failing == {name} | ALSO.get((suite, name), set())


def test_rows_must_sum_to_what_is_promised():
    check = next(check for check in checks_of("weights") if check.name == "row sums")
    check(provider_that(), row_sums=1.0)
    with pytest.raises(CheckFailed, match="rows that sum to 2"):
        check(provider_that(), row_sums=2.0)


@pytest.mark.slow
def test_the_objects_that_are_broken_are_sound_themselves():
    sound = {
        "affinity": Cosine(),
        "clustering": plain,
        "estimator": Base,
        "method": Mine(),
        "encoder": Net,
        "weights": provider_that(),
        "kind": Kind.COUNT,
        "engine": ct.LocalEngine(),
    }
    for suite, subject in sound.items():
        for check in checks_of(suite):
            assert outcome(check, subject) is None, (suite, check.name)


def test_every_check_is_seen_to_fail():
    assert set(SUITES) - set(BROKEN) == {"source"}  # which test_source.py breaks
    for suite, broken in BROKEN.items():
        names = {check.name for check in checks_of(suite)}
        assert names - set(broken) == ({"row sums"} if suite == "weights" else set())
        assert len(names) == len(checks_of(suite))
        assert all(check.says for check in checks_of(suite))


def test_a_suite_stops_at_the_first_failure_and_names_what_holds():
    assert check_clustering("sdp")[:2] == ("membership", "plain groups")
    assert "missing labels" not in check_clustering("sdp")  # nothing to look at
    with pytest.raises(
        CheckFailed,
        match=r"Broken fails check 'price' \(What a measurement took is at most its price",
    ):
        check_affinity(AFFINITIES["price"])


def test_an_expected_failure_must_fail():
    assert "every size" not in check_clustering(
        CLUSTERINGS["every size"], expected_failures={"every size": "three at most"}
    )
    with pytest.raises(CheckFailed, match=r"expected a failure \(no reason\); found that it holds"):
        check_clustering("sdp", expected_failures={"seed": "no reason"})
    with pytest.raises(
        CoterieError,
        match="`expected_failures` names 'sed'; the checks of 'clustering' are membership, ",
    ):
        check_clustering("sdp", expected_failures={"sed": "a slip"})


def test_an_error_of_the_object_is_a_failure_that_names_it():
    with pytest.raises(CheckFailed, match="expected no error; found ZeroDivisionError"):
        check_affinity(AFFINITIES["one task"])


def test_parametrize_names_cases_skips_and_expects_failures():
    mark = parametrize_with_checks(
        "clustering",
        {"mine": plain},
        expected_failures={"mine": {"seed": "why"}},
        reads="affinities",
    )
    params = {param.id: param for param in mark.args[1]}
    assert list(params) == [f"mine-{check.name}" for check in checks_of("clustering")]
    assert [name for name, param in params.items() if param.marks] == ["mine-seed"]
    assert params["mine-seed"].marks[0].kwargs == {"reason": "why", "strict": True}
    subject, check = params["mine-missing labels"].values
    with pytest.raises(pytest.skip.Exception, match="affinities have no gaps"):
        check(subject)
    assert next(param.id for param in parametrize_with_checks("encoder", [Net]).args[1]).endswith(
        ":Net-features"
    )
    with pytest.raises(
        CoterieError, match=r"`expected_failures` names \['other'\], which are none of mine"
    ):
        parametrize_with_checks("clustering", {"mine": plain}, expected_failures={"other": {}})
    with pytest.raises(
        CoterieError, match="`subjects` need names that differ; found Cosine, Cosine"
    ):
        parametrize_with_checks("affinity", [Cosine(), Cosine(every=3)])
    with pytest.raises(CoterieError, match="`suite` must be one of 'affinity'"):
        checks_of("affinities")


class Recurrent(Net):
    """What vmap rejects, and coterie loops over."""

    def __init__(self, input_shape):
        super().__init__(input_shape)
        self.cell = nn.GRU(1, 2, batch_first=True)

    def forward(self, x):
        return self.cell(self.layer(x).unsqueeze(-1))[0][:, -1]


def test_an_encoder_that_vmap_rejects_is_sound():
    holds = check_encoder(Recurrent)
    assert "rows apart" in holds
    assert "vmap" not in holds
    with pytest.raises(NotApplicableError, match="vmap rejects it: "):
        next(check for check in checks_of("encoder") if check.name == "vmap")(Recurrent)


@pytest.mark.parametrize("setting", [1, 0.5, True])
def test_every_setting_that_is_a_number_must_tell_objects_apart(setting):
    class Told(Base):
        def __init__(self, share=setting):
            super().__init__()
            self.share = share

    check = next(check for check in checks_of("estimator") if check.name == "identity")
    check(Told)
    Told.key = {"is": "told"}
    with pytest.raises(CheckFailed, match="expected another identity with another 'share'"):
        check(Told)
    Told.key = property(lambda self: {"is": "told", "share": self.share})
    check(Told)
