"""What all benchmark scripts share.

Results are JSON beside the scripts, with date, versions and hardware.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"
_PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "pyarrow", "safetensors", "lightning")


def hardware() -> dict[str, Any]:
    """Processor, cores that this process may use, memory in GB, GPU."""
    cpu = Path("/proc/cpuinfo")
    names = (
        [
            line.split(":")[1].strip()
            for line in cpu.read_text().splitlines()
            if line.startswith("model name")
        ]
        if cpu.exists()
        else []
    )
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def on_gpu(name: str) -> str:
    """The name under which a speed is kept, which is another figure on a GPU."""
    return f"{name}_gpu" if torch.cuda.is_available() else name


def simulation_arguments(about: str | None) -> argparse.Namespace:
    """What every simulation takes: ``scale``, ``seed`` and ``no_save``."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of repetitions")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-save", action="store_true", help="print only")
    return parser.parse_args()


def save_result(name: str, found: dict[str, Any]) -> Path:
    """Write ``results/NAME.json``: what was found, when, with which versions, on what."""
    about = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in _PACKAGES},
        "hardware": hardware(),
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({**found, "about": about}, indent=1) + "\n", encoding="utf-8")
    return path


def log(text: str) -> None:
    """Print one line at once."""
    sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")
    sys.stdout.flush()
