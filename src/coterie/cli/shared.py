"""What verbs share: the run directory that they hold, and what earlier verbs left in it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from coterie.cli import options
from coterie.cli.arguments import objects_named
from coterie.cli.asked import identities, kind_asked, load_data
from coterie.cli.checking import check
from coterie.cli.show import Screen
from coterie.errors import CoterieError
from coterie.files import atomic, explained
from coterie.locks import locked
from coterie.runs import MANIFEST, Run, check_folder
from coterie.schema import structure, within

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from coterie.data import Dataset
    from coterie.evaluation import Comparison
    from coterie.families import FamilyModel
    from coterie.models import GroupedModel
    from coterie.results import Affinity, DataMap, Grouping

Options = TypeVar("Options")
DATA_MAP, GROUPING, MODEL, METRICS = (
    "data_map.safetensors",
    "grouping.json",
    "model.safetensors",
    "metrics.json",
)
COMPARISON, REPORT, AFFINITY = "comparison", "report.html", "affinity"
HEADROOM, DISTILLED = "headroom", "distilled"


@contextmanager
def started(
    verb: options.Compare
    | options.Record
    | options.Affinity
    | options.Headroom
    | options.LearningCurve
    | options.Distill,
    screen: Screen,
) -> Iterator[tuple[Run, Dataset]]:
    """Load the data and hold the run directory, new or to be continued."""
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
        elif isinstance(verb, options.Distill):
            parts["distillation"] = verb.distillation
        config: dict[str, object] = {name: identifying(part) for name, part in parts.items()}
        if own := identities(parts.values()):
            config["own"] = own
        run = Run.open(folder, config=config, fingerprint=data.fingerprint())
        drop_void_checkpoints(run)
        yield run, data


def identifying(part: DataclassInstance) -> dict[str, object]:
    """Options that a run is continued with the same of only: when it stops may change.

    >>> sorted(identifying(options.ComparisonOptions(seeds=2)).keys() & {"seeds", "within", "time"})
    ['seeds']
    """
    return {name: value for name, value in asdict(part).items() if name not in ("within", "time")}


@contextmanager
def continued(folder: Path) -> Iterator[Run]:
    """Hold the run that is in ``folder``."""
    with Run.existing(folder).held() as run:
        drop_void_checkpoints(run)
        yield run


def drop_void_checkpoints(run: Run) -> None:
    """Remove checkpoints that no command would continue any more.

    A kill between a result and its clearing up leaves such.
    """
    if "group" not in run.stages or model_is_of_the_grouping(run):
        run.drop_checkpoint("fit")
    for folder in run.checkpoint(AFFINITY).glob("*"):
        names, _, every = folder.name.rpartition("-every-")
        # Of a set that is measured in part, the rest would be measured as another set.
        stages = [f"{AFFINITY}-{name}" for name in names.split("+")]
        if any(
            stage in run.stages and str(run.about(stage).get("every")) == every for stage in stages
        ):
            run.drop_checkpoint(f"{AFFINITY}/{folder.name}")


def default_folder(source: str) -> Path:
    """Where a run goes that was given no directory: named after its (first) data file.

    >>> default_folder("data/people.parquet"), default_folder("people.csv.gz")
    (PosixPath('runs/people'), PosixPath('runs/people'))
    """
    return Path("runs") / Path(source.removesuffix(".gz")).stem


@contextmanager
def no_trace_of_a_mistake(run: Run) -> Iterator[None]:
    """What fails before anything was trained must not bind the next command to its settings."""
    try:
        yield
    except Exception:
        run.abandon()
        raise


def keep_grouping(run: Run, grouping: Grouping, settings: Mapping[str, object]) -> None:
    """Make a grouping the run's own; what was trained with another one is void.

    The same settings may give another grouping, when what it was made of was measured anew: its
    arrays tell.
    """
    arrays = (grouping.membership, grouping.weights())
    settings = {
        **settings,
        "sha256": hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest(),
    }
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


def model_is_of_the_grouping(run: Run) -> bool:
    """Whether the model of a run was trained with its present grouping."""
    return {"model", "group"} <= set(run.stages) and run.about("model").get(
        "grouping"
    ) == run.about("group")


def training_of(run: Run) -> options.TrainingOptions:
    """How the models of a run are trained."""
    return _kept(run, "training", options.TrainingOptions)


def _kept(run: Run, name: str, kind: type[Options]) -> Options:
    """Options of the command that started a run, as its manifest has them."""
    with within(run.folder / MANIFEST, "manifest of a run of the command line"):
        if name not in run.config:
            raise CoterieError(f"Field `config.{name}` is missing.")
        return structure(run.config[name], kind, f"config.{name}")


def trusted_data(run: Run, *, trust: bool) -> options.DataOptions:
    """What a run says of its data. Its word is not enough to import kinds of targets.

    Raises:
        CoterieError: it names some that are not built in, and is not trusted.
    """
    asked = _kept(run, "data", options.DataOptions)
    if (own := objects_named(asked)) and not trust:
        raise CoterieError(
            f"{run.folder / MANIFEST} names a kind of target that is not built in, {own[0]!r}, and "
            "loading it runs code. If you trust it, say so: --trust."
        )
    return asked


def reload(run: Run, screen: Screen, *, trust: bool) -> Dataset:
    """The data of a run, which must not have changed."""
    asked = trusted_data(run, trust=trust)
    data = load_data(asked, training_of(run).seed)
    screen.notes(data.notes)
    if data.fingerprint() != run.fingerprint:
        raise CoterieError(
            f"The data have changed since run {str(run.folder)!r} was started: "
            f"{', '.join(asked.data)}."
        )
    return data


def is_distillation(run: Run) -> bool:
    """Whether a run is of ``coterie distill``."""
    return "distillation" in run.config


def refuse_distillation(run: Run, wanted: str) -> None:
    """Say what a run of ``coterie distill`` has instead of what other verbs read.

    Raises:
        CoterieError: it is one.
    """
    if is_distillation(run):
        raise CoterieError(
            f"Run {str(run.folder)!r} is of coterie distill: it has no {wanted}. coterie fit trains "
            "students on its examples and scores them, coterie report shows both."
        )


def data_map_of(run: Run) -> DataMap:
    """The data map that was recorded in a run, by itself or in its first unit."""
    from coterie.results import DataMap

    if run.done("record"):
        return DataMap.load(run.folder / DATA_MAP)
    recorded = sorted(run.folder.glob(f"units/*/{DATA_MAP}"))
    if not recorded:
        refuse_distillation(run, "data map")
        raise CoterieError(
            f"Run {str(run.folder)!r} has no data map: start one with coterie record."
        )
    return DataMap.load(recorded[0])


def comparison_of(run: Run) -> Comparison:
    """The comparison of a run, which must be finished."""
    from coterie.evaluation import Comparison

    if not run.done("comparison"):
        refuse_distillation(run, "comparison")
        raise CoterieError(
            f"Run {str(run.folder)!r} has no finished comparison; continue it with the command "
            "that started it."
        )
    return Comparison.load(run.folder / COMPARISON)


def saved_affinity(run: Run, name: str) -> Affinity:
    """An affinity that was measured in a run.

    Raises:
        CoterieError: it was not; those that were are named.
    """
    from coterie.results import Affinity

    if not run.done(affinity_stage(name)):
        refuse_distillation(run, "affinity")
        there = [
            stage.removeprefix("affinity-") for stage in run.stages if stage.startswith("affinity-")
        ]
        hint = f"there are {', '.join(there)}." if there else "measure it with coterie affinity."
        raise CoterieError(f"Run {str(run.folder)!r} has no affinity {name!r}: {hint}")
    return Affinity.load(affinity_file(run, name))


def saved_model(run: Run, encoder: str | None, *, trust: bool) -> GroupedModel | FamilyModel:
    """The model of a run.

    An encoder that is not built in must be named by ``encoder``, or trusted.
    """
    from coterie.families import load_model

    if not run.done("model"):
        refuse_distillation(run, "model for new examples")
        raise CoterieError(f"Run {str(run.folder)!r} has no model yet: coterie fit {run.folder}.")
    for name in objects_named(trusted_data(run, trust=trust)):
        kind_asked(name)
    return load_model(run.folder / MODEL, model=encoder, trust=trust)


def model_at(path: Path, encoder: str | None, *, trust: bool) -> GroupedModel | FamilyModel:
    """The model of a run directory, or in a model file.

    Raises:
        CoterieError: there is none.
    """
    from coterie.families import load_model

    with explained(path, "read"):
        if path.is_dir():
            return saved_model(Run.existing(path), encoder, trust=trust)
        if not path.is_file():
            raise CoterieError(f"There is no run directory or model file {str(path)!r}.")
    return load_model(path, model=encoder, trust=trust)


def plain(name: str) -> str:
    """A name as a word.

    >>> plain("transfer-gain"), plain("sign agreement")
    ('transfer_gain', 'sign_agreement')
    """
    return re.sub(r"\W+", "_", name)


def affinity_stage(name: str) -> str:
    """The stage of a run that measures an affinity."""
    return f"{AFFINITY}-{plain(name)}"


def affinity_file(run: Run, name: str) -> Path:
    """Where a run keeps an affinity."""
    return run.folder / f"{affinity_stage(name)}.safetensors"


def headroom_file(run: Run) -> Path:
    """Where a run keeps what groupings can gain at most."""
    return run.folder / f"{HEADROOM}.safetensors"
