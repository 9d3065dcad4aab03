"""What is told before anything long starts."""

import pytest

import coterie as ct
from coterie.errors import CoterieError
from coterie.evaluation._plan import seconds_of

SMALL = {"epochs": 4, "batch_size": 128, "model_options": {"hidden": (16,)}, "strategy": "loop"}
METHODS = ["data_map", "lookahead", "pairs", "train", "gradtag", "dmtg"]


@pytest.fixture(scope="module")
def planned():
    return ct.plan("mlp", ct.load("digits"), METHODS, n_groups=3, seeds=2, **SMALL)


def test_counts_are_exact(planned):
    work = {w.method.split()[0]: w for w in planned.workloads}
    n_tasks, n_steps = 14, 4 * 9
    assert (work["data_map"].trainings, work["data_map"].look_aheads, work["data_map"].model_steps) == (0, 0, 0)
    assert work["lookahead"].look_aheads == n_tasks * ((n_steps - 1) // 10)
    assert work["pairs"].trainings == n_tasks + n_tasks * (n_tasks - 1) // 2
    assert work["pairs"].model_steps == work["pairs"].trainings * n_steps
    assert work["dmtg"].model_steps == 3 * n_steps
    assert work["gradtag"].trainings == 0
    assert work["gradtag"].model_steps > 0
    assert work["train"].trainings > work["pairs"].trainings


def test_cheapest_first_and_everything_without_a_budget(planned):
    seconds = [w.seconds for w in planned.workloads]
    assert seconds == sorted(seconds)
    assert len(planned.picked) == len(METHODS)
    assert planned.seconds > planned.units * planned.shared_seconds


def test_counts_agree_with_what_a_comparison_does():
    settings = {**SMALL, "epochs": 2}
    data = ct.load("digits")
    method = ct.AffinityMethod(affinity="lookahead", n_groups=2, every=5)
    work = ct.plan("mlp", data, method, **settings).workloads[0]
    joint = ct.affinity("lookahead", "mlp", data, every=5, **settings)
    assert work.look_aheads == joint.details["lookaheads"]
    assert work.model_steps == pytest.approx(joint.details["beyond_training"]["model_steps"], rel=0.05)


def test_a_budget_picks_what_fits():
    found = ct.plan("mlp", ct.load("digits"), ["data_map", "train"], n_groups=2, seeds=1, budget="1h", **SMALL)
    tight = ct.plan(
        "mlp", ct.load("digits"), ["data_map", "train"], n_groups=2, seeds=1, budget=found.seconds / 3, **SMALL
    )  # fmt: skip
    assert len(found.picked) == 2
    assert "train K=2" not in tight.picked
    assert {w.method: w.fits for w in tight.workloads}["train K=2"] is False


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), (5, 5), ("1.5d", 129600)])
def test_times(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["-3m", "0", "soon", "3 weeks", ""])
def test_bad_times_are_refused(text):
    with pytest.raises(CoterieError, match="`budget` must be a positive time such as 90s, 30m or 2h; found"):
        ct.plan("mlp", ct.load("digits"), budget=text)
