"""The report of distilled examples: what they look like, how diverse they are, what students score."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from coterie.drawing import figures
from coterie.report import writing
from coterie.report.svg import inline
from coterie.wording import number, rounded

if TYPE_CHECKING:
    from coterie.results import Distilled, Diversity, PostTraining

_LOWEST, _HIGHEST = 48, 112
_MOST_ROWS, _MOST_COLUMNS, _MOST_POINTS = 100, 50, 200


@dataclass(frozen=True)
class Row:
    """A cell: its name, its examples by rank as one picture, and what that shows."""

    name: str
    image: str
    alt: str


@dataclass(frozen=True)
class Sheet:
    """Pictures of cells by rank, shown ``height`` pixels high."""

    rows: list[Row]
    height: int
    left_out: str


@dataclass(frozen=True)
class Rung:
    """Ranks that were optimised equally long."""

    ranks: str
    iterations: int
    examples: int


@dataclass(frozen=True)
class Score:
    """A task's scores, mean and standard deviation over students."""

    task: str
    last: str
    best: str


@dataclass(frozen=True)
class Students:
    """What students score, in a sentence, a figure and numbers."""

    sentence: str
    svg: Markup
    scores: list[Score]
    soft: str


def write_distillation(
    distilled: Distilled,
    path: str | Path,
    *,
    diversity: Diversity | None = None,
    students: PostTraining | None = None,
) -> Path:
    """Write one HTML file about distilled examples, and the same facts as JSON beside it.

    Args:
        distilled: the examples.
        path: of the page; ``report.html`` has ``report.json`` as its twin.
        diversity: what :func:`coterie.distillation.diversity` gave.
        students: what :func:`coterie.post_train` gave.

    Raises:
        CoterieError: ``path`` is a folder, the name of a JSON file, or cannot be written.
    """
    page, twin = writing.targets(path)
    html = writing.rendered(
        "distillation.html.j2",
        distilled=distilled,
        n_cells=len(np.unique(distilled.cells)),
        sheet=sheet(distilled) if distilled.inputs.ndim == 4 else None,
        rungs=rungs(distilled),
        curves=curves(distilled),
        diversity=None
        if diversity is None
        else [(name, *map(number, values)) for name, *values in diversity.means],
        students=None if students is None else chapter(students),
        settings=[
            (name, str(value))
            for name, value in {"teacher": distilled.teacher, **distilled.settings}.items()
        ],
        twin=twin.name,
    )
    facts = {
        "examples": {**distilled.frame.to_dict("list"), "score": rounded(distilled.scores)},
        "history": {name: rounded(curve) for name, curve in distilled.history.items()},
        "settings": dict(distilled.settings),
        "teacher": distilled.teacher,
        "diversity": None if diversity is None else _distances(diversity),
        "students": None if students is None else _scores(students),
    }
    return writing.write(page, html, twin, facts)


def sheet(distilled: Distilled) -> Sheet:
    """The contact sheet: a row for each cell, its images in the order of their ranks."""
    images, cells = _shown(distilled.images), np.unique(distilled.cells)
    names, rows = _names(distilled), []
    for cell in cells[:_MOST_ROWS]:
        mine = np.flatnonzero(distilled.cells == cell)
        mine = mine[np.argsort(distilled.ranks[mine], kind="stable")][:_MOST_COLUMNS]
        row = np.concatenate(list(images[mine]), axis=1)
        rows.append(Row(names[cell], _png(row), f"{len(mine)} images of {names[cell]}, by rank"))
    hidden = len(cells) - len(rows)
    return Sheet(
        rows=rows,
        height=int(np.clip(images.shape[1], _LOWEST, _HIGHEST)),
        left_out=f"{hidden} more cells are not shown." if hidden else "",
    )


def rungs(distilled: Distilled) -> list[Rung]:
    """How long which ranks were optimised."""
    found = []
    for iterations in np.unique(distilled.iterations)[::-1]:
        mine = distilled.iterations == iterations
        ranks = np.unique(distilled.ranks[mine]) + 1
        first, last = int(ranks.min()), int(ranks.max())
        told = str(first) if first == last else f"{first} to {last}"
        found.append(Rung(told, int(iterations), int(mine.sum())))
    return found


def curves(distilled: Distilled) -> list[Markup]:
    """A figure of each curve over the iterations."""
    drawn = []
    for name, curve in distilled.history.items():
        values = np.asarray(curve, dtype=np.float64)
        if values.ndim != 1 or not np.isfinite(values).any():
            continue
        at = np.unique(np.linspace(0, len(values) - 1, _MOST_POINTS).round().astype(int))
        axes = figures.learning_curves(
            {name: values[at]}, what=name.replace("_", " "), at=at + 1, along="iteration"
        )
        said = f"{name} by iteration; it ends at {number(float(values[-1]))}."
        drawn.append(inline(axes, name=f"curve-{name}", alt=said))
    return drawn


def chapter(students: PostTraining) -> Students:
    """What there is to tell of students."""
    mean = 100 * students.scores.mean((0, 2))
    axes = figures.learning_curves(
        {"students": mean}, what="test score, x 100", at=np.asarray(students.epochs)
    )
    rows = [
        Score(task, *(_spread(students.frame.loc[task], kind) for kind in ("last", "best")))
        for task in students.tasks
    ]
    others = [name for name in students.tasks if name not in students.soft]
    return Students(
        sentence=students.sentence,
        svg=inline(
            axes, name="students", alt=f"Mean test score by epoch, {number(mean[-1])} at last."
        ),
        scores=rows,
        soft=""
        if not others
        else f"The examples’ own labels, because the teacher does not know them: {', '.join(others)}.",
    )


def _spread(row: object, kind: str) -> str:
    mean, deviation = (100 * float(row[name]) for name in (kind, f"{kind} sd"))  # type: ignore[index]
    return number(mean, 1) if np.isnan(deviation) else f"{mean:.1f} ± {deviation:.1f}"


def _distances(found: Diversity) -> dict[str, object]:
    return {
        "sets": list(found.sets),
        "cells": found.cells.tolist(),
        "centroid": rounded(found.centroid),
        "pairwise": rounded(found.pairwise),
    }


def _scores(students: PostTraining) -> dict[str, object]:
    return {
        "sentence": students.sentence,
        "tasks": list(students.tasks),
        "metrics": list(students.metric_names),
        "seeds": list(students.seeds),
        "epochs": students.epochs.tolist(),
        "scores": rounded(students.scores),
        "soft": list(students.soft),
    }


def _names(distilled: Distilled) -> dict[int, str]:
    """What each cell is called: its class, where there is one task of classes."""
    cells, tasks = np.unique(distilled.cells), distilled.tasks
    classes: Iterable[str] = tasks[0].classes if len(tasks) == 1 else ()
    named = dict(enumerate(classes))
    return {int(cell): named.get(int(cell), f"cell {cell + 1}") for cell in cells}


def _shown(images: np.ndarray) -> np.ndarray:
    """Images (n, H, W, 3) uint8 of any depth and number of channels."""
    if images.dtype != np.uint8:
        low, high = float(images.min()), float(images.max())
        images = ((images - low) / max(high - low, 1e-9) * 255).astype(np.uint8)
    return images[..., :3] if images.shape[-1] >= 3 else np.repeat(images[..., :1], 3, axis=-1)


def _png(image: np.ndarray) -> str:
    """An image (H, W, 3) as a data URI, pixel by pixel."""
    from matplotlib.image import imsave

    file = io.BytesIO()
    imsave(file, image, format="png")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
