"""How unlike each other the examples of a cell are, as a trained model sees them.

Shapes: ``n`` examples, ``F`` features, ``c`` cells.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from coterie.data import Dataset
from coterie.errors import CoterieError, require_type
from coterie.results import Distilled, Diversity, Fit
from coterie.training.device import Place

_BATCH = 512
DISTILLED, REAL = "distilled", "real, where they started from"
UNTOUCHED = "real, untouched"


def similarities(features: Tensor, cells: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean cosine similarity of examples to the centroid of their cell, and distance of two of them.

    The centroid is that of the features as they are, as DELT's figure 2 is read (its code is not
    released).

    Args:
        features: (n, F).
        cells: number of the cell of each, (n,).

    Returns:
        The numbers of the cells (c,); the similarity (c,); 1 - mean cosine similarity of two
        different examples (c,), NaN where there is one.

    >>> features = torch.tensor([[1.0, 0], [0, 1]])
    >>> cells, centroid, pairwise = similarities(features, torch.zeros(2, dtype=torch.long))
    >>> round(centroid.item(), 4), pairwise.item()
    (0.7071, 1.0)
    """
    numbers, centroids, distances = cells.unique(), [], []
    for number in numbers:
        mine = features[cells == number].double()
        unit, n = F.normalize(mine, dim=1), len(mine)
        centroids.append((unit @ F.normalize(mine.mean(0), dim=0)).mean())
        # All pairs but those of an example with itself, whose similarity is 1.
        pairs = unit.sum(0).square().sum() - unit.square().sum()
        distances.append(1 - pairs / (n * (n - 1)) if n > 1 else pairs.new_tensor(torch.nan))
    return numbers, torch.stack(centroids), torch.stack(distances)


def embed(model: Fit, inputs: Tensor, *, row: int = 0, device: str = "auto") -> Tensor:
    """What the encoder of a model makes of inputs as a data set stores them, (n, F) float32.

    Raises:
        CoterieError: the fit does not say how inputs were encoded, or it was otherwise.
    """
    require_type("model", model, Fit)
    if model.schema is None:
        raise CoterieError("`model` does not say how its data were encoded.")
    preprocessing = model.schema.preprocessing
    preprocessing.require(inputs, "`inputs`")
    place = Place.of(device)
    encoder = model.stack.model(row).encoder.to(place.device).eval()
    with torch.inference_mode():
        found = [
            encoder(preprocessing.normalise(part.to(place.device))).float().cpu()
            for part in inputs.split(_BATCH)
        ]
    return torch.cat(found).flatten(1)


def diversity(
    distilled: Distilled, teacher: Fit, data: Dataset | None = None, *, device: str = "auto"
) -> Diversity:
    """How diverse the examples of each cell are, in the features of the teacher.

    Args:
        distilled: the examples.
        teacher: whose encoder sees them.
        data: the real data; if given, the examples that distillation started from are told beside
            them, unless these were left as they are. Compare with those: near-real images are
            diverse by construction.
        device: "auto", "cpu" or "cuda".

    Raises:
        CoterieError: the examples, the teacher and the data do not fit.
    """
    require_type("distilled", distilled, Distilled)
    touched = bool(distilled.iterations.any())
    sets: dict[str, Tensor] = {DISTILLED if touched else UNTOUCHED: distilled.stored}
    if data is not None and touched:
        sets[REAL] = _started_from(distilled, data)
    found = [
        similarities(
            embed(teacher, inputs, device=device), torch.from_numpy(distilled.cells).long()
        )
        for inputs in sets.values()
    ]
    return Diversity(
        sets=tuple(sets),
        cells=found[0][0].numpy(),
        centroid=torch.stack([centroid for _, centroid, _ in found]).numpy(),
        pairwise=torch.stack([pairwise for _, _, pairwise in found]).numpy(),
    )


def _started_from(distilled: Distilled, data: Dataset) -> Tensor:
    """The real examples by their ids."""
    require_type("data", data, Dataset)
    inputs = data.inputs
    place = {each: position for position, each in enumerate(data.ids.tolist())}
    if not isinstance(inputs, Tensor) or not set(distilled.ids.tolist()) <= place.keys():
        raise CoterieError("`data` must hold, in memory, the examples that `distilled` is made of.")
    return inputs[[place[each] for each in distilled.ids.tolist()]]
