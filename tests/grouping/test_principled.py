"""The programme of principled task grouping against brute force, and its constraints."""

from __future__ import annotations

from itertools import combinations, product
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import coterie as ct
from coterie.errors import CoterieError
from coterie.grouping import Principled, group
from coterie.grouping._columns import Kinds
from coterie.grouping._highs import part
from coterie.grouping._programme import read_programme
from coterie.grouping._quadratic import Room, ascended, positive
from coterie.grouping._rows import every_subset
from coterie.grouping.densest import densest
from coterie.grouping.sdp import relax
from coterie.results import Affinity, Found, Grouping
from tests.datamaps.planted import planted_map

NAMES = tuple("abcdefgh")
# Tasks a, b, c help each other, d and e a little; c does something for d, and harms e.
BY_HAND = np.array(
    [
        [0.0, 3.0, 2.0, 0.0, 0.0],
        [3.0, 0.0, 1.0, 0.0, 0.0],
        [2.0, 1.0, 0.0, 3.0, -4.0],
        [0.0, 0.0, 2.0, 0.0, 1.0],
        [0.0, 0.0, 0.0, 1.0, 0.0],
    ]
)


def affinity_of(matrix):
    return Affinity(tasks=NAMES[: len(matrix)], matrix=matrix, method="by hand")


def principled(matrix, n_groups, **constraints):
    return group(affinity_of(matrix), n_groups, method="principled", **constraints)


def labellings(n_tasks, n_groups):
    """All ways to put tasks into groups that are told apart, none of them empty (L, T)."""
    found = np.array(list(product(range(n_groups), repeat=n_tasks)))
    return found[(found[:, None, :] == np.arange(n_groups)[:, None]).any(axis=2).all(axis=1)]


def densities(matrix, labels):
    """Sum over groups of (1/size) * all affinities within, of labels (L, T)."""
    member = labels[:, :, None] == np.arange(labels.max() + 1)
    within = np.einsum("ltk,tu,luk->lk", member, matrix, member, optimize=True)
    return (within / np.maximum(member.sum(axis=1), 1)).sum(axis=1)


def keeping(labels, n_groups, asked):
    """Labels (L, T) that keep to what is asked."""
    member = labels[:, :, None] == np.arange(n_groups)
    least, most = asked.get("sizes", (1, None))
    sizes = member.sum(axis=1)
    kept = ((sizes >= (least or 1)) & (sizes <= (most or labels.shape[1]))).all(axis=1)
    for a, b in asked.get("must_link", ()):
        kept &= labels[:, a] == labels[:, b]
    for a, b in asked.get("cannot_link", ()):
        kept &= labels[:, a] != labels[:, b]
    for values, limit in asked.get("row_limits", {}).values():
        each = np.broadcast_to(np.reshape(values, (len(values), -1)), member.shape[1:])
        kept &= ((member * each).sum(axis=1) <= limit).all(axis=1)
    for values, limit in asked.get("resources", {}).values():
        each = np.broadcast_to(np.reshape(values, (len(values), -1)), member.shape[1:])
        kept &= (member * each).sum(axis=(1, 2)) <= limit
    return labels[kept]


@st.composite
def asked(draw, n_tasks, n_groups):
    """Some constraints, that may or may not hold together."""
    small = st.integers(0, 5)
    pairs = st.lists(st.sampled_from(list(combinations(range(n_tasks), 2))), max_size=2)
    per_task = st.lists(small, min_size=n_tasks, max_size=n_tasks)
    per_group = st.lists(per_task, min_size=n_groups, max_size=n_groups).map(np.transpose)
    limits = st.integers(3, 15) | st.lists(st.integers(3, 15), min_size=n_groups, max_size=n_groups)
    return draw(
        st.fixed_dictionaries(
            {},
            optional={
                "sizes": st.tuples(st.none() | st.integers(1, 2), st.none() | st.integers(2, 4)),
                "must_link": pairs,
                "cannot_link": pairs,
                "row_limits": st.fixed_dictionaries({"memory": st.tuples(per_task, limits)}),
                "resources": st.fixed_dictionaries(
                    {"cost": st.tuples(per_group, st.integers(5, 20))}
                ),
            },
        )
    )


