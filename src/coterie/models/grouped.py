"""What a user takes away: specialised models, who serves which task, and how to read their outputs.

Shapes: ``K`` groups, ``T`` tasks, ``B`` examples, ``P`` output columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast, overload

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coterie.codec import SPARSE, SPREAD, Format
from coterie.data import Batches, Dataset
from coterie.data.preprocessing import Preprocessing
from coterie.data.schema import Schema
from coterie.errors import CoterieError, require_choice, require_type
from coterie.metrics.calibration import Calibration, Rule, calibrations
from coterie.models.architecture import Architecture, TaskModel, trusted
from coterie.models.copies import copied
from coterie.models.predictions import predict_as_given, predicted, require_calibration
from coterie.models.saved import SavedModel
from coterie.models.state import require_state, without_memory
from coterie.models.stem import split
from coterie.schema import Json, array_of, arrays_of, membership_of, within
from coterie.tasks import Link, Tasks, averaged, to_means, to_outputs

if TYPE_CHECKING:
    import pandas as pd

    from coterie.models.programs import Interface
    from coterie.models.stack import ModelStack

_FORMAT = Format("grouped model", earlier=("coterie-grouped-model-1",))
Average = Literal["logits", "probabilities"]

_BATCH = 512


@dataclass(frozen=True, kw_only=True)
class _File(SavedModel, format=_FORMAT):
    """What the file of a grouped model holds."""

    preprocessing: Preprocessing
    average: Average
    served: tuple[tuple[int, ...], ...]
    member_options: Annotated[tuple[dict[str, Json], ...], SPARSE] = ()
    calibration: tuple[Calibration | None, ...] = ()
    state: Annotated[Mapping[str, np.ndarray], SPREAD]

    def __post_init__(self) -> None:
        arrays = {name: array for name, array in self.state.items() if name == "membership"}
        sizes = {"T": len(self.tasks), "K": len(self.served)}
        arrays_of(arrays, {"membership": "f T K"}, sizes=sizes)
        membership_of(arrays["membership"])
        require_calibration(self.calibration, self.tasks)
        if len(self.member_options) not in (0, len(self.served)):
            raise CoterieError(
                f"`member_options` must be of the {len(self.served)} members, or left out where all "
                f"have `options`; found {len(self.member_options)}."
            )
        for k, positions in enumerate(self.served):
            rising = all(a < b for a, b in pairwise(positions))
            if not positions or not rising or positions[0] < 0 or positions[-1] >= len(self.tasks):
                raise CoterieError(
                    f"`served[{k}]` must be rising positions of the {len(self.tasks)} tasks; found "
                    f"{list(positions)}."
                )

    def architectures(self, factory: str | Callable[..., nn.Module]) -> list[Architecture]:
        """How to build each member again, once the factory is trusted."""
        common = self.architecture(factory)
        own = [replace(common, options=each) for each in self.member_options]
        return own or [common] * len(self.served)


class GroupedModel(nn.Module):
    """K specialised models as one module (STG-MTL, section 4).

    Soft: logit(t, x) = sum_k u(t, k) logit_k(t, x), with membership u (T, K); with
    ``average="probabilities"`` the probabilities are averaged instead and turned back into logits.
    :meth:`hard` gives the module in which each task is computed by the model of its largest
    membership only. ``calibration``, one for each task with classes once :meth:`calibrate` was called,
    is applied by :meth:`predict`. Models that share a ``stem`` hold it once, and run it once.
    Encoders are of one kind; there is one ``architecture`` for each model where their options differ,
    such as those of their size.

    ``inputs`` are those of the data set: preprocessed features, or images as uint8 (int32 of 16
    bits) or normalised float.
    """

    def __init__(
        self,
        members: Sequence[TaskModel],
        membership: np.ndarray | Tensor,
        tasks: Tasks,
        architecture: Architecture | Sequence[Architecture],
        preprocessing: Preprocessing,
        *,
        average: Average = "logits",
        served: Sequence[Sequence[int]] | None = None,
        stem: nn.Sequential | None = None,
        calibration: Sequence[Calibration | None] = (),
    ) -> None:
        super().__init__()
        require_choice("average", average, ("logits", "probabilities"))
        require_type("tasks", tasks, Tasks)
        require_type("preprocessing", preprocessing, Preprocessing)
        shares = torch.as_tensor(
            array_of("membership", membership, "fiub T K"), dtype=torch.float32
        )
        if shares.shape != (len(tasks), len(members)):
            raise CoterieError(
                f"`membership` must have shape {(len(tasks), len(members))}; found "
                f"{tuple(shares.shape)}."
            )
        # Members keep placeholders where the stem's layers were, so that all names stay as they
        # are.
        self.stem = nn.Sequential() if stem is None else stem
        self.members = nn.ModuleList(members)
        self.tasks = tasks
        self.architectures = _one_for_each(architecture, len(members))
        self.preprocessing = preprocessing
        self.average: Average = average
        self.calibration = tuple(calibration)
        # Which tasks each member computes; its head has the columns of these only.
        self.served = (
            tuple(tuple(s) for s in served)
            if served is not None
            else (tuple(range(len(tasks))),) * len(members)
        )
        self.membership: Tensor
        self.register_buffer("membership", shares)
        for k, positions in enumerate(self.served):
            columns = _columns(tasks, positions)
            owner = [position for position in positions for _ in range(tasks[position].width)]
            self.register_buffer(f"columns_{k}", torch.tensor(columns))
            self.register_buffer(f"share_{k}", shares[owner, k])
            self.register_buffer(f"place_{k}", _places(columns, tasks.n_outputs), persistent=False)

    @property
    def architecture(self) -> Architecture:
        """That of the first model."""
        return self.architectures[0]

    @property
    def schema(self) -> Schema:
        """How the data of the training were encoded; new data are read by it."""
        return Schema(self.tasks, self.preprocessing)

    @classmethod
    def from_stack(
        cls,
        stack: ModelStack | Sequence[ModelStack],
        membership: np.ndarray | Tensor,
        tasks: Tasks,
        preprocessing: Preprocessing,
        *,
        average: Average = "logits",
    ) -> GroupedModel:
        """Take the rows of a trained stack as groups, or of several: a stem is not shared then."""
        from coterie.models.stack import ModelStack

        given = stack if isinstance(stack, Sequence) and stack else (stack,)
        for each in given:
            require_type("stack", each, ModelStack)
        require_type("tasks", tasks, Tasks)
        stacks = cast("Sequence[ModelStack]", given)
        if len(stacks) > 1:
            stacks = [each.without_stem() for each in stacks]
        members = [each.branch(row).cpu() for each in stacks for row in range(each.n_models)]
        stem = stacks[0].stem
        return cls(
            members,
            membership,
            tasks.to("cpu"),
            [each.architecture for each in stacks for _ in range(each.n_models)],
            preprocessing,
            average=average,
            stem=None if stem is None else stem.copy().module.cpu(),
        ).eval()

    def hard(self) -> GroupedModel:
        """Return the module in which every task has exactly one model.

        Heads are sliced, models without a task dropped. Its outputs are others, so that it is not
        calibrated.
        """
        labels = self.membership.argmax(1)
        members, served, kept = [], [], []
        for k, member in enumerate(self.members):
            positions = [t for t in range(len(self.tasks)) if labels[t] == k]
            if positions:
                members.append(_with_columns(member, self.served[k], positions, self.tasks))
                served.append(positions)
                kept.append(k)
        one_hot = torch.nn.functional.one_hot(labels, self.membership.shape[1])[:, kept]
        model = GroupedModel(
            members,
            one_hot.cpu(),
            self.tasks,
            [self.architectures[k] for k in kept],
            self.preprocessing,
            average=self.average,
            served=served,
            stem=copied(self.stem),
        )
        return model.to(self.membership.device).train(self.training)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the outputs of all tasks, (B, P): logits, or values on the scale of training."""
        inputs, links = self.preprocessing.normalise(inputs), self.tasks.links
        shared = self.stem(inputs)
        outputs = [
            _said(member(shared).float(), [links[position] for position in served])
            for member, served in zip(self.members, self.served, strict=True)
        ]
        if self.average == "probabilities":
            outputs = [
                to_means(o, [links[position] for position in served])
                for o, served in zip(outputs, self.served, strict=True)
            ]
        # What exporters bear: the batch is never a plain number, and nothing is added in place,
        # which ONNX loses.
        total = outputs[0].new_zeros(outputs[0].shape[0], self.tasks.n_outputs)
        for k, output in enumerate(outputs):
            part = F.pad(output * self.get_buffer(f"share_{k}"), (0, 1))
            total = total + part.index_select(1, self.get_buffer(f"place_{k}"))
        return to_outputs(total, links) if self.average == "probabilities" else total

    def outputs(self, data: Dataset, positions: Tensor) -> Tensor:
        """Outputs for examples of a data set, (n, P), as :meth:`forward` gives them."""
        was_training = self.training
        self.eval()
        with torch.inference_mode():
            batches = Batches(data, positions, batch_size=_BATCH, seed=0)
            found = torch.cat([self(batch.inputs) for batch in batches.ordered()])
        self.train(was_training)
        return found

    def calibrate(self, data: Dataset, *, rule: Rule = "balanced accuracy") -> GroupedModel:
        """Fit calibration and thresholds on the validation examples, and return the same model.

        From then on :meth:`predict` gives calibrated probabilities, and files have them. A task
        without a label there is left as it is.

        Args:
            data: what the models were trained on.
            rule: of thresholds, see :func:`coterie.metrics.calibration.threshold`.

        Raises:
            CoterieError: data that were prepared otherwise, or no such rule.

        >>> import coterie as ct
        >>> data = ct.load("digits", targets=["even", "random"])
        >>> fit = ct.fit("mlp", data, np.eye(2), epochs=1, model_options={"hidden": (8,)})
        >>> model = GroupedModel.from_stack(fit.stack, np.eye(2), data.tasks, data.preprocessing)
        >>> [0 < each.threshold < 1 for each in model.calibrate(data).calibration]
        [True, True]
        """
        require_type("data", data, Dataset)
        self.schema.require(data)
        positions = data.split.validation
        self.calibration = calibrations(
            self.outputs(data, positions), data.targets[positions], self.tasks, rule
        )
        return self

    @overload
    def predict(self, inputs: Tensor) -> Tensor: ...
    @overload
    def predict(self, inputs: np.ndarray) -> np.ndarray: ...
    @overload
    def predict(self, inputs: pd.DataFrame) -> pd.DataFrame: ...
    def predict(
        self, inputs: Tensor | np.ndarray | pd.DataFrame
    ) -> Tensor | np.ndarray | pd.DataFrame:
        """Return predictions in the sort that was given: a tensor, an array, or a frame.

        From a tensor or an array of inputs (B, ...), as the data set holds them: calibrated
        probabilities (binary, and per class where there are more) and values in units, in the
        columns that ``tasks.prediction_columns`` says. float32; float64 throughout if any task is a
        number in units, which may need more digits. From a frame with the columns of training: a
        frame with the same index and a column per task: the probability of the positive class, the
        likeliest class (and ``NAME probability``), or the value in units. The frame is read with
        the types and categories of training; what training did not see is a
        :class:`coterie.CoterieWarning`.

        Balanced binary logits are shifted back by log(pos_weight) before the sigmoid, and then
        calibrated if :meth:`calibrate` was called.

        Raises:
            CoterieError: a column is absent or of another type, or inputs have another shape or are
                not finite.
        """
        return predict_as_given(inputs, self.tasks, self.preprocessing, self._predict)

    @torch.no_grad()
    def _predict(self, inputs: Tensor) -> Tensor:
        was_training = self.training
        outputs = self.eval()(inputs.to(self.membership.device))
        self.train(was_training)
        return predicted(outputs, self.tasks, self.calibration)

    def save(self, path: str | Path) -> None:
        """Write weights, architecture, preprocessing, tasks and units as one safetensors file.

        Raises:
            CoterieError: the encoder's factory could not be found again by its name when loading.
        """
        first, options = self.architecture, [dict(each.options) for each in self.architectures]
        first.require_importable()
        _File(
            model=first.name,
            input_shape=first.input_shape,
            options=options[0],
            member_options=() if all(each == options[0] for each in options) else tuple(options),
            tasks=self.tasks,
            preprocessing=self.preprocessing,
            average=self.average,
            served=self.served,
            calibration=self.calibration,
            stem=len(self.stem),
            state={name: tensor.cpu().numpy() for name, tensor in self.state_dict().items()},
        ).save(path)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        model: str | Callable[..., nn.Module] | None = None,
        trust: bool = False,
    ) -> GroupedModel:
        """Read what :meth:`save` wrote.

        Nothing is unpickled, and no code that the file names is run unless you name it too.

        Args:
            path: the file.
            model: if the encoder is not a built-in one, its factory: the "module:factory" of the
                file again, or a callable.
            trust: import whatever factory the file names.

        Raises:
            CoterieError: no such file, a damaged one, one of another kind, or one whose encoder
                ``model`` must provide.
        """
        file = _File.load(path)
        state = {name: torch.from_numpy(array) for name, array in file.state.items()}
        factory = trusted(file.model, model, path, trust=trust)
        with within(path, _File.format.name):
            architectures = file.architectures(factory)
            with without_memory(architectures[0]):
                require_state(state, cls._built(file, architectures).state_dict())
            made = cls._built(file, architectures)
            for name, tensor in made.named_buffers(recurse=False):
                if name in state and not torch.equal(tensor, state[name]):
                    raise CoterieError(
                        f"Tensor `{name}` is not what the membership and the tasks served give."
                    )
            made.load_state_dict(state)
        return made.eval()

    @classmethod
    def _built(cls, file: _File, architectures: Sequence[Architecture]) -> GroupedModel:
        """The model that a file describes, its weights not yet those of the file."""
        tasks, served = file.tasks, file.served
        built = [architecture.build(0, k) for k, architecture in enumerate(architectures)]
        stems = [split(model, file.stem, architectures[0].name) for model in built]
        everything = range(len(tasks))
        members = [
            _with_columns(model, everything, positions, tasks)
            for model, positions in zip(built, served, strict=True)
        ]
        return cls(
            members,
            file.state["membership"],
            tasks,
            architectures,
            file.preprocessing,
            average=file.average,
            served=served,
            stem=None if stems[0] is None else stems[0].module,
            calibration=file.calibration,
        )

    def export(self, path: str | Path) -> Interface:
        """Write the model, from raw numbers to probabilities and units, as one program.

        See :mod:`coterie.models.export`.

        Args:
            path: ends in .pt2 (``torch.export.load``) or, with the extra ``[onnx]``, in .onnx.

        Returns:
            What the program reads and gives, as it also stands in the file.

        Raises:
            CoterieError: another suffix, packages that are not installed, or an encoder that cannot
                be exported.
        """
        from coterie.models.export import export

        return export(self, path)

    def extra_repr(self) -> str:
        """Sizes, for printing."""
        return f"{len(self.tasks)} tasks, {len(self.members)} groups, average={self.average!r}"


