"""What each verb does: load, call the Python function of the same name, keep the outcome in the run directory, show it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coterie.cli import options
from coterie.cli.show import Screen, show_comparison, show_grouping, show_metrics
from coterie.errors import CoterieError
from coterie.runs import MANIFEST, Run, check_folder
from coterie.schema import structure, within

if TYPE_CHECKING:
    from coterie.data import Dataset
    from coterie.evaluation import Comparison
    from coterie.models import GroupedModel
    from coterie.results import DataMap, Grouping

DATA_MAP, GROUPING, MODEL, METRICS = "data_map.safetensors", "grouping.json", "model.safetensors", "metrics.json"
COMPARISON, REPORT, CHECKPOINTS = "comparison", "report.html", "checkpoints"
_TRAINING = ("epochs", "lr", "batch_size", "optimiser", "precision", "augment", "device")


def perform(verb: options.Verb) -> None:
    """Do what ``verb`` says. Imports take seconds: what can be refused without them is refused before."""
    screen = Screen(quiet=verb.output.quiet)
    match verb:
        case options.Run():
            run_all(verb, screen)
        case options.Compare():
            compare(verb, screen)
        case options.Record():
            record(verb, screen)
        case options.Affinity() | options.Select() | options.Plan():
            from coterie.cli.measuring import perform_measuring

            perform_measuring(verb, screen)
        case options.Group():
            group(verb, screen)
        case options.Fit():
            fit(verb, screen)
        case options.Evaluate():
            evaluate(verb, screen)
        case options.Report():
            report(Run.existing(verb.run), screen)
        case options.Predict():
            from coterie.cli.predictions import predict

            predict(verb, screen)


def run_all(verb: options.Run, screen: Screen) -> None:
    """Compare, save the grouped model, write the report."""
    run = compare(verb, screen)
    if run.done("model"):
        origin = run.about("model").get("grouping")
        several = len(methods_asked(verb.grouping, verb.comparison)) > 1
        note = " of `coterie fit`" if isinstance(origin, dict) else f" of {origin}, the first grouping" if several else ""
        screen.path(f"Model{note}", run.folder / MODEL)
    report(run, screen)


def compare(verb: options.Compare, screen: Screen) -> Run:
    """Measure whether grouping pays; finished parts of the same run are read, not computed again."""
    run, data = start(verb, screen)
    if run.done("comparison"):
        comparison = _comparison(run)
    else:
        from coterie.evaluation import compare as compare_arms

        with no_trace_of_a_mistake(run), screen.progress() as progress:
            comparison = compare_arms(
                model_of(verb.training, data), data, methods_asked(verb.grouping, verb.comparison), seeds=_seeds(verb),
                repeats=verb.comparison.repeats, draws=verb.comparison.draws, run=run, progress=progress,
                **settings_of(verb.training),
            )  # fmt: skip
        run.complete("comparison", comparison.save(run.folder / COMPARISON))
    screen.notes(_notes(groupings[0] for groupings in comparison.groupings.values()))
    for name, groupings in comparison.groupings.items():
        show_grouping(screen, groupings[0], name if len(comparison.groupings) > 1 else "first seed")
    show_comparison(screen, comparison)
    return run


def record(verb: options.Record, screen: Screen) -> None:
    """Train all tasks together and keep the data map."""
    run, data = start(verb, screen)
    if not run.done("record"):
        from coterie.fitting import fit as fit_stack

        with no_trace_of_a_mistake(run), screen.progress() as progress:
            fitted = fit_stack(
                model_of(verb.training, data), data, record=True, seed=verb.training.seed, progress=progress,
                checkpoint=run.folder / CHECKPOINTS / "record", **settings_of(verb.training),
            )  # fmt: skip
        if fitted.data_map is None:
            raise CoterieError("Nothing was recorded.")
        fitted.data_map.save(run.folder / DATA_MAP)
        run.complete("record", [run.folder / DATA_MAP], seconds=fitted.cost["seconds"])
        shutil.rmtree(run.folder / CHECKPOINTS / "record")
    screen.path("Data map", run.folder / DATA_MAP)


def group(verb: options.Group, screen: Screen) -> None:
    """Group the tasks of a recorded run."""
    run = Run.existing(verb.run)
    asked = verb.grouping
    if len(asked.groups) != 1 or len(asked.fuzziness) != 1:
        raise CoterieError("`--groups` and `--fuzziness` take one value each here; `coterie compare` takes several.")
    from coterie.grouping import group as group_tasks

    if verb.affinity is None:
        source = _data_map(run)
    else:
        from coterie.cli.measuring import saved_affinity

        source = saved_affinity(run, verb.affinity)
    clustering = None if asked.clustering == "auto" else asked.clustering
    grouping = group_tasks(
        source, asked.groups[0], method=clustering, fuzziness=asked.fuzziness[0], features=asked.features,
        seed=training_of(run).seed,
    )  # fmt: skip
    settings = {**asdict(asked), "groups": asked.groups[0], "fuzziness": asked.fuzziness[0]}
    if verb.affinity is not None:
        settings["affinity"] = verb.affinity
    keep_grouping(run, grouping, settings)
    screen.notes(_notes([grouping]))
    show_grouping(screen, grouping)
    screen.path("Grouping", run.folder / GROUPING)


def keep_grouping(run: Run, grouping: Grouping, settings: dict[str, Any]) -> None:
    """Make a grouping the run's own; what was trained with another one is void."""
    if "group" not in run.stages or run.about("group") != settings:
        # Trainings of another grouping are void, finished or not; the model of a comparison has a grouping of its own.
        shutil.rmtree(run.folder / CHECKPOINTS / "fit", ignore_errors=True)
        fitted = "model" in run.stages and isinstance(run.about("model").get("grouping"), dict)
        run.forget("group", *(["model", "evaluate"] if fitted else []))
    grouping.save(run.folder / GROUPING)
    run.complete("group", [run.folder / GROUPING], **settings)


