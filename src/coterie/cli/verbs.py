"""What each verb does: load, call the Python function of the same name, keep the outcome in the run directory, show it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coterie.cli import options
from coterie.cli.show import Screen, show_comparison, show_grouping, show_metrics, show_positive_classes
from coterie.errors import CoterieError
from coterie.files import atomic
from coterie.locks import locked
from coterie.runs import MANIFEST, Run, check_folder
from coterie.schema import structure, within

if TYPE_CHECKING:
    from coterie.data import Dataset
    from coterie.evaluation import Comparison
    from coterie.models import GroupedModel
    from coterie.results import DataMap, Grouping

DATA_MAP, GROUPING, MODEL, METRICS = "data_map.safetensors", "grouping.json", "model.safetensors", "metrics.json"
COMPARISON, REPORT, AFFINITY = "comparison", "report.html", "affinity"
_TRAINING = ("epochs", "lr", "batch_size", "optimiser", "precision", "augment", "device")


def perform(verb: options.Verb) -> None:
    """Do what ``verb`` says. Imports take seconds: what can be refused without them is refused before."""
    screen = Screen(quiet=verb.output.quiet)
    match verb:
        case options.Run():
            run_all(verb, screen)
        case options.Compare():
            with started(verb, screen) as (run, data):
                compare(verb, run, data, screen)
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
            with continued(verb.run) as run:
                report(run, screen)
        case options.Predict():
            from coterie.cli.predictions import predict

            predict(verb, screen)
        case options.Export():
            from coterie.cli.exporting import export

            export(verb, screen)


def run_all(verb: options.Run, screen: Screen) -> None:
    """Compare, save the grouped model, write the report."""
    with started(verb, screen) as (run, data):
        compare(verb, run, data, screen)
        if run.done("model"):
            origin = run.about("model").get("grouping")
            several = len(methods_asked(verb.grouping, verb.comparison)) > 1
            note = " of `coterie fit`" if isinstance(origin, dict) else f" of {origin}, the first grouping" if several else ""
            screen.path(f"Model{note}", run.folder / MODEL)
        report(run, screen)


def compare(verb: options.Compare, run: Run, data: Dataset, screen: Screen) -> None:
    """Measure whether grouping pays; finished parts of the same run are read, not computed again."""
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


def record(verb: options.Record, screen: Screen) -> None:
    """Train all tasks together and keep the data map."""
    with started(verb, screen) as (run, data):
        if not run.done("record"):
            from coterie.fitting import fit as fit_stack

            with no_trace_of_a_mistake(run), screen.progress() as progress:
                fitted = fit_stack(
                    model_of(verb.training, data), data, record=True, seed=verb.training.seed, progress=progress,
                    checkpoint=run.checkpoint("record"), **settings_of(verb.training),
                )  # fmt: skip
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
        raise CoterieError("`--groups` and `--fuzziness` take one value each here; `coterie compare` takes several.")
    with continued(verb.run) as run:
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
    """Make a grouping the run's own; what was trained with another one is void.

    The same settings may give another grouping, when what it was made of was measured anew: its arrays tell.
    """
    arrays = (grouping.membership, grouping.weights())
    settings = {**settings, "sha256": hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()}
    same = "group" in run.stages and run.about("group") == settings
    # The model of a comparison has a grouping of its own.
    fitted = "model" in run.stages and isinstance(run.about("model").get("grouping"), dict)
    with atomic(run.folder / GROUPING) as temporary:
        grouping.save(temporary)
        # Only now, with the new one on disk, the old one may go.
        if not same:
            run.drop_checkpoint("fit")
        run.forget("group", *(["model", "evaluate"] if fitted and not same else []))
    run.complete("group", [run.folder / GROUPING], **settings)


def fit(verb: options.Fit, screen: Screen) -> None:
    """Train the specialised models of a grouped run."""
    with continued(verb.run) as run:
        if not run.done("group"):
            raise CoterieError(f"Run {str(verb.run)!r} has no grouping yet: coterie group {verb.run} --groups K.")
        from coterie.models.architecture import trusted

        model = training_of(run).model
        if model != "auto" or verb.model is not None:
            trusted(model, verb.model, run.folder / MANIFEST, trust=verb.trust)
        data = _reload(run, screen)
        if _model_is_of_the_grouping(run) and run.done("model"):
            screen.notes(["Nothing has changed since the model was trained: it is kept as it is."])
        else:
            _fit(run, data, screen)
        screen.path("Model", run.folder / MODEL)


def _fit(run: Run, data: Dataset, screen: Screen) -> None:
    from coterie.fitting import fit as fit_stack
    from coterie.models import GroupedModel
    from coterie.results import Grouping

    grouping = Grouping.load(run.folder / GROUPING)
    training = training_of(run)
    with screen.progress() as progress:
        fitted = fit_stack(
            model_of(training, data), data, grouping.weights(), seed=training.seed, progress=progress,
            checkpoint=run.checkpoint("fit"), **settings_of(training),
        )  # fmt: skip
    model = GroupedModel.from_stack(fitted.stack, grouping.membership, data.tasks, data.preprocessing)
    with atomic(run.folder / MODEL) as temporary:
        model.save(temporary)
        run.forget("model", "evaluate")
    how = {name: fitted.cost[name] for name in ("seconds", "strategy", "strategy_reason")}
    run.complete("model", [run.folder / MODEL], grouping=run.about("group"), **how)
    run.drop_checkpoint("fit")


def _model_is_of_the_grouping(run: Run) -> bool:
    return {"model", "group"} <= set(run.stages) and run.about("model").get("grouping") == run.about("group")


def evaluate(verb: options.Evaluate, screen: Screen) -> None:
    """Measure the saved model on the test examples."""
    with continued(verb.run) as run:
        from coterie import evaluation
        from coterie.files import write_json

        model = saved_model(run, verb.model, trust=verb.trust)
        data = _other_data(run, model, verb, screen) if verb.data else _reload(run, screen)
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


def _other_data(run: Run, model: GroupedModel, verb: options.Evaluate, screen: Screen) -> Dataset:
    """Other labelled examples, read with the schema of the model; long form and classes as in the run."""
    from coterie.data import load

    told = {name: run.config["data"][name] for name in ("task_column", "target_column", "one_vs_rest")}
    source = verb.data[0] if len(verb.data) == 1 else list(verb.data)
    data = load(source, like=model, encoding=verb.encoding, **_given(told))
    screen.notes(data.notes)
    return data


def report(run: Run, screen: Screen) -> None:
    """Write the report of a comparison."""
    comparison = _comparison(run)
    run.forget("report")
    written = comparison.report(run.folder / REPORT)
    run.complete("report", [run.folder / REPORT, (run.folder / REPORT).with_suffix(".json")])
    screen.path("Report", written)


def saved_model(run: Run, encoder: str | None, *, trust: bool) -> GroupedModel:
    """The grouped model of a run; an encoder that is not built in must be named by ``encoder``, or trusted."""
    from coterie.models import GroupedModel

    if not run.done("model"):
        raise CoterieError(f"Run {str(run.folder)!r} has no model yet: coterie fit {run.folder}.")
    return GroupedModel.load(run.folder / MODEL, model=encoder, trust=trust)


@contextmanager
def started(
    verb: options.Compare | options.Record | options.Affinity, screen: Screen
) -> Iterator[tuple[Run, Dataset]]:  # fmt: skip
    """Load the data and hold the run directory, new or to be continued."""
    from coterie.cli.checking import check

    folder = verb.out or default_folder(verb.data.data[0])
    check_folder(folder)
    check(verb)
    # Held before the data are loaded: who is refused should not have to wait for that.
    with locked(folder):
        data = load_data(verb.data, verb.training.seed)
        screen.notes(data.notes)
        parts = {"data": verb.data, "training": verb.training}
        if isinstance(verb, options.Compare):
            parts |= {"grouping": verb.grouping, "comparison": verb.comparison}
        config = {name: asdict(part) for name, part in parts.items()}
        run = Run.open(folder, config=config, fingerprint=data.fingerprint())
        drop_void_checkpoints(run)
        yield run, data


@contextmanager
def continued(folder: Path) -> Iterator[Run]:
    """Hold the run that is in ``folder``."""
    with Run.existing(folder).held() as run:
        drop_void_checkpoints(run)
        yield run


def drop_void_checkpoints(run: Run) -> None:
    """Remove checkpoints that no command would continue any more; a kill between a result and its clearing up leaves such."""
    if "group" not in run.stages or _model_is_of_the_grouping(run):
        run.drop_checkpoint("fit")
    for folder in run.checkpoint(AFFINITY).glob("*"):
        names, _, every = folder.name.rpartition("-every-")
        # Of a set that is measured in part, the rest would be measured as another set.
        stages = [f"{AFFINITY}-{name}" for name in names.split("+")]
        if any(stage in run.stages and str(run.about(stage).get("every")) == every for stage in stages):
            run.drop_checkpoint(f"{AFFINITY}/{folder.name}")


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
    kinds, positive = (dict(_pair(name, text) for text in keywords.pop(name)) for name in ("kind", "positive"))
    files, test = (list(keywords.pop(name)) for name in ("data", "test"))
    source: Any = files[0] if len(files) == 1 else files
    source = {"train": source, "test": test} if test else source
    return load(source, kinds=kinds, positive=positive, seed=seed, **_given(keywords))


def _given(keywords: dict[str, Any]) -> dict[str, Any]:
    empty = (None, (), [])
    # No words for missing cells are an answer, too.
    return {name: value for name, value in keywords.items() if value not in (empty[:1] if name == "na" else empty)}


def _pair(flag: str, text: str) -> tuple[str, str]:
    name, equals, value = text.rpartition("=")
    if not equals:
        form = "NAME=KIND, such as age=regression" if flag == "kind" else "NAME=VALUE, such as assay=active"
        raise CoterieError(f"`--{flag}` takes {form}; found {text!r}.")
    return name, value


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


def _seeds(verb: options.Compare) -> int | range:
    first, count = verb.training.seed, verb.comparison.seeds
    return range(first, first + count) if first else count


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
