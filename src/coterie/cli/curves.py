"""What arms score with fewer labels: a verb of its own, and what comparing may end with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from coterie.cli import options
from coterie.cli.asked import methods_asked, model_of, rivals_asked, settings_of
from coterie.cli.option_groups import ComparisonOptions
from coterie.cli.outcomes import show_learning_curve
from coterie.cli.shared import COMPARISON, no_trace_of_a_mistake, started
from coterie.cli.show import Screen
from coterie.files import atomic

if TYPE_CHECKING:
    from coterie.data import Dataset
    from coterie.results import ComparisonRecord, LearningCurve
    from coterie.runs import Run

CURVE = "learning_curve"
_FILE = f"{CURVE}.safetensors"
# Of how a comparison is made, what concerns a curve.
_OWN = ("methods", "rivals", "margin", "seeds", "repeats")


def learning_curve(verb: options.LearningCurve, screen: Screen) -> None:
    """Compare with growing shares of the labels, and keep the curve in the run directory."""
    with started(verb, screen) as (run, data):
        compared = ComparisonOptions(**{name: getattr(verb, name) for name in _OWN})
        show_learning_curve(screen, _curve(run, verb, compared, verb.shares, data, screen))
        screen.path("Learning curve", run.folder / _FILE)


def with_curve(
    run: Run, verb: options.Compare, data: Dataset, found: ComparisonRecord, screen: Screen
) -> ComparisonRecord:
    """The comparison of a run with a curve at the usual shares."""
    from coterie.evaluation import SHARES

    curve = _curve(run, verb, verb.comparison, SHARES, data, screen)
    if found.learning_curve is not None and found.learning_curve.to_dict() == curve.to_dict():
        return found
    found = replace(found, learning_curve=curve)
    run.forget("comparison", "report")
    run.complete("comparison", found.save(run.folder / COMPARISON))
    return found


def _curve(
    run: Run,
    verb: options.LearningCurve | options.Compare,
    compared: ComparisonOptions,
    shares: Sequence[float],
    data: Dataset,
    screen: Screen,
) -> LearningCurve:
    """The curve that the run has, or else one that is trained for now."""
    from coterie.evaluation import learning_curve as trained
    from coterie.results import LearningCurve

    asked = {
        "shares": list(shares),
        "grouping": asdict(verb.grouping),
        **{name: getattr(compared, name) for name in _OWN},
    }
    asked = json.loads(json.dumps(asked))
    if run.done(CURVE) and run.about(CURVE)["asked"] == asked:
        return LearningCurve.load(run.folder / _FILE)
    # Else what is left of a stopped training would be taken for that of the curve that there is.
    run.forget(CURVE)
    with no_trace_of_a_mistake(run), screen.progress() as progress:
        found = trained(
            model_of(verb.training, data),
            data,
            methods_asked(verb.grouping, compared),
            shares=shares,
            seeds=compared.seeds,
            seed=verb.training.seed,
            repeats=compared.repeats,
            rivals=rivals_asked(compared) if compared.rivals else None,
            margin=compared.margin,
            run=run.checkpoint(CURVE),
            progress=progress,
            **settings_of(verb.training),
        )
    with atomic(run.folder / _FILE) as temporary:
        found.save(temporary)
    run.complete(CURVE, [run.folder / _FILE], asked=asked)
    run.drop_checkpoint(CURVE)
    return found
