"""What each verb does.

Load, call the Python function of the same name, keep the outcome in the run directory, show it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from coterie.cli import options
from coterie.cli.arguments import told_by_flags
from coterie.cli.asked import (
    baselines_asked,
    clustering_of,
    given,
    methods_asked,
    model_of,
    rivals_asked,
    seeds_of,
    settings_of,
)
from coterie.cli.constraining import group_constraints
from coterie.cli.outcomes import show_learning_curve, show_proof
from coterie.cli.shared import (
    COMPARISON,
    DATA_MAP,
    DISTILLED,
    GROUPING,
    METRICS,
    MODEL,
    REPORT,
    comparison_of,
    continued,
    data_map_of,
    is_distillation,
    keep_grouping,
    model_is_of_the_grouping,
    no_trace_of_a_mistake,
    reload,
    saved_affinity,
    saved_model,
    started,
    training_of,
)
from coterie.cli.show import (
    Screen,
    show_answer,
    show_grouping,
    show_metrics,
    show_positive_classes,
)
from coterie.errors import CoterieError
from coterie.files import atomic
from coterie.runs import MANIFEST, Run

if TYPE_CHECKING:
    from coterie.data import Dataset
    from coterie.families import FamilyModel
    from coterie.methods import Method
    from coterie.models import GroupedModel
    from coterie.results import ComparisonRecord, Grouping

UNDECIDED = 3


def perform(verb: options.Verb) -> None:
    """Do what ``verb`` says. Imports take seconds.

    What can be refused without them is refused before.
    """
    screen = Screen(quiet=verb.output.quiet)
    match verb:
        case options.Run():
            run_all(verb, screen)
        case options.Compare():
            with started(verb, screen) as (run, data):
                compare(verb, run, data, screen)
        case options.Record():
            record(verb, screen)
        case options.Headroom():
            from coterie.cli.bounding import headroom

            headroom(verb, screen)
        case options.LearningCurve():
            from coterie.cli.curves import learning_curve

            learning_curve(verb, screen)
        case options.Affinity() | options.Select() | options.Plan():
            from coterie.cli.measuring import perform_measuring

            perform_measuring(verb, screen)
        case options.Group():
            group(verb, screen)
        case options.Distill():
            from coterie.cli.distilling import distill

            teacher = "the teacher" if verb.distillation.teacher is None else "`--teacher`"
            told = {"round_iterations": "`--round`", "teacher": teacher}
            with told_by_flags(options.Distill, **told):
                distill(verb, screen)
        case options.Fit():
            fit(verb, screen)
        case options.Evaluate():
            evaluate(verb, screen)
        case options.Report():
            with continued(verb.run) as run:
                report(run, screen)
        case options.Predict():
            from coterie.cli.predictions import predict

            predict(verb, screen)
        case options.Export():
            from coterie.cli.exporting import export

            export(verb, screen)
        case options.Parts():
            from coterie.cli.listing import list_parts

            list_parts(screen)


def run_all(verb: options.Run, screen: Screen) -> None:
    """Compare, save the grouped model, write the report."""
    with started(verb, screen) as (run, data):
        comparison = compare(verb, run, data, screen)
        if run.done("model"):
            arm = run.about("model").get("arm")
            origin = f"of {arm}" if arm else "of `coterie fit`"
            screen.path(f"Model {origin}", run.folder / MODEL)
        report(run, screen)
    if verb.fail_undecided and comparison.outcome != "decided":
        raise SystemExit(UNDECIDED)


def compare(verb: options.Compare, run: Run, data: Dataset, screen: Screen) -> ComparisonRecord:
    """Measure whether grouping pays.

    Finished parts of the same run are read, not computed again.
    """
    wanted = dict(seeds_of(verb.comparison))
    # A comparison whose seeds were added until something else goes on.
    if run.done("comparison") and run.about("comparison").get("asked", wanted) == wanted:
        comparison = comparison_of(run)
    else:
        from coterie.cli.bounding import first_bound
        from coterie.evaluation import compare as compare_arms
        from coterie.evaluation.naming import named_methods

        asked = verb.comparison
        with no_trace_of_a_mistake(run):  # which should not wait for a bound to be trained
            methods = named_methods(methods_asked(verb.grouping, asked), data.tasks.names)
            save = verb.save if isinstance(verb, options.Run) else None
            _check_save(save, verb, methods, data)
        bound = first_bound(run, verb, data, screen)
        with no_trace_of_a_mistake(run), screen.progress() as progress:
            comparison = compare_arms(
                model_of(verb.training, data),
                data,
                methods,
                **seeds_of(asked),
                seed=verb.training.seed,
                repeats=asked.repeats,
                draws=asked.draws,
                baselines=baselines_asked(asked),
                rivals=rivals_asked(asked),
                margin=asked.margin,
                headroom=bound,
                anyway=asked.anyway,
                run=run,
                save=save,
                progress=progress,
                **settings_of(verb.training),
            )
        run.forget("comparison", "report")
        sequential = {} if asked.seeds is not None else {"asked": wanted}
        run.complete("comparison", comparison.save(run.folder / COMPARISON), **sequential)
    if isinstance(verb, options.Run):
        comparison = _left(verb.save, run, data, comparison)
    if verb.learning_curve:
        from coterie.cli.curves import with_curve

        comparison = with_curve(run, verb, data, comparison, screen)
    show_answer(screen, comparison)
    if comparison.learning_curve is not None:
        show_learning_curve(screen, comparison.learning_curve)
    screen.notes(_notes(groupings[0] for groupings in comparison.groupings.values()))
    for name, groupings in comparison.groupings.items():
        show_grouping(screen, groupings[0], name if len(comparison.groupings) > 1 else "first seed")
    return comparison


def _left(save: str | None, run: Run, data: Dataset, found: ComparisonRecord) -> ComparisonRecord:
    """Leave the models of the arm to save, and tell of its probabilities.

    A model of `coterie fit` stays, unless an arm is asked for.
    """
    fitted = run.done("model") and "arm" not in run.about("model")
    if save is None and fitted:
        return found
    from coterie.evaluation import leave_model, saved_reliability

    leave_model(run, found, save)
    arm = run.about("model").get("arm") if run.done("model") else None
    told = saved_reliability(run, data, arm) if arm else None
    if told is None or told == found.reliability:
        return found
    found = replace(found, reliability=told)
    about = run.about("comparison")
    run.forget("comparison", "report")
    run.complete("comparison", found.save(run.folder / COMPARISON), **about)
    return found


def _check_save(
    save: str | None, verb: options.Compare, methods: Mapping[str, Method], data: Dataset
) -> None:
    from coterie.evaluation import check_save, suitable

    baselines = baselines_asked(verb.comparison)
    rivals, _ = suitable(
        rivals_asked(verb.comparison),
        data,
        model=model_of(verb.training, data),
        settings=settings_of(verb.training),
        baselines=baselines,
    )
    check_save(save, methods, data, baselines=baselines, rivals=[each.name for each in rivals])


def record(verb: options.Record, screen: Screen) -> None:
    """Train all tasks together and keep the data map."""
    with started(verb, screen) as (run, data):
        if not run.done("record"):
            from coterie.fitting import fit as fit_stack

            with no_trace_of_a_mistake(run), screen.progress() as progress:
                fitted = fit_stack(
                    model_of(verb.training, data),
                    data,
                    record=True,
                    seed=verb.training.seed,
                    progress=progress,
                    checkpoint=run.checkpoint("record"),
                    **settings_of(verb.training),
                )
            if fitted.data_map is None:
                raise CoterieError("Nothing was recorded.")
            fitted.data_map.save(run.folder / DATA_MAP)
            run.complete("record", [run.folder / DATA_MAP], seconds=fitted.cost["seconds"])
            run.drop_checkpoint("record")
        screen.path("Data map", run.folder / DATA_MAP)


def group(verb: options.Group, screen: Screen) -> None:
    """Group the tasks of a recorded run."""
    asked = verb.grouping
    if len(asked.groups) != 1 or len(asked.fuzziness) != 1:
        raise CoterieError(
            "`--groups` and `--fuzziness` take one value each here; `coterie compare` takes "
            "several."
        )
    with continued(verb.run) as run:
        from coterie.grouping import group as group_tasks

        source = data_map_of(run) if verb.affinity is None else saved_affinity(run, verb.affinity)
        grouping = group_tasks(
            source,
            asked.groups[0],
            method=clustering_of(asked),
            fuzziness=asked.fuzziness[0],
            features=asked.features,
            seed=training_of(run).seed,
            **group_constraints(verb, source.tasks),
        )
        settings = {**asdict(asked), "groups": asked.groups[0], "fuzziness": asked.fuzziness[0]}
        if verb.constraints != options.ConstraintOptions():
            settings["constraints"] = json.loads(json.dumps(asdict(verb.constraints)))
        if verb.affinity is not None:
            settings["affinity"] = verb.affinity
        keep_grouping(run, grouping, settings)
    screen.notes(_notes([grouping]))
    show_grouping(screen, grouping)
    if "bound" in grouping.details:
        show_proof(screen, grouping)
    screen.path("Grouping", run.folder / GROUPING)


def fit(verb: options.Fit, screen: Screen) -> None:
    """Train the specialised models of a grouped run, or students on distilled examples."""
    if verb.distilled is not None or is_distillation(Run.existing(verb.run)):
        from coterie.cli.distilling import train_students

        with told_by_flags(options.Fit):
            train_students(verb, screen)
        return
    if verb.epochs is not None or verb.seeds is not None:
        raise CoterieError(
            "`--epochs` and `--seeds` are of students on distilled examples; give `--distilled` "
            "too, or a run of coterie distill."
        )
    with continued(verb.run) as run:
        if not run.done("group"):
            raise CoterieError(
                f"Run {str(verb.run)!r} has no grouping yet: coterie group {verb.run} --groups K."
            )
        from coterie.models.architecture import trusted

        model = training_of(run).model
        if model != "auto" or verb.model is not None:
            trusted(model, verb.model, run.folder / MANIFEST, trust=verb.trust)
        data = reload(run, screen, trust=verb.trust)
        if model_is_of_the_grouping(run) and run.done("model"):
            screen.notes(["Nothing has changed since the model was trained: it is kept as it is."])
        else:
            _fit(run, data, screen)
        screen.path("Model", run.folder / MODEL)


def _fit(run: Run, data: Dataset, screen: Screen) -> None:
    from coterie.fitting import fit as fit_stack
    from coterie.results import Grouping

    grouping = Grouping.load(run.folder / GROUPING)
    training = training_of(run)
    with screen.progress() as progress:
        fitted = fit_stack(
            model_of(training, data),
            data,
            grouping.weights(),
            seed=training.seed,
            progress=progress,
            checkpoint=run.checkpoint("fit"),
            **settings_of(training),
        )
    model = fitted.grouped(grouping).calibrate(data)
    with atomic(run.folder / MODEL) as temporary:
        model.save(temporary)
        run.forget("model", "evaluate")
    how = {name: fitted.cost[name] for name in ("seconds", "strategy", "strategy_reason")}
    run.complete("model", [run.folder / MODEL], grouping=run.about("group"), **how)
    run.drop_checkpoint("fit")


def evaluate(verb: options.Evaluate, screen: Screen) -> None:
    """Measure the saved model on the test examples."""
    with continued(verb.run) as run:
        from coterie import evaluation
        from coterie.files import write_json

        model = saved_model(run, verb.model, trust=verb.trust)
        data = (
            _other_data(run, model, verb, screen)
            if verb.data
            else reload(run, screen, trust=verb.trust)
        )
        metrics = evaluation.evaluate(model, data, "test")
        if not verb.data:
            run.forget("evaluate")
            write_json(run.folder / METRICS, metrics)
            run.complete("evaluate", [run.folder / METRICS])
    show_metrics(screen, metrics)
    show_positive_classes(screen, data.tasks)
    if verb.data:
        return
    screen.path("Metrics", run.folder / METRICS)


def _other_data(
    run: Run, model: GroupedModel | FamilyModel, verb: options.Evaluate, screen: Screen
) -> Dataset:
    """Other labelled examples, read with the schema of the model.

    Long form and classes as in the run.
    """
    from coterie.data import load

    told = {
        name: run.config["data"][name] for name in ("task_column", "target_column", "one_vs_rest")
    }
    source = verb.data[0] if len(verb.data) == 1 else list(verb.data)
    data = load(source, like=model, encoding=verb.encoding, **given(told))
    screen.notes(data.notes)
    return data


def report(run: Run, screen: Screen) -> None:
    """Write the report of a comparison, or of distilled examples."""
    if DISTILLED in run.stages:
        from coterie.cli.distilling import report_distilled

        report_distilled(run, screen)
        return
    comparison = comparison_of(run)
    run.forget("report")
    written = comparison.report(run.folder / REPORT)
    run.complete("report", [run.folder / REPORT, (run.folder / REPORT).with_suffix(".json")])
    screen.path("Report", written)


def _notes(groupings: Iterable[Grouping]) -> list[str]:
    """What the methods found worth knowing, each once."""
    return list(
        dict.fromkeys(note for grouping in groupings for note in grouping.details.get("notes", ()))
    )
