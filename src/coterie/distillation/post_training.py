"""Students: models trained from scratch on distilled examples, with labels of their teacher.

The recipe by which decoupled distillation is judged (RDED, Sun et al., CVPR 2024; DELT, Shen et al.,
CVPR 2025, section 4): RandAugment, a random crop, a flip and CutMix; the teacher labels what comes
out of that, and the student learns its softened probabilities by AdamW, whose learning rate falls
to one half along half a cosine. Its last epoch is what counts here; papers report the best of the
epochs that were scored on test examples, which is kept beside it.

Shapes: ``B`` examples of a batch, ``S`` seeds, ``T`` tasks, ``P`` output columns, ``E`` epochs, ``e``
of them scored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from time import perf_counter
from typing import Any, Literal, TypedDict, Unpack

import numpy as np
import torch
from torch import Tensor, nn

from coterie.data import Batch, Batches, Dataset
from coterie.distillation.augmentation import cut_mix, random_resized_crop
from coterie.distillation.rand_augment import rand_augment
from coterie.distillation.soft_labels import Labels
from coterie.distillation.teachers import Teachers
from coterie.errors import (
    CoterieError,
    is_listed,
    require_choice,
    require_count,
    require_number,
    require_positive,
    require_type,
    require_whole,
    shown,
)
from coterie.metrics import Choice, metric_names
from coterie.models import Architecture, ModelStack
from coterie.models.stack import forward_seed
from coterie.results import Distilled, Fit, History
from coterie.results.post_trainings import PostTraining
from coterie.seeds import MOST_SEED, derive, torch_generator
from coterie.tasks import Kind
from coterie.training import Progress, within
from coterie.training.config import MOST_EPOCHS, MOST_EXAMPLES
from coterie.training.device import Place, check_device
from coterie.training.prediction import EVALUATION_BATCH, evaluate

_MOST_SEEDS = 1000


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How students are trained; defaults are those of CIFAR-10 in DELT.

    ``batch_size`` None is that of the released scripts for so many examples a class. ``magnitude``
    and ``operations`` are those of RandAugment (0 operations: none); ``crop`` is the least share of
    an image that is cut out; ``score_every`` so many epochs students are scored on validation and
    test examples, besides the last. Tables are not augmented, nor mixed.

    Raises:
        CoterieError: a setting that cannot work.
    """

    epochs: int = 300
    lr: float = 1e-3
    batch_size: int | None = None
    weight_decay: float = 0.01
    temperature: float = 20.0
    magnitude: float = 5.0
    operations: int = 4
    crop: float = 0.25
    flip: bool = True
    cutmix: bool = True
    score_every: int = 10
    precision: Literal["fp32", "bf16"] = "fp32"
    device: str = "auto"
    model_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what cannot work, naming it."""
        require_whole("epochs", self.epochs, 1, MOST_EPOCHS)
        require_whole("score_every", self.score_every, 1, MOST_EPOCHS)
        require_whole("operations", self.operations, 0, 100)
        if self.batch_size is not None:
            require_whole("batch_size", self.batch_size, 2, MOST_EXAMPLES)
        require_positive("lr", self.lr)
        require_positive("temperature", self.temperature)
        require_number("weight_decay", self.weight_decay, least=0)
        require_number("magnitude", self.magnitude, least=0, below=math.nextafter(10, 11))
        require_positive("crop", self.crop)
        if self.crop > 1:
            raise CoterieError(f"`crop` must be a share, above 0 and at most 1; found {self.crop}.")
        for name in ("flip", "cutmix"):
            require_type(name, getattr(self, name), bool)
        require_choice("precision", self.precision, ("fp32", "bf16"))
        check_device(self.device)
        require_type("model_options", self.model_options, Mapping)

    def rate(self, epoch: int) -> float:
        """Learning rate of an epoch, counted from 0.

        >>> recipe = Recipe(lr=1.0, epochs=2)
        >>> recipe.rate(0), round(recipe.rate(1), 3)
        (1.0, 0.854)
        """
        return self.lr * (1 + math.cos(math.pi * epoch / (2 * self.epochs))) / 2

    def scored(self) -> list[int]:
        """Epochs after which students are scored, counted from 1; the last is one of them."""
        return sorted({*range(1, self.epochs + 1, self.score_every), self.epochs})


class RecipeSettings(TypedDict, total=False):
    """The fields of :class:`Recipe`, as keywords of :func:`post_train`."""

    epochs: int
    lr: float
    batch_size: int | None
    weight_decay: float
    temperature: float
    magnitude: float
    operations: int
    crop: float
    flip: bool
    cutmix: bool
    score_every: int
    precision: Literal["fp32", "bf16"]
    device: str
    model_options: Mapping[str, Any]


def post_train(
    model: str | Callable[..., nn.Module],
    distilled: Distilled | Dataset,
    teacher: Fit,
    data: Dataset,
    *,
    seeds: int | Sequence[int] = 3,
    soft: Sequence[str] | None = None,
    metric: Choice | Mapping[str, Choice] | None = None,
    progress: Progress | None = None,
    **recipe: Unpack[RecipeSettings],
) -> PostTraining:
    """Train students on distilled examples and score them on real ones.

    Args:
        model: encoder of the students, as for :func:`coterie.fit`.
        distilled: what :func:`coterie.distill` gave; or a data set like ``data`` with fewer training
            examples, such as :func:`coterie.subset` gives.
        teacher: labels the examples.
        data: the real data, whose test part students are scored on.
        seeds: how many students, of seeds 0, 1, ...; or the seed of each.
        soft: tasks whose labels are the teacher's, by name; those that it knows if left out
            (on validation better than chance by more than a little). Other tasks keep the examples' own labels.
        metric: by which students are scored, as for :func:`coterie.fit`; by default accuracy for
            classes without an order, else what tasks are compared by.
        progress: called with (steps done, all steps, text).
        **recipe: fields of :class:`coterie.distillation.Recipe`: epochs, lr, batch_size,
            temperature, crop, device, ...

    Raises:
        CoterieError: a setting is wrong, or teacher, distilled examples and data do not fit, or a
            loss stopped being finite.
    """
    require_type("teacher", teacher, Fit)
    require_type("data", data, Dataset)
    require_type("distilled", distilled, Distilled, Dataset)
    how = Recipe(**recipe)
    data = data.with_metric(_by_accuracy(data) if metric is None else metric)
    small = distilled.dataset(data) if isinstance(distilled, Distilled) else distilled
    data.schema.require(small)
    targets = small.targets[small.split.train]
    if how.batch_size is None:
        n_cells = len(np.unique(distilled.cells)) if isinstance(distilled, Distilled) else None
        how = replace(how, batch_size=usual_batch_size(len(targets), n_cells or _n_classes(data)))
    place = Place.of(how.device, how.precision)
    course = _Course(
        architecture=Architecture.of(model, data.input_shape, data.tasks, how.model_options),
        small=small,
        data=data,
        labels=Labels.of(
            Teachers.of(teacher, data, place),
            data.tasks,
            soft=soft,
            share=(~targets.isnan()).float().mean(0),
            temperature=float(how.temperature),
        ),
        recipe=how,
        place=place,
    )
    numbers = _seeds(seeds)
    with torch.random.fork_rng():
        students = [
            course.student(seed, within(progress, number, len(numbers), f"student {number + 1}"))
            for number, seed in enumerate(numbers)
        ]
    return PostTraining(
        tasks=data.tasks.names,
        metric_names=metric_names(data.tasks),
        fit=course.fit(students, numbers),
        seeds=numbers,
        epochs=np.array(how.scored()),
        scores=np.stack([student.test for student in students]),
        soft=course.labels.soft,
    )


def usual_batch_size(n_examples: int, n_classes: int) -> int:
    """The batch size of DELT's released scripts for so many examples and classes.

    >>> usual_batch_size(100, 10), usual_batch_size(500, 10), usual_batch_size(1000, 100)
    (50, 100, 100)
    """
    each = n_examples / n_classes
    size = 100 if each >= 30 else 50 if each >= 10 else 10
    return max(2, min(n_examples, size * (2 if n_classes >= 100 else 1)))


@dataclass(frozen=True, kw_only=True)
class _Trained:
    """A student after its last epoch: train loss (E, T), validation (e, T) twice, test (e, T)."""

    stack: ModelStack
    train_loss: np.ndarray
    score: np.ndarray
    loss: np.ndarray
    test: np.ndarray
    seconds: float
    steps: int


@dataclass(frozen=True, kw_only=True)
class _Course:
    """What all students have in common."""

    architecture: Architecture
    small: Dataset
    data: Dataset
    labels: Labels
    recipe: Recipe
    place: Place

    def student(self, seed: int, progress: Progress | None) -> _Trained:
        """Train one from scratch, and score it now and then."""
        started, recipe = perf_counter(), self.recipe
        stack = ModelStack.create(self.architecture, n_models=1, seed=seed)
        stack.fit_inputs(self.small)
        stack = stack.to(self.place.device, channels_last=self._is_spatial)
        stack.schema = self.data.schema
        optimiser, batches = _adamw(stack, recipe), self._batches(seed)
        parts = self.data.split.validation, self.data.split.test
        validation, test = (self._ordered(part) for part in parts)
        train_loss, scored = [], []
        for epoch in range(recipe.epochs):
            for group in optimiser.param_groups:
                group["lr"] = recipe.rate(epoch)
            stack.train()
            losses = [
                self._step(stack, optimiser, batch, seed, epoch, step)
                for step, batch in enumerate(batches.epoch(epoch))
            ]
            train_loss.append(torch.stack(losses).mean(0).cpu().numpy())
            if not np.isfinite(train_loss[-1]).all():
                raise CoterieError(
                    f"Student of seed {seed}: the loss is not finite in epoch {epoch + 1}. Try a "
                    "smaller `lr`."
                )
            if epoch + 1 in recipe.scored():
                found = *self._judged(stack, validation), self._judged(stack, test)[0]
                scored.append(found)
            if progress is not None:
                progress(epoch + 1, recipe.epochs, f"epoch {epoch + 1} of {recipe.epochs}")
        score, loss, on_test = map(np.stack, zip(*scored, strict=True))
        stack.train(False)
        return _Trained(
            stack=stack,
            train_loss=np.stack(train_loss),
            score=score,
            loss=loss,
            test=on_test,
            seconds=perf_counter() - started,
            steps=recipe.epochs * batches.n_steps,
        )

    def _step(
        self,
        stack: ModelStack,
        optimiser: torch.optim.Optimizer,
        batch: Batch,
        seed: int,
        epoch: int,
        step: int,
    ) -> Tensor:
        """One step of the student; task losses (T,) before it."""
        generator = torch_generator(seed, "post-training", epoch, step)
        inputs, labels = self._mixed(batch, generator)
        stack.zero_grad()
        with self.place.autocast():
            outputs = stack(inputs, seed=forward_seed(derive(seed, epoch), step))[0].float()
        losses = self.labels.losses(outputs, inputs, labels)
        losses.mean().backward()
        optimiser.step()
        return losses.detach()

    def _mixed(
        self, batch: Batch, generator: torch.Generator
    ) -> tuple[Tensor, list[tuple[float, Tensor]]]:
        """A batch augmented and mixed, as models read it, and whose labels it has by what share."""
        recipe, inputs, labels = self.recipe, batch.inputs, [(1.0, batch.targets)]
        if not self._is_spatial:
            return inputs, labels
        if self._is_images:
            how = {"magnitude": recipe.magnitude, "operations": recipe.operations}
            inputs = rand_augment(inputs, generator, **how)
        inputs = random_resized_crop(inputs, (recipe.crop, 1), generator, flip=recipe.flip)
        if recipe.cutmix:
            inputs, partner, own = cut_mix(inputs, generator)
            theirs = batch.targets[partner.to(batch.targets.device)]
            labels = [(own, batch.targets), (1 - own, theirs)]
        if self._is_images:
            inputs = self.data.preprocessing.normalise(inputs.round().to(torch.uint8))
        return inputs.contiguous(memory_format=torch.channels_last), labels

    def _batches(self, seed: int) -> Batches:
        """Training batches as they are stored: pixels are augmented before they are scaled."""
        raw = replace(self.small.preprocessing, mean=(), std=())
        return Batches(
            replace(self.small, preprocessing=raw),
            self.small.split.train,
            batch_size=self.recipe.batch_size or len(self.small.split.train),
            seed=seed,
            device=self.place.device,
        )

    def _ordered(self, positions: Tensor) -> Batches:
        """Real examples to be scored on."""
        return Batches(
            self.data,
            positions,
            batch_size=EVALUATION_BATCH,
            seed=0,
            device=self.place.device,
            channels_last=self._is_spatial,
        )

    def _judged(self, stack: ModelStack, batches: Batches) -> tuple[np.ndarray, np.ndarray]:
        """Scores and losses (T,)."""
        tasks = self.labels.tasks
        used = torch.ones(1, len(tasks), dtype=torch.bool, device=self.place.device)
        score, loss = evaluate(stack, batches, tasks, self.place, used)
        return score[0].cpu().numpy(), loss[0].cpu().numpy()

    @property
    def _is_images(self) -> bool:
        return self.data.preprocessing.kind == "images"

    @property
    def _is_spatial(self) -> bool:
        return len(self.data.input_shape) == 3

    def fit(self, students: Sequence[_Trained], seeds: Sequence[int]) -> Fit:
        """All students as the models of one fit."""
        recipe, tasks = self.recipe, self.data.tasks
        at = np.array(recipe.scored()) - 1
        train_loss = np.stack([student.train_loss for student in students], axis=1)
        curves = {
            name: _spread([getattr(each, field) for each in students], at, recipe.epochs)
            for name, field in (("validation_score", "score"), ("validation_loss", "loss"))
        }
        steps = [student.steps for student in students]
        stack = ModelStack.concatenate([student.stack.to("cpu") for student in students])
        return Fit(
            tasks=tasks,
            weights=np.ones((len(students), len(tasks))),
            scores=curves["validation_score"][-1],
            history=History(
                train_loss=train_loss,
                learning_rate=np.array([recipe.rate(epoch) for epoch in range(recipe.epochs)]),
                best_epoch=np.full(len(students), recipe.epochs - 1),
                **curves,
            ),
            stack=stack,
            cost={
                "seconds": sum(student.seconds for student in students),
                "steps": steps,
                "model_steps": sum(steps),
                "parameters": stack.n_parameters,
                "strategy": "loop",
                "strategy_reason": "students are trained one by one",
            },
            config={"model": self.architecture.name, **asdict(recipe), "seeds": list(seeds)},
            metric_names=metric_names(tasks),
        )


def _spread(curves: Sequence[np.ndarray], at: np.ndarray, n_epochs: int) -> np.ndarray:
    """Curves (e, T) of each student as (E, S, T), NaN at epochs without a score."""
    found = np.full((n_epochs, len(curves), curves[0].shape[1]), np.nan)
    found[at] = np.stack(curves, axis=1)
    return found


def _adamw(stack: ModelStack, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW, whose decay is for weights of more than one dimension, not for biases and BatchNorm."""
    weights, others = [], []
    for parameter in stack.trainable():
        (weights if parameter.dim() > 2 else others).append(parameter)
    groups = [
        {"params": weights, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([each for each in groups if each["params"]], lr=recipe.lr, fused=True)


def _by_accuracy(data: Dataset) -> dict[str, Choice]:
    """Accuracy for classes without an order, unless a task names its metric."""
    return {
        task.name: "accuracy"
        for task in data.tasks
        if task.kind == Kind.MULTICLASS and task.metric is None
    }


def _n_classes(data: Dataset) -> int:
    """Classes of the only task, else 2."""
    return len(data.tasks[0].classes) or 2 if len(data.tasks) == 1 else 2


def _seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """The seeds of students, one each.

    >>> _seeds(2), _seeds([7])
    ((0, 1), (7,))
    """
    if isinstance(seeds, int):
        require_count("seeds", seeds, _MOST_SEEDS)
        return tuple(range(seeds))
    listed = list(seeds) if is_listed(seeds) else []
    for seed in listed:
        require_whole("seeds", seed, 0, MOST_SEED)
    if not listed or len(set(listed)) < len(listed):
        raise CoterieError(
            f"`seeds` must be how many, or different whole numbers; found {shown(seeds)}."
        )
    return tuple(map(int, listed))
