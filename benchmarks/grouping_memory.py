"""Grouping 1,000 tasks by 200,000 examples from a memory-mapped map.

Time and anonymous memory at its peak.

    python benchmarks/grouping_memory.py [--tasks T --examples N]

A float16 map with planted groups is written to a temporary folder (1.6 GB at full size), once whole
and once with 10 % of its cells missing. Pages of the mapped file can be dropped by the system at
any time and do not count; RssAnon of /proc/self/status (Linux) is sampled while the map is grouped.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Self

import numpy as np
from _common import save_result
from sklearn.metrics import adjusted_rand_score

from coterie.datamaps import DataMap, open_map
from coterie.datamaps.gram import gram
from coterie.grouping import group, stability

N_GROUPS = 20
CHUNK = 2000


class AnonymousMemory:
    """Peak of RssAnon in GB while the block runs."""

    def __enter__(self) -> Self:
        self.peak, self._stop = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            self.peak = max(self.peak, now())


def now() -> float:
    """RssAnon of this process in GB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 2**20


def make_map(path: Path, n_tasks: int, n_examples: int, gaps: float) -> None:
    """Tasks of one group have a common confidence on each example, give or take noise."""
    random = np.random.default_rng(0)
    statistics = ("confidence", "variability", "correctness", "count")
    arrays = {name: np.empty((n_examples, n_tasks), dtype=np.float16) for name in statistics}
    for start in range(0, n_examples, CHUNK):
        rows = slice(start, min(start + CHUNK, n_examples))
        shape = (rows.stop - start, n_tasks)
        common = random.random((shape[0], N_GROUPS), dtype=np.float32)[
            :, np.arange(n_tasks) % N_GROUPS
        ]
        noise = random.standard_normal(shape, dtype=np.float32)
        missing = random.random(shape, dtype=np.float32) < gaps
        for name, values in {
            "confidence": (common + 0.2 * noise).clip(0, 1),
            "variability": (0.1 + 0.05 * noise).clip(0, 0.5),
            "correctness": common > 0.5,
            "count": np.full(shape, 10),
        }.items():
            arrays[name][rows] = np.where(missing, 0 if name == "count" else np.nan, values)
    tasks, kinds = tuple(f"task {t}" for t in range(n_tasks)), ("binary",) * n_tasks
    DataMap(tasks=tasks, kinds=kinds, ids=np.arange(n_examples), epoch=10, **arrays).save(path)


def measure(folder: Path, n_tasks: int, n_examples: int, gaps: float) -> dict[str, Any]:
    """Distances, fuzzy k-means and its stability, each with its time and peak."""
    path = folder / "map.safetensors"
    make_map(path, n_tasks, n_examples, gaps)
    found: dict[str, Any] = {
        "missing_share": gaps,
        "map_file_gb": round(path.stat().st_size / 2**30, 2),
    }
    data_map = open_map(path)
    found["anonymous_gb_before"] = round(now(), 2)
    distances: Any = None
    grouping: Any = None

    def take(name: str, action: Any) -> Any:
        start = time.perf_counter()
        with AnonymousMemory() as memory:
            answer = action()
        found[name] = {
            "seconds": round(time.perf_counter() - start, 1),
            "peak_anonymous_gb": round(memory.peak, 2),
        }
        return answer

    distances = take("gram", lambda: gram(data_map))
    grouping = take("fuzzy-kmeans", lambda: group(distances, N_GROUPS))
    agreed = take(
        "stability, 5 bootstraps", lambda: stability(distances, N_GROUPS, bootstraps=5, restarts=3)
    )
    found["adjusted_rand_with_planted_groups"] = float(
        adjusted_rand_score(grouping.labels, np.arange(n_tasks) % N_GROUPS)
    )
    found["adjusted_rand_over_bootstraps"] = agreed["mean"]
    path.unlink()
    return found


def main() -> None:
    """Measure, write the JSON and say what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--examples", type=int, default=200_000)
    arguments = parser.parse_args()
    n_tasks, n_examples = arguments.tasks, arguments.examples
    with tempfile.TemporaryDirectory() as folder:
        runs = [measure(Path(folder), n_tasks, n_examples, gaps) for gaps in (0.0, 0.1)]
    found = {
        "tasks": n_tasks,
        "examples": n_examples,
        "groups": N_GROUPS,
        "limit_gb": 2.0,
        "runs": runs,
    }
    print(save_result("grouping_memory", found).read_text())


if __name__ == "__main__":
    main()
