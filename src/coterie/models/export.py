"""A grouped model as one program from raw numbers to predictions, for ``torch.export`` and ONNX.

The program does what :meth:`GroupedModel.predict` does and, before it, what is arithmetic of the
preprocessing. It reads, with any number of examples ``B``,

* of a table ``numeric`` (B, n) float64, NaN where missing, and ``categories`` (B, c) int64: the
  position of each value among the categories of its column, -1 where missing, -2 for a value that
  is none of them; either is left out where there is none;
* of images ``inputs`` (B, C, H, W) uint8 (int32 of 16-bit images), and of arrays ``inputs`` (B,
  ...) float32;

and gives ``predictions``, a column for each of :attr:`Tasks.prediction_columns`: a probability for
each binary task and each class, a value in units for each number. Names, order and meaning of all
columns are in the file, under ``coterie`` (ONNX metadata) or ``coterie.json`` (``.pt2``).
"""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from coterie.errors import CoterieError, blame, reason
from coterie.files import atomic, path_of
from coterie.models.copies import copied
from coterie.models.programs import (
    OUTPUT,
    Interface,
    Program,
    examples_of,
    interface_of,
    program_of,
)

if TYPE_CHECKING:
    from torch.export import ExportedProgram

    from coterie.models.grouped import GroupedModel

    Written = Callable[[Mapping[str, Tensor]], Tensor]

ABOUT = "coterie"
_TOLERANCE = 1e-5
_LARGEST_ONNX = 2**31 - 2**24  # of a protocol buffer, less room for the graph


def export(model: GroupedModel, path: str | Path) -> Interface:
    """Write ``model`` as a program and return what it reads and gives.

    What was written is run and compared before it stays.

    Raises:
        CoterieError: another suffix than .pt2 and .onnx, packages that are not installed, an
            encoder that cannot be exported, or a program that predicts something else than the
            model.

    >>> import tempfile
    >>> from coterie.data.preprocessing import Preprocessing
    >>> from coterie.models import Architecture, GroupedModel
    >>> from coterie.tasks import Kind, Task, Tasks
    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.REGRESSION)])
    >>> encoder, read = Architecture("mlp", (4,), 1), Preprocessing(input_shape=(4,))
    >>> model = GroupedModel([encoder.build(0, 0)], torch.ones(1, 1), tasks, encoder, read)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     about = export(model, folder + "/model.pt2")
    >>> about["inputs"][0]["shape"], about["outputs"][0]["columns"]
    (['batch', 4], [{'task': 'a', 'kind': 'regression', 'meaning': "value in the target's units"}])
    """
    path = path_of(path)
    write = {".pt2": _write_pt2, ".onnx": _write_onnx}.get(path.suffix.lower())
    if write is None:
        raise CoterieError(f"`path` must end in .pt2 (torch.export) or .onnx; found {path.name!r}.")
    if path.suffix.lower() == ".onnx":
        _require_onnx(model)
    program = program_of(copied(model).cpu().eval())
    name = model.architecture.name
    try:
        with _quiet(), torch.no_grad():
            with blame(f"`model` {name!r} cannot be exported: it fails on one example"):
                about = interface_of(program)
            exported = _trace(program, name)
            for node in exported.graph.nodes:
                node.meta.pop(
                    "stack_trace", None
                )  # where on this machine the code lies is nobody's business
            try:
                with atomic(path) as temporary:
                    _check(write(exported, about, temporary), program, name)
            except (CoterieError, OSError):
                raise
            except Exception as error:
                raise _refusal(name, path.suffix, error) from error
    except OSError as error:
        raise CoterieError(
            f"`path` {str(path)!r} cannot be written: {error.strerror or error}."
        ) from error
    return about


def _trace(program: Program, name: str) -> ExportedProgram:
    """The program with a dynamic batch.

    What one tracer takes for a constant, such as ``len(x)``, the other follows.
    """
    examples = examples_of(program.model.preprocessing, 3)
    dynamic = {key: {0: torch.export.Dim("batch")} for key in examples}
    trace = partial(torch.export.export, program, tuple(examples.values()), dynamic_shapes=dynamic)
    try:
        return trace(strict=False)
    except Exception as error:  # an encoder of the user's may raise anything
        try:
            return trace(strict=True)
        except Exception:
            raise _refusal(name, "torch.export", error) from error


def _refusal(name: str, what: str, error: Exception) -> CoterieError:
    return CoterieError(f"`model` {name!r} cannot be exported: {what} refuses it: {reason(error)}")


def _write_pt2(exported: ExportedProgram, about: Interface, path: Path) -> Written:
    file = io.BytesIO()
    torch.export.save(exported, file, extra_files={f"{ABOUT}.json": json.dumps(about)})
    path.write_bytes(file.getvalue())
    file.seek(0)
    written = torch.export.load(file).module()
    return lambda inputs: written(*inputs.values())


def _write_onnx(exported: ExportedProgram, about: Interface, path: Path) -> Written:
    import onnxruntime

    names = [entry["name"] for entry in about["inputs"]]
    # The runtime optimises what it loads.
    found = torch.onnx.export(
        exported,
        dynamo=True,
        input_names=names,
        output_names=[OUTPUT],
        verbose=False,
        optimize=False,
    )
    if found is None:
        raise CoterieError("`path`: torch.onnx.export gave no program.")
    found.model.metadata_props[ABOUT] = json.dumps(about)
    found.save(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda inputs: torch.from_numpy(
        session.run(None, {key: value.numpy() for key, value in inputs.items()})[0]
    )


def _check(written: Written, program: Program, name: str) -> None:
    """Refuse what predicts otherwise than the model.

    An encoder does that draws random numbers, or counts its calls.
    """
    for n in (1, 5):
        examples = examples_of(program.model.preprocessing, n)
        expected, found = program(*examples.values()).double(), written(examples).double()
        allowed = _TOLERANCE * expected.abs().amax(0).clamp_min(1)
        if found.shape != expected.shape or not ((found - expected).abs() <= allowed).all():
            raise CoterieError(
                f"`model` {name!r} cannot be exported: for {n} examples the program predicts "
                "something else."
            )


def _require_onnx(model: GroupedModel) -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise CoterieError(
            "Exporting to ONNX needs further packages: pip install 'coterie[onnx]'."
        ) from error
    size = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    if size > _LARGEST_ONNX:
        raise CoterieError(
            f"`path`: the model takes {size / 2**30:.1f} GiB, and an ONNX file at most 2; export a "
            ".pt2 file."
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporters' remarks on their own insides, which they log, warn of and print."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