def _one_for_each(
    given: Architecture | Sequence[Architecture], n_members: int
) -> tuple[Architecture, ...]:
    """The architecture of each member, which may differ in their options only."""
    several = (given,) * n_members if isinstance(given, Architecture) else tuple(given)
    if len(several) != n_members:
        raise CoterieError(
            f"`architecture` must be one, or one for each of {n_members} members; found "
            f"{len(several)}."
        )
    if any(replace(each, options=several[0].options) != several[0] for each in several):
        raise CoterieError("`architecture`: members must differ in nothing but their options.")
    return several


def _places(columns: Sequence[int], n_outputs: int) -> Tensor:
    """Where each of P outputs stands among the columns of a member, (P,).

    Behind the last where it has none.
    """
    places = torch.full((n_outputs,), len(columns))
    places[torch.tensor(columns, dtype=torch.int64)] = torch.arange(len(columns))
    return places


def _columns(tasks: Tasks, positions: Sequence[int]) -> list[int]:
    return [
        column
        for position in positions
        for column in range(tasks.n_outputs)[tasks.columns[position]]
    ]


def _with_columns(
    member: nn.Module, has: Sequence[int], wanted: Sequence[int], tasks: Tasks
) -> TaskModel:
    """A copy of the member whose head computes the wanted tasks only."""
    if not isinstance(member, TaskModel):
        raise CoterieError(f"A member must be a TaskModel; found {type(member).__name__}.")
    if list(has) == list(wanted):
        return copied(member)
    available = _columns(tasks, has)
    columns = [available.index(column) for column in _columns(tasks, wanted)]
    return member.narrowed(columns, [tasks.links[position] for position in wanted])


def _said(outputs: Tensor, links: Sequence[Link]) -> Tensor:
    """Outputs (B, P) of a model in either mode: in training mode an ensemble gives its members'."""
    return averaged(outputs, links) if outputs.dim() == 3 else outputs
