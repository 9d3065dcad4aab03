"""What does the main job answer, with its defaults, and how long does it take?

    python benchmarks/answers.py --data DATA_FOLDER [--threads 1] [emotions scene ...]

`coterie run` on handwritten digits and on five tables, as someone would start it who knows nothing of
the data: no epochs, no seeds, no metric. What is found of one is kept beside what is known of others.
Asked: a decision, or the sentence which says what would settle it, within a quarter of an hour on two
cores."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from _common import RESULTS, log, save_result

import coterie as ct

BY_SUBJECT = ["--task-column", "subject#", "--target-column", "motor_UPDRS"]
JOBS: dict[str, list[str]] = {
    "digits": ["--groups", "3"],
    "digits, mlp": ["--groups", "3", "--model", "mlp"],
    "emotions": [],
    "scene": [],
    "flags": [],
    "landmine": ["--rare", "drop"],
    "parkinsons": [*BY_SUBJECT, "--exclude", "total_UPDRS"],
}


def answered(data: str, arguments: list[str], threads: int | None) -> dict[str, Any]:
    """Run it as a process of its own and read what it leaves behind."""
    own = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "coterie", "run", "--data", data, *arguments]
        started = time.perf_counter()
        subprocess.run(
            [*command, "--quiet", "--out", folder], check=True, env={**os.environ, **own}
        )
        seconds = time.perf_counter() - started
        found = ct.Comparison.load(Path(folder) / "comparison")
    best = found.recommendation
    return {
        "arguments": arguments,
        "seconds": round(seconds, 1),
        "outcome": found.outcome,
        "arm": best.arm if best else None,
        "sentences": list(found.verdict),
        "headroom": found.headroom.sentence if found.headroom else None,
    }


def main() -> None:
    """Parse, run, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with tabular/")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(JOBS)}; all by default")
    parser.add_argument("--threads", type=int, help="of torch, in each run; by default its own")
    asked = parser.parse_args()
    for name in asked.names or JOBS:
        first = name.split(",")[0]
        data = first if first == "digits" else str(asked.data / f"tabular/{first}.parquet")
        found = answered(data, JOBS[name], asked.threads)
        log(f"{name}: {found}")
        kept = RESULTS / "answers.json"
        known = json.loads(kept.read_text())["runs"] if kept.exists() else {}
        found["threads"], found["date"] = asked.threads, datetime.now(UTC).date().isoformat()
        runs = {each: {**known, name: found}[each] for each in JOBS if each in {*known, name}}
        save_result("answers", {"runs": runs})


if __name__ == "__main__":
    main()