def test_by_hand():
    found = principled(BY_HAND, 2)
    assert found.groups == (("a", "b", "c"), ("d", "e"))
    assert found.details["objective"] == pytest.approx(12 / 3 + 2 / 2)
    apart = principled(BY_HAND, 2, cannot_link=[("a", "c")])
    # {a b} and {c d e} would be 6 / 2 + (5 - 4 + 2) / 3.
    assert apart.groups == (("a", "b", "e"), ("c", "d"))
    assert apart.details["objective"] == pytest.approx(6 / 3 + 5 / 2)
    pairs = principled(BY_HAND, 3, sizes=(1, 2))
    assert pairs.groups == (("a", "b"), ("c", "d"), ("e",))
    assert pairs.details["objective"] == pytest.approx(6 / 2 + 5 / 2)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), seed=st.integers(0, 10**6), n_tasks=st.integers(5, 8))
def test_groups_are_those_of_trying_all(data, seed, n_tasks):
    n_groups = data.draw(st.integers(1, 4 if n_tasks < 8 else 3))
    constraints = data.draw(asked(n_tasks, n_groups))
    matrix = np.random.default_rng(seed).normal(size=(n_tasks, n_tasks))
    possible = keeping(labellings(n_tasks, n_groups), n_groups, constraints)
    if not len(possible):
        with pytest.raises(CoterieError, match=rf"No partition of the {n_tasks} tasks into"):
            principled(matrix, n_groups, **constraints)
        return
    found = principled(matrix, n_groups, **constraints)
    best = densities(matrix, possible).max()
    assert len(keeping(found.labels[None], n_groups, constraints))
    assert densities(matrix, found.labels[None])[0] == pytest.approx(best, abs=1e-9)
    assert found.details["objective"] == pytest.approx(best, abs=1e-9)
    assert (found.details["proven"], found.details["gap"]) == (True, 0.0)


@pytest.mark.parametrize(("n_tasks", "n_groups"), [(12, 4), (13, 3), (14, 5)])
def test_columns_find_what_listing_all_groups_does(n_tasks, n_groups):
    """Noise, of which nothing is easy: all 2^T - 1 groups to HiGHS, without any prices of ours."""
    matrix = np.random.default_rng(n_tasks).normal(size=(n_tasks, n_tasks))
    rows = every_subset(n_tasks)
    worth = np.einsum("rt,tu,ru->r", rows, matrix, rows, optimize=True) / rows.sum(axis=1)
    low, spread = worth.min(), np.ptp(worth)
    holds, wanted = np.c_[rows, np.ones(len(rows))], np.r_[np.ones(n_tasks), n_groups]
    none = np.zeros((0, len(rows)))
    listed = part((worth - low) / spread, holds, none, perf_counter() + 300, totals=wanted)
    found = densest(matrix, programme(n_tasks, n_groups), perf_counter() + 300)
    assert listed.finished
    assert found.proven
    assert found.objective == pytest.approx(worth[listed.rows].sum(), abs=1e-9)
    assert found.columns < len(rows) / 20


@pytest.mark.parametrize(("n_tasks", "n_groups"), [(20, 4), (30, 5), (40, 6)])
def test_more_tasks_than_could_be_listed(n_tasks, n_groups):
    planted = np.arange(n_tasks) % n_groups
    noise = np.random.default_rng(0).normal(size=(n_tasks, n_tasks))
    found = densest((planted[:, None] == planted) + 0.3 * noise, programme(n_tasks, n_groups), 1e9)
    assert found.labels.tolist() == planted.tolist()
    assert found.proven


def test_constraints_beyond_what_could_be_listed():
    """Half of the blocks may not stay together, so that no relaxation finds the answer."""
    n_tasks, planted = 24, np.arange(24) % 4
    noise = np.random.default_rng(1).normal(size=(n_tasks, n_tasks))
    matrix = (planted[:, None] == planted) + 0.3 * noise
    memory = np.arange(n_tasks) % 5 + 1.0
    constraints = {
        "cannot_link": [(0, 4), (1, 5)],
        "must_link": [(2, 6)],
        "row_limits": {"memory": (memory, [20, 18, 18, 18])},
        "sizes": (4, 8),
    }
    found = Principled(**constraints).densest(matrix, programme(n_tasks, 4, **constraints))
    assert found.proven
    assert len(keeping(found.labels[None], 4, constraints))
    # No exchange of two tasks and no move of one that is allowed gives more.
    moved = np.array(
        [
            np.where(np.arange(n_tasks) == t, k, found.labels)
            for t in range(n_tasks)
            for k in range(4)
        ]
    )
    swapped = np.array(
        [found.labels[exchange(n_tasks, a, b)] for a, b in combinations(range(n_tasks), 2)]
    )
    near = keeping(np.concatenate([moved, swapped]), 4, constraints)
    assert densities(matrix, near).max() <= found.objective + 1e-9


