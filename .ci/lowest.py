"""Print the lower bounds of pyproject.toml as exact versions, for pip's --constraint."""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
extras = project["optional-dependencies"]
bounds = sum((extras[name] for name in extras if name not in {"all", "dev", "docs"}), [])
for bound in project["dependencies"] + bounds:
    sys.stdout.write(bound.replace(">=", "==") + "\n")
