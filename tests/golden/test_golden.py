"""The gate itself.

It sees every change, cases give the same bits anywhere on one machine, and some values on every
machine.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import coterie
import tests.golden.cases  # noqa: F401
from tests.golden import expected
from tests.golden.reading import read
from tests.golden.records import Record, differences, stored
from tests.golden.registry import CASES

ROOT = Path(__file__).parents[2]


def gate(*arguments, hash_seed):
    """Run ``python -m tests.golden`` in a process of its own."""
    path = os.pathsep.join([str(Path(coterie.__file__).parents[1]), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-m", "tests.golden", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("golden")
    done = gate("store", folder, hash_seed=0)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_another_process_with_other_hashes_in_another_order_gives_the_same_bits(folder):
    assert stored(folder) == sorted(CASES)
    done = gate("compare", folder, *reversed(CASES), hash_seed=12345)
    assert (done.returncode, done.stdout) == (0, f"0 differences in {len(CASES)} cases\n"), (
        done.stdout + done.stderr
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", CASES)
def test_what_holds_on_every_machine(folder, name):
    found = expected.facts(CASES[name], Record.load(folder, name))
    assert not list(expected.violations(expected.read()[name], found))


def test_every_case_is_expected():
    assert list(expected.read()) == list(CASES)


RECORD = Record(
    {
        "a/b": np.array([[0.5, np.nan], [0.0, 2.0]], dtype=np.float32),
        "n": np.arange(3),
        "s": np.array(["x", "yy"]),
    },
    {"t": {"k": [1, {"deep": 0.1}]}, "none": None},
)


def test_a_record_is_read_as_it_was_saved(tmp_path):
    RECORD.save(tmp_path, "case")
    assert not list(differences(RECORD, Record.load(tmp_path, "case")))
    assert stored(tmp_path) == ["case"]


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (
            "a/b",
            lambda a: np.nextafter(a, np.float32(9)),
            "a/b: float32 (2, 2), 3 differ, largest difference 2.38e-07; first",
        ),
        (
            "a/b",
            lambda a: np.where(a == 0, -a, a),
            "a/b: float32 (2, 2), 1 differ, largest difference 0; first at [1, 0]",
        ),
        ("a/b", lambda a: a.astype(np.float64), "a/b: was float32 (2, 2), is float64 (2, 2)"),
        (
            "a/b",
            lambda a: np.nan_to_num(a),
            "a/b: float32 (2, 2), 1 differ, largest difference 0; first at [0, 1]",
        ),
        ("n", lambda a: a[:2], "n: was int64 (3,), is int64 (2,)"),
        (
            "s",
            lambda a: np.array(["x", "yz"]),
            "s: <U2 (2,), 1 differ; first at [1]: was np.str_('yy'), is np.str_('yz')",
        ),
    ],
)
def test_a_changed_array_is_named(name, change, said):
    changed = Record({**RECORD.arrays, name: change(RECORD.arrays[name])}, RECORD.texts)
    (line,) = differences(RECORD, changed)
    assert line.startswith(said)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (
            {"t": {"k": [1, {"deep": np.nextafter(0.1, 1)}]}, "none": None},
            "t/k/1/deep: was 0.1, is ",
        ),
        ({"t": {"k": [1, {"deep": 0.1}, 2]}, "none": None}, "t/k: had 2 items, has 3"),
        ({"t": {"k": [True, {"deep": 0.1}]}, "none": None}, "t/k/0: was 1, is True"),
        ({"t": {"k": [1, {"deep": "p" * 99}]}, "none": None}, "t/k/1/deep: was 0.1, is 'ppp"),
        ({"t": {"k": [1, {"deep": 0.1}], "more": 1}, "none": None}, "t/more: text is new"),
        ({"t": {"k": [1, {"deep": 0.1}]}}, "none: text is gone"),
    ],
)
def test_a_changed_text_is_named(texts, said):
    (line,) = differences(RECORD, Record(RECORD.arrays, texts))
    assert line.startswith(said)


def test_long_texts_are_shown_where_they_differ():
    one, other = (
        Record({}, {"page": ["same", "x" * 500 + f"<b>{what}</b>" + "y" * 500]})
        for what in ("old", "new")
    )
    (line,) = differences(one, other)
    assert "xxx<b>old</b>" in line
    assert len(line) < 250


def test_arrays_that_come_or_go_are_named():
    more = Record({**RECORD.arrays, "new": np.zeros(1)}, RECORD.texts)
    assert list(differences(RECORD, more)) == ["new: array is new"]
    assert list(differences(more, RECORD)) == ["new: array is gone"]


def test_what_is_expected_tolerates_rounding_only():
    before = {
        "arrays": {"x": "float32 (2,)"},
        "exact": {"labels": [0, 1]},
        "close": {"loss": [0.5, None]},
    }
    assert not list(expected.violations(before, {**before, "close": {"loss": [0.5004, None]}}))
    for part, changed in (
        ("arrays", {"x": "float64 (2,)"}),
        ("exact", {"labels": [0, 0]}),
        ("close", {"loss": [0.501, None]}),
        ("close", {"loss": [0.5, 1.0]}),
        ("arrays", {}),
    ):
        assert len(list(expected.violations(before, {**before, part: changed}))) == 1


def test_measured_seconds_are_not_read():
    found = read(
        {"cost": {"seconds": 1.5, "model_steps": 3}, "rows": [{"seconds": 2.0, "arm": "joint"}]}
    )
    assert found.texts == {"cost/model_steps": 3, "rows": [{"arm": "joint"}]}


def test_what_is_not_known_is_refused():
    with pytest.raises(TypeError, match="does not know how to read"):
        read({"x": object()})
