"""The verb, trained for real, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

import coterie as ct
from coterie.errors import CoterieError

SMALL = {"epochs": 2, "model_options": {"hidden": (8,)}}


@pytest.fixture(scope="module")
def data():
    return ct.load("digits", targets=["even", "digit 3", "at least five", "closed loop", "random"])


def test_random_subsets_are_trained_and_bounded(data, tmp_path):
    said = []
    found = ct.headroom(
        "mlp", data, 2, rows=6, seeds=2, progress=lambda *each: said.append(each), **SMALL
    )
    assert found.scores.shape == (2, 12, 5)
    assert found.subsets[0].all()
    assert (found.subsets[1:6] == np.eye(5)).all()
    # Rows are those of plain fits, on the same initialisation.
    alone = ct.fit("mlp", data, found.subsets[[7]].astype(float), init="shared", seed=1, **SMALL)
    np.testing.assert_allclose(found.scores[1, 7], alone.scores[0], atol=1e-6)
    np.testing.assert_allclose(found.joint, 100 * found.scores[:, 0].mean(axis=0))
    np.testing.assert_allclose(
        found.single, 100 * np.einsum("stt->st", found.scores[:, 1:6]).mean(0)
    )
    assert [done for done, _, _ in said] == sorted(done for done, _, _ in said)
    assert max(done / of for done, of, _ in said) <= 1
    assert found.details["cost"]["model_steps"] > 0
    found.save(tmp_path / "headroom.safetensors")
    assert ct.Headroom.load(tmp_path / "headroom.safetensors").to_dict() == found.to_dict()


def test_finished_trainings_are_not_repeated(data, tmp_path):
    settings = {"rows": 3, "seeds": 2, "checkpoint": tmp_path / "kept", **SMALL}
    first = ct.headroom("mlp", data, 2, **settings)
    steps = []
    again = ct.headroom("mlp", data, 2, progress=lambda *each: steps.append(each), **settings)
    np.testing.assert_array_equal(first.scores, again.scores)
    assert again.bound == first.bound
    assert not [text for done, of, text in steps if "epoch 1 of" in text]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"n_groups": 6}, "n_groups"),
        ({"n_groups": 1}, "n_groups"),
        ({"rows": 0}, "rows"),
        ({"seeds": 1}, "seeds"),
        ({"margin": -1.0}, "margin"),
        ({"epoch": 3}, "epoch"),
    ],
)
def test_what_cannot_work_is_refused(data, wrong, said):
    with pytest.raises(CoterieError, match=said):
        ct.headroom("mlp", data, **{"n_groups": 2, **wrong})


def test_one_task_has_no_groups():
    with pytest.raises(CoterieError, match="at least 2 tasks"):
        ct.headroom("mlp", ct.load("digits", targets=["even"]), 2)


def test_command_line_keeps_the_bound_and_continues(tmp_path, capsys):
    from coterie.cli import main

    command = ["headroom", "--data", "digits", "--targets", "even", "digit 3", "random"]
    command += ["--groups", "2", "--seeds", "2", "--epochs", "1", "--out", str(tmp_path / "run")]
    assert main(command) == 0
    first = capsys.readouterr()
    assert "3 tasks (95 %)" in " ".join(first.out.split())
    kept = (tmp_path / "run" / "headroom.safetensors").read_bytes()
    assert main(command) == 0
    assert "epoch" not in capsys.readouterr().err, "nothing is trained twice"
    assert (tmp_path / "run" / "headroom.safetensors").read_bytes() == kept
    assert main([*command, "--margin", "3"]) == 0
    assert ct.Headroom.load(tmp_path / "run" / "headroom.safetensors").margin == 3
    assert main([*command[:-2], "--seeds", "1", "--out", str(tmp_path / "other")]) == 2
    assert "`seeds`" in capsys.readouterr().err
