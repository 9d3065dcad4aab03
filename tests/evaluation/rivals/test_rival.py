"""Rivals in a comparison: beside all that was there, continued, told of and reported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import coterie as ct
from coterie.errors import CoterieError
from coterie.evaluation import RIVALS, Comparison, Rival, TrainedRival
from coterie.evaluation.rivals import checked_outputs, networks
from tests.evaluation.rivals.units import SMALL, halves, mixed_kinds, table

NETWORKS = ("wide", "tuned", "blend", "blend_single", "hybrid")
FEW = {"seeds": 1, "repeats": 1, "draws": 1, **SMALL}


def compared(data, rivals, **more) -> Comparison:
    return ct.compare("mlp", data, halves(data), rivals=rivals, **{**FEW, **more})


@pytest.mark.parametrize("data", [table(), mixed_kinds()], ids=str)
def test_they_stand_beside_all_else_and_change_nothing_of_it(data, tmp_path):
    plain = compared(data, "none")
    found = compared(data, list(NETWORKS))
    old = found.scores[~found.scores["role"].isin(NETWORKS)].reset_index(drop=True)
    pd.testing.assert_frame_equal(old, plain.scores)
    assert {name: found.arms[name] for name in NETWORKS} == {
        name: (name, None) for name in NETWORKS
    }
    for name in NETWORKS:
        row = found.gain(name, "joint")
        mean = found.scores[found.scores["metric"].isin(found.metric_names)].groupby("arm")["value"]
        assert row["role"] == name
        if len(set(found.metric_names)) == 1:
            assert row["gain"] == pytest.approx(100 * (mean.mean()[name] - mean.mean()["joint"]))
        assert found.roles[name] == RIVALS[name].sentence
        assert name in found.history
    assert set(NETWORKS) <= set(found.costs["arm"])
    assert not set(NETWORKS) & set(plain.roles)
    found.save(tmp_path / "saved")
    again = Comparison.load(tmp_path / "saved")
    pd.testing.assert_frame_equal(again.scores, found.scores)
    assert "<dt>Tuned</dt>" in again.report(tmp_path / "report.html").read_text()


def test_all_that_suit_are_trained_and_why_others_are_not_is_told(monkeypatch):
    for name in ("linear", "forest", "boosting", "tuned", "wide"):
        monkeypatch.delitem(RIVALS, name)
    found = compared(table(), "auto", baselines=["random"])
    left_out = found.config["rivals left out"]
    assert list(left_out) == ["pooled", "blend_single"]
    assert {role for role in RIVALS if role in set(found.scores["role"])} == {"blend", "hybrid"}


class StoppedError(Exception):
    """A kill, in effect."""


@pytest.mark.parametrize("name", ["wide", "tuned", "pooled"])
def test_what_is_stopped_in_the_middle_ends_the_same(name, tmp_path, monkeypatch):
    """A rival's fit keeps a checkpoint of its own in those of the unit."""
    data = table(disjoint=True)
    whole = compared(data, name)

    def stopping(fit):
        def stop(done, steps, text):
            if done > steps // 2:
                raise StoppedError

        return lambda *given, progress=None, **more: fit(*given, progress=stop, **more)

    run = tmp_path / "run"
    with monkeypatch.context() as patched:
        for verb in ("fit", "fit_seeds"):
            patched.setattr(networks, verb, stopping(getattr(networks, verb)))
        with pytest.raises(StoppedError):
            compared(data, name, run=run)
    kept = list(Path(run).glob(f"checkpoints/*/*/rival-{name}/**/checkpoint.safetensors"))
    assert kept
    continued = compared(data, name, run=run)
    pd.testing.assert_frame_equal(continued.scores, whole.scores)
    assert not list(Path(run).glob("checkpoints/**/rival-*"))
    with pytest.raises(CoterieError, match="holds a run with other settings"):
        compared(data, "none", run=run)


class Prior(Rival):
    """Of binary tasks the balanced logit of a half, whoever asks."""

    name = "prior"
    sentence = "A *guess*."

    def __init__(self, shape: tuple[int, ...] | None = None) -> None:
        self.shape = shape

    def train(self, case, trainings, *, seed):
        n = case.data.tasks.n_outputs
        assert {"joint", "single", "random", "ensemble", "grouped"} == {
            each.arm.role for each in trainings.arms
        }
        return TrainedRival(
            outputs=lambda positions: torch.zeros(self.shape or (len(positions), n)),
            model=lambda: trainings.grouped_model(trainings.joint),
            cost={"models": 1, "parameters": 0, "model_steps": 0, "seconds": 0},
        )


@pytest.fixture(autouse=True)
def _as_before():
    before = dict(RIVALS)
    yield
    RIVALS.clear()
    RIVALS.update(before)


def test_one_of_ones_own_is_scored_by_the_same_code():
    found = compared(table(), [Prior()])
    scores = found.scores
    own = scores[(scores["arm"] == "prior") & (scores["metric"] == "AUROC")]["value"]
    assert np.allclose(own, 0.5)
    assert "prior" not in found.history
    assert found.config["rivals"]["prior"]["shape"] is None


def test_outputs_of_another_shape_are_refused():
    with pytest.raises(CoterieError, match=r"'prior' must give outputs of shape \(\d+, 4\)"):
        compared(table(), [Prior(shape=(3, 3))])


def test_outputs_come_home():
    rival, data = Prior(), table()
    trained = TrainedRival(
        outputs=lambda positions: torch.zeros(
            len(positions), 4, dtype=torch.float64, requires_grad=True
        ),
        model=lambda: None,  # type: ignore[arg-type, return-value]
        cost={"models": 1, "parameters": 0, "model_steps": 0, "seconds": 0},
    )
    outputs = checked_outputs(rival, trained, data.split.test, data)
    assert outputs.dtype == torch.float32
    assert not outputs.requires_grad
