"""Which arm's models a comparison leaves for predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shutil import copyfile

import numpy as np

from coterie.data import Dataset
from coterie.errors import CoterieError, shown
from coterie.evaluation._unit import MODELS, model_file
from coterie.evaluation.arms import Lineup, chosen_arms, line_up
from coterie.evaluation.recommending import NEVER_USED, deployed_arm
from coterie.evaluation.reliability import reliability_of
from coterie.evaluation.units import Unit, unit_stage
from coterie.files import atomic
from coterie.methods import Groups, Method
from coterie.results import ComparisonRecord, Grouping, Reliability
from coterie.runs import Run


def check_save(
    save: str | None,
    methods: Mapping[str, Method],
    data: Dataset,
    *,
    baselines: Sequence[str],
    rivals: Sequence[str],
    trains_groups: bool = True,
) -> None:
    """Refuse to leave the models of an arm that there will not be, before anything is trained.

    ``methods`` go by their names, ``rivals`` are names of those that suit the data.

    Raises:
        CoterieError: naming the arms that there will be.

    >>> import coterie as ct
    >>> data, methods = ct.load("digits"), {"grouped": ct.Cluster(n_groups=2)}
    >>> check_save("jiont", methods, data, baselines=["ensemble"], rivals=["wide"])
    Traceback (most recent call last):
    coterie.errors.CoterieError: `save` must be an arm: joint, grouped, ensemble (K=2), wide; ...
    """
    if save is None:
        return
    asked: dict[str, Groups] = {name: method.n_models for name, method in methods.items()}
    n_tasks = len(data.tasks)
    # Arms are called by what was asked for, so that any groups stand for those that will be found.
    groupings = {
        name: Grouping(
            tasks=data.tasks.names,
            membership=np.eye(k)[np.arange(n_tasks) % k],
            method="any",
        )
        for name, k in ((name, 1 if k == "auto" else k) for name, k in asked.items())
    }
    arms = line_up(
        Lineup(n_tasks=n_tasks, groupings=groupings, asked=asked, draws=0, seed=0),
        baselines,
        trains_groups=trains_groups,
    )
    if len(asked) > 1 and trains_groups:
        arms += [arm for _, arm in chosen_arms(next(iter(asked)), arms, asked)]
    known = [*(arm.name for arm in arms if arm.role not in NEVER_USED), *rivals]
    if save not in known:
        raise _no_arm(save, known)


def leave_model(run: Run, found: ComparisonRecord, save: str | None = None) -> None:
    """Copy the models of an arm to where predictions look for them, by default the recommended one.

    Raises:
        CoterieError: the run has no models of such an arm.
    """
    if not run.done(MODELS):
        return
    arm = deployed_arm(save, found.recommendation)
    source, target = model_file(run.folder, arm), run.folder / "model.safetensors"
    known = [each.arm for each in found.standings if model_file(run.folder, each.arm).is_file()]
    if not source.is_file() or arm not in known:
        raise _no_arm(arm, known)
    if run.done("model") and run.about("model").get("arm") == arm:
        return
    with atomic(target) as temporary:
        copyfile(source, temporary)
        run.forget("model", "evaluate")
    run.complete("model", [target], arm=arm)


def _no_arm(save: str, known: Sequence[str]) -> CoterieError:
    return CoterieError(f"`save` must be an arm: {', '.join(known)}; found {shown(save)}.")


def saved_reliability(run: Run, data: Dataset, arm: str) -> Reliability | None:
    """The probabilities of an arm whose models are in a run, on test; None if it keeps none."""
    if not run.done(MODELS):
        return None
    of = run.about(MODELS)
    unit = Unit.load(run.folder / unit_stage(of["split"], of["seed"]))
    return reliability_of(unit, data.tasks, arm)
