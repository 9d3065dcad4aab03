"""The densest groups of an affinity, exactly: time, proof and gap, and what "sdp" finds instead.

    python benchmarks/principled.py --limit 20 --most 40

Affinities are drawn: blocks with a little and with much noise, four hidden dimensions, and nothing
but noise. Two more are blocks with much noise under constraints: "constrained" has sizes, links and
one limit on memory for all groups, "machines" limits and costs that differ between the groups. Of
sdp, where there are no constraints, the same raw matrix is clustered, so that only the search
differs. Seconds are of the processor, on one thread.
"""

from __future__ import annotations

import argparse
from time import perf_counter, process_time
from typing import Any

import numpy as np
from _common import log, save_result

from coterie.grouping import Principled
from coterie.grouping._method import Settings
from coterie.grouping.sdp import density, sdp
from coterie.seeds import numpy_generator

KINDS = ("planted", "noisy", "low rank", "noise", "constrained", "machines")
SIZES = ((12, 3), (16, 4), (20, 3), (20, 5), (30, 3), (30, 6), (40, 3), (40, 6), (60, 6))


def affinity(kind: str, n_tasks: int, n_groups: int, seed: int) -> np.ndarray:
    """Affinities (T, T) of a kind, diagonal 0."""
    rng = numpy_generator(seed, "affinity", kind, n_tasks, n_groups)
    noise = rng.normal(size=(n_tasks, n_tasks))
    blocks = np.equal.outer(*[np.arange(n_tasks) % n_groups] * 2)
    hidden = rng.normal(size=(n_tasks, 4))
    matrix = {
        "planted": blocks + 0.3 * noise,
        "low rank": hidden @ hidden.T / 4 + 0.2 * noise,
        "noise": noise,
    }.get(kind, blocks + noise)
    return np.where(np.eye(n_tasks, dtype=bool), 0.0, matrix)


def constraints(kind: str, n_tasks: int, n_groups: int, seed: int) -> dict[str, Any]:
    """What is asked of the groups."""
    rng = numpy_generator(seed, "constraints", kind, n_tasks, n_groups)
    pairs = [tuple(rng.choice(n_tasks, 2, replace=False).tolist()) for _ in range(n_tasks // 4)]
    memory = rng.integers(1, 6, n_tasks).astype(float)
    mean, size = memory.sum() / n_groups, n_tasks // n_groups
    if kind == "constrained":
        return {
            "sizes": (max(size - 2, 1), size + 2),
            "must_link": [(0, n_groups)],
            "cannot_link": pairs,
            "row_limits": {"memory": (memory, np.ceil(1.1 * mean))},
        }
    cost = rng.integers(1, 6, (n_tasks, n_groups)).astype(float)
    return {
        "row_limits": {"memory": (memory, np.ceil(mean * np.linspace(0.8, 1.6, n_groups)))},
        "resources": {"cost": (cost, np.ceil(0.8 * cost.mean(axis=1).sum()))},
    }


def measured(kind: str, n_tasks: int, n_groups: int, seed: int, limit: float) -> dict[str, Any]:
    """One affinity, exactly and by sdp."""
    matrix = affinity(kind, n_tasks, n_groups, seed)
    free = kind not in ("constrained", "machines")
    asked = {} if free else constraints(kind, n_tasks, n_groups, seed)
    method = Principled(time_limit=limit, **asked)
    programme = method.programme(tuple(f"task {t}" for t in range(n_tasks)), n_groups)
    began, clock = process_time(), perf_counter()
    found = method.densest(matrix, programme)
    row = {
        "kind": kind,
        "tasks": n_tasks,
        "groups": n_groups,
        "seed": seed,
        "objective": found.objective,
        "bound": found.bound,
        "gap": found.gap,
        "proven": found.proven,
        "seconds": process_time() - began,
        "wall_seconds": perf_counter() - clock,
        "columns": found.columns,
    }
    if free:
        began = process_time()
        told = Settings(n_groups=n_groups, fuzziness=2.0, restarts=1, seed=0)
        labels = sdp((matrix + matrix.T) / 2, told).membership.argmax(axis=1)
        row["sdp"] = {"objective": density(matrix, labels), "seconds": process_time() - began}
    return row


def main() -> None:
    """Every kind at every size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for one affinity")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--most", type=int, default=60, help="number of tasks")
    asked = parser.parse_args()
    rows = []
    for n_tasks, n_groups in SIZES:
        if n_tasks > asked.most:
            continue
        for kind in KINDS:
            for seed in range(asked.seeds):
                rows.append(row := measured(kind, n_tasks, n_groups, seed, asked.limit))
                beside = f" sdp {row['sdp']['objective']:.5g}" if "sdp" in row else ""
                log(
                    f"{kind} T={n_tasks} K={n_groups} seed {seed}: {row['objective']:.5g}{beside} "
                    f"gap {row['gap']:.1%} {row['seconds']:.2f} s"
                )
            save_result("principled", {"limit": asked.limit, "affinities": rows})


if __name__ == "__main__":
    main()
