"""``python -m tests.golden list | store FOLDER | compare FOLDER | expect``, and names of cases."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from time import perf_counter

# Before any library counts the cores: how sums are split over threads changes their last bits.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

import tests.golden.cases  # noqa: E402, F401
from tests.golden import expected  # noqa: E402
from tests.golden.machine import about, same_machine  # noqa: E402
from tests.golden.records import Record, differences, stored  # noqa: E402
from tests.golden.registry import CASES  # noqa: E402


def main() -> int:
    verb = argparse.ArgumentParser(
        prog="python -m tests.golden", description="The gate of a refactoring; see README.md."
    )
    verbs = verb.add_subparsers(dest="verb", required=True)
    for name, help_text in (
        ("list", "name the cases"),
        ("store", "compute and keep"),
        ("compare", "compute and compare with what is kept"),
        ("expect", "rewrite expected.json, which holds on every machine"),
    ):
        one = verbs.add_parser(name, help=help_text)
        if name in ("store", "compare"):
            one.add_argument("folder", type=Path)
        if name != "list":
            one.add_argument("names", nargs="*", metavar="NAME", help="cases; all by default")
    asked = verb.parse_args()
    unknown = [name for name in getattr(asked, "names", ()) if name not in CASES]
    if unknown:
        verb.error(f"there is no case {unknown[0]!r}; there are {', '.join(CASES)}")
    match asked.verb:
        case "list":
            sys.stdout.writelines(f"{name}\n" for name in CASES)
        case "store":
            for name, record in _computed(asked.names):
                record.save(asked.folder, name)
            about(asked.folder)
        case "compare":
            return _compare(asked.folder, asked.names)
        case "expect":
            expected.write(dict(_computed(asked.names)), whole=not asked.names)
    return 0


def _computed(names):
    for name in names or CASES:
        started = perf_counter()
        record = CASES[name].run()
        sys.stderr.write(f"{perf_counter() - started:6.1f} s  {name}\n")
        yield name, record


def _compare(folder: Path, names: list[str]) -> int:
    kept = stored(folder)
    if not kept:
        sys.stderr.write(f"{folder} holds nothing; first: python -m tests.golden store {folder}\n")
        return 2
    for line in same_machine(folder):
        sys.stderr.write(f"warning: {line}\n")
    lines = (
        []
        if names
        else [f"{name}: is stored, but there is no such case" for name in kept if name not in CASES]
    )
    for name, record in _computed(names):
        if name in kept:
            lines += [f"{name}: {line}" for line in differences(Record.load(folder, name), record)]
        else:
            lines.append(f"{name}: was not stored")
    sys.stdout.writelines(f"{line}\n" for line in lines)
    count = len(names or CASES)
    sys.stdout.write(
        f"{len(lines)} difference{'' if len(lines) == 1 else 's'} in {count} "
        f"case{'' if count == 1 else 's'}\n"
    )
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
