"""Damaged, wrong and random inputs.

0 tracebacks, 0 signals, 0 hangs, 0 silent uses of what is damaged, 0 code run.

``COTERIE_FUZZ_INPUTS`` is the number of inputs of the whole suite, 300 by default, always the same
ones; ``COTERIE_FUZZ_SEED`` tries others, as ``make fuzz`` does. Of what is too long to be tried
whole, the commit's turn is (``TURN``)."""

import os
import subprocess
from pathlib import Path


def commit() -> int:
    """A number of the commit, so that another share has its turn, and the same one alike."""
    done = subprocess.run(
        ["git", "rev-parse", "--short=8", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
    )
    return int(done.stdout, 16) if done.returncode == 0 else 0


SEED = int(os.environ.get("COTERIE_FUZZ_SEED", "0"))
TURN = int(os.environ.get("COTERIE_FUZZ_SEED", commit()))
_INPUTS = int(os.environ.get("COTERIE_FUZZ_INPUTS", "300"))


def inputs(share: float) -> int:
    """How many inputs a test takes whose ``share`` of the suite this is."""
    return max(1, round(share * _INPUTS))