def fit(verb: options.Fit, screen: Screen) -> None:
    """Train the specialised models of a grouped run."""
    run = Run.existing(verb.run)
    if not run.done("group"):
        raise CoterieError(f"Run {str(verb.run)!r} has no grouping yet: coterie group {verb.run} --groups K.")
    from coterie.fitting import fit as fit_stack
    from coterie.models import GroupedModel
    from coterie.results import Grouping

    grouping = Grouping.load(run.folder / GROUPING)
    training, data = training_of(run), _reload(run, screen)
    if run.done("model") and run.about("model").get("grouping") == run.about("group"):
        screen.notes(["Nothing has changed since the model was trained: it is kept as it is."])
        screen.path("Model", run.folder / MODEL)
        return
    with screen.progress() as progress:
        fitted = fit_stack(
            model_of(training, data), data, grouping.weights(), seed=training.seed, progress=progress,
            checkpoint=run.folder / CHECKPOINTS / "fit", **settings_of(training),
        )  # fmt: skip
    model = GroupedModel.from_stack(fitted.stack, grouping.membership, data.tasks, data.preprocessing)
    run.forget("model", "evaluate")
    model.save(run.folder / MODEL)
    how = {name: fitted.cost[name] for name in ("seconds", "strategy", "strategy_reason")}
    run.complete("model", [run.folder / MODEL], grouping=run.about("group"), **how)
    shutil.rmtree(run.folder / CHECKPOINTS / "fit")
    screen.path("Model", run.folder / MODEL)


def evaluate(verb: options.Evaluate, screen: Screen) -> None:
    """Measure the saved model on the test examples."""
    run = Run.existing(verb.run)
    from coterie import evaluation
    from coterie.files import write_json

    model, data = saved_model(run), _reload(run, screen)
    metrics = evaluation.evaluate(model, data, "test")
    write_json(run.folder / METRICS, metrics)
    run.complete("evaluate", [run.folder / METRICS])
    show_metrics(screen, metrics)
    screen.path("Metrics", run.folder / METRICS)


def report(run: Run, screen: Screen) -> None:
    """Write the report of a comparison."""
    written = _comparison(run).report(run.folder / REPORT)
    run.complete("report", [run.folder / REPORT, (run.folder / REPORT).with_suffix(".json")])
    screen.path("Report", written)


def saved_model(run: Run) -> GroupedModel:
    """The grouped model of a run."""
    from coterie.models import GroupedModel

    if not run.done("model"):
        raise CoterieError(f"Run {str(run.folder)!r} has no model yet: coterie fit {run.folder}.")
    encoder = training_of(run).model
    return GroupedModel.load(run.folder / MODEL, model=None if encoder == "auto" else encoder)


def start(verb: options.Compare | options.Record | options.Affinity, screen: Screen) -> tuple[Run, Dataset]:
    """Load the data and open the run directory, new or to be continued."""
    folder = verb.out or default_folder(verb.data.data[0])
    check_folder(folder)
    data = load_data(verb.data, verb.training.seed)
    screen.notes(data.notes)
    parts = {"data": verb.data, "training": verb.training}
    if isinstance(verb, options.Compare):
        parts |= {"grouping": verb.grouping, "comparison": verb.comparison}
    config = {name: asdict(part) for name, part in parts.items()}
    return Run.open(folder, config=config, fingerprint=data.fingerprint()), data


