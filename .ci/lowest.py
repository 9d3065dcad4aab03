"""Print the lower bounds of pyproject.toml as exact versions, for pip's --constraint.

Of torch the version of constraints.txt: earlier ones come with gigabytes for GPUs.
"""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
bounds = project["dependencies"]
for extra, more in project["optional-dependencies"].items():
    if extra not in {"all", "dev", "docs"}:
        bounds += more
pins = [bound.replace(">=", "==") for bound in bounds if not bound.startswith("torch>")]
tested = Path("constraints.txt").read_text(encoding="utf-8").splitlines()
pins += [line for line in tested if line.startswith("torch==")]
sys.stdout.write("\n".join(pins) + "\n")
