"""What the options ask for, as arguments of the functions of Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, TypedDict, TypeVar, cast

from coterie.cli import options
from coterie.cli.arguments import objects_named
from coterie.errors import CoterieError, blame, shown
from coterie.named import find_object, names_object

if TYPE_CHECKING:
    from coterie.affinities import AffinityProbe
    from coterie.data import Dataset
    from coterie.grouping.own import Clustering
    from coterie.methods import Method
    from coterie.training.config import TrainingSettings

Value = TypeVar("Value")
# For trainings of seeds, where nothing is said of their number or of time.
TIME = "15m"
_FORMS = {
    "kind": "NAME=KIND, such as age=regression",
    "positive": "NAME=VALUE, such as assay=active",
    "metric": "one NAME for all tasks, or TASK=NAME for each",
}


class SeedsAsked(TypedDict):
    """How often everything is trained, as :func:`coterie.compare` takes it."""

    seeds: int | None
    within: float | None
    time: str | None


def load_data(asked: options.DataOptions, seed: int) -> Dataset:
    """Load what the options name."""
    from coterie.data import load

    keywords = asdict(asked)
    kinds, positive = (
        dict(_pair(name, text) for text in keywords.pop(name)) for name in ("kind", "positive")
    )
    kinds = {name: kind_asked(kind) for name, kind in kinds.items()}
    files, test = (list(keywords.pop(name)) for name in ("data", "test"))
    source = files[0] if len(files) == 1 else files
    parts = {"train": source, "test": test} if test else source
    metric = keywords.pop("metric")
    data = load(parts, kinds=kinds, positive=positive, seed=seed, **given(keywords))
    return data.with_metric(metric_asked(metric, data.tasks.names))


def metric_asked(texts: Sequence[str], tasks: Sequence[str]) -> dict[str, str] | None:
    """The metric of each task; a name without a task is for all, and those with one come after.

    >>> metric_asked(["F1", "b=accuracy"], ["a", "b"])
    {'a': 'F1', 'b': 'accuracy'}
    """
    for_all = [text for text in texts if "=" not in text]
    if len(for_all) > 1:
        raise CoterieError(f"`--metric` names {for_all[0]!r} and {for_all[1]!r} for all tasks.")
    alone = dict(_pair("metric", text) for text in texts if "=" in text)
    return {**{name: each for each in for_all for name in tasks}, **alone} or None


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
        raise CoterieError(f"`--{flag}` takes {_FORMS[flag]}; found {text!r}.")
    return name, value


def model_of(training: options.TrainingOptions, data: Dataset) -> str:
    """The encoder asked for, or the usual one for these inputs."""
    usual = "cnn" if len(data.input_shape) == 3 else "mlp"
    return usual if training.model == "auto" else training.model


def settings_of(training: options.TrainingOptions) -> TrainingSettings:
    """What ``fit`` takes beside the model and the seed."""
    settings = {n: value for n, value in asdict(training).items() if n not in ("model", "seed")}
    return cast("TrainingSettings", settings)


def seeds_of(asked: options.ComparisonOptions) -> SeedsAsked:
    """How many seeds, or until when they are added.

    >>> seeds_of(options.ComparisonOptions(seeds=3))
    {'seeds': 3, 'within': None, 'time': None}
    >>> seeds_of(options.ComparisonOptions(within=0.5))
    {'seeds': None, 'within': 0.5, 'time': '15m'}
    """
    time = TIME if asked.seeds is None and asked.time is None else asked.time
    return {"seeds": asked.seeds, "within": asked.within, "time": time}


def methods_asked(
    asked: options.GroupOptions, compared: options.ComparisonOptions
) -> dict[str, Method]:
    """All methods at all numbers of groups, by a name that tells them apart.

    Data maps at every fuzziness, too.

    >>> asked = options.GroupOptions(groups=(2, 3))
    >>> compared = options.ComparisonOptions(methods=("cosine", "numpy:sort", "builtins:sorted"))
    >>> list(methods_asked(asked, compared))
    ['cosine K=2', 'cosine K=3', 'sort K=auto', 'sorted K=auto']
    """
    from coterie.methods import method_named

    found: dict[str, Method] = {}
    asked_as: dict[str, str] = {}
    for name in compared.methods or ("data_map",):
        for n_groups in asked.groups:
            for settings in _settings_of(name, asked):
                method = method_named(name, n_groups, **settings)
                maps = compared.methods and method.about.family == "data map"
                untold = maps and not method.label.startswith("data_map")
                label = f"data_map {method.label}" if untold else method.label
                number = f"K={method.n_groups}"
                label = label if number in label else f"{label} {number}"
                # Objects of two modules may be called the same.
                same = asked_as.setdefault(label, name) == name
                found[label if same else f"{name} {label}"] = method
    return found if len(found) > 1 else dict(zip(["grouped"], found.values(), strict=True))


def _settings_of(name: str, asked: options.GroupOptions) -> Sequence[Mapping[str, object]]:
    """What the options say of a method of this name: only clusterings take any."""
    from coterie.affinities import AFFINITIES, AffinityProbe
    from coterie.grouping import AFFINITY_METHODS

    by = {} if asked.clustering == "auto" else {"by": clustering_of(asked)}
    if names_object(name):
        return [by if issubclass(_class(find_object(name, "methods")), AffinityProbe) else {}]
    found = name.replace("-", "_")
    if found not in AFFINITIES:
        return [{}]
    if found != "data_map" or asked.clustering in AFFINITY_METHODS:
        return [by]
    return [
        {**by, "fuzziness": fuzziness, "features": asked.features} for fuzziness in asked.fuzziness
    ]


def clustering_of(asked: options.GroupOptions) -> str | Clustering | None:
    """The clustering asked for, a name or a function; None where it is left to coterie."""
    from coterie.grouping import AFFINITY_METHODS, METHODS, check_clustering

    if asked.clustering == "auto":
        return None
    own = ":" in asked.clustering
    found = find_object(asked.clustering, "clustering") if own else asked.clustering
    check_clustering("clustering", found, {**METHODS, **AFFINITY_METHODS})
    return cast("str | Clustering", found)


def affinity_of(name: str) -> str | AffinityProbe:
    """An affinity by its name, or a probe of the user's.

    Raises:
        CoterieError: what ``module:object`` names is no probe.
    """
    from coterie.affinities import AffinityProbe

    if ":" not in name:
        return name.replace("-", "_")
    return _instance(name, "methods", AffinityProbe)


def baselines_asked(compared: options.ComparisonOptions) -> Sequence[str]:
    """Roles of the baselines asked for; kinds of arms of the user's are registered."""
    from coterie.evaluation import BASELINES, ArmKind, register

    roles = []
    for name in compared.baselines or BASELINES:
        if ":" in name:
            register(own := _instance(name, "baselines", ArmKind))
            roles.append(own.role)
        else:
            roles.append(name)
    return roles