def default_folder(source: str) -> Path:
    """Where a run goes that was given no directory: named after its (first) data file.

    >>> default_folder("data/people.parquet"), default_folder("people.csv.gz"), default_folder("digits")
    (PosixPath('runs/people'), PosixPath('runs/people'), PosixPath('runs/digits'))
    """
    return Path("runs") / Path(source.removesuffix(".gz")).stem


@contextmanager
def no_trace_of_a_mistake(run: Run) -> Iterator[None]:
    """What fails before anything was trained must not bind the next command to the same settings."""
    try:
        yield
    except Exception:
        run.abandon()
        raise


def _notes(groupings: Iterable[Grouping]) -> list[str]:
    """What the methods found worth knowing, each once."""
    return list(dict.fromkeys(note for grouping in groupings for note in grouping.details.get("notes", ())))


def load_data(asked: options.DataOptions, seed: int) -> Dataset:
    """Load what the options name."""
    from coterie.data import load

    keywords = asdict(asked)
    kinds = dict(_name_and_kind(pair) for pair in keywords.pop("kind"))
    files, test = (list(keywords.pop(name)) for name in ("data", "test"))
    source: Any = files[0] if len(files) == 1 else files
    return load({"train": source, "test": test} if test else source, kinds=kinds, seed=seed, **_given(keywords))


def _given(keywords: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in keywords.items() if value not in (None, (), [])}


def _name_and_kind(pair: str) -> tuple[str, str]:
    name, equals, kind = pair.rpartition("=")
    if not equals:
        raise CoterieError(f"`--kind` takes NAME=KIND, such as age=regression; found {pair!r}.")
    return name, kind


def _reload(run: Run, screen: Screen) -> Dataset:
    asked = _kept(run, "data", options.DataOptions)
    data = load_data(asked, training_of(run).seed)
    screen.notes(data.notes)
    if data.fingerprint() != run.fingerprint:
        raise CoterieError(f"The data have changed since run {str(run.folder)!r} was started: {', '.join(asked.data)}.")
    return data


def training_of(run: Run) -> options.TrainingOptions:
    """How the models of a run are trained."""
    return _kept(run, "training", options.TrainingOptions)


def _kept(run: Run, name: str, kind: Any) -> Any:
    """Options of the command that started a run, as its manifest has them."""
    with within(run.folder / MANIFEST, "manifest of a run of the command line"):
        if name not in run.config:
            raise CoterieError(f"Field `config.{name}` is missing.")
        return structure(run.config[name], kind, f"config.{name}")


def model_of(training: options.TrainingOptions, data: Dataset) -> str:
    """The encoder asked for, or the usual one for these inputs."""
    return training.model if training.model != "auto" else "cnn" if len(data.input_shape) == 3 else "mlp"


def settings_of(training: options.TrainingOptions) -> dict[str, Any]:
    """What ``fit`` takes."""
    return {name: getattr(training, name) for name in _TRAINING}


def _seeds(verb: options.Compare) -> int | list[int]:
    first, count = verb.training.seed, verb.comparison.seeds
    return list(range(first, first + count)) if first else count


def methods_asked(asked: options.GroupOptions, compared: options.ComparisonOptions) -> dict[str, Any]:
    """All methods at all numbers of groups, data maps at every fuzziness too, by a name that tells them apart."""
    from coterie.affinities import METHODS as AFFINITIES
    from coterie.evaluation.methods import method_named

    own = {} if asked.clustering == "auto" else {"clustering": asked.clustering}
    found: dict[str, Any] = {}
    for name in compared.methods or ("data_map",):
        for n_groups in asked.groups:
            if name.replace("-", "_") != "data_map":
                method = method_named(name, n_groups, **(own if name.replace("-", "_") in AFFINITIES else {}))
                found[method.label] = method
                continue
            for fuzziness in asked.fuzziness:
                how = {"fuzziness": fuzziness, "features": asked.features}
                method = method_named(name, n_groups, **how, **({"method": asked.clustering} if own else {}))
                found[method.label if not compared.methods else f"data_map {method.label}"] = method
    return found if len(found) > 1 else dict(zip(["grouped"], found.values(), strict=True))


def _data_map(run: Run) -> DataMap:
    from coterie.results import DataMap

    if run.done("record"):
        return DataMap.load(run.folder / DATA_MAP)
    recorded = sorted(run.folder.glob(f"units/*/{DATA_MAP}"))
    if not recorded:
        raise CoterieError(f"Run {str(run.folder)!r} has no data map: start one with coterie record.")
    return DataMap.load(recorded[0])


def _comparison(run: Run) -> Comparison:
    from coterie.evaluation import Comparison

    if not run.done("comparison"):
        raise CoterieError(f"Run {str(run.folder)!r} has no finished comparison; continue it with the command that started it.")
    return Comparison.load(run.folder / COMPARISON)
