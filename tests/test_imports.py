"""Who imports whom: no circle, nothing private across rooms, and rooms that only look down.

Imports inside functions count, for they hide circles; those under ``TYPE_CHECKING`` do not: they
are never carried out."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import coterie

# What neither a look at the package nor reading data has any use for.
HEAVY = {"jinja2", "lightning", "matplotlib", "PIL", "ray", "rich", "torchmetrics", "tyro"}
SOURCE = Path(coterie.__file__).parent
# From the ground up. Rooms of one floor do not know each other.
FLOORS = (
    ("errors",),
    (
        "identity",
        "labels",
        "named",
        "schema",
        "files",
        "memory",
        "pairs",
        "seeds",
        "texts",
        "wording",
    ),
    ("codec", "drawing", "statistics"),
    ("locks", "manifest", "tasks"),
    ("metrics", "runs"),
    ("data",),
    ("models",),
    ("families",),
    ("results",),
    ("training", "datamaps", "report"),
    ("engines",),
    ("fitting", "grouping"),
    ("affinities", "bounds", "distillation", "estimators", "differentiable"),
    ("methods",),
    ("evaluation",),
    ("cli", "testing"),
    ("__main__",),
)
# A report is about records, however they came about.
ONLY = {"report": {"drawing", "errors", "files", "results", "tasks", "texts", "wording"}}


def modules(source: Path = SOURCE) -> dict[str, Path]:
    """All modules of the package, by name."""
    found = {}
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(tree: ast.AST, known: Mapping[str, Path]) -> Iterator[str]:
    """Modules of the package that a module imports anywhere but under ``TYPE_CHECKING``."""
    if isinstance(tree, ast.Import):
        yield from (alias.name for alias in tree.names if alias.name in known)
    elif isinstance(tree, ast.ImportFrom) and not tree.level:
        for alias in tree.names:
            name = f"{tree.module}.{alias.name}"
            yield from (each for each in (name, tree.module) if each in known)
    guarded = isinstance(tree, ast.If) and "TYPE_CHECKING" in ast.unparse(tree.test)
    for child in tree.orelse if guarded else ast.iter_child_nodes(tree):  # type: ignore[union-attr]
        yield from imports(child, known)


def graph(known: Mapping[str, Path]) -> dict[str, set[str]]:
    """For each module those that it imports.

    What it takes from a room's ``__init__`` is of that room.
    """
    found = {
        name: set(imports(ast.parse(path.read_text(encoding="utf-8")), known)) - {name}
        for name, path in known.items()
    }
    # ``from coterie.room import module`` loads the room too, but a room's own modules are below its
    # ``__init__``.
    return {
        name: {to for to in all_to if not name.startswith(f"{to}.")}
        for name, all_to in found.items()
    }


def room(name: str) -> str:
    """The folder, or the module on its own, that a module belongs to.

    The package itself is none.
    """
    return name.split(".")[1] if "." in name else ""


def circles(edges: Mapping[str, set[str]]) -> list[str]:
    """A circle, if there is one."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return [" -> ".join(error.args[1])]
    return []


def private(edges: Mapping[str, set[str]]) -> list[str]:
    """Modules with an underscore that are imported from another room."""
    hidden = [
        (one, to)
        for one, all_to in edges.items()
        for to in sorted(all_to)
        if to.split(".")[-1].startswith("_")
    ]
    return [f"{one} imports {to}" for one, to in hidden if room(one) != room(to)]


def upwards(edges: Mapping[str, set[str]]) -> list[str]:
    """Imports of a room of the same floor or a higher one, or that a room has no business with."""
    floor = {name: level for level, names in enumerate(FLOORS) for name in names}
    across = [
        (one, to)
        for one, all_to in edges.items()
        for to in sorted(all_to)
        if room(to) and room(one) != room(to)
    ]
    return [
        f"{one} imports {to}"
        for one, to in across
        if floor[room(to)] >= floor[room(one)] or room(to) not in ONLY.get(room(one), floor)
    ]


def test_there_is_no_circle() -> None:
    assert circles(graph(modules())) == []


def test_nothing_private_is_imported_from_another_room() -> None:
    assert private(graph(modules())) == []


def test_rooms_look_down_only() -> None:
    assert {room(name) for name in modules() if room(name)} == {
        name for names in FLOORS for name in names
    }
    assert upwards(graph(modules())) == []


def test_offenders_are_found(tmp_path: Path) -> None:
    files = {
        "errors.py": "",
        "results/__init__.py": "from coterie.results.records import Record",
        "results/records.py": "class Record:\n    def report(self):\n"
        "        from coterie.report import page",
        "results/_secret.py": "",
        "report/__init__.py": "",
        "report/page.py": "from typing import TYPE_CHECKING\nfrom coterie.results import Record\n"
        "if TYPE_CHECKING:\n    from coterie.evaluation import compare\n",
        "evaluation/__init__.py": "import coterie.results._secret",
        "training/__init__.py": "from coterie.evaluation import compare",
    }
    for name, text in files.items():
        path = tmp_path / "coterie" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    edges = graph(modules(tmp_path / "coterie"))
    assert {"coterie.report.page", "coterie.results.records"} < set(circles(edges)[0].split(" -> "))
    assert private(edges) == ["coterie.evaluation imports coterie.results._secret"]
    assert upwards(edges) == [
        "coterie.results.records imports coterie.report",
        "coterie.results.records imports coterie.report.page",
        "coterie.training imports coterie.evaluation",
    ]


def loaded(code: str) -> set[str]:
    """Which libraries a fresh interpreter holds after ``code``."""
    tell = f"import sys\n{code}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", tell], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_imports_nothing_else() -> None:
    assert not loaded("import coterie") & {*HEAVY, "numpy", "pandas", "pyarrow", "torch"}


def test_loading_data_imports_what_it_needs() -> None:
    arrays = "{'inputs': [[float(i)] for i in range(99)], 'targets': [i % 2 for i in range(99)]}"
    found = loaded(f"import coterie; coterie.load({arrays})")
    assert {"torch", "pandas"} <= found
    assert not found & {*HEAVY, "sklearn", "scipy"}
