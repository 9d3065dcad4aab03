"""What the options ask for, as arguments of the functions of Python."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, TypeVar, cast

from coterie.cli import options
from coterie.errors import CoterieError

if TYPE_CHECKING:
    from coterie.data import Dataset
    from coterie.evaluation import GroupingMethod
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
) -> dict[str, GroupingMethod]:
    """All methods at all numbers of groups, by a name that tells them apart.

    Data maps at every fuzziness, too.
    """
    from coterie.affinities import METHODS as AFFINITIES
    from coterie.evaluation import method_named

    own = {} if asked.clustering == "auto" else {"clustering": asked.clustering}
    found: dict[str, GroupingMethod] = {}
    for name in compared.methods or ("data_map",):
        for n_groups in asked.groups:
            if name.replace("-", "_") != "data_map":
                method = method_named(
                    name, n_groups, **(own if name.replace("-", "_") in AFFINITIES else {})
                )
                found[method.label] = method
                continue
            for fuzziness in asked.fuzziness:
                how = {"fuzziness": fuzziness, "features": asked.features}
                method = method_named(
                    name, n_groups, **how, **({"method": asked.clustering} if own else {})
                )
                found[method.label if not compared.methods else f"data_map {method.label}"] = method
    return found if len(found) > 1 else dict(zip(["grouped"], found.values(), strict=True))
