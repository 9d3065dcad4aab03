"""What every benchmark needs: a line on the terminal and a JSON file with the date, versions and hardware."""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def log(text: str) -> None:
    """Print one line at once."""
    sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")
    sys.stdout.flush()


def hardware() -> dict[str, Any]:
    """Processor, threads, memory and accelerator."""
    import torch

    cpuinfo = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": names[0] if names else platform.processor(), "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(), "memory_gib": round(memory / 2**30, 1),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }  # fmt: skip


def save_result(name: str, result: dict[str, Any]) -> Path:
    """Write ``results/NAME.json``."""
    packages = ("torch", "numpy", "scikit-learn", "lightning", "coterie")
    about = {
        "benchmark": name, "date": datetime.now(UTC).date().isoformat(), "python": platform.python_version(),
        "versions": {package: version(package) for package in packages}, "hardware": hardware(),
    }  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({**about, "result": result}, indent=1) + "\n", encoding="utf-8")
    log(f"wrote {path.name}")
    return path
