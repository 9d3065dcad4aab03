"""One student: trained from scratch on few examples, scored on real ones now and then.

Shapes: ``B`` examples of a batch, ``T`` tasks, ``E`` epochs, ``e`` of them scored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Annotated, Any, TypedDict

import numpy as np
import torch
from torch import Tensor

from coterie.data import Batch, Batches, Dataset
from coterie.distillation.augmentation import cut_mix, random_resized_crop
from coterie.distillation.rand_augment import rand_augment
from coterie.distillation.recipe import Recipe
from coterie.distillation.soft_labels import Labels
from coterie.errors import CoterieError
from coterie.models import Architecture, ModelStack
from coterie.models.stack import forward_seed
from coterie.models.state import check_stack_state
from coterie.results import Fit
from coterie.schema import arrays_of, least, within
from coterie.seeds import derive, torch_generator
from coterie.training import Checkpoint, Progress
from coterie.training.device import Place
from coterie.training.prediction import EVALUATION_BATCH, evaluate

_CURVES = {"train_loss": "f E T", "score": "f e T", "loss": "f e T", "test": "f e T"}
_STACK = "stack/"


class _About(TypedDict):
    seconds: Annotated[float, least(0)]
    steps: Annotated[int, least(1)]
    identity: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Student:
    """A student after its last epoch: train loss (E, T), validation (e, T) twice, test (e, T)."""

    stack: ModelStack
    train_loss: np.ndarray
    score: np.ndarray
    loss: np.ndarray
    test: np.ndarray
    seconds: float
    steps: int

    def keep(self, checkpoint: Checkpoint) -> None:
        """Write it, where a checkpoint is asked for."""
        stack = {_STACK + name: t.cpu().numpy() for name, t in self.stack.state().items()}
        curves = {name: getattr(self, name) for name in _CURVES}
        checkpoint.write({**curves, **stack}, {"seconds": self.seconds, "steps": self.steps})


@dataclass(frozen=True, kw_only=True)
class Course:
    """What all students have in common.

    ``small`` is the data set whose training part they learn, ``data`` the real one.
    """

    architecture: Architecture
    small: Dataset
    data: Dataset
    labels: Labels
    recipe: Recipe
    place: Place

    def student(self, seed: int, checkpoint: Checkpoint, progress: Progress | None) -> Student:
        """One that was kept, or that is trained now, and kept.

        Raises:
            CoterieError: its checkpoint is of another course, or damaged; or its loss stopped being
                finite.
        """
        with checkpoint.opened(_About) as found:
            if found is not None:
                with within(str(checkpoint.file), "checkpoint"):
                    return self._kept(*found)
        student = self.train(seed, progress)
        student.keep(checkpoint)
        return student

    def _kept(self, arrays: Mapping[str, np.ndarray], about: _About) -> Student:
        """A student as :meth:`Student.keep` wrote it."""
        stack, curves = (
            {name: array for name, array in arrays.items() if name.startswith(_STACK) == of_stack}
            for of_stack in (True, False)
        )
        sizes = {
            "E": self.recipe.epochs,
            "e": len(self.recipe.scored()),
            "T": len(self.labels.tasks),
        }
        arrays_of(curves, _CURVES, sizes=sizes)
        state = {name.removeprefix(_STACK): torch.from_numpy(a) for name, a in stack.items()}
        check_stack_state(self.architecture, state, 1)
        return Student(
            stack=self._ended(ModelStack.from_state(self.architecture, state)),
            seconds=about["seconds"],
            steps=about["steps"],
            **curves,
        )

    def _ended(self, stack: ModelStack) -> ModelStack:
        """As it predicts, knowing how its data are encoded."""
        stack.train(False)
        stack.schema = self.data.schema
        return stack

    def train(self, seed: int, progress: Progress | None) -> Student:
        """Train one from scratch, and score it now and then."""
        started, recipe = perf_counter(), self.recipe
        stack = ModelStack.create(self.architecture, n_models=1, seed=seed)
        stack.fit_inputs(self.small)
        stack = stack.to(self.place.device, channels_last=self._is_spatial)
        optimiser, batches = _adamw(stack, recipe), self._batches(seed)
        parts = self.data.split.validation, self.data.split.test
        validation, test = (self._ordered(part) for part in parts)
        train_loss, scored = [], []
        for epoch in range(recipe.epochs):
            train_loss.append(self._epoch(stack, optimiser, batches, seed, epoch))
            if epoch + 1 in recipe.scored():
                found = *self._judged(stack, validation), self._judged(stack, test)[0]
                scored.append(found)
            if progress is not None:
                progress(epoch + 1, recipe.epochs, f"epoch {epoch + 1} of {recipe.epochs}")
        score, loss, on_test = map(np.stack, zip(*scored, strict=True))
        return Student(
            stack=self._ended(stack),
            train_loss=np.stack(train_loss),
            score=score,
            loss=loss,
            test=on_test,
            seconds=perf_counter() - started,
            steps=recipe.epochs * batches.n_steps,
        )

    def _epoch(
        self,
        stack: ModelStack,
        optimiser: torch.optim.Optimizer,
        batches: Batches,
        seed: int,
        epoch: int,
    ) -> np.ndarray:
        """One pass over the examples; mean task losses (T,)."""
        for group in optimiser.param_groups:
            group["lr"] = self.recipe.rate(epoch) * stack.lr_scale
        stack.train()
        losses = [
            self._step(stack, optimiser, batch, seed, epoch, step)
            for step, batch in enumerate(batches.epoch(epoch))
        ]
        found = torch.stack(losses).mean(0).cpu().numpy()
        if not np.isfinite(found).all():
            raise CoterieError(
                f"Student of seed {seed}: the loss is not finite in epoch {epoch + 1}. Try a "
                "smaller `lr`."
            )
        return found

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
        recipe, preprocessing = self.recipe, self.data.preprocessing
        inputs, labels = batch.inputs, [(1.0, batch.targets)]
        if not self._is_spatial:
            return inputs, labels
        if self._is_images:
            how = {"magnitude": recipe.magnitude, "operations": recipe.operations}
            depth = (2**preprocessing.image_bits - 1) / 255
            inputs = rand_augment(inputs / depth, generator, **how) * depth
        inputs = random_resized_crop(inputs, (recipe.crop, 1), generator, flip=recipe.flip)
        if recipe.cutmix:
            inputs, partner, own = cut_mix(inputs, generator)
            theirs = batch.targets[partner.to(batch.targets.device)]
            labels = [(own, batch.targets), (1 - own, theirs)]
        if self._is_images:
            inputs = preprocessing.normalise(inputs.round().to(preprocessing.dtype))
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

    def teacher_scores(self, teacher: Fit) -> np.ndarray:
        """What the teacher itself scores on test, (T,): the mean of its models of a task."""
        used = torch.from_numpy(teacher.weights > 0).to(self.place.device)
        stack, tasks = teacher.stack.to(self.place.device), self.labels.tasks
        score, _ = evaluate(stack, self._ordered(self.data.split.test), tasks, self.place, used)
        return score.nanmean(0).cpu().numpy()

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
