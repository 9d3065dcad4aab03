"""Damaged, wrong and random inputs.

0 tracebacks, 0 signals, 0 hangs, 0 silent uses of what is damaged, 0 code run.

``COTERIE_FUZZ_INPUTS`` is the number of inputs of the whole suite, 300 by default, always the same
ones; ``COTERIE_FUZZ_SEED`` tries others, as ``make fuzz`` does."""

import os

SEED = int(os.environ.get("COTERIE_FUZZ_SEED", "0"))
_INPUTS = int(os.environ.get("COTERIE_FUZZ_INPUTS", "300"))


def inputs(share: float) -> int:
    """How many inputs a test takes whose ``share`` of the suite this is."""
    return max(1, round(share * _INPUTS))
