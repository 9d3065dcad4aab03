"""The examples run as a reader would run them."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(EXAMPLES.parent / "src")}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("own_table.py", ("4 binary tasks", "Grouping(", "grouped: ", "report.html")),
        ("own_model.py", ("Grouping(", "vmap rejects this module", "probability that")),
        ("own_loop.py", ("own loop: DataMap(", "Lightning: DataMap(", "{digit 0 digit 1")),
        (
            "extending/affinity.py",
            ("holds: matrix, ", "Affinity(sign agreement, 9 tasks)", "grouped: "),
        ),
        (
            "extending/source.py",
            ("holds: registered, others, rows, ", "missing cells, parts, refused", "Fit("),
        ),
        pytest.param(
            "extending/clustering.py",
            ("holds: membership, ", "Grouping(ward, 3 groups: ", "chosen: "),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "extending/estimator.py",
            ("holds: scores, ", "Plan(", "grouped: "),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "extending/encoder.py", ("holds: features, ", "true: "), marks=pytest.mark.slow
        ),
        pytest.param(
            "extending/engine.py", ("holds: order, ", "grouped: "), marks=pytest.mark.slow
        ),
        pytest.param("extending/kind.py", ("holds: name, ", "grouped: "), marks=pytest.mark.slow),
        pytest.param(
            "extending/arm.py", ("true: ", "true and neighbours: "), marks=pytest.mark.slow
        ),
        pytest.param(
            "extending/method.py", ("holds: grouping, ", "chosen: "), marks=pytest.mark.slow
        ),
    ],
)
def test_example(name, expected, tmp_path):
    command = [sys.executable, str(EXAMPLES / name), str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=250, check=False, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr
    for text in expected:
        assert text in done.stdout
