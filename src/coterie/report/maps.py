"""The chapter of data maps: how each group and each task learnt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from coterie.drawing import maps as draw
from coterie.report.folding import FEW
from coterie.report.groups import by_group, task_order
from coterie.report.svg import inline, raster
from coterie.wording import rounded, share

if TYPE_CHECKING:
    from coterie.results import ComparisonRecord, DataMap, Grouping

MOST_MAPS = 150
_MOST_TYPICAL = 12
_MOST_NAMES = 6


@dataclass(frozen=True)
class Panel:
    """The map of one task as an ``image``."""

    title: str
    facts: str
    density: np.ndarray
    image: str


@dataclass(frozen=True)
class GroupPanel:
    """The map of all tasks of one group together, as a figure."""

    title: str
    facts: str
    density: np.ndarray
    svg: Markup


@dataclass(frozen=True)
class Maps:
    """Maps on one scale of colours, ``low`` to ``high``: of a ``few`` tasks, then of ``all``."""

    examples: int
    epochs: int
    low: str
    high: str
    groups: list[GroupPanel]
    few: list[Panel]
    all: list[Panel]
    left_out: int


def chapter(comparison: ComparisonRecord) -> Maps | None:
    """Maps of the groups and of the tasks on one colour scale; None where nothing was recorded."""
    recorded = comparison.data_map
    if recorded is None:
        return None
    where = {name: position for position, name in enumerate(recorded.tasks)}
    order = [where[name] for name in task_order(comparison) if name in where]
    shown = order[:MOST_MAPS]
    densities = {
        t: draw.density(recorded.confidence[:, t], recorded.variability[:, t]) for t in order
    }
    limits = draw.density_limits(list(densities.values()))
    panels = {t: _panel(recorded, t, densities[t], limits) for t in shown}
    grouping = next((several[0] for several in comparison.groupings.values()), None)
    typical = [t for t in _typical(grouping, where) if t in panels] if len(shown) > FEW else shown
    return Maps(
        examples=recorded.confidence.shape[0],
        epochs=recorded.epoch,
        low=f"{100 * limits[0]:.2g}\u00a0%",
        high=f"{100 * limits[1]:.2g}\u00a0%",
        groups=[] if grouping is None else _group_panels(grouping, where, densities, limits),
        few=[panels[t] for t in typical],
        all=[panels[t] for t in shown] if len(shown) > len(typical) else [],
        left_out=len(order) - len(shown),
    )


def density_table(maps: Maps) -> dict[str, object]:
    """The densities that the maps draw, as JSON types.

    Share of examples by bin of confidence and of variability.
    """
    drawn = {"tasks": maps.all or maps.few, "groups": maps.groups}
    return {
        "examples": maps.examples,
        "epochs": maps.epochs,
        "confidence": [0.0, 1.0],
        "variability": [0.0, round(float(np.sqrt(0.5)), 4)],
        **{
            what: {
                panel.title: {"facts": panel.facts, "density": rounded(panel.density)}
                for panel in panels
            }
            for what, panels in drawn.items()
        },
    }


def _typical(grouping: Grouping | None, where: Mapping[str, int]) -> list[int]:
    """The surest task of each group, at most 12."""
    if grouping is None:
        return list(where.values())[:_MOST_TYPICAL]
    first_of = {int(grouping.labels[t]): t for t in reversed(by_group(grouping))}
    return [where[grouping.tasks[first_of[k]]] for k in sorted(first_of)][:_MOST_TYPICAL]


def _panel(recorded: DataMap, t: int, density: np.ndarray, limits: tuple[float, float]) -> Panel:
    facts = _facts(recorded.confidence[:, t], recorded.variability[:, t])
    return Panel(recorded.tasks[t], facts, density, raster(draw.shades(density, limits)))


def _facts(confidence: np.ndarray, variability: np.ndarray) -> str:
    if not np.isfinite(confidence).any():
        return "never observed"
    middle = [
        share(float(np.nanmedian(values.astype(np.float64))))
        for values in (confidence, variability)
    ]
    return f"median confidence {middle[0]}, variability {middle[1]}"


def _group_panels(
    grouping: Grouping,
    where: Mapping[str, int],
    densities: Mapping[int, np.ndarray],
    limits: tuple[float, float],
) -> list[GroupPanel]:
    panels = []
    for k, names in enumerate(grouping.groups):
        known = [where[name] for name in names if name in where]
        if known:
            density = np.mean([densities[t] for t in known], axis=0)
            axes = draw.data_map(density, limits=limits)
            alt = f"Data map of group {k + 1}, all its {len(known)} tasks together."
            facts = ", ".join(names) if len(names) <= _MOST_NAMES else f"{len(names)} tasks"
            svg = inline(axes, name=f"group{k}", alt=alt)
            panels.append(GroupPanel(f"Group {k + 1}", facts, density, svg))
    return panels
