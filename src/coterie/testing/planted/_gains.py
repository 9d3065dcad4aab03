"""What was measured on planted data."""

from __future__ import annotations

GAINS: dict[str, dict[str, tuple[float, float, float]]] = dict.fromkeys(
    (
        "agreeing heads",
        "conflicting heads",
        "narrow network",
        "few labels",
        "disjoint examples",
        "unequal tasks",
        "overlapping groups",
        "flipped labels",
        "no structure",
        "unequal difficulty",
    ),
    {},
)
HEADROOMS: dict[str, float] = dict.fromkeys(GAINS, 0.0)
