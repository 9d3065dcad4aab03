"""The verb ``learning_curve``: which arm wins with how many labels?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, Unpack

import numpy as np

from coterie.data import Dataset, check_share
from coterie.engines import Engine
from coterie.errors import CoterieError, is_listed, require_type, shown
from coterie.evaluation._compare import compare
from coterie.evaluation._configuration import architecture_of
from coterie.evaluation._repetitions import read_repeats, read_seeds
from coterie.evaluation.recommending import with_the_best
from coterie.evaluation.rivals import Rivals
from coterie.evaluation.scores import ArmScores, arm_scores, joined
from coterie.evaluation.units import Unit, unit_stage
from coterie.families import suits
from coterie.fitting import Model
from coterie.methods import Candidates, Groups
from coterie.metrics import Choice
from coterie.results import LearningCurve
from coterie.results.learning_curves import Estimate
from coterie.results.standings import mean_where_known
from coterie.runs import Run
from coterie.statistics import Interval, outcome
from coterie.training import Progress, within
from coterie.training.config import CompareSettings

SHARES = (0.05, 0.1, 0.2, 0.5, 1.0)
_BASELINES = ("single",)
RIVAL = "forest"
_ENDS = ("mean", "low", "high")


def learning_curve(
    model: Model,
    data: Dataset,
    methods: Candidates = "data_map",
    *,
    shares: Sequence[float] = SHARES,
    n_groups: Groups = "auto",
    seeds: int | Sequence[int] | None = None,
    seed: int = 0,
    repeats: int | None = None,
    rivals: Rivals | None = None,
    metric: Choice | Mapping[str, Choice] | None = None,
    margin: float | None = None,
    run: str | Path | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
    **options: Unpack[CompareSettings],
) -> LearningCurve:
    """Compare joint, grouped, single-task and other models with growing shares of the labels.

    At each share everything is done as by someone who has so few labels: preprocessing, groups, the
    epochs to train and the choice between methods come of what is left of training and validation
    (:meth:`coterie.Dataset.with_share`). The test part is the same whole one throughout. Each seed
    draws its own labels, smaller shares within larger ones, so that intervals cover which labels
    one happens to have. Means at all shares are over the same tasks: those that some arm surely
    learns with the most labels.

    Args:
        model: as for :func:`coterie.fit`.
        data: what :func:`coterie.load` returned.
        methods: as for :func:`coterie.compare`.
        shares: of the labels of training and of validation, above 0 and at most 1.
        n_groups: as for :func:`coterie.compare`.
        seeds: as for :func:`coterie.compare`, 3 by default.
        seed: the first of so many.
        repeats: random splits, as for :func:`coterie.compare`.
        rivals: as for :func:`coterie.compare`, but a forest by default, where that suits the data.
        metric: as for :func:`coterie.compare`.
        margin: as for :func:`coterie.compare`.
        run: folder for the run directories of all comparisons, such as ``share-05-seed-0``; what is
            finished there is not trained again.
        engine: as for :func:`coterie.compare`.
        progress: called with (steps done, all steps, text).
        **options: settings of :func:`coterie.fit`: epochs, lr, batch_size, snapshots, ...

    Raises:
        CoterieError: shares that are none, data that :func:`coterie.load` did not make, or what
            :func:`coterie.compare` refuses.

    >>> import coterie as ct
    >>> data = ct.load("digits", targets=["even", "digit 3", "digit 8"])
    >>> small = {"epochs": 1, "model_options": {"hidden": (8,)}}
    >>> found = ct.learning_curve("mlp", data, shares=(0.1, 1), n_groups=2, seeds=1, **small)
    >>> found.arms, found.labels.astype(int).tolist()
    (('joint', 'grouped', 'single'), [[108, 108, 108], [1078, 1078, 1078]])
    """
    require_type("data", data, Dataset)
    data = data.with_metric(metric)
    shares, repeats = read_shares(shares), read_repeats(repeats, data)
    seeds = read_seeds(3 if seeds is None else seeds, seed)
    if run is not None:
        require_type("run", run, str, Path)
    if rivals is None:
        rivals = RIVAL if suits(RIVAL, data) is None else "none"
    parts = [part for share in shares for part in _parts(share, seeds)]
    scored: dict[float, list[ArmScores]] = {share: [] for share in shares}
    labels: dict[float, list[np.ndarray]] = {share: [] for share in shares}
    roles: dict[str, str] = {}
    for number, part in enumerate(parts):
        few = data if part.share == 1 else data.with_share(part.share, part.seeds[0])
        with _folder(run, part.name) as folder:
            comparison = compare(
                model,
                few,
                methods,
                n_groups=n_groups,
                seeds=part.seeds,
                repeats=repeats,
                draws=1,
                baselines=_BASELINES,
                rivals=rivals,
                margin=margin,
                run=folder,
                engine=engine,
                progress=within(
                    progress, number, len(parts), f"{100 * part.share:g} % of the labels"
                ),
                **options,
            )
            path = folder.folder if isinstance(folder, Run) else Path(folder)
            stages = [unit_stage(split, seed) for split in range(repeats) for seed in part.seeds]
            units = [Unit.load(path / stage) for stage in stages]
        scored[part.share].append(arm_scores(units, few.tasks, groups=few.groups, margin=margin))
        labels[part.share].append(_labels(few))
        roles = {arm: each.role for arm, each in comparison.arms.items()}
    return _curve(
        data,
        shares,
        [np.mean(each, axis=0) for each in labels.values()],
        [joined(each) for each in scored.values()],
        roles,
        details={
            "seeds": list(seeds),
            "repeats": repeats,
            "model": architecture_of(model, data).name,
        },
    )


class _Part(NamedTuple):
    """What one comparison is of."""

    share: float
    seeds: list[int]
    name: str


def read_shares(shares: Sequence[float]) -> list[float]:
    """The shares, rising, each once.

    Raises:
        CoterieError: none, or one that does not lie above 0 and up to 1.

    >>> read_shares([1, 0.1])
    [0.1, 1.0]
    """
    if not is_listed(shares) or not len(shares):
        raise CoterieError(f"`shares` must be numbers such as 0.1, 1; found {shown(shares)}.")
    return sorted({check_share("shares", share) for share in shares})


def _parts(share: float, seeds: list[int]) -> list[_Part]:
    """The comparisons of a share: one for each seed, whose labels are its own, but for all labels.

    >>> [part.name for part in _parts(0.05, [0, 1])], [part.name for part in _parts(1, [0, 1])]
    (['share-05-seed-0', 'share-05-seed-1'], ['share-100'])
    """
    name = f"share-{100 * share:02g}"
    if share == 1:
        return [_Part(share, seeds, name)]
    return [_Part(share, [seed], f"{name}-seed-{seed}") for seed in seeds]


@contextmanager
def _folder(run: str | Path | None, name: str) -> Iterator[Run | Path]:
    """Where the units of a comparison are kept: if nowhere, until they have been read."""
    if run is not None:
        yield Path(run) / name
        return
    with TemporaryDirectory() as folder:
        # A run of no configuration asks nothing of models and methods of the user's own.
        yield Run.open(Path(folder) / name, config={}, fingerprint="")


def _curve(
    data: Dataset,
    shares: Sequence[float],
    labels: Sequence[np.ndarray],
    scored: Sequence[ArmScores],
    roles: Mapping[str, str],
    details: dict[str, object],
) -> LearningCurve:
    last = scored[-1]
    counting = last.learnt() & np.all([arms.defined() for arms in scored], axis=0)
    # Two splits have no more in common with few labels than with all.
    overlap = len(data.split.test) / len(data.split.train)
    scored = [replace(arms, counting=counting, overlap=overlap) for arms in scored]
    places, margin = range(len(last.arms)), float(last.margins[-1])
    gains = [[arms.gains(place, 0)[-1] for place in places] for arms in scored]
    levels = [arms.mean_scores() for arms in scored]
    return LearningCurve(
        tasks=data.tasks.names,
        arms=last.arms,
        roles=tuple(roles[name] for name in last.arms),
        metric=last.metric,
        margin=margin,
        shares=np.array(shares),
        labels=np.stack([each[0] for each in labels]),
        rarest=np.stack([each[1] for each in labels]),
        counted=counting,
        score=Estimate(*(np.stack([getattr(each, end) for each in levels]) / 100 for end in _ENDS)),
        gain=Estimate(
            *(np.array([[getattr(each, end) for each in row] for row in gains]) for end in _ENDS)
        ),
        lead=_leads(scored),
        task_scores=np.stack([mean_where_known(arms.scores, 0) for arms in scored]),
        outcomes=tuple(
            tuple(_outcome(each, margin) if place else "same" for place, each in enumerate(row))
            for row in gains
        ),
        details=details,
    )


def _leads(scored: Sequence[ArmScores]) -> Estimate:
    """Points of each arm over the best of the others, (S, A), with intervals for all arms at once."""
    means = np.stack([arms.means()[0].mean(0) for arms in scored])
    places = range(means.shape[1])
    others = np.stack([np.delete(means, place, axis=1).max(1) for place in places], axis=1)
    bounds = [with_the_best(arms, places) for arms in scored]
    low, high = (np.stack([getattr(each, end) for each in bounds]) for end in ("low", "high"))
    return Estimate(means - others, low, high)


def _outcome(gain: Interval, margin: float) -> str:
    return outcome(gain, margin) if np.isfinite(gain.low + gain.high) else "unknown"


def _labels(data: Dataset) -> np.ndarray:
    """Training labels of each task, and those of its rarest class, (2, T)."""
    found = np.zeros((2, len(data.tasks)))
    for place, task in enumerate(data.tasks):
        every = data.targets[:, place].cpu().numpy()
        own = every[data.split.train.numpy()]
        found[:, place] = (~np.isnan(own)).sum()
        if task.kind.has_classes:
            classes = np.unique(every[~np.isnan(every)])
            found[1, place] = min((own == each).sum() for each in classes)
    return found
