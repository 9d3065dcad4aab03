"""Methods as their papers have them: by name, in comparisons, on the page."""

from pathlib import Path

import numpy as np
import pytest

import coterie as ct
from coterie.affinities import Lookahead
from coterie.cli.arguments import objects_named
from coterie.cli.asked import methods_asked
from coterie.cli.options import ComparisonOptions, GroupOptions
from coterie.errors import CoterieError
from coterie.evaluation._unit import model_file
from coterie.evaluation.units import Unit
from coterie.methods import METHODS, PUBLISHED, Method, method_named
from coterie.methods.published import AsPublished
from coterie.models import Architecture
from coterie.models.width import resized
from coterie.testing import check_method

PAGE = Path(__file__).parents[2] / "docs" / "published.md"
SMALL = {"epochs": 3, "batch_size": 32, "model_options": {"hidden": (16,)}, "strategy": "loop"}
REACHABLE = [name for name, entry in PUBLISHED.items() if entry.made is not None]
NAMES = [f"{name}:published" for name in REACHABLE]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("published") / "run"


def compared_in(data, folder, **more):
    settings = {**SMALL, "rivals": "none", "seeds": 1, "repeats": 1, "draws": 1, **more}
    return ct.compare("mlp", data, NAMES, n_groups=2, run=folder, **settings)


@pytest.fixture(scope="module")
def compared(data, folder):
    return compared_in(data, folder)


def test_each_entry_is_an_arm_that_says_what_it_is(compared):
    labels = [f"{name} K=2" for name in NAMES]
    assert list(compared.groupings) == ["chosen", *labels]
    for label in labels:
        (found,) = compared.found[label]
        weights, serves = found.grouping.weights(), found.grouping.membership.T
        assert (weights[serves > 0] > 0).all()
        assert found.cost.model_steps > 0 or label.startswith("data_map")
    families = {name: method_named(f"{name}:published", 2).about.family for name in REACHABLE}
    assert families["gradtag"] == "affinity"
    by = {name: compared.found[f"{name}:published K=2"][0] for name in REACHABLE}
    assert by["lookahead"].grouping.method == "lookahead"
    assert type(by["lookahead"].evidence) is type(by["pairs"].evidence) is ct.Selection
    assert by["gradtag"].evidence.method == "gradtag"
    assert set(np.unique(by["gradtag"].grouping.membership)) == {0.0, 1.0}


@pytest.mark.parametrize("name", ["pairs", "early"])
def test_networks_of_half_the_size_are_trained_and_left_so(data, folder, compared, name):
    """Two networks pay for one pair and two tasks alone, or for as much."""
    label = f"{name}:published K=2"
    (found,) = compared.found[label]
    sizes = found.grouping.network_sizes
    assert 0.5 in sizes
    assert sizes.sum() == found.evidence.cost <= 2
    one = Architecture("mlp", data.input_shape, 4, SMALL["model_options"])
    half = Architecture("mlp", data.input_shape, 4, resized(one, 0.5))
    expected = [{1.0: one, 0.5: half}[size] for size in sizes]
    (cost,) = [row for row in compared.costs_table.to_pylist() if row["arm"] == label]
    assert cost["parameters"] == sum(each.n_parameters for each in expected)
    assert cost["models"] == len(sizes)
    model = ct.GroupedModel.load(model_file(folder, label))
    sizes_left = [each.n_parameters for each in model.architectures]
    assert sizes_left == [each.n_parameters for each in expected]
    unit = Unit.load(folder / "units" / "split-0-seed-0")
    scored = unit.outputs[[arm for arm, _ in unit.arms].index(label)]
    np.testing.assert_allclose(model.outputs(data, data.split.test), scored, atol=1e-5)


def test_a_run_of_them_is_continued(data, folder, compared):
    said = []
    again = compared_in(data, folder, progress=lambda *told: said.append(told))
    assert again.to_dict() == compared.to_dict()
    assert not any("epoch" in text for _, _, text in said)


