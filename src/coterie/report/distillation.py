"""The report of distilled examples: what they look like, how diverse they are, what students score."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from coterie.drawing import figures
from coterie.drawing.style import INK
from coterie.report import writing
from coterie.report.svg import inline
from coterie.tasks import Kind
from coterie.wording import number, plain, rounded

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from coterie.results import Distilled, Diversity, PostTraining

_LOWEST, _HIGHEST = 64, 112
_MOST_ROWS, _MOST_COLUMNS, _MOST_POINTS, _MOST_LABELS = 100, 50, 200, 4
_CURVES = {"loss": "loss of the tasks", "statistics": "distance of statistics"}
_CHOOSING = {"per_class": "examples of each class or cell", "rule": "chosen by", "n_cells": "cells"}
_OPTIMISING = {
    "iterations": "iterations",
    "round_iterations": "iterations of a round",
    "lr": "learning rate",
    "bn_weight": "weight of statistics",
    "first_bn": "weight of the first layer’s",
    "least_area": "least share of an image in a crop",
    "crop": "crops of each",
    "flip": "mirrored",
    "restart": "learning rate starts anew",
    "batch_size": "most examples of a batch",
    "legacy": "as released",
    "precision": "number format",
}


@dataclass(frozen=True)
class Row:
    """A cell: its name, and its examples by rank as pictures."""

    name: str
    images: list[str]


@dataclass(frozen=True)
class Sheet:
    """Pictures of cells by rank, shown ``height`` pixels high, pixel by pixel if ``enlarged``."""

    rows: list[Row]
    height: int
    enlarged: bool
    left_out: str


@dataclass(frozen=True)
class Rung:
    """Ranks that were optimised equally long."""

    ranks: str
    iterations: int
    examples: int


@dataclass(frozen=True)
class Score:
    """A task's scores: mean and standard deviation over students, and the teacher's."""

    task: str
    last: str
    best: str
    teacher: str


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
    about: Mapping[str, str] | None = None,
) -> Path:
    """Write one HTML file about distilled examples, and the same facts as JSON beside it.

    Args:
        distilled: the examples.
        path: of the page; ``report.html`` has ``report.json`` as its twin.
        diversity: what :func:`coterie.distillation.diversity` gave.
        students: what :func:`coterie.post_train` gave.
        about: what else to tell of what was run, such as the names of data files.

    Raises:
        CoterieError: ``path`` is a folder, the name of a JSON file, or cannot be written.
    """
    page, twin = writing.targets(path)
    html = writing.rendered(
        "distillation.html.j2",
        distilled=distilled,
        summary=summary(distilled),
        sheet=sheet(distilled) if distilled.inputs.ndim == 4 else None,
        rungs=rungs(distilled),
        curves=curves(distilled),
        diversity=None
        if diversity is None
        else [(name, *map(number, values)) for name, *values in diversity.means],
        students=None if students is None else chapter(students),
        settings=[*(about or {}).items(), *_settings(distilled)],
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
        rows.append(Row(names[cell], [_png(image) for image in images[mine]]))
    hidden, height = len(cells) - len(rows), images.shape[1]
    return Sheet(
        rows=rows,
        height=min(_HIGHEST, height * -(-_LOWEST // height)),
        enlarged=height < _HIGHEST,
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
        called = _CURVES.get(name, name.replace("_", " "))
        axes = _curve(values[at], called, at + 1, "iteration")
        for length in np.unique(distilled.iterations)[:-1]:
            axes.axvline(
                distilled.iterations.max() - length + 1,
                color=INK,
                alpha=0.5,
                linestyle=":",
                linewidth=1.2,
            )
        said = f"{called} by iteration; it ends at {number(float(values[-1]))}."
        drawn.append(inline(axes, name=f"curve-{name}", alt=said))
    return drawn


def chapter(students: PostTraining) -> Students:
    """What there is to tell of students."""
    mean = 100 * students.scores.mean((0, 2))
    what = "test score of students, x 100"
    axes = _curve(mean, what, np.asarray(students.epochs), "epoch")
    by_teacher = students.teacher if students.teacher is not None else [None] * len(students.tasks)
    rows = [
        Score(
            task=task,
            last=_spread(students.frame.loc[task], "last"),
            best=_spread(students.frame.loc[task], "best"),
            teacher=number(None if score is None else 100 * float(score), 1),
        )
        for task, score in zip(students.tasks, by_teacher, strict=True)
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


def _curve(values: np.ndarray, what: str, at: np.ndarray, along: str) -> Axes:
    """One curve, which its axis names."""
    axes = figures.learning_curves(
        {what: values}, what=what, at=at, along=along, roles={what: "grouped"}
    )
    for legend in axes.figure.legends:
        legend.remove()
    return axes


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
        "teacher": None if students.teacher is None else rounded(students.teacher),
    }


def summary(distilled: Distilled) -> str:
    """What there is, in a sentence."""
    n, n_cells, n_tasks = len(distilled), len(np.unique(distilled.cells)), len(distilled.tasks)
    of = (
        f"{n_cells} classes"
        if n_tasks == 1
        else f"{n_cells} cells of like labels ({n_tasks} tasks)"
    )
    mean = distilled.iterations.mean()
    how = f"optimised for {mean:,.0f} iterations on average" if mean else "real ones as they are"
    return f"{n} examples of {of}, {how}."


def _names(distilled: Distilled) -> dict[int, str]:
    """What each cell is called: its class, or of several tasks the most frequent labels."""
    found = {}
    for cell in np.unique(distilled.cells):
        labels = _labels(distilled, distilled.targets[distilled.cells == cell])
        if len(distilled.tasks) == 1:
            found[int(cell)] = labels[0]
        else:
            shown = f"{', '.join(labels[:_MOST_LABELS])}{', …' * (len(labels) > _MOST_LABELS)}"
            found[int(cell)] = f"{cell + 1}: {shown or 'none of the labels'}"
    return found


def _labels(distilled: Distilled, targets: np.ndarray) -> list[str]:
    """The most frequent class (n, T) of each task; among several of yes or no, those of yes."""
    found = []
    for task, column in zip(distilled.tasks, targets.T, strict=True):
        if not task.kind.has_classes or np.isnan(column).all():
            continue
        code = int(np.bincount(column[~np.isnan(column)].astype(np.int64)).argmax())
        name = task.classes[code] if task.classes else str(code)
        if len(distilled.tasks) == 1:
            found.append(name)
        elif task.kind != Kind.BINARY:
            found.append(f"{task.name} {name}")
        elif code:
            found.append(task.name)
    return found


def _settings(distilled: Distilled) -> list[tuple[str, str]]:
    """What was asked for, in words; of examples that were not optimised only how they were chosen."""
    asked = distilled.settings
    named = _CHOOSING | _OPTIMISING if distilled.iterations.any() else _CHOOSING
    found = [(told, plain(asked[name])) for name, told in named.items() if asked.get(name)]
    return [
        *found,
        ("seed", plain(asked.get("seed"))),
        ("teacher’s checksum", distilled.teacher[:12]),
    ]


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
