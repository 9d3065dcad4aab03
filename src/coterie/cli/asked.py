"""What the options ask for, as arguments of the functions of Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, TypeVar, cast

from coterie.cli import options
from coterie.errors import CoterieError

if TYPE_CHECKING:
    from coterie.data import Dataset
    from coterie.methods import Method
    from coterie.training.config import TrainingSettings

Value = TypeVar("Value")


def load_data(asked: options.DataOptions, seed: int) -> Dataset:
    """Load what the options name."""
    from coterie.data import load

    keywords = asdict(asked)
    kinds, positive = (
        dict(_pair(name, text) for text in keywords.pop(name)) for name in ("kind", "positive")
    )
    files, test = (list(keywords.pop(name)) for name in ("data", "test"))
    source = files[0] if len(files) == 1 else files
    parts = {"train": source, "test": test} if test else source
    return load(parts, kinds=kinds, positive=positive, seed=seed, **given(keywords))


def given(keywords: dict[str, Value]) -> dict[str, Value]:
    """The keywords that hold something."""
    empty = (None, (), [])
    # No words for missing cells are an answer, too.
    return {
        name: value
        for name, value in keywords.items()
        if value not in (empty[:1] if name == "na" else empty)
    }


def _pair(flag: str, text: str) -> tuple[str, str]:
    name, equals, value = text.rpartition("=")
    if not equals:
        form = (
            "NAME=KIND, such as age=regression"
            if flag == "kind"
            else "NAME=VALUE, such as assay=active"
        )
        raise CoterieError(f"`--{flag}` takes {form}; found {text!r}.")
    return name, value


def model_of(training: options.TrainingOptions, data: Dataset) -> str:
    """The encoder asked for, or the usual one for these inputs."""
    usual = "cnn" if len(data.input_shape) == 3 else "mlp"
    return usual if training.model == "auto" else training.model


def settings_of(training: options.TrainingOptions) -> TrainingSettings:
    """What ``fit`` takes beside the model and the seed."""
    settings = {n: value for n, value in asdict(training).items() if n not in ("model", "seed")}
    return cast("TrainingSettings", settings)


def seeds_of(verb: options.Compare) -> int | range:
    """The seeds asked for."""
    first, count = verb.training.seed, verb.comparison.seeds
    return range(first, first + count) if first else count


def methods_asked(
    asked: options.GroupOptions, compared: options.ComparisonOptions
) -> dict[str, Method]:
    """All methods at all numbers of groups, by a name that tells them apart.

    Data maps at every fuzziness, too.
    """
    from coterie.methods import method_named

    found: dict[str, Method] = {}
    for name in compared.methods or ("data_map",):
        for n_groups in asked.groups:
            for settings in _settings_of(name, asked):
                method = method_named(name, n_groups, **settings)
                maps = compared.methods and method.about.family == "data map"
                found[f"data_map {method.label}" if maps else method.label] = method
    return found if len(found) > 1 else dict(zip(["grouped"], found.values(), strict=True))


def _settings_of(name: str, asked: options.GroupOptions) -> Sequence[Mapping[str, object]]:
    """What the options say of a method of this name: only clusterings take any."""
    from coterie.affinities import AFFINITIES
    from coterie.grouping import AFFINITY_METHODS

    by = {} if asked.clustering == "auto" else {"by": asked.clustering}
    found = name.replace("-", "_")
    if found not in AFFINITIES:
        return [{}]
    if found != "data_map" or asked.clustering in AFFINITY_METHODS:
        return [by]
    return [
        {**by, "fuzziness": fuzziness, "features": asked.features} for fuzziness in asked.fuzziness
    ]