def exchange(n_tasks, a, b):
    order = np.arange(n_tasks)
    order[[a, b]] = b, a
    return order


def programme(n_tasks, n_groups, **constraints):
    return read_programme(tuple(f"task {t}" for t in range(n_tasks)), n_groups, **constraints)


def test_a_group_too_many_counts_a_nucleus_twice():
    """Why membership is exactly one: with "at least one" the best cover is worth more."""
    matrix = np.random.default_rng(3).normal(size=(5, 5))
    rows = every_subset(5)
    worth = np.einsum("rt,tu,ru->r", rows, matrix, rows) / rows.sum(axis=1)
    covers = [
        sum(worth[list(chosen)])
        for chosen in combinations(range(len(rows)), 3)
        if rows[list(chosen)].any(axis=0).all()
    ]
    partitions = densities(matrix, labellings(5, 3)).max()
    assert principled(matrix, 3).details["objective"] == pytest.approx(partitions)
    assert max(covers) > partitions + 0.5


def test_raw_gains_decide_and_the_diagonal_counts():
    # Target c has the large gains: standardised, all three targets would count alike.
    matrix = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 9.0], [0.0, 0.0, 0.0]])
    assert principled(matrix, 2).groups == (("a",), ("b", "c"))
    assert group(affinity_of(matrix), 2).groups == (("a", "b"), ("c",))
    # One that does well alone stays alone; unmeasured, that is 0.
    alone = matrix + np.diag([0.0, 0.0, 30.0])
    assert principled(alone, 2).groups == (("a", "b"), ("c",))
    unmeasured = np.where(np.eye(3, dtype=bool), np.nan, matrix)
    assert principled(unmeasured, 2).details["objective"] == pytest.approx(9 / 2)


def test_pairs_that_are_kept_apart_need_no_measurement():
    matrix = BY_HAND.copy()
    matrix[0, 4] = np.nan
    with pytest.raises(CoterieError, match=r"1 pairs that were never measured .*'a' to 'e'"):
        principled(matrix, 2)
    assert principled(matrix, 2, cannot_link=[("e", "a")]).groups == (("a", "b", "c"), ("d", "e"))


def test_groups_with_limits_of_their_own_stand_in_their_order():
    memory = [1, 1, 1, 4, 4]
    found = principled(BY_HAND, 2, row_limits={"memory": (memory, [8, 3])})
    assert found.groups == (("d", "e"), ("a", "b", "c"))
    turned = principled(BY_HAND, 2, row_limits={"memory": (memory, [3, 8])})
    assert turned.groups == (("a", "b", "c"), ("d", "e"))
    dear = np.array([[9, 0]] * 3 + [[0, 9]] * 2)
    assert principled(BY_HAND, 2, resources={"cost": (dear, 0)}).groups == found.groups


@pytest.mark.parametrize(
    ("n_groups", "constraints", "clash"),
    [
        (3, {"sizes": (2, None)}, "3 groups keeps to sizes of at least 2. Relax it."),
        (2, {"sizes": (1, 2), "cannot_link": [(0, 1)]}, "keeps to sizes of at most 2. Relax it."),
        (
            2,
            {"must_link": [("a", "b"), ("c", "d")], "cannot_link": [("d", "e"), ("a", "b")]},
            "keeps to must_link a-b, cannot_link a-b. Relax one of them.",
        ),
        (
            2,
            {"cannot_link": [("a", "b"), ("b", "c"), ("a", "c"), ("d", "e")]},
            "keeps to cannot_link a-b, cannot_link b-c, cannot_link a-c. Relax one of them.",
        ),
        (
            2,
            {"row_limits": {"memory": ([3, 3, 3, 1, 1], 5)}, "sizes": (1, 4)},
            "keeps to row limit memory 5. Relax it.",
        ),
        (
            2,
            {"row_limits": {"memory": ([0, 0, 2, 2, 2], [4, 2])}, "must_link": [(2, 3), (3, 4)]},
            "keeps to must_link c-d, must_link d-e, row limit memory 4/2. Relax one of them.",
        ),
        (2, {"resources": {"cost": (np.ones(5), 4)}}, "keeps to resource cost 4. Relax it."),
    ],
)
def test_what_clashes_is_named(n_groups, constraints, clash):
    with pytest.raises(CoterieError) as error:
        principled(BY_HAND, n_groups, **constraints)
    assert str(error.value).startswith("No partition of the 5 tasks into ")
    assert str(error.value).endswith(clash)


