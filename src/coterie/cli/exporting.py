"""The verb that writes a saved model as a program for other runtimes."""

from __future__ import annotations

from coterie.cli.options import Export
from coterie.cli.shared import model_at
from coterie.cli.show import Screen
from coterie.errors import CoterieError
from coterie.models import GroupedModel

SUFFIXES = (".onnx", ".pt2")


def export(verb: Export, screen: Screen) -> None:
    """Write the program and show what it reads and gives."""
    if verb.out.suffix.lower() not in SUFFIXES:
        raise CoterieError(f"`--out` must end in {' or '.join(SUFFIXES)}; found {verb.out.name!r}.")
    model = model_at(verb.run, verb.model, trust=verb.trust)
    if not isinstance(model, GroupedModel):
        raise CoterieError(f"Only networks can be exported; {str(verb.run)!r} holds {model}.")
    about = model.export(verb.out)
    rows = [
        [way, tensor["name"], tensor["dtype"], " x ".join(map(str, tensor["shape"]))]
        for way, tensors in (("reads", about["inputs"]), ("gives", about["outputs"]))
        for tensor in tensors
    ]
    screen.table("Exported program", ["", "tensor", "type", "shape"], rows, texts=4)
    screen.path("Program", verb.out)
