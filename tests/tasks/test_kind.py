"""Kinds by their names."""

import copy
import json
import pickle

import pytest

from coterie.errors import CoterieError
from coterie.tasks import (
    KINDS,
    Kind,
    Task,
    Tasks,
    kind_named,
    register,
)
from tests.tasks.own import ALL, SHARE, Share, tasks_of


@pytest.mark.parametrize("kind", ALL)
def test_a_kind_is_its_name_and_one_object(kind):
    assert kind == kind.value
    assert type(kind.value) is str
    assert json.loads(json.dumps({"kind": kind})) == {"kind": kind.name}
    assert f"{kind}" == kind.name
    for same in (
        copy.deepcopy(kind),
        pickle.loads(pickle.dumps(kind)),
        kind_named(kind.name),
        Task(name="a", kind=kind.name).kind,
    ):
        assert same is kind
    tasks = tasks_of(kind)
    again = Tasks.from_dict(json.loads(json.dumps(tasks.to_dict())))
    assert again.items == tasks.items


def test_the_kinds_of_the_package_go_by_their_names():
    names = ["BINARY", "MULTICLASS", "REGRESSION", "ORDINAL", "COUNT"]
    assert (
        [getattr(Kind, name) for name in names]
        == [name.lower() for name in names]
        == list(KINDS)[:5]
    )


def test_what_is_no_kind_is_named():
    with pytest.raises(
        CoterieError, match=r"`kind` must be one of 'binary', 'multiclass', .*; found 'ranking'"
    ):
        Task(name="a", kind="ranking")
    with pytest.raises(
        CoterieError, match=r"`tasks.items.0..kind` must be one of 'binary'.*; found 'ranking'"
    ):
        Tasks.from_dict(
            {
                **tasks_of(SHARE, sizes=(2,)).to_dict(),
                "items": [{"name": "a", "kind": "ranking", "classes": []}],
            }
        )
    with pytest.raises(CoterieError, match="`kind` must be an object of a subclass of Kind"):
        register("ranking")
    with pytest.raises(
        TypeError, match=r"A kind must have metric_name, has_classes, columns, .*; Half lacks them"
    ):
        type("Half", (Kind,), {"name": "half"})()


def test_a_name_belongs_to_one_kind_but_a_class_may_be_defined_again():
    with pytest.raises(CoterieError, match="another kind is called 'count'"):
        register(type("Count", (Share,), {"name": "count"})())
    try:
        again = Share()
        assert register(again) is KINDS["share"] is again
    finally:
        register(SHARE)