@pytest.mark.parametrize("seconds", [1e-9, 0.3, 1.0])
def test_short_of_time_the_best_so_far_comes_with_a_bound(seconds):
    matrix = np.random.default_rng(0).normal(size=(30, 30))
    best = densest(matrix, programme(30, 3), perf_counter() + 300)
    assert best.proven
    found = densest(matrix, programme(30, 3), perf_counter() + seconds)
    assert found.objective <= best.objective + 1e-9 <= found.bound + 2e-9
    assert found.gap == pytest.approx(
        (found.bound - found.objective) / max(abs(found.bound), abs(found.objective)), abs=1e-12
    )
    if seconds < 1e-6:
        assert not found.proven
        assert found.gap > 0.1
        details = group(
            Affinity(tasks=tuple(f"{t}" for t in range(30)), matrix=matrix, method="noise"),
            3,
            method=Principled(time_limit=seconds),
        ).details
        assert (details["proven"], details["status"]) == (False, "time limit reached")
    with pytest.raises(CoterieError, match="ended before any groups were found"):
        principled(BY_HAND, 2, cannot_link=[("a", "b")], time_limit=1e-9)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), n_items=st.integers(2, 8), every=st.booleans())
def test_subsets_with_a_positive_form_are_those_of_trying_all(seed, n_items, every):
    rng = np.random.default_rng(seed)
    form = rng.normal(rng.normal() / 2, 1, (n_items, n_items))
    form += form.T
    apart = np.triu(rng.random(form.shape) < 0.2, 1)
    room = Room(
        sizes=rng.integers(1, 3, n_items).astype(float),
        least=int(rng.integers(1, 4)),
        most=int(rng.integers(3, 12)),
        loads=rng.random((int(rng.integers(0, 3)), n_items)) / 2,
        apart=apart | apart.T,
    )
    rows = every_subset(n_items)
    rows = rows[room.allows(rows)]
    worth = np.einsum("ra,ab,rb->r", rows, np.where(room.apart, 0, form), rows)
    positives = {row.tobytes() for row in rows[worth > 0]}
    found, finished = positive(form, room, np.inf, every=every)
    assert finished
    assert len({row.tobytes() for row in found}) == len(found)
    if every:
        assert {row.tobytes() for row in found} == positives
    else:
        assert {row.tobytes() for row in found} <= positives
        assert bool(len(found)) == bool(positives)
    if len(rows):
        risen = ascended(form, room, rows)
        assert room.allows(risen).all()
        assert (
            np.einsum("ra,ab,rb->r", risen, np.where(room.apart, 0, form), risen) >= worth - 1e-9
        ).all()


@pytest.mark.parametrize("seed", range(5))
def test_no_group_gains_by_the_prices_of_the_relaxation(seed):
    matrix = np.random.default_rng(seed).normal(size=(8, 8))
    memory = np.arange(8) % 3 + 1.0
    constraints = {"row_limits": {"memory": (memory, [6, 6, 9])}, "must_link": [(0, 3)]}
    kinds = Kinds.of(matrix, programme(8, 3, **constraints))
    possible = keeping(labellings(8, 3), 3, constraints)
    worth = densities(matrix, possible)
    for labels, each in zip(possible[:20], worth, strict=False):
        assert kinds.density(kinds.value(labels)) == pytest.approx(each)
    prices = kinds.prices(relax((matrix + matrix.T) / 2, 3)[2])
    rows = every_subset(7)
    for kind in kinds.all:
        form = prices.form(kind)
        assert np.einsum("ri,ij,rj->r", rows, form, rows).max() <= 1e-9
    # Bounds all partitions, of which the relaxation knows no constraint, and is close to them.
    free = densities(matrix, labellings(8, 3)).max()
    assert free - 1e-9 <= kinds.density(prices.value) <= free + 0.35 * abs(free)


