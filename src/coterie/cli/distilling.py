"""Few examples instead of many: a verb that distils them, and students that train on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from coterie.cli import options
from coterie.cli.asked import model_of, settings_of
from coterie.cli.checking import check_students
from coterie.cli.shared import (
    DISTILLED,
    REPORT,
    continued,
    default_folder,
    no_trace_of_a_mistake,
    reload,
    started,
    training_of,
)
from coterie.cli.show import Screen
from coterie.errors import CoterieError
from coterie.files import atomic, checksum
from coterie.runs import Run, is_run
from coterie.wording import number, plain

if TYPE_CHECKING:
    from torch import nn

    from coterie.data import Dataset
    from coterie.results import Fit, PostTraining

TEACHER, STUDENTS = "teacher", "students"
_EXAMPLES, _DIVERSITY = f"{DISTILLED}.safetensors", "diversity.safetensors"
_SCORES = "post_training.safetensors"
# Not the name of their stage, whose end would take checkpoints of other students along.
_FINISHED = "post_training"
EPOCHS, SEEDS = 300, 3


def distill(verb: options.Distill, screen: Screen) -> None:
    """Train a teacher, or take one, and keep what is distilled by it in the run directory."""
    lent = verb.distillation.teacher
    folder = verb.out or default_folder(verb.data.data[0])
    if lent is not None and not (folder / TEACHER).exists():
        _check_lent(Path(lent))
    with started(verb, screen) as (run, data):
        teacher = _teacher(run, verb, data, screen)
        if not run.done(DISTILLED):
            _distil(run, verb, teacher, data, screen)
        _show(screen, run)
        screen.path("Distilled", run.folder / _EXAMPLES)


def _teacher(run: Run, verb: options.Distill, data: Dataset, screen: Screen) -> Fit:
    """The teacher of the run: its own, another run's, or one that is trained now and kept.

    Another's is kept with what is distilled by it: until then it cost nothing, and may be wrong.
    """
    from coterie.distillation import check_distillable
    from coterie.fitting import fit as fit_stack

    model, asked = model_of(verb.training, data), verb.distillation.teacher
    if run.done(TEACHER):
        return _load_teacher(run.folder / TEACHER, model)
    with no_trace_of_a_mistake(run), screen.progress() as progress:
        if asked is not None:
            return _load_teacher(_folder_of(Path(asked)), model)
        check_distillable(model, data, verb.distillation.per_class)
        trained = fit_stack(
            model,
            data,
            seed=verb.training.seed,
            progress=progress,
            checkpoint=run.checkpoint(TEACHER),
            **settings_of(verb.training),
        )
    _keep_teacher(run, trained)
    return trained


def _keep_teacher(run: Run, teacher: Fit) -> None:
    teacher.save(run.folder / TEACHER)
    about = {"seconds": teacher.cost["seconds"], "epochs": len(teacher.history.train_loss)}
    run.complete(TEACHER, _files(run.folder / TEACHER), **about)
    run.drop_checkpoint(TEACHER)


def _load_teacher(
    folder: Path, students: str | Callable[..., nn.Module], *, trust: bool = False
) -> Fit:
    """A saved teacher, whose encoder need not be that of its students.

    One that is not built in is imported if students have it, too: then the command named it.
    """
    from coterie.models import ENCODERS
    from coterie.results import Fit

    built_in = {students, Fit.encoder_of(folder)} & set(ENCODERS)
    return Fit.load(folder, model=None if built_in else students, trust=trust)


def _distil(run: Run, verb: options.Distill, teacher: Fit, data: Dataset, screen: Screen) -> None:
    from coterie.distillation import distill as distil
    from coterie.distillation import diversity

    asked = verb.distillation
    with no_trace_of_a_mistake(run), screen.progress() as progress:
        found = distil(
            teacher,
            data,
            asked.per_class,
            iterations=asked.iterations,
            round_iterations=asked.round,
            rule=asked.rule,
            seed=verb.training.seed,
            precision=verb.training.precision,
            device=verb.training.device,
            checkpoint=run.checkpoint(DISTILLED),
            progress=progress,
        )
    told = diversity(found, teacher, data, device=verb.training.device)
    if not run.done(TEACHER):
        _keep_teacher(run, teacher)
    for name, record in ((_EXAMPLES, found), (_DIVERSITY, told)):
        with atomic(run.folder / name) as temporary:
            record.save(temporary)
    run.complete(DISTILLED, [run.folder / _EXAMPLES, run.folder / _DIVERSITY])
    run.drop_checkpoint(DISTILLED)


def train_students(verb: options.Fit, screen: Screen) -> None:
    """Train students on distilled examples with the labels of the run's teacher; keep them.

    The examples are the run's own unless the verb names others.
    """
    from coterie.models.architecture import trusted
    from coterie.results import Distilled, PostTraining

    with continued(verb.run) as run:
        distilled = run.folder / _EXAMPLES if verb.distilled is None else verb.distilled
        check_students(verb, distilled)
        if not run.done(TEACHER):
            raise CoterieError(
                f"Run {str(verb.run)!r} has no teacher to label the examples: give the run of coterie "
                "distill."
            )
        data, training = reload(run, screen, trust=verb.trust), training_of(run)
        asked = {
            "distilled": checksum(distilled),
            "epochs": EPOCHS if verb.epochs is None else verb.epochs,
            "seeds": SEEDS if verb.seeds is None else verb.seeds,
        }
        folder = run.folder / STUDENTS
        if not (run.done(STUDENTS) and run.about(STUDENTS) == asked):
            model = trusted(model_of(training, data), verb.model, run.folder, trust=verb.trust)
            from coterie.distillation import post_train

            with screen.progress() as progress:
                found = post_train(
                    model,
                    Distilled.load(distilled),
                    _load_teacher(run.folder / TEACHER, model, trust=verb.trust),
                    data,
                    epochs=asked["epochs"],
                    seeds=asked["seeds"],
                    precision=training.precision,
                    device=training.device,
                    checkpoint=run.checkpoint(_kept_at(asked)),
                    progress=progress,
                )
            _keep_students(run, found, asked)
        run.drop_checkpoint(_FINISHED)
        screen.say(PostTraining.load(folder / _SCORES).sentence)
        screen.path("Students", folder)


def report_distilled(run: Run, screen: Screen) -> None:
    """Write the page about distilled examples, and about their students if there are any."""
    from coterie.report import write_distillation
    from coterie.results import Distilled, Diversity, PostTraining

    students = run.folder / STUDENTS / _SCORES if run.done(STUDENTS) else None
    run.forget("report")
    page = run.folder / REPORT
    written = write_distillation(
        Distilled.load(run.folder / _EXAMPLES),
        page,
        diversity=Diversity.load(run.folder / _DIVERSITY),
        students=None if students is None else PostTraining.load(students),
        about=_about(run),
    )
    run.complete("report", [page, page.with_suffix(".json")])
    screen.path("Report", written)


def _about(run: Run) -> dict[str, str]:
    """What was run on what, in words."""
    from coterie.results import Fit

    told = {"data": plain(run.config["data"]["data"])}
    teacher = run.about(TEACHER)
    told["teacher"] = f"{Fit.encoder_of(run.folder / TEACHER)}, {teacher['epochs']} epochs"
    if lent := run.config["distillation"]["teacher"]:
        told["teacher"] += f", of {lent}"
    if run.done(STUDENTS):
        asked = run.about(STUDENTS)
        encoder = Fit.encoder_of(run.folder / STUDENTS)
        told["students"] = f"{encoder}, {asked['epochs']} epochs, {asked['seeds']} seeds"
    return told


def _keep_students(run: Run, found: PostTraining, asked: Mapping[str, object]) -> None:
    folder = run.folder / STUDENTS
    run.forget(STUDENTS, "report")
    if found.fit is not None:
        found.fit.save(folder)
    found.save(folder / _SCORES)
    run.complete(STUDENTS, _files(folder), **asked)


def _kept_at(asked: Mapping[str, object]) -> str:
    """Checkpoint of the students that are finished; how many more are wanted does not matter.

    >>> _kept_at({"distilled": "0a1b", "epochs": 300, "seeds": 3})
    'post_training/300-epochs-0a1b'
    """
    return f"{_FINISHED}/{asked['epochs']}-epochs-{asked['distilled']}"


def _folder_of(asked: Path) -> Path:
    """Where the teacher lies that ``--teacher`` names: in a run, or by itself."""
    return asked / TEACHER if is_run(asked) else asked


def _check_lent(teacher: Path) -> None:
    """Refuse a teacher that is not there, before data are read."""
    if not (_folder_of(teacher) / "fit.safetensors").is_file():
        raise CoterieError(
            "`--teacher` must be a run directory of coterie distill, or the folder of a saved fit; "
            f"there is no teacher in {str(teacher)!r}."
        )


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def _show(screen: Screen, run: Run) -> None:
    """What was distilled: how many examples, how long, and how diverse they are."""
    from coterie.report.distillation import summary
    from coterie.results import Distilled, Diversity

    found, told = Distilled.load(run.folder / _EXAMPLES), Diversity.load(run.folder / _DIVERSITY)
    screen.say(summary(found))
    rows = [(name, *map(number, values)) for name, *values in told.means]
    columns = ("examples", "cosine to the centroid\n(lower: more diverse)")
    screen.table("Diversity", (*columns, "1 - cosine of two\n(higher: more diverse)"), rows)
