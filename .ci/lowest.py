"""Print the lower bounds of pyproject.toml as exact versions, for pip's --constraint."""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
bounds = project["dependencies"]
for extra, more in project["optional-dependencies"].items():
    if extra not in {"all", "dev", "docs"}:
        bounds += more
for bound in bounds:
    sys.stdout.write(bound.replace(">=", "==") + "\n")