def test_each_entry_is_planned(data):
    plan = ct.plan("mlp", data, NAMES, n_groups=2, seeds=1, rivals="none", **SMALL)
    assert {work.method for work in plan.workloads} == {f"{name} K=2" for name in NAMES}
    assert plan.unpriced == ()
    trained = {work.method.split(":")[0]: work.trainings for work in plan.workloads}
    # Singles and pairs, and singles at half the size; all of 4 tasks' subsets for ESA.
    assert (trained["pairs"], trained["early"]) == (10 + 4, 15 + 4)
    # MTG-Net: one training more than singles and pairs.
    assert trained["mtgnet"] == 11


def test_settings_that_a_paper_leaves_open():
    method = method_named("lookahead:published", 3, every=1)
    assert method.label == "lookahead:published every=1 K=3"
    assert method.probe(0).every == 1
    assert method_named("gradtag:published", 2, adaptive=True).method.adaptive
    assert method_named("data-map:published", 2, by="points").method.by == "points"
    with pytest.raises(CoterieError, match=r"'cosine:published' takes `every`, .*found `by`"):
        method_named("cosine:published", 2, by="spectral")


def test_a_method_is_known_by_what_it_does():
    same = method_named("lookahead:published", 3).itself
    alone = Lookahead(step=1.0, scored_on="train", normalise=False, batch_size=None)
    assert same.probe(0).key == alone.key
    assert (type(same), same.n_groups) == (ct.Average, 3)
    assert "Average" in method_named("lookahead:published", 3).words


@pytest.mark.parametrize(
    ("name", "n_groups", "message"),
    [
        ("auxiliary_gain:published", 2, "'auxiliary_gain:published' is no method of a paper: the"),
        ("lookahaed:published", 2, "there are data_map, .*Did you mean 'lookahead:published'"),
        ("train:published", 2, "which no paper stands for here"),
        ("gradtag:published", "auto", "`n_groups` must be a number .*'gradtag:published'"),
        ("lookahead:published", 0, "`n_groups` must be a number of at least 1"),
    ],
)
def test_what_no_paper_has_is_refused(name, n_groups, message):
    with pytest.raises(CoterieError, match=message):
        method_named(name, n_groups)


@pytest.mark.parametrize("name", ["lookahead", "pairs"])
def test_under_its_published_name_a_method_is_one(name):
    held = check_method(method_named(f"{name}:published", 2))
    assert {"grouping", "identity", "price", "about", "two tasks"} <= {*held}


def test_more_groups_than_tasks_are_refused_before_training(data):
    with pytest.raises(CoterieError, match="9 groups of 4 tasks"):
        ct.compare("mlp", data, "lookahead:published", n_groups=9, **SMALL)


def test_the_command_line_takes_them_as_names():
    compared = ComparisonOptions(methods=("data_map", *NAMES[:3]))
    assert objects_named(compared) == []
    found = methods_asked(GroupOptions(groups=(2,)), compared)
    assert list(found) == ["data_map K=2 m=1.07", *(f"{name} K=2" for name in NAMES[:3])]


def test_entries_are_methods_and_complete():
    assert set(PUBLISHED) <= set(METHODS)
    for entry in PUBLISHED.values():
        assert bool(entry.refused) != bool(entry.made)
        if entry.made is not None:
            assert entry.paper
            assert entry.same
            assert entry.differs
            assert entry.figures


def test_the_page_says_what_the_entries_say():
    said = " ".join(PAGE.read_text(encoding="utf-8").split())
    for name, entry in PUBLISHED.items():
        assert f"`{name}:published`" in said
        for sentence in (entry.paper, *entry.same, *entry.differs, entry.figures, entry.refused):
            assert " ".join(sentence.split()) in said


def test_what_is_as_published_passes_on_all_that_a_method_may_say() -> None:
    public = {name for name in vars(Method) if not name.startswith("_")}
    assert public - {"words"} <= vars(AsPublished).keys() | AsPublished.__annotations__.keys()
