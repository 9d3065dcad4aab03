"""Which intervals have to be narrow, on units made by hand."""

import numpy as np
import pyarrow as pa
import pytest

from coterie.evaluation._unit import Plan
from coterie.evaluation.deciding import deciding, pairs_of_groupings
from coterie.evaluation.scores import arm_scores
from coterie.methods import Given
from coterie.results import Grouping
from coterie.results.tables import SCORES
from tests.evaluation.made import binary, unit

TASKS = binary("a", "b")
ROLES = {
    "joint": ("joint", None),
    "single": ("single", None),
    "mine": ("grouped", "mine"),
    "other": ("grouped", "other"),
    "random (mine)": ("random", "mine"),
    "random (other)": ("random", "other"),
    "ensemble (K=2)": ("ensemble", None),
    "forest": ("forest", None),
}
MODELS = {"mine": 2, "other": 2, "random (mine)": 2, "ensemble (K=2)": 2, "single": 2}


def grouping(name):
    return Grouping(tasks=TASKS.names, membership=np.eye(2), method=name)


def plan(*names):
    return Plan(model="mlp", methods={name: Given(grouping(name)) for name in names})


def units(noise, *, jitter, seeds=5, n=1500, split=0, found=("mine",), models=MODELS):
    rng = np.random.default_rng(split)
    y = rng.integers(0, 2, (n, 2)).astype(float)
    shared = rng.normal(size=y.shape)
    table = pa.Table.from_pylist(
        [{"arm": name, "role": ROLES[name][0], "of": ROLES[name][1]} for name in noise],
        schema=SCORES,
    )
    return [
        unit(
            TASKS,
            y,
            {
                name: 2 * y
                - 1
                + scale * (1 + 0.1 * rng.normal()) * shared
                # What a seed does better or worse than others.
                + jitter * rng.normal(size=(n, 2))
                for name, scale in noise.items()
            },
            seed=seed,
            split=split,
            scores=table,
            found=dict.fromkeys(found),
            costs={name: {"models": models.get(name, 1)} for name in noise},
        )
        for seed in range(seeds)
    ]


def found_in(made, *names, **more):
    return deciding(made, plan(*(names or ("mine",))), arm_scores(made, TASKS, **more))


NOISE = {"joint": 2.0, "mine": 2.0, "single": 2.0, "random (mine)": 2.0, "ensemble (K=2)": 2.0}


def test_groupings_against_their_references_and_all_arms_against_the_recommended():
    found = found_in(units(NOISE, jitter=0.3))
    pairs = set(found.pairs[:4])
    assert pairs == {("mine", name) for name in NOISE if name != "mine"}
    (chosen,) = {other for _, other in found.pairs[4:]}
    usable = {"joint", "mine", "single", "ensemble (K=2)"}
    assert {arm for arm, _ in found.pairs[4:]} == usable - {chosen}
    assert np.isfinite(found.widths.half).all()
    assert found.widths.seeds == 5
    assert found.widths.within_splits is None


def test_pairs_are_those_of_the_table_of_gains():
    pairs = pairs_of_groupings(["mine"], plan("mine"), tuple(NOISE))
    assert {name for name, _ in pairs} == {"mine"}
    assert sorted(other for _, other in pairs) == sorted(NOISE.keys() - {"mine"})
    assert pairs_of_groupings(["mine"], plan("mine"), ("joint", "single")) == []


def test_one_group_is_joint_training_and_decides_nothing():
    found = found_in(units(NOISE, jitter=0.3, models={}))
    assert all(other != "random (mine)" for _, other in found.pairs)
    assert len({other for _, other in found.pairs}) == 1


def test_what_is_far_off_needs_no_width():
    made = units({"joint": 1.0, "forest": 6.0}, jitter=0.3, found=())
    found = found_in(made)
    assert found.pairs == (("forest", "joint"),)
    assert found.decided.tolist() == [True]
    near = found_in(units({"joint": 2.0, "forest": 2.0}, jitter=0.3, found=()))
    assert near.decided.tolist() == [False]


def test_a_grouping_that_loses_to_joint_is_judged_whatever_the_rest_says():
    found = found_in(units({**NOISE, "mine": 6.0}, jitter=0.3))
    of_mine = [place for place, (arm, _) in enumerate(found.pairs) if arm == "mine"]
    assert found.decided[of_mine].all()


def test_several_groupings_over_joint_are_wider_for_it():
    noise = {"joint": 2.0, "mine": 2.0, "other": 2.0}
    made = units(noise, jitter=0.3, found=("mine", "other"))
    both = found_in(made, "mine", "other")
    alone = found_in(made, "mine", "other").widths.found
    single = alone.high - alone.mean
    over_joint = [both.pairs.index((name, "joint")) for name in ("mine", "other")]
    assert (both.widths.half[over_joint] > single[over_joint]).all()


def test_over_splits_the_variance_within_them_is_told():
    made = [each for s in (0, 1, 2) for each in units(NOISE, jitter=0.3, split=s, seeds=4)]
    arms = arm_scores(made, TASKS)
    found = deciding(made, plan("mine"), arms)
    assert found.widths.seeds == 4
    first, second = (arms.arms.index(name) for name in found.pairs[0])
    gains = 100 * (arms.scores[:, first] - arms.scores[:, second]).mean(-1).reshape(3, 4)
    assert found.widths.within_splits[0] == pytest.approx(gains.var(1, ddof=1).mean())
