"""Arms as rows of W: the definitions, shared rows, and how members become a prediction."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import coterie as ct
from coterie.errors import CoterieError
from coterie.evaluation.arms import (
    ARMS,
    BASELINES,
    ArmKind,
    Lineup,
    agreed,
    chosen_arms,
    combine,
    ensemble_arm,
    grouped_arm,
    is_reserved,
    joint_arm,
    line_up,
    random_arms,
    references,
    single_arm,
    stack_rows,
)
from coterie.methods import Given
from coterie.results import Grouping
from coterie.tasks import Kind, Task, Tasks

NAMES = tuple("abcdef")
SOFT = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.2, 0.8], [0.1, 0.9], [0.0, 1.0]])


def grouping(membership, **more):
    membership = np.asarray(membership, dtype=np.float64)
    return Grouping(tasks=NAMES[: len(membership)], membership=membership, method="mine", **more)


def test_grouped_arm_trains_the_transposed_membership():
    arm = grouped_arm("g", grouping(SOFT))
    np.testing.assert_array_equal(arm.weights, SOFT.T)
    np.testing.assert_array_equal(arm.serves, SOFT)
    assert arm.init.tolist() == [0, 1]


def test_a_group_that_serves_nobody_needs_no_model():
    arm = grouped_arm("g", grouping([[1, 0, 0], [0, 0, 1]]))
    assert arm.weights.tolist() == [[1, 0], [0, 1]]
    assert arm.init.tolist() == [0, 2]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), sizes=st.lists(st.integers(1, 3), min_size=2, max_size=3))
def test_random_groups_have_the_same_rows_and_sizes_but_another_partition(seed, sizes):
    labels = np.repeat(np.arange(len(sizes)), sizes)[: len(NAMES)]
    given_grouping = grouping(np.eye(len(sizes))[labels])
    distinct = len(labels) > len(sizes)
    for arm in random_arms("g", given_grouping, 3, seed):
        assert arm.name == "random (g)"
        np.testing.assert_array_equal(np.sort(arm.serves.argmax(1)), labels)
        np.testing.assert_array_equal(arm.weights, arm.serves.T)
        drawn = arm.serves.argmax(1)
        same = np.array_equal(drawn[:, None] == drawn, labels[:, None] == labels)
        assert same is not distinct


def test_random_groups_keep_softness_and_are_seeded():
    arms = random_arms("g", grouping(SOFT), 4, seed=1)
    for arm in arms:
        assert sorted(map(tuple, arm.serves)) == sorted(map(tuple, SOFT))
    again = random_arms("g", grouping(SOFT), 4, seed=1)
    np.testing.assert_array_equal([a.serves for a in arms], [a.serves for a in again])
    assert [arm.draw for arm in arms] == [0, 1, 2, 3]
    assert not np.array_equal(arms[0].serves, random_arms("g", grouping(SOFT), 1, seed=2)[0].serves)


def test_random_groups_permute_training_weights_that_differ_from_membership():
    weights = np.arange(12.0).reshape(2, 6) + 1
    arm = random_arms("g", grouping(SOFT, row_weights=weights), 1, seed=0)[0]
    order = [int(np.flatnonzero((row == SOFT).all(1))[0]) for row in arm.serves]
    np.testing.assert_array_equal(arm.weights, weights[:, order])


def test_equal_rows_of_equal_initialisation_are_one_model():
    one_group = grouped_arm("g", grouping(np.ones((3, 1))))
    singletons = grouped_arm("s", grouping(np.eye(3)))
    rows, init, _, used = stack_rows(
        [joint_arm(3), one_group, ensemble_arm(3, 3), ensemble_arm(3, 2), single_arm(3), singletons]
    )
    assert [u.tolist() for u in used] == [[0], [0], [0, 1, 2], [0, 1], [3, 4, 5], [3, 6, 7]]
    assert rows.shape == (8, 3)
    assert init.tolist() == [0, 1, 2, 0, 0, 0, 1, 2]


def test_rows_of_a_size_are_neighbours_and_those_of_full_size_first():
    """The same row at another size is another model; random groups have the sizes of the groups."""
    halves = grouping(np.eye(3), network_sizes=[0.5, 1.0, 0.25])
    arms = [joint_arm(3), grouped_arm("halves", halves), *random_arms("halves", halves, 1, seed=0)]
    rows = stack_rows([*arms, single_arm(3)])
    assert rows.sizes.tolist() == sorted(rows.sizes, key=lambda size: (size != 1, size))
    assert {*rows.sizes} == {1.0, 0.5, 0.25}
    assert len({(*row, init, size) for row, init, size in zip(*rows[:3], strict=True)}) == len(
        rows.init
    )
    for arm, used in zip([*arms, single_arm(3)], rows.used, strict=True):
        np.testing.assert_array_equal(rows.weights[used], arm.weights)
        np.testing.assert_array_equal(rows.init[used], arm.init)
        np.testing.assert_array_equal(rows.sizes[used], np.broadcast_to(arm.sizes, len(used)))
    assert rows.used[0].tolist() == [0]
    assert arms[2].sizes.tolist() == arms[1].sizes.tolist() == [0.5, 1.0, 0.25]


def test_a_group_without_a_task_takes_its_size_with_it():
    served = grouping(np.eye(3)[[0, 2, 2]], network_sizes=[0.5, 1.0, 0.25])
    assert grouped_arm("g", served).sizes.tolist() == [0.5, 0.25]


@pytest.mark.parametrize("asked", [None, "auto"])
def test_an_ensemble_has_as_many_full_networks_as_groups_of_several_sizes(asked):
    found = grouping(np.eye(3), network_sizes=[1.0, 0.5, 0.5])
    n_models = Given(found).n_models if asked is None else asked
    lineup = Lineup(n_tasks=3, groupings={"g": found}, asked={"g": n_models}, draws=2, seed=0)
    assert [len(arm.weights) for arm in ARMS["ensemble"].make(lineup)] == [2]


TASKS = Tasks.plain(
    [
        Task(name="yes", kind=Kind.BINARY),
        Task(name="colour", kind=Kind.MULTICLASS, classes=("r", "g", "b")),
        Task(name="size", kind=Kind.REGRESSION),
    ]
)


def test_soft_members_are_averaged_by_membership():
    members = torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(0))
    serves = np.array([[0.3, 0.7], [1.0, 0.0], [0.5, 0.5]])
    columns = [0.3, 1, 1, 1, 0.5]
    expected = torch.stack(
        [c * members[0, :, i] + (1 - c) * members[1, :, i] for i, c in enumerate(columns)], dim=1
    )
    torch.testing.assert_close(combine(members, serves, TASKS), expected)


def test_hard_members_are_picked_even_where_the_others_overflow():
    members = torch.stack([torch.full((2, 5), 1.0), torch.full((2, 5), torch.inf)])
    picked = combine(members, np.array([[1.0, 0.0]] * 3), TASKS)
    torch.testing.assert_close(picked, torch.ones(2, 5))


@pytest.mark.parametrize("n_models", [1, 4])
def test_an_ensemble_is_the_mean(n_models):
    members = torch.randn(n_models, 6, 5, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        combine(members, ensemble_arm(3, n_models).serves, TASKS), members.mean(0)
    )


def test_arms_say_what_they_are_and_stand_in_order():
    g = grouping(SOFT)
    lineup = Lineup(
        n_tasks=6,
        groupings={"two": g, "auto": g},
        asked={"two": 2, "auto": "auto"},
        draws=1,
        seed=0,
    )
    arms = line_up(lineup, ("ensemble", "random", "single"))
    assert [(arm.name, arm.role, arm.of) for arm in arms] == [
        ("joint", "joint", None),
        ("two", "grouped", "two"),
        ("auto", "grouped", "auto"),
        ("single", "single", None),
        ("random (two)", "random", "two"),
        ("random (auto)", "random", "auto"),
        ("ensemble (K=2)", "ensemble", None),
        ("ensemble (K of auto)", "ensemble", "auto"),
    ]
    assert [arm.role for arm in line_up(lineup, ())] == ["joint", "grouped", "grouped"]
    chosen = chosen_arms("auto", arms, lineup.asked)
    assert [(place, arm.name, arm.role, arm.of) for place, arm in chosen] == [
        (2, "chosen", "chosen", "chosen"),
        (5, "random (chosen)", "random", "chosen"),
        (7, "ensemble (K of chosen)", "ensemble", "chosen"),
    ]
    names = [arm.name for arm in arms]
    assert references("two", 2, names) == {
        "joint": "joint",
        "single": "single",
        "random": "random (two)",
        "ensemble": "ensemble (K=2)",
    }
    assert references("auto", "auto", names)["ensemble"] == "ensemble (K of auto)"


@pytest.mark.parametrize("asked", [{"a": 2, "b": 3}, {"a": "auto", "b": "auto"}, {"a": 3, "b": 3}])
@pytest.mark.parametrize("best", ["a", "b"])
def test_what_is_chosen_has_every_control_and_one_of_each(asked, best):
    """Those of the grouping it stands for; a control that all share is not trained twice."""
    groupings = {"a": grouping(SOFT), "b": grouping(np.eye(3)[np.arange(6) // 2])}
    lineup = Lineup(n_tasks=6, groupings=groupings, asked=asked, draws=2, seed=0)
    arms = line_up(lineup, BASELINES)
    added = [arm for _, arm in chosen_arms(best, arms, asked)]
    names = [arm.name for arm in (*arms, *added)]
    beside = references("chosen", agreed(asked), names)
    assert tuple(beside) == BASELINES
    assert names.count(beside["ensemble"]) == 1
    mine = references(best, asked[best], names)
    by_name = {arm.name: arm for arm in (*arms, *added)}
    assert by_name[beside["ensemble"]].serves.shape == by_name[mine["ensemble"]].serves.shape
    assert [arm.draw for arm in added if arm.role == "random"] == [0, 1]


def test_what_is_chosen_brings_controls_of_ones_own(monkeypatch):
    kind = ArmKind(
        role="mirror",
        sentence="A mirror.",
        make=lambda lineup: [
            replace(joint_arm(lineup.n_tasks), name=f"mirror of {name}", role="mirror")
            for name in lineup.groupings
        ],
        beside=lambda name, _k: f"mirror of {name}",
    )
    monkeypatch.setitem(ARMS, "mirror", kind)
    asked = {"a": 2, "b": 2}
    groupings = dict.fromkeys(asked, grouping(SOFT))
    arms = line_up(Lineup(n_tasks=6, groupings=groupings, asked=asked, draws=1, seed=0), ["mirror"])
    added = [(arm.name, arm.role) for _, arm in chosen_arms("b", arms, asked)]
    assert added == [("chosen", "chosen"), ("mirror of chosen", "mirror")]


def test_an_ensemble_has_the_size_that_it_is_named_for():
    """Whatever a method found that was asked for so many groups; of "auto" it is what it found."""
    found = grouping(SOFT)
    asked = {"short": 3, "whole": 3, "auto": "auto"}
    groupings = {"whole": grouping(np.eye(3)[np.arange(6) // 2]), "short": found, "auto": found}
    lineup = Lineup(
        n_tasks=6,
        groupings=groupings,
        asked={name: asked[name] for name in groupings},
        draws=1,
        seed=0,
    )
    sizes = {arm.name: len(arm.weights) for arm in line_up(lineup, ["ensemble"])}
    assert sizes["ensemble (K=3)"] == 3
    assert sizes["ensemble (K of auto)"] == 2


def test_every_kind_of_arm_has_its_own_role_a_sentence_and_a_reserved_name():
    assert {role: kind.role for role, kind in ARMS.items()} == {role: role for role in ARMS}
    assert BASELINES == ("joint", "single", "random", "ensemble")
    assert all(kind.sentence.endswith(".") for kind in ARMS.values())
    assert [role for role in ARMS if not is_reserved(role)] == ["grouped"]
    assert is_reserved("mean")


def test_a_kind_of_ones_own_is_compared_judged_reported_and_reserved(monkeypatch, tmp_path):
    kind = ArmKind(
        role="twin",
        sentence="The joint model *again*.",
        make=lambda lineup: [replace(joint_arm(lineup.n_tasks), name="twin", role="twin")],
        beside=lambda _name, _k: "twin",
    )
    monkeypatch.setitem(ARMS, "twin", kind)
    data = ct.load("digits")
    mine = ct.Grouping(
        tasks=data.tasks.names, membership=np.eye(2)[np.arange(14) // 7], method="halves"
    )
    with pytest.raises(CoterieError, match="must not use the name 'twin'"):
        ct.compare("mlp", data, {"twin": mine})
    small = {"epochs": 1, "model_options": {"hidden": (4,)}, "strategy": "loop"}
    found = ct.compare("mlp", data, mine, seeds=[0], rivals="none", baselines=["twin"], **small)
    assert found.arms == {
        "joint": ("joint", None),
        "grouped": ("grouped", "grouped"),
        "twin": ("twin", None),
    }
    assert found.gain("twin", "joint")["gain"] == 0
    assert [finding.against for finding in found.findings if finding.about == "mean"] == [
        "joint",
        "twin",
    ]
    assert found.gain("grouped", "twin")["reference_role"] == "twin"
    assert (
        "<dt>Twin</dt><dd>The joint model <em>again</em>.</dd>"
        in found.report(tmp_path / "r.html").read_text()
    )