def rivals_asked(compared: options.ComparisonOptions) -> str | list[str]:
    """What one might use instead of groups; "auto" where nothing is asked for.

    Raises:
        CoterieError: there is no such rival.
    """
    from coterie.evaluation import find_rivals

    words = list(compared.rivals) or ["auto"]
    asked = words[0] if words in (["none"], ["auto"]) else words
    find_rivals(asked)
    return asked


def kind_asked(name: str) -> str:
    """The name of a kind; one of the user's is registered."""
    from coterie.tasks import Kind, register

    return register(_instance(name, "kind", Kind)).value if ":" in name else name


def identities(asked: Iterable[object]) -> dict[str, object]:
    """What the objects are that options name, as far as names and settings tell.

    A run is continued with the same only.
    """
    from coterie.identity import identity_or_name

    names = dict.fromkeys(name for part in asked for name in objects_named(part))
    return {name: identity_or_name(find_object(name, "object")) for name in names}


def _instance(name: str, option: str, wanted: type[Value]) -> Value:
    """What ``module:object`` names as an object of a class; a class is called without settings.

    Raises:
        CoterieError: it is something else.
    """
    found = find_object(name, option)
    if isinstance(found, type) and issubclass(found, wanted):
        with blame(f"`--{option}` {name!r} cannot be made"):
            found = found()
    if not isinstance(found, wanted):
        raise CoterieError(
            f"`--{option}` {name!r} must be of type {wanted.__name__}; found {shown(found)}."
        )
    return found


def _class(thing: object) -> type:
    return thing if isinstance(thing, type) else type(thing)
