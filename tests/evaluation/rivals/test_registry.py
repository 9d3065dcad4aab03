"""Which rivals are trained: by name, by object, all that suit."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch

import coterie as ct
from coterie import families
from coterie.errors import CoterieError
from coterie.evaluation import RIVALS, Rival, TrainedRival, register_rival
from coterie.evaluation.naming import named_methods
from coterie.evaluation.rivals import find_rivals, suitable
from tests.evaluation.rivals.units import halves, table


class Zero(Rival):
    """A model that knows nothing."""

    name = "zero"
    sentence = "Zeros."

    def train(self, case, trainings, *, seed):
        shape = case.data.tasks.n_outputs
        return TrainedRival(
            outputs=lambda positions: torch.zeros(len(positions), shape),
            model=lambda: trainings.grouped_model(trainings.joint),
            cost={"models": 0, "parameters": 0, "model_steps": 0, "seconds": 0},
        )


class NoSuch(Zero):
    def suits(self, data, **_):
        return "zero is left out: it never suits."


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    before = dict(RIVALS)
    yield
    RIVALS.clear()
    RIVALS.update(before)


def names(rivals):
    return [rival.name for rival in find_rivals(rivals)]


def test_they_are_asked_for_by_name_by_object_or_all(monkeypatch):
    assert names("none") == names([]) == []
    assert names("auto") == list(RIVALS)
    assert names("tuned") == ["tuned"]
    zero = Zero()
    assert names([zero, "wide"]) == ["zero", "wide"]
    assert RIVALS["zero"] is zero
    monkeypatch.setitem(sys.modules, "parts", SimpleNamespace(Zero=Zero))
    assert names(["parts:Zero"]) == ["zero"]


@pytest.mark.parametrize(
    ("rivals", "message"),
    [
        ("tund", "found 'tund'. Did you mean 'tuned'?"),
        (["none"], "found 'none'"),
        (["wide", "wide"], "has 'wide' twice"),
        ([3], "must be names or objects of Rival; found 3"),
        (3, "must be names or objects of Rival; found 3"),
        ("math:pi", "must be names or objects of Rival"),
        ("math:no", "could not be imported"),
    ],
)
def test_mistakes_are_named(rivals, message):
    with pytest.raises(CoterieError, match=message.replace("?", r"\?")):
        find_rivals(rivals)


@pytest.mark.parametrize("name", ["joint", "grouped", "mean", "auto", "none", "two words", "wide"])
def test_names_that_are_no_words_or_taken_are_refused(name):
    rival = Zero()
    rival.name = name
    with pytest.raises(CoterieError, match="`rival`"):
        register_rival(rival)


def test_no_grouping_goes_by_the_name_of_a_rival():
    data = table()
    with pytest.raises(CoterieError, match="must not use the name 'wide'"):
        named_methods({"wide": halves(data)}, data.tasks.names)


def test_those_that_do_not_suit_are_left_out_of_all_and_refused_by_name():
    given = {"model": "mlp", "settings": {}, "baselines": ["single"]}
    networks, others = ["wide", "tuned", "blend", "blend_single", "hybrid"], list(families.FAMILIES)
    taken, left_out = suitable("auto", table(), **given)
    assert {rival.name for rival in taken} == {*networks, *others}
    assert list(left_out) == ["pooled"]
    images = ct.load("digits", limit=700)
    taken, left_out = suitable("auto", images, **given)
    assert [rival.name for rival in taken] == networks
    assert left_out["forest"] == families.suits("forest", images)
    taken, left_out = suitable("auto", table(disjoint=True), **given)
    assert "pooled" in {rival.name for rival in taken}
    with pytest.raises(CoterieError, match="`rivals`: zero is left out: it never suits"):
        suitable([NoSuch()], table(), **given)
