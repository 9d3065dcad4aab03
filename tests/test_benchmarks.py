"""The scripts behind the published figures still import what they use and say what they take."""

import subprocess
import sys
from pathlib import Path

import pytest

import coterie

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = sorted(
    str(path) for path in BENCHMARKS.glob("*.py") if "__main__" in path.read_text(encoding="utf-8")
)
# In one process, since most of the time goes into what they all import.
ASK = """
import runpy, sys
for script in sys.argv[1:]:
    sys.argv = [script, "--help"]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        assert not end.code, script
    else:
        raise AssertionError(f"{script} does not know --help")
"""


@pytest.mark.slow
def test_scripts_are_imported_and_say_what_they_take():
    assert len(SCRIPTS) > 15
    done = subprocess.run(
        [sys.executable, "-c", ASK, *SCRIPTS],
        cwd=BENCHMARKS,
        env={"PYTHONPATH": f"{Path(coterie.__file__).parents[1]}:{BENCHMARKS}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("usage: ") == len(SCRIPTS)
