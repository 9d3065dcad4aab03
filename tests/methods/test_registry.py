"""Methods by name, and what a thing is as a method."""

import sys
from types import ModuleType

import numpy as np
import pytest

import coterie as ct
from coterie.affinities import AFFINITIES, Lookahead
from coterie.errors import CoterieError
from coterie.estimators import ESTIMATORS, PairScores
from coterie.methods import METHODS, Case, Given, Own, as_method, method_named, register

TASKS = ("a", "b", "c")
MINE = ct.Grouping(tasks=TASKS, membership=np.eye(2)[[0, 0, 1]], method="by hand")


class Halves(ct.Method):
    """A method of one's own, as a class."""

    def __init__(self, n_groups=2):
        self.n_groups = n_groups

    def __call__(self, case, *, seed):
        return ct.Found(grouping=MINE)


def by_colour(case, *, seed):
    return MINE


@pytest.fixture
def module(monkeypatch):
    made = ModuleType("my_methods")
    made.Halves, made.halves, made.by_colour = Halves, Halves(3), by_colour
    made.probe, made.Needy = Lookahead(batch_size=8), type("Needy", (), {"__init__": needing})
    monkeypatch.setitem(sys.modules, "my_methods", made)


def needing(self, what):
    self.what = what


def test_every_affinity_and_estimator_is_a_method_of_its_name():
    assert {*AFFINITIES, *ESTIMATORS, "dmtg"} == set(METHODS)
    for name in METHODS:
        method = method_named(name, 2)
        assert (method.name, method.n_groups) == (name, 2)
        assert method.label.endswith("K=2") or name == "data_map"
        assert method.about.measures
        assert method.about.family != "other"


def test_hyphens_are_underscores():
    assert method_named("transfer-gain", 2) == method_named("transfer_gain", 2)


@pytest.mark.parametrize(
    ("thing", "kind", "label"),
    [
        (MINE, Given, "by hand K=2"),
        (Lookahead(every=5), ct.Cluster, "lookahead every=5 K=3"),
        (PairScores(), ct.Select, "pairs K=3"),
        (ct.DifferentiableGrouping(4, "paper"), ct.Learn, "dmtg paper K=4"),
        (by_colour, Own, "by_colour"),
        (Halves(), Halves, "Halves K=2"),
    ],
)
def test_things_are_methods_by_what_they_can_do(thing, kind, label):
    method = as_method(thing, 3)
    assert (type(method), method.label) == (kind, label)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("my_methods:Halves", "Halves K=3"),
        ("my_methods:halves", "Halves K=3"),
        ("my_methods:by_colour", "by_colour"),
        ("my_methods:probe", "lookahead batch_size=8 K=3"),
    ],
)
def test_objects_of_ones_own_are_named_by_their_module(module, name, label):
    assert method_named(name, 3).label == label


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my_methods:Needy", "cannot be made without settings: .*what"),
        ("my_methods:nothing", "could not be imported: .*nothing"),
        ("no_such_module:x", "could not be imported: .*no_such_module"),
        ("a b:c", "must be like 'module:object'"),
        ("lookahaed", "unknown method .* Did you mean 'lookahead'"),
    ],
)
def test_names_that_lead_nowhere_are_refused(module, name, message):
    with pytest.raises(CoterieError, match=message):
        method_named(name, 2)


def test_a_name_is_registered_once(monkeypatch):
    monkeypatch.delitem(METHODS, "halves", raising=False)
    register("halves", Halves)
    try:
        register("halves", Halves)
        assert method_named("halves", 3).n_groups == 3
        with pytest.raises(CoterieError, match="'halves' is taken"):
            register("halves", by_colour)
        with pytest.raises(CoterieError, match="must be a word"):
            register("my halves", Halves)
    finally:
        METHODS.pop("halves")


def test_a_callable_may_give_a_grouping_or_what_it_found():
    case = Case(model="mlp", data=None, joint=None)
    assert Own(by_colour)(case, seed=0) == ct.Found(grouping=MINE)
    assert Own(lambda case, *, seed: ct.Found(grouping=MINE))(case, seed=0).grouping is MINE
    with pytest.raises(CoterieError, match="must give a Grouping or a Found; it gave 3"):
        Own(lambda case, *, seed: 3)(case, seed=0)


@pytest.mark.parametrize(
    ("earlier", "now"),
    [
        (
            lambda: ct.DataMapMethod(n_groups=3, method="kmeans"),
            ct.Cluster(n_groups=3, by="kmeans"),
        ),
        (
            lambda: ct.AffinityMethod("cosine", clustering="spectral"),
            ct.Cluster("cosine", by="spectral"),
        ),
        (lambda: ct.EstimatorMethod("pairs", n_groups=3), ct.Select("pairs", n_groups=3)),
    ],
)
def test_earlier_names_warn(earlier, now):
    with pytest.warns(DeprecationWarning, match="is called"):
        assert earlier() == now
    with pytest.warns(DeprecationWarning, match="Learn"):
        assert ct.DifferentiableMethod(n_groups=3).label == "dmtg K=3"
