"""A teacher's labels, and how far a student is from them.

Shapes: ``B`` examples of a batch, ``T`` tasks, ``P`` output columns,
``K`` classes, ``...`` any leading dimensions such as the members of an ensemble.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress

import torch
from torch import Tensor

from coterie.distillation.teachers import Teachers
from coterie.errors import CoterieError, require_texts
from coterie.tasks import Kind, Tasks, task_losses


def soft_losses(
    student: Tensor, teacher: Tensor, tasks: Tasks, positions: Sequence[int], temperature: float
) -> Tensor:
    """How far a student is from its teacher in some tasks, (..., n): 0 where it says the same.

    Of classes the Kullback-Leibler divergence of their probabilities at a temperature, mean over
    examples, without its square as a factor (SRe2L, Yin et al., NeurIPS 2023, eq. 10, as released).
    Of numbers the task's loss with what the teacher says for a label.

    Args:
        student: outputs (..., B, P).
        teacher: outputs (B, P).
        tasks: the tasks; how they are balanced is not read.
        positions: of the n tasks.
        temperature: by which outputs that say probabilities of classes are divided.

    >>> from coterie.tasks import Task
    >>> tasks = Tasks.plain([Task(name="a", kind="multiclass", classes=("x", "y"))])
    >>> same = torch.tensor([[1.0, 3.0]])
    >>> soft_losses(same + 1, same, tasks, [0], 20.0).abs().item() < 1e-6
    True
    """
    found = student.new_zeros(*student.shape[:-2], len(positions), dtype=torch.float32)
    for places in _alike(tasks, positions):
        alike = [positions[place] for place in places]
        kind, plain = tasks[alike[0]].kind, Tasks.plain([tasks[each] for each in alike])
        columns = [list(range(*tasks.columns[each].indices(tasks.n_outputs))) for each in alike]
        # (..., B, n, w) of n tasks whose outputs are w columns.
        mine, wanted = student[..., columns].float(), teacher[..., columns].float()
        plain = plain.to(student.device)
        if kind.has_classes:
            log_p = kind.log_probabilities(wanted / temperature, plain, 0)
            log_q = kind.log_probabilities(mine / temperature, plain, 0)
            losses = (log_p.exp() * (log_p - log_q)).sum(-1)
        else:
            (block,) = plain.blocks
            labels = kind.inverse_link(wanted)[..., 0]
            losses = kind.loss(mine[..., 0], labels, block)
        found[..., places] = losses.mean(-2)
    return found


def _alike(tasks: Tasks, positions: Sequence[int]) -> Iterable[list[int]]:
    """Places of tasks of one kind with as many outputs: these are of one size, and read at once."""
    groups: dict[tuple[Kind, int], list[int]] = {}
    for place, position in enumerate(positions):
        task = tasks[position]
        groups.setdefault((task.kind, task.width), []).append(place)
    return groups.values()


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Whose labels students learn: those of their teachers for ``soft`` tasks, else the examples' own.

    ``share`` (T,) of the examples have a label of their own.
    """

    teachers: Teachers
    tasks: Tasks
    soft: tuple[str, ...]
    share: Tensor
    temperature: float

    @classmethod
    def of(
        cls,
        teachers: Teachers,
        tasks: Tasks,
        *,
        soft: Sequence[str] | None,
        share: Tensor,
        temperature: float,
    ) -> Labels:
        """Check who labels what.

        Args:
            teachers: the models.
            tasks: theirs, as students are scored on them.
            soft: names of tasks; those that the teachers know, if left out.
            share: of the examples that have a label of their own, (T,).
            temperature: see :func:`soft_losses`.

        Raises:
            CoterieError: labels are asked of teachers that do not know a task, or there are neither
                theirs nor the examples' own.
        """
        known = tuple(compress(tasks.names, teachers.knows.any(0).tolist()))
        names = known if soft is None else require_texts("soft", soft)
        for name in names:
            if name not in known:
                raise CoterieError(
                    f"`soft` must name tasks that the teacher knows, {known}; found {name!r}."
                )
        for name, labelled in zip(tasks.names, share.tolist(), strict=True):
            if not labelled and name not in names:
                raise CoterieError(
                    f"Nothing tells students about task {name!r}: the distilled examples have no "
                    "label of it, and none of the teacher's is used. Leave the task out."
                )
        device = teachers.place.device
        return cls(
            teachers=teachers,
            tasks=tasks.to(device),
            soft=names,
            share=share.clamp_min(1e-6).to(device),
            temperature=temperature,
        )

    def losses(
        self, student: Tensor, inputs: Tensor, labels: Sequence[tuple[float, Tensor]]
    ) -> Tensor:
        """Loss of each task (T,) of a student's outputs (..., B, P).

        Args:
            student: outputs.
            inputs: what the student saw, (B, ...).
            labels: the examples' own (B, T), and those of what was mixed in, with their shares.
        """
        names, tasks = self.tasks.names, self.tasks
        soft = [position for position, name in enumerate(names) if name in self.soft]
        hard = [position for position, name in enumerate(names) if name not in self.soft]
        losses = student.new_zeros(*student.shape[:-2], len(names))
        if hard:
            mixed = [
                share * task_losses(student, own, tasks, self.share)
                for share, own in labels
                if share
            ]
            losses[..., hard] = torch.stack(mixed).sum(0)[..., hard]
        if soft:
            found = soft_losses(student, self.teachers.say(inputs), tasks, soft, self.temperature)
            losses[..., soft] = found * self._factors(soft) / tasks.loss_scale[soft]
        return losses.flatten(0, -2).mean(0) if losses.dim() > 1 else losses

    def _factors(self, soft: Sequence[int]) -> Tensor:
        """The temperature's square for classes among losses of other kinds, else 1.

        So gradients are of one size (Hinton et al. 2015, "Distilling the knowledge in a neural
        network", section 2). Adam does not feel a factor that all tasks have.
        """
        classes = [self.tasks[position].kind.has_classes for position in soft]
        alone = len(soft) == len(self.tasks) and all(classes)
        factors = [1.0 if alone or not each else self.temperature**2 for each in classes]
        return torch.tensor(factors, device=self.share.device)
