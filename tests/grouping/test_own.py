"""A clustering of one's own is a function; what it answers is checked."""

import numpy as np
import pytest
import torch

from coterie.datamaps import DataMapRecorder, gram
from coterie.errors import CoterieError
from coterie.grouping import group, stability
from coterie.grouping._affinities import standardised
from coterie.results import Affinity

BLOCKS = np.kron(np.eye(2), np.full((3, 3), 2.0)) + np.random.default_rng(0).normal(
    scale=0.1, size=(6, 6)
)
TASKS = tuple("abcdef")
HELPS = Affinity(tasks=TASKS, matrix=BLOCKS, method="by hand")


@pytest.fixture(scope="module")
def data_map():
    recorder = DataMapRecorder(6, 200)
    generator = torch.Generator().manual_seed(0)
    base = torch.rand(200, 2, generator=generator)[:, [0, 0, 0, 1, 1, 1]]
    for _ in range(3):
        recorder.update(
            torch.arange(200),
            (0.9 * base + 0.1 * torch.rand(200, 6, generator=generator)).clamp(0, 1),
        )
        recorder.end_epoch()
    return recorder.data_map()


def nearest_of_the_first(values, n_groups, seed):
    """Two groups: the first task's block, and the others."""
    if values.shape[0] == values.shape[1] and np.allclose(values, values.T):
        return (values[0] <= 0) & (np.arange(len(values)) > 0)
    return np.square(values - values[0]).sum(1) > np.square(values - values[0]).sum(1).mean()


class Soft:
    def __init__(self, share):
        self.share = share

    def __call__(self, values, n_groups, seed):
        labels = np.asarray(nearest_of_the_first(values, n_groups, seed)).astype(int)
        return self.share * np.eye(2)[labels] + (1 - self.share) / 2


def test_labels_of_an_affinity():
    found = group(HELPS, 2, method=nearest_of_the_first)
    assert found.groups == (("a", "b", "c"), ("d", "e", "f"))
    assert (found.method, found.fuzziness, found.distances) == ("nearest_of_the_first", None, None)
    assert found.details["density"] == pytest.approx(group(HELPS, 2).details["density"])


def test_it_is_not_taken_for_one_of_the_house():
    def kmeans(values, n_groups, seed):
        return np.arange(6) % 2

    assert group(HELPS, 2, method=kmeans).method == "own kmeans"


def test_labels_of_a_data_map(data_map):
    for source in (data_map, gram(data_map)):
        assert group(source, 2, method=nearest_of_the_first).labels.tolist() == [0, 0, 0, 1, 1, 1]
        assert group(source, "auto", method=nearest_of_the_first).n_groups == 2
    assert stability(data_map, 2, method=nearest_of_the_first, bootstraps=3)["mean"] == 1.0


def test_memberships_may_be_soft(data_map):
    for source in (HELPS, data_map):
        found = group(source, 2, method=Soft(0.8))
        np.testing.assert_allclose(found.membership, 0.8 * np.eye(2)[[0, 0, 0, 1, 1, 1]] + 0.1)
        assert found.method == "Soft"


def test_it_gets_what_was_measured_the_number_of_groups_and_the_seed():
    seen = []

    def mine(values, n_groups, seed):
        seen.append((values.copy(), n_groups, seed))
        values[:] = 0  # a copy
        return torch.arange(6) % 3

    assert group(HELPS, 3, method=mine, seed=7).n_groups == 3
    values, n_groups, seed = seen[0]
    assert (n_groups, seed) == (3, 7)
    expected = standardised(BLOCKS)
    order = expected.sum(axis=0).argsort(kind="stable")
    np.testing.assert_array_equal(values, expected[np.ix_(order, order)])
    assert group(HELPS, 3, method=mine, seed=7).details["density"] != 0


def test_the_order_of_tasks_has_no_influence():
    order = np.array([3, 1, 5, 0, 2, 4])
    other = Affinity(
        tasks=tuple(np.array(TASKS)[order]), matrix=BLOCKS[np.ix_(order, order)], method="by hand"
    )
    one, again = (
        group(HELPS, 2, method=nearest_of_the_first),
        group(other, 2, method=nearest_of_the_first),
    )
    assert set(map(frozenset, one.groups)) == set(map(frozenset, again.groups))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            [0, 1, 2, 0, 1, 0],
            r"`method` 'mine' must answer one label from 0 to 1 for each of 6 tasks.*found \[0, 1, "
            r"2, 0, 1, 0\]",
        ),
        ([0, 1, -1, 0, 1, 0], "must answer one label from 0 to 1"),
        ([0, 1, 0], r"of shape \(3,\)"),
        ([0.0, 1.0, 0.5, 0.0, 0.0, 0.0], "must answer one label"),
        (np.full((6, 2), 0.6), "whose rows sum to 1"),
        (np.tile([1.5, -0.5], (6, 1)), "whose rows sum to 1"),
        (np.full((6, 2), np.nan), "whose rows sum to 1"),
        (np.eye(3)[[0, 1, 2, 0, 1, 2]], r"a membership of shape \(6, 2\)"),
        (list("aabbab"), "must answer one label"),
        (None, "must answer one label"),
    ],
    ids=str,
)
@pytest.mark.parametrize("source", ["affinity", "map"])
def test_answers_that_are_no_groups_are_refused(data_map, source, answer, message):
    def mine(values, n_groups, seed):
        return answer

    with pytest.raises(CoterieError, match=f"(?s){message}"):
        group(HELPS if source == "affinity" else data_map, 2, method=mine)


def test_what_it_raises_is_said_with_its_name():
    def mine(values, n_groups, seed):
        raise KeyError("width")

    with pytest.raises(
        CoterieError, match=r"`method` 'mine' fails on values of shape \(6, 6\): KeyError: 'width'"
    ):
        group(HELPS, 2, method=mine)
    with pytest.raises(CoterieError, match="`method` 'few' fails on values"):
        group(HELPS, 2, method=few)


def few(values):
    return values


@pytest.mark.parametrize("wrong", [3, ["sdp"], "kmean"])
def test_neither_a_name_nor_a_function(wrong, data_map):
    for source in (HELPS, data_map):
        with pytest.raises(CoterieError, match="`method` must be one of"):
            group(source, 2, method=wrong)
