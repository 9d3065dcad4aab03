"""A teacher's labels, and how far a student is from them.

Shapes: ``B`` examples of a batch, ``M`` models of the teacher, ``T`` tasks, ``P`` output columns,
``K`` classes, ``...`` any leading dimensions such as the members of an ensemble.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from coterie.data import Dataset
from coterie.errors import CoterieError, require_texts
from coterie.metrics import deciding
from coterie.models import ModelStack
from coterie.results import Fit
from coterie.tasks import Tasks, task_losses
from coterie.training.device import Place

LEAST_SKILL = 0.1
"""Of a teacher that knows a task: 0 is chance, 1 perfect. An AUROC of .55 is as much."""


def known_tasks(teacher: Fit) -> tuple[str, ...]:
    """Tasks that a teacher knows: on validation it is better than chance by more than a little.

    Its labels of other tasks would be noise.

    >>> import coterie as ct
    >>> data = ct.load("digits", targets=["even", "random"])
    >>> known_tasks(ct.fit("mlp", data, epochs=3))
    ('even',)
    """
    tasks, best = teacher.tasks, teacher.scores.max(0, where=teacher.weights > 0, initial=-torch.inf)
    skills = [
        metric.skill(float(score), tasks.priors[position] if tasks.priors else ())
        for position, (metric, score) in enumerate(zip(deciding(tasks), best, strict=True))
    ]
    return tuple(
        name for name, skill in zip(tasks.names, skills, strict=True) if skill >= LEAST_SKILL
    )


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
    plain = Tasks.plain(tasks.items).to(student.device)
    found = []
    for position in positions:
        columns, kind = tasks.columns[position], tasks[position].kind
        mine, wanted = student[..., columns].float(), teacher[..., columns].float()
        if kind.has_classes:
            log_p = kind.log_probabilities(wanted / temperature, plain, position)
            log_q = kind.log_probabilities(mine / temperature, plain, position)
            loss = (log_p.exp() * (log_p - log_q)).sum(-1)
        else:
            loss = _of_number(mine, kind.inverse_link(wanted), plain, position)
        found.append(loss.mean(-1))
    return torch.stack(found, dim=-1)


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """Models that label batches, and which of their labels are used.

    ``columns`` (M, P) are the outputs that each model was trained for, ``soft`` names the tasks
    whose labels are the teacher's.
    """

    stack: ModelStack
    columns: Tensor
    tasks: Tasks
    soft: tuple[str, ...]
    share: Tensor
    temperature: float
    place: Place

    @classmethod
    def of(
        cls,
        teacher: Fit,
        data: Dataset,
        *,
        soft: Sequence[str] | None,
        share: Tensor,
        temperature: float,
        place: Place,
    ) -> Teacher:
        """The models of a fit, in evaluation.

        Args:
            teacher: the fit.
            data: what its students are scored on, prepared as the teacher's data were.
            soft: names of tasks; those that it knows, if left out.
            share: of the examples that have a label of their own, (T,).
            temperature: see :func:`soft_losses`.
            place: device and precision.

        Raises:
            CoterieError: the teacher has other tasks or other inputs, or never saw a task whose
                labels are asked of it; or there is a task of which it has none, and the examples
                have none either.
        """
        tasks = data.tasks
        if teacher.schema is not None:
            teacher.schema.require(data)
        if teacher.tasks.names != tasks.names:
            raise CoterieError(
                f"`teacher` must be of the tasks of `data`, {tasks.names}; found "
                f"{teacher.tasks.names}."
            )
        names = known_tasks(teacher) if soft is None else require_texts("soft", soft)
        seen = torch.as_tensor(teacher.weights) > 0
        for name in names:
            if name not in tasks.names or not seen[:, tasks.names.index(name)].any():
                raise CoterieError(
                    f"`soft` must name tasks that the teacher was trained for; found {name!r}."
                )
        for name, labelled in zip(tasks.names, share.tolist(), strict=True):
            if not labelled and name not in names:
                raise CoterieError(
                    f"Nothing tells students about task {name!r}: the distilled examples have no "
                    f"label of it, and the teacher does not know it. Name it in `soft`, or leave "
                    "the task out."
                )
        stack = teacher.stack.to(place.device)
        stack.train(False)
        widths = torch.tensor([task.width for task in tasks])
        return cls(
            stack=stack,
            columns=seen.repeat_interleave(widths, dim=1).to(place.device),
            tasks=tasks.to(place.device),
            soft=tuple(names),
            share=share.clamp_min(1e-6).to(place.device),
            temperature=temperature,
            place=place,
        )

    @torch.no_grad()
    def outputs(self, inputs: Tensor) -> Tensor:
        """What the models that know a task say of it, their mean, (B, P)."""
        with self.place.autocast():
            found = self.stack(inputs).float()
        used = self.columns.unsqueeze(1)
        return (found * used).sum(0) / used.sum(0).clamp_min(1)

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
                share * task_losses(student, own, tasks, self.share) for share, own in labels if share
            ]
            losses[..., hard] = torch.stack(mixed).sum(0)[..., hard]
        if soft:
            found = soft_losses(student, self.outputs(inputs), tasks, soft, self.temperature)
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


def _of_number(outputs: Tensor, wanted: Tensor, tasks: Tasks, position: int) -> Tensor:
    """Loss (..., B) of outputs (..., B, 1) of a number, of which ``wanted`` (B, 1) is the label."""
    (block,) = Tasks.plain([tasks[position]]).to(outputs.device).blocks
    return block.kind.loss(outputs, wanted, block)[..., 0]
