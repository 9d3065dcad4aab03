"""Templates name only what the chapters give them, and all of it."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from importlib.resources import files

import pytest
from jinja2 import Environment, nodes

from coterie import report
from coterie.report.assignments import Learnt
from coterie.report.gains import Scale
from coterie.results import ComparisonRecord

OF_JINJA = {"first", "length", "index", "index0", "items", "format"}  # of loops, texts, mappings
OF_THE_PAGE = {"headlines", "plain", "findings", "chosen"}  # keys of plain mappings
TEMPLATES = [path for path in files(report).iterdir() if path.name.endswith(".j2")]


def chapters() -> dict[str, set[str]]:
    """The fields of every class that the modules of the report define for templates."""
    modules = [
        importlib.import_module(f"coterie.report.{module.name}")
        for module in pkgutil.iter_modules(report.__path__)
    ]
    kinds = {
        kind
        for module in modules
        for kind in vars(module).values()
        if dataclasses.is_dataclass(kind) and kind.__module__ == module.__name__
    }
    return {
        f"{kind.__module__}.{kind.__name__}": {each.name for each in dataclasses.fields(kind)}
        for kind in kinds - {Scale, Learnt}
    }


def named(text: str) -> set[str]:
    """The attributes that a template names, those of its own macros left out."""
    found = Environment(autoescape=True).parse(text)
    by_dot = {
        node.attr
        for node in found.find_all(nodes.Getattr)
        if not (isinstance(node.node, nodes.Name) and node.node.name == "parts")
    }
    by_word = {
        keyword.value.value
        for node in found.find_all(nodes.Filter)
        for keyword in node.kwargs
        if keyword.key == "attribute"
    }
    return by_dot | by_word


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_what_a_template_names_is_given(template) -> None:
    given = set().union(*chapters().values(), OF_JINJA, OF_THE_PAGE)
    given |= {each.name for each in dataclasses.fields(ComparisonRecord)}
    assert named(template.read_text(encoding="utf-8")) <= given


def test_what_is_given_is_named() -> None:
    all_named = set().union(*(named(path.read_text(encoding="utf-8")) for path in TEMPLATES))
    for_the_twin = {"density"}
    of_python = {"value"}  # by which rows are ranked
    unused = {
        name: left
        for name, fields in chapters().items()
        if (left := fields - all_named - for_the_twin - of_python)
    }
    assert unused == {}
