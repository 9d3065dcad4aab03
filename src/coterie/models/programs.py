"""Models as programs on raw numbers, and what each reads and gives; see :mod:`.export`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

import torch
from torch import Tensor, nn

from coterie.codec import Format
from coterie.data.preprocessing import Preprocessing
from coterie.tasks import Task

if TYPE_CHECKING:
    from coterie.models.grouped import GroupedModel

MISSING, UNSEEN = -1, -2
OUTPUT = "predictions"
_FORMAT = Format("exported model")


class Input(TypedDict):
    """A tensor that a program reads, and what stands there for ``missing`` or ``unseen``."""

    name: str
    dtype: str
    shape: list[str | int]
    missing: NotRequired[str | int]
    unseen: NotRequired[int]
    columns: NotRequired[list[dict[str, object]]]


class Output(TypedDict):
    """The tensor that it gives, column by column."""

    name: str
    dtype: str
    shape: list[str | int]
    columns: list[dict[str, object]]


class Interface(TypedDict):
    """What a program reads and gives, as it also stands in its file."""

    format: str
    inputs: list[Input]
    outputs: list[Output]


def interface_of(program: Program) -> Interface:
    """What a program reads and gives, column by column, as JSON types."""
    preprocessing, tasks = program.model.preprocessing, program.model.tasks
    dtype = program(*examples_of(preprocessing, 1).values()).dtype
    columns = [column for task in tasks for column in _output_columns(task)]
    gives: Output = {
        "name": OUTPUT,
        "dtype": str(dtype).removeprefix("torch."),
        "shape": ["batch", len(columns)],
        "columns": columns,
    }
    return {"format": _FORMAT.tag, "inputs": _inputs(preprocessing), "outputs": [gives]}


def _inputs(preprocessing: Preprocessing) -> list[Input]:
    if preprocessing.kind != "table":
        dtype = str(preprocessing.dtype).removeprefix("torch.")
        return [{"name": "inputs", "dtype": dtype, "shape": ["batch", *preprocessing.input_shape]}]
    numeric: list[dict[str, object]] = [{"name": column.name} for column in preprocessing.numeric]
    named: list[dict[str, object]] = [
        {"name": column.name, "categories": list(column.categories)}
        for column in preprocessing.categorical
    ]
    found: list[Input] = [
        {
            "name": "numeric",
            "dtype": "float64",
            "shape": ["batch", len(numeric)],
            "missing": "NaN",
            "columns": numeric,
        },
        {
            "name": "categories",
            "dtype": "int64",
            "shape": ["batch", len(named)],
            "missing": MISSING,
            "unseen": UNSEEN,
            "columns": named,
        },
    ]
    return [entry for entry in found if entry.get("columns")]


def _output_columns(task: Task) -> list[dict[str, object]]:
    return [
        {"task": task.name, "kind": task.kind.value, **meaning}
        for meaning in task.kind.meanings(task)
    ]


def program_of(model: GroupedModel) -> Program:
    """The program that reads what the preprocessing of ``model`` does."""
    preprocessing = model.preprocessing
    if preprocessing.kind != "table":
        return _FromTensor(model)
    if not preprocessing.categorical:
        return _FromNumeric(model)
    return _FromTable(model) if preprocessing.numeric else _FromCategories(model)


class Program(nn.Module):
    """The model with the arithmetic of :meth:`Preprocessing.table` before it.

    Subclasses name the inputs.
    """

    # Not plainly `mean`: ONNX knows tensors by name, and calls what an operation gives after that.
    numeric_fill: Tensor
    numeric_mean: Tensor
    numeric_scale: Tensor
    usual: Tensor
    column: Tensor
    category: Tensor

    def __init__(self, model: GroupedModel) -> None:
        super().__init__()
        self.model = model
        numeric, categorical = model.preprocessing.numeric, model.preprocessing.categorical
        for name in ("fill", "mean", "scale"):
            self.register_buffer(
                f"numeric_{name}",
                torch.tensor([getattr(column, name) for column in numeric], dtype=torch.float64),
            )
        self.register_buffer(
            "usual",
            torch.tensor([_code(c.fill, c.categories) for c in categorical], dtype=torch.int64),
        )
        inputs = [
            (c, code)
            for c, column in enumerate(categorical)
            for code in range(len(column.categories))
        ]
        self.register_buffer("column", torch.tensor([c for c, _ in inputs], dtype=torch.int64))
        self.register_buffer(
            "category", torch.tensor([code for _, code in inputs], dtype=torch.int64)
        )

    def from_table(self, numeric: Tensor | None, categories: Tensor | None) -> Tensor:
        """Predictions (B, P) for columns of a table."""
        parts = []
        if numeric is not None:
            parts.append(
                (
                    (torch.where(numeric.isnan(), self.numeric_fill, numeric) - self.numeric_mean)
                    / self.numeric_scale
                ).float()
            )
        if categories is not None:
            known = torch.where(categories == MISSING, self.usual, categories)
            parts.append((known.index_select(1, self.column) == self.category).float())
        return self.model.predict(torch.cat(parts, dim=1))


class _FromTable(Program):
    def forward(self, numeric: Tensor, categories: Tensor) -> Tensor:
        return self.from_table(numeric, categories)


class _FromNumeric(Program):
    def forward(self, numeric: Tensor) -> Tensor:
        return self.from_table(numeric, None)


class _FromCategories(Program):
    def forward(self, categories: Tensor) -> Tensor:
        return self.from_table(None, categories)


class _FromTensor(Program):
    def forward(self, inputs: Tensor) -> Tensor:
        return self.model.predict(inputs)


def _code(value: str, categories: tuple[str, ...]) -> int:
    return categories.index(value) if value in categories else UNSEEN


def examples_of(preprocessing: Preprocessing, n: int) -> dict[str, Tensor]:
    """Inputs such as the program may meet: of every kind that is allowed, and not from any data."""
    generator = torch.Generator().manual_seed(n)
    if preprocessing.kind != "table":
        shape = (n, *preprocessing.input_shape)
        if preprocessing.kind == "images":
            white = 2**preprocessing.image_bits - 1
            return {
                "inputs": torch.randint(
                    0, white + 1, shape, generator=generator, dtype=preprocessing.dtype
                )
            }
        return {"inputs": torch.randn(shape, generator=generator)}
    found = {}
    if preprocessing.numeric:
        mean, scale = torch.tensor(
            [(column.mean, column.scale) for column in preprocessing.numeric], dtype=torch.float64
        ).T
        values = mean + scale * torch.randn(n, len(mean), generator=generator, dtype=torch.float64)
        found["numeric"] = values.masked_fill(
            torch.rand(values.shape, generator=generator) < 0.1, torch.nan
        )
    if preprocessing.categorical:
        sizes = [len(column.categories) for column in preprocessing.categorical]
        codes = [torch.randint(UNSEEN, size, (n,), generator=generator) for size in sizes]
        found["categories"] = torch.stack(codes, dim=1)
    return found