def test_auto_is_that_of_other_clusterings_and_refused_under_constraints():
    planted = np.arange(8) % 2
    matrix = (planted[:, None] == planted) + 0.1 * np.random.default_rng(0).normal(size=(8, 8))
    found = principled(matrix, "auto")
    assert found.labels.tolist() == planted.tolist()
    assert found.details["silhouette"] == group(affinity_of(matrix), "auto").details["silhouette"]
    with pytest.raises(CoterieError, match=r"`n_groups` must be a number .* by `must_link`"):
        principled(matrix, "auto", must_link=[(0, 1)])


def test_details_are_kept_and_no_selection_is_read_of_them(tmp_path):
    found = principled(BY_HAND, 2)
    assert found.method == "principled"
    assert found.details["measure"] == "by hand"
    assert "as measured" in found.details["preparation"]
    found.save(tmp_path / "grouping.json")
    assert Grouping.load(tmp_path / "grouping.json").to_dict() == found.to_dict()
    assert Found.of(found).evidence is None
    assert Found.of(found).grouping.details["gap"] == 0


def test_in_a_comparison_it_is_a_clustering_of_any_affinity():
    assert ct.Cluster("transfer_gain", n_groups=3, by="principled").label == (
        "transfer_gain principled K=3"
    )
    asked_of = Principled(sizes=(2, 3), must_link=[("a", "c")])
    method = ct.Cluster("data_map", n_groups=2, by=asked_of)
    assert not method.reads_maps
    assert method.label == "data_map principled K=2"
    method.check(NAMES[:4])
    with pytest.raises(CoterieError, match="`must_link` names the unknown task 'c'"):
        method.check(("a", "b", "d", "e"))
    assert "must_link=[['a', 'c']]" in method.words


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"method": "sdp", "sizes": (1, 2)},
            "`sizes` is for method='principled' only; found method",
        ),
        ({"must_link": [(0, 1)]}, "found method 'sdp', which takes no constraints"),
        ({"method": "spectral", "time_limit": 3.0}, "`time_limit` is for method='principled' only"),
        ({"method": Principled(), "sizes": (1, 2)}, "give it to Principled"),
        ({"method": "principled", "sizes": (3, 2)}, "`sizes` must be (smallest, largest)"),
        ({"method": "principled", "must_link": [("a", "z")]}, "`must_link` names the unknown task"),
        ({"method": "principled", "must_link": 3}, "`must_link` must be"),
        ({"method": "principled", "time_limit": 0}, "`time_limit` must be"),
        ({"method": "principled", "resources": {"m": 3}}, "`resources['m']` must be a pair"),
        (
            {"method": "principled", "row_limits": {"m": ([1, 2], 3)}},
            "`row_limits['m']` must have one value for each of the 5 tasks, or one for each task and "
            "group, (5, 2); found shape (2,).",
        ),
        (
            {"method": "principled", "row_limits": {"m": ([1, 2, 0, 0, -1], 3)}},
            "`row_limits['m']` must be finite and not negative for every task.",
        ),
        (
            {"method": "principled", "row_limits": {"m": (np.ones(5), [1, 2, 3])}},
            "`row_limits['m']` must have one limit, or one for each of the 2 groups; found 3.",
        ),
        (
            {"method": "principled", "resources": {"m": (np.ones(5), [1, 2])}},
            "`resources['m']` must have one limit; found 2.",
        ),
        (
            {"method": "principled", "row_limits": {"m": (np.ones(5), -1)}},
            "`row_limits['m']` must be a finite number of at least 0; found -1.0.",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(given, message):
    with pytest.raises(CoterieError) as error:
        group(affinity_of(BY_HAND), 2, **given)
    assert message in str(error.value)


def test_data_maps_are_not_its_source():
    with pytest.raises(CoterieError, match="'principled', which groups affinities"):
        group(planted_map(2, 4, 40), 2, method="principled")
    with pytest.raises(CoterieError, match="which groups affinities"):
        group(planted_map(2, 4, 40), 2, method=Principled())
