"""Checks of what was asked that need no data.

A slip should not wait for a large file to be read.
"""

from __future__ import annotations

from pathlib import Path

from coterie.cli import options
from coterie.cli.asked import (
    affinity_of,
    baselines_asked,
    methods_asked,
    rivals_asked,
    seeds_of,
    settings_of,
)
from coterie.cli.option_groups import ComparisonOptions, DistillationOptions
from coterie.errors import CoterieError, require_choice, require_whole


def check(
    verb: options.Compare
    | options.Record
    | options.Affinity
    | options.Plan
    | options.Headroom
    | options.LearningCurve
    | options.Distill,
) -> None:
    """Refuse settings that no data could make right.

    Raises:
        CoterieError: naming the setting, as the functions of Python do.
    """
    from coterie.fitting import make_config
    from coterie.models.architecture import find_factory

    make_config({**settings_of(verb.training), "seed": verb.training.seed})
    if verb.training.model != "auto":
        find_factory(verb.training.model)
    if isinstance(verb, options.Affinity):
        from coterie.affinities import named_probes

        named_probes([affinity_of(name) for name in verb.methods], verb.every)
    elif isinstance(verb, options.Headroom):
        from coterie.bounds import check_counts

        check_counts(verb.rows, verb.seeds, 1.0 if verb.margin is None else verb.margin)
    elif isinstance(verb, options.LearningCurve):
        _check_curve(verb)
    elif isinstance(verb, options.Distill):
        _check_distillation(verb.distillation)
    elif isinstance(verb, options.Compare | options.Plan):
        _check_comparison(verb)


def _check_curve(verb: options.LearningCurve) -> None:
    from coterie.evaluation import check_counts, check_repeats, read_seeds, read_shares

    read_shares(verb.shares)
    read_seeds(verb.seeds)
    check_repeats(verb.repeats)
    check_counts(1, (), verb.margin)
    asked = ComparisonOptions(methods=verb.methods, rivals=verb.rivals)
    rivals_asked(asked)
    methods_asked(verb.grouping, asked)


def _check_distillation(asked: DistillationOptions) -> None:
    from coterie.distillation import RULES, Recovery

    how = Recovery(iterations=asked.iterations, round_iterations=asked.round)
    how.schedule(asked.per_class)
    require_choice("rule", asked.rule, [rule for rule in RULES if rule != "data_map"])


def check_students(verb: options.Fit, distilled: Path) -> None:
    """Refuse students that no data could make right.

    Raises:
        CoterieError: naming the setting, or the file that is none.
    """
    from coterie.distillation import Recipe

    if verb.epochs is not None:
        Recipe(epochs=verb.epochs)
    if verb.seeds is not None:
        require_whole("seeds", verb.seeds, 1)
    if verb.distilled is None and not distilled.is_file():
        raise CoterieError(
            f"Run {str(verb.run)!r} has no distilled examples yet: continue it with the command "
            "that started it."
        )
    if not distilled.is_file():
        what = "is a folder" if distilled.is_dir() else "does not exist"
        raise CoterieError(
            "`--distilled` must be a file of distilled examples, such as distilled.safetensors of a "
            f"run of coterie distill; {str(distilled)!r} {what}."
        )


def _check_comparison(verb: options.Compare | options.Plan) -> None:
    from coterie.evaluation import (
        check_counts,
        check_repeats,
        read_seeds,
        read_until,
        seconds_of,
    )

    if read_until(**seeds_of(verb.comparison)) is None and verb.comparison.seeds is not None:
        read_seeds(verb.comparison.seeds)
    check_repeats(verb.comparison.repeats)
    check_counts(verb.comparison.draws, baselines_asked(verb.comparison), verb.comparison.margin)
    rivals_asked(verb.comparison)
    if isinstance(verb, options.Plan) and verb.budget is not None:
        seconds_of(verb.budget)
    methods_asked(verb.grouping, verb.comparison)
