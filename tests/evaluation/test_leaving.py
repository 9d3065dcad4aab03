"""Which arm's models are left: known by name before anything is trained."""

from __future__ import annotations

import re

import pytest

import coterie as ct
from coterie.errors import CoterieError
from coterie.evaluation import check_save
from tests.evaluation.rivals.units import SMALL, halves, table
from tests.evaluation.test_answer import limit

FEW = {**SMALL, "epochs": 1, "seeds": 1, "repeats": 1, "draws": 1}


def known(*asked: object, **given: object) -> list[str]:
    """The arms that are listed where one is asked for that there is not."""
    with pytest.raises(CoterieError, match="`save` must be an arm") as caught:
        check_save("?", *asked, **given)
    listed = re.search("an arm: (.*); found", str(caught.value))
    assert listed is not None
    return listed[1].split(", ")


@pytest.mark.parametrize("trains_groups", [True, False])
@pytest.mark.parametrize("sizes", [(2,), ("auto",), (2, 2), (2, 3), (2, "auto")])
def test_arms_are_those_that_a_comparison_has(sizes, trains_groups):
    """Whatever groups are found, and whoever is chosen."""
    data = table()
    methods = {
        f"by {i}" if len(sizes) > 1 else "grouped": ct.Cluster(n_groups=k)
        for i, k in enumerate(sizes)
    }
    told = known(
        methods,
        data,
        baselines=["single", "random", "ensemble"],
        rivals=["linear"],
        trains_groups=trains_groups,
    )
    bound = None if trains_groups else limit(data, 0.1)
    found = ct.compare("mlp", data, methods, rivals="linear", headroom=bound, **FEW)
    assert set(told) == {each.arm for each in found.standings}
    assert len(set(told)) == len(told)


@pytest.mark.parametrize("save", [None, "joint", "mine", "forest"])
def test_what_there_will_be_is_let_through(save):
    data = table()
    methods = {"mine": ct.Cluster(n_groups=2)}
    check_save(save, methods, data, baselines=[], rivals=["forest"])


def test_without_a_run_there_is_nowhere_to_leave_a_model(untrained):
    with pytest.raises(CoterieError, match="`save` needs a `run`"):
        ct.compare("mlp", table(), halves(table()), save="joint", **FEW)


def test_a_model_that_could_not_be_found_again_cannot_be_left(untrained, tmp_path):
    def local(input_shape):
        raise AssertionError

    with pytest.raises(CoterieError, match="could not be found again"):
        ct.compare(local, table(), halves(table()), save="joint", run=tmp_path / "run", **FEW)
