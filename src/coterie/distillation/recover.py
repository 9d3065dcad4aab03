"""Examples optimised until a teacher recognises them.

Shapes: ``R`` ranks of ``K`` classes (or cells of labels), ``n`` examples seen at once, ``T`` tasks,
``P`` output columns, ``I`` iterations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, TypedDict

import numpy as np
import torch
from torch import Tensor, nn

from coterie.distillation.augmentation import random_resized_crop
from coterie.distillation.recovery import Recovery
from coterie.distillation.schedule import EarlyLate
from coterie.distillation.statistics import BatchNormStatistics, distance
from coterie.distillation.teachers import Teachers
from coterie.errors import CoterieError
from coterie.models.state import require_state
from coterie.schema import least, within
from coterie.seeds import numpy_generator, torch_generator
from coterie.tasks import Tasks, example_losses
from coterie.training import Checkpoint, Progress
from coterie.training.optimisers import optimiser_arrays, restore_optimiser

_BETAS = (0.5, 0.9)
_BATCH_AS_RELEASED = 100
SAVED_EVERY = 100
_OPTIMISER = "optimiser/"


@dataclass(frozen=True, kw_only=True)
class Bank:
    """Examples that are optimised together.

    ``inputs`` (R, K, ...) normalised, ``targets`` (R, K, T), ``ranks`` (R,) rising; inputs stay
    within ``low`` and ``high``, which have the shape of one input or spread to it. ``number`` tells
    one bank from others of the same seed.
    """

    inputs: Tensor
    targets: Tensor
    ranks: np.ndarray
    low: Tensor
    high: Tensor
    number: int = 0

    def part(self, ranks: np.ndarray, classes: np.ndarray, number: int) -> Bank:
        """Some of its ranks of some classes, by their places."""
        at = np.ix_(ranks, classes)
        return replace(
            self,
            inputs=self.inputs[at],
            targets=self.targets[at],
            ranks=self.ranks[ranks],
            number=number,
        )


@dataclass(frozen=True, kw_only=True)
class Objective:
    """L = sum_t w_t L_t / sum_t w_t + bn_weight R_BN.

    L_t is the mean loss over the labels of task t in a batch times ``scale`` (T,), w its ``weights``
    (T,), 0 for tasks that the model in question does not know or of which the batch has no label;
    R_BN see :func:`coterie.distillation.statistics.distance`. ``tasks`` lie on the teachers' device.
    """

    tasks: Tasks
    weights: Tensor
    scale: Tensor
    bn_weight: float
    first_bn: float

    def of(
        self, teachers: Teachers, row: int, inputs: Tensor, targets: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What is minimised, (), and of it the tasks' part and R_BN, detached, (2,).

        Args:
            teachers: the models.
            row: which of them looks.
            inputs: (n, ...), normalised.
            targets: (n, T).
        """
        with teachers.place.autocast(), BatchNormStatistics() as noted:
            outputs = teachers.models[row](inputs)
        tasks = self.of_tasks(outputs.float(), targets, self.weights * teachers.knows[row])
        statistics = (
            distance(noted.layers, self.first_bn) if self.bn_weight else torch.zeros_like(tasks)
        )
        return tasks + self.bn_weight * statistics, torch.stack([tasks, statistics]).detach()

    def of_tasks(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """The tasks' part, () from outputs (n, P)."""
        labelled = (~targets.isnan()).sum(0)
        used = weights * (labelled > 0)
        losses = example_losses(outputs, targets, self.tasks).sum(0) / labelled.clamp_min(1)
        # Of a task without weight not even an infinite loss counts.
        total = (used * self.scale * losses).masked_fill(used == 0, 0.0).sum()
        return total / used.sum().clamp_min(torch.finfo(torch.float32).tiny)


def recover(
    bank: Bank,
    teachers: Teachers,
    objective: Objective,
    schedule: EarlyLate,
    how: Recovery,
    *,
    checkpoint: Checkpoint | None = None,
    progress: Progress | None = None,
) -> tuple[Tensor, Tensor]:
    """Optimise examples by Adam; return them, (R, K, ...), and the curves (I, 2) of the loss.

    The curves are the tasks' part and R_BN, NaN while no rank has joined. Several teachers take
    turns, an iteration each (G-VBSM, Shao et al. 2024). What is drawn depends on seed, bank and
    iteration, so a run that was cut off goes on from its checkpoint bit for bit.

    Raises:
        CoterieError: the examples stopped being finite, or the checkpoint is of another run.
    """
    course = _Course(bank, schedule, how, teachers.place.device)
    checkpoint = checkpoint or Checkpoint()
    course.restore(checkpoint)
    for iteration in range(course.iteration, schedule.iterations):
        course.step(iteration, teachers, objective)
        if course.iteration % SAVED_EVERY == 0 or course.iteration == schedule.iterations:
            course.require_finite()
            checkpoint.write(course.arrays(), {"iteration": course.iteration})
        if progress is not None:
            progress(course.iteration, schedule.iterations, f"iteration {course.iteration}")
    return course.inputs(), course.curves


class _About(TypedDict):
    iteration: Annotated[int, least(0)]
    identity: dict[str, Any]


class _Course:
    """Examples on the way: one parameter for each group of ranks, so that Adam skips who waits."""

    def __init__(
        self, bank: Bank, schedule: EarlyLate, how: Recovery, device: torch.device
    ) -> None:
        groups = schedule.groups[bank.ranks]
        self.schedule, self.how = schedule, how
        self.groups = np.unique(groups).tolist()
        self.pixels = [
            nn.Parameter(bank.inputs[torch.from_numpy(groups == group)].to(device).float())
            for group in self.groups
        ]
        self.targets = bank.targets.to(device)
        self.low, self.high = bank.low.to(device), bank.high.to(device)
        self.number = bank.number
        self.optimiser = torch.optim.Adam(
            [{"params": [each]} for each in self.pixels], lr=how.lr, betas=_BETAS, fused=True
        )
        self.iteration = 0
        self.curves = torch.full((schedule.iterations, 2), torch.nan, device=device)

    def step(self, iteration: int, teachers: Teachers, objective: Objective) -> None:
        """One step of all ranks that have joined."""
        joined = self.schedule.joined(iteration)
        active = [
            pixels for group, pixels in zip(self.groups, self.pixels, strict=True) if group < joined
        ]
        self.iteration = iteration + 1
        if not active:
            return
        self._prepare(iteration, joined)
        inputs = torch.cat([pixels.flatten(0, 1) for pixels in active])
        targets = self.targets[: sum(map(len, active))].flatten(0, 1)
        seen = self._seen(inputs, iteration)
        row = iteration % len(teachers.models)
        loss, self.curves[iteration] = objective.of(teachers, row, seen, targets)
        loss.backward()
        self.optimiser.step()
        with torch.no_grad():
            for pixels in active:
                pixels.clamp_(self.low, self.high)

    def _prepare(self, iteration: int, joined: int) -> None:
        """Learning rates, and no gradients: none at all, or as released zeros, of who waits."""
        self.optimiser.zero_grad()
        for group, parameters in zip(self.groups, self.optimiser.param_groups, strict=True):
            if group < joined:
                parameters["lr"] = self.schedule.rate(iteration, group)
            elif "adam" in self.how.legacy:
                for pixels in parameters["params"]:
                    pixels.grad = torch.zeros_like(pixels)

    def _seen(self, inputs: Tensor, iteration: int) -> Tensor:
        """Crops of images; all else as it is."""
        if inputs.dim() != 4:
            return inputs
        generator = torch_generator(self.how.seed, "crop", self.number, iteration)
        seen = random_resized_crop(
            inputs,
            (self.schedule.area(iteration), 1.0),
            generator,
            flip=self.how.flip,
            shared=self.how.crop == "shared",
        )
        return seen.contiguous(memory_format=torch.channels_last)

    def inputs(self) -> Tensor:
        """All examples, (R, K, ...), on the CPU."""
        return torch.cat([pixels.detach() for pixels in self.pixels]).cpu()

    def require_finite(self) -> None:
        """Refuse examples that are lost.

        Raises:
            CoterieError: one is not finite.
        """
        if not all(bool(pixels.isfinite().all()) for pixels in self.pixels):
            raise CoterieError(
                f"Distillation stopped: examples are not finite at iteration {self.iteration}. The "
                "last checkpoint, if any, is kept. Try a smaller `lr`, or precision='fp32'."
            )

    def _tensors(self) -> dict[str, Tensor]:
        pixels = {str(number): each.detach() for number, each in enumerate(self.pixels)}
        return {"curves": self.curves, **pixels}

    def arrays(self) -> dict[str, np.ndarray]:
        """All that a checkpoint holds."""
        held = {_OPTIMISER + name: t for name, t in optimiser_arrays(self.optimiser).items()}
        return {name: t.cpu().numpy() for name, t in {**self._tensors(), **held}.items()}

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from a checkpoint, if there is one.

        Raises:
            CoterieError: it is of another run, or damaged.
        """
        with checkpoint.opened(_About) as found:
            if found is None:
                return
            arrays, about = found
            tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
            adam = {name: t for name, t in tensors.items() if name.startswith(_OPTIMISER)}
            mine = self._tensors()
            with within(str(checkpoint.file), "checkpoint"):
                require_state({name: tensors[name] for name in tensors.keys() - adam}, mine)
                if about["iteration"] > self.schedule.iterations:
                    raise CoterieError(
                        f"`iteration` must be at most {self.schedule.iterations}; found "
                        f"{about['iteration']}."
                    )
                restore_optimiser(
                    self.optimiser, {name.removeprefix(_OPTIMISER): t for name, t in adam.items()}
                )
                for name, tensor in mine.items():
                    tensor.copy_(tensors[name])
                self.iteration = about["iteration"]
                self.require_finite()


def parts(n_classes: int, per_class: int, how: Recovery) -> list[tuple[np.ndarray, np.ndarray]]:
    """Ranks and classes of the batches that all examples are optimised in, each by itself.

    BatchNorm statistics of training are those of all classes: a batch of few is drawn to what it
    should not be like. So a batch is of all classes and of as many ranks as find room, dealt out in
    turn; only where not even one of each class finds room, of some classes, at random. A batch of
    fewer ranks than there are groups lacks some of the groups, and rests until its first rank joins.

    >>> [(ranks.tolist(), len(classes)) for ranks, classes in parts(10, 5, Recovery(batch_size=30))]
    [([0, 2, 4], 10), ([1, 3], 10)]
    >>> parts(4, 50, Recovery(legacy=["batches"]))[1][1]
    array([2, 3])
    """
    if "batches" in how.legacy:
        size = max(1, _BATCH_AS_RELEASED // per_class)
        starts = range(0, n_classes, size)
        classes = np.arange(n_classes)
        return [(np.arange(per_class), classes[start : start + size]) for start in starts]
    room = max(1, how.batch_size // n_classes)
    n_deals = -(-per_class // room)
    n_sets = -(-n_classes // how.batch_size)
    order = numpy_generator(how.seed, "classes").permutation(n_classes)
    return [
        (np.arange(start, per_class, n_deals), np.sort(classes))
        for classes in np.array_split(order, n_sets)
        for start in range(n_deals)
    ]
