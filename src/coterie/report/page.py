"""Writing the page and its JSON twin."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup, escape

from coterie.report import (
    about,
    affinities,
    answer,
    assignments,
    curves,
    few_labels,
    gains,
    groups,
    headroom,
    maps,
    methods,
    reliability,
    scores,
    stability,
    writing,
)
from coterie.results import Affinity
from coterie.results.tables import CHOSEN
from coterie.wording import rounded

if TYPE_CHECKING:
    from coterie.results import ComparisonRecord, Found


_STRESSED = re.compile(r"\*([^*]+)\*")


def write_report(comparison: ComparisonRecord, path: str | Path) -> Path:
    """Write ``comparison`` as one HTML file that needs no network, and the same facts as JSON.

    The same comparison gives the same bytes. Returns the path of the page; ``report.html`` has
    ``report.json`` as its twin.

    Raises:
        CoterieError: ``path`` is a folder, is itself the name of a JSON file, or cannot be written.

    >>> write_report(comparison, "report.html")  # doctest: +SKIP
    PosixPath('report.html')
    """
    page, twin = writing.targets(path)
    drawn = maps.chapter(comparison)
    html = render(comparison, drawn, twin_name=twin.name)
    twin_of = _twin(comparison) | {
        "curves": curves.table(comparison),
        "data_maps": drawn and maps.density_table(drawn),
    }
    return writing.write(page, html, twin, twin_of)


def render(comparison: ComparisonRecord, drawn: maps.Maps | None, *, twin_name: str) -> str:
    """The page as text.

    ``drawn`` is its chapter of data maps, ``twin_name`` the file name of the JSON twin that it
    mentions.
    """
    order = groups.task_order(comparison)
    return writing.rendered(
        "template.html.j2",
        comparison=comparison,
        glossary=_glossary(comparison),
        answer=answer.chapter(comparison),
        twin=twin_name,
        headroom=None if comparison.headroom is None else headroom.chapter(comparison.headroom),
        few=None
        if comparison.learning_curve is None
        else few_labels.chapter(comparison.learning_curve),
        memberships=groups.memberships(comparison),
        choice=methods.choice(comparison),
        methods=methods.chapter(comparison),
        affinities=affinities.chapter(comparison),
        assignments=assignments.chapter(comparison),
        maps=drawn,
        stability=stability.chapter(comparison),
        gains=gains.chapter(comparison, order),
        scores=scores.score_table(comparison, order),
        costs=scores.costs(comparison),
        reliability=None
        if comparison.reliability is None
        else reliability.chapter(comparison.reliability),
        curves=curves.chapter(comparison),
        settings=about.settings(comparison),
        downloads=about.downloads(comparison),
    )


def _twin(comparison: ComparisonRecord) -> dict[str, object]:
    """All that the comparison holds, as JSON types, and where there are any the methods and the learning curve."""
    groupings = {
        name: [_told(each, is_choice=name == CHOSEN) for each in several]
        for name, several in comparison.found.items()
    }
    found = comparison.to_dict() | {"groupings": groupings}
    if methods.is_shown(comparison):
        found["methods"] = methods.table(comparison)
    if comparison.learning_curve is not None:
        found["learning_curve"] = comparison.learning_curve.to_dict()
    return found


def _told(found: Found, *, is_choice: bool) -> dict[str, object]:
    """What was found; by what, where it stands for the choice, is told under its own name."""
    told = found.to_dict()
    evidence = None if is_choice else _evidence(found.evidence, told["evidence"])
    return told | {"grouping": _finite(told["grouping"]), "evidence": _finite(evidence)}


def _evidence(evidence: object, told: object) -> object:
    """By what it was found, as it is ``told``, but affinities in four digits."""
    if not isinstance(evidence, Affinity):
        return told
    matrices = {name: getattr(evidence, name) for name in ("matrix", "stderr", "counts")}
    short = {
        name: None if matrix is None else rounded(np.asarray(matrix, dtype=np.float64))
        for name, matrix in matrices.items()
    }
    return {"affinity": {"method": evidence.method, **short}}


def _finite(value: object) -> object:
    """``value`` without what JSON has no sign for.

    Such as the gap of a search that was cut off before it had a bound.
    """
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {key: _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case _:
            return value


def _glossary(comparison: ComparisonRecord) -> dict[str, Markup]:
    """What each kind of arm is, as far as the comparison tells.

    What stands between asterisks is stressed.
    """
    told = {role: str(escape(sentence)) for role, sentence in comparison.roles.items() if sentence}
    return {role: Markup(_STRESSED.sub(r"<em>\1</em>", text)) for role, text in told.items()}  # noqa: S704, escaped
