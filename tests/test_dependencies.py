"""What the package imports is declared, what it declares is imported, and heavy things wait.

Imports under ``TYPE_CHECKING`` do not count, for they are never carried out.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import coterie

from .test_imports import HEAVY, SOURCE

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OPTIONAL = PROJECT["optional-dependencies"]
FOR_US = {"all", "dev", "docs"}
# Where a package is imported by another name than it is installed by.
INSTALLED_AS = {"sklearn": "scikit-learn", "PIL": "pillow"}
# Heavy packages that a module may import at its top, because it is itself imported where it is
# needed.
HOMES = {"tyro": "cli/", "rich": "cli/", "lightning": "datamaps/callback.py"}
# Its objects are handed over; sources know them by what they can do.
NOT_IMPORTED = {"datasets"}
# Who calls `parametrize_with_checks` has pytest.
NOT_DECLARED = {"pytest": "testing/"}


class Import(NamedTuple):
    """An import of somebody else's package."""

    module: str
    package: str
    at_top: bool


def foreign(tree: ast.AST, module: str, at_top: bool = True) -> Iterator[Import]:
    """Imports of neither the standard library nor the package itself."""
    names = []
    if isinstance(tree, ast.Import):
        names = [alias.name for alias in tree.names]
    elif isinstance(tree, ast.ImportFrom) and not tree.level:
        names = [tree.module or ""]
    for name in (name.split(".")[0] for name in names):
        if name not in sys.stdlib_module_names | {coterie.__name__}:
            yield Import(module, name, at_top)
    guarded = isinstance(tree, ast.If) and "TYPE_CHECKING" in ast.unparse(tree.test)
    at_top = at_top and not isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef)
    for child in tree.orelse if guarded else ast.iter_child_nodes(tree):  # type: ignore[union-attr]
        yield from foreign(child, module, at_top)


IMPORTS = [
    found
    for path in sorted(SOURCE.rglob("*.py"))
    for found in foreign(
        ast.parse(path.read_text(encoding="utf-8")), path.relative_to(SOURCE).as_posix()
    )
]


def packages(bounds: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(bound).name) for bound in bounds}


def installed_as(package: str) -> str:
    return canonicalize_name(INSTALLED_AS.get(package, package))


def test_imports_are_seen():
    code = (
        "import os, torch.nn\nfrom coterie import errors\nfrom . import x\n"
        "if TYPE_CHECKING:\n    import rich\nelse:\n    import tyro\n"
        "try:\n    import onnx\nexcept ImportError: pass\n"
        "class A:\n    import jinja2\n    def f(self):\n        from PIL import Image\n"
    )
    assert [found[1:] for found in foreign(ast.parse(code), "m")] == [
        ("torch", True),
        ("tyro", True),
        ("onnx", True),
        ("jinja2", True),
        ("PIL", False),
    ]


def test_what_is_imported_is_declared():
    extras = [bound for name in OPTIONAL.keys() - FOR_US for bound in OPTIONAL[name]]
    declared = packages(PROJECT["dependencies"] + extras)
    assert [
        found
        for found in IMPORTS
        if installed_as(found.package) not in declared
        and not found.module.startswith(NOT_DECLARED.get(found.package, "?"))
    ] == []


def test_what_is_declared_is_imported():
    extras = [bound for name in OPTIONAL.keys() - FOR_US for bound in OPTIONAL[name]]
    imported = {installed_as(found.package) for found in IMPORTS}
    assert packages(PROJECT["dependencies"] + extras) - imported == NOT_IMPORTED


def test_what_an_extra_brings_or_is_heavy_is_imported_where_it_is_used():
    core = packages(PROJECT["dependencies"])
    assert [
        found
        for found in IMPORTS
        if found.at_top
        and (found.package in HEAVY or installed_as(found.package) not in core)
        and not found.module.startswith(HOMES.get(found.package, "?"))
    ] == []


def test_the_extra_of_everything_has_every_extra():
    (everything,) = OPTIONAL["all"]
    assert Requirement(everything).extras == OPTIONAL.keys() - FOR_US


@pytest.mark.parametrize("name", ["dependencies", *sorted(OPTIONAL)])
def test_every_bound_is_kept_by_the_versions_that_are_tested(name):
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    tested = {
        canonicalize_name(pin): version
        for pin, version in (line.split("==") for line in lines if not line.startswith("#"))
    }
    bounds = PROJECT["dependencies"] if name == "dependencies" else OPTIONAL[name]
    for bound in map(Requirement, bounds):
        if bound.name != coterie.__name__:
            assert bound.specifier.contains(
                tested[canonicalize_name(bound.name)], prereleases=True
            ), bound
            # What `make test-lowest` makes of it is one exact version.
            assert [each.operator for each in bound.specifier] == [">="]
