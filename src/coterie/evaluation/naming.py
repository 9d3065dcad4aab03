"""Methods by name, and a name for everything that is compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from coterie.errors import CoterieError
from coterie.evaluation.arms import is_reserved
from coterie.evaluation.measured import (
    AFFINITIES,
    ESTIMATORS,
    AffinityMethod,
    DifferentiableMethod,
    EstimatorMethod,
)
from coterie.evaluation.methods import Candidate, Candidates, DataMapMethod, file_name
from coterie.results import Grouping


def named_methods(
    groupings: Candidates, tasks: Sequence[str], n_groups: int | Literal["auto"] = "auto"
) -> dict[str, Candidate]:
    """Give each grouping or method a name.

    Its key in a mapping, "grouped" if it is the only one, else what it is.

    A method given by its name alone looks for ``n_groups`` groups.

    Raises:
        CoterieError: nothing to compare, an unknown method, a reserved or ambiguous name, or a
            grouping of other tasks.

    >>> list(named_methods([DataMapMethod(n_groups=2), DataMapMethod(n_groups=3)], ("a", "b", "c")))
    ['K=2 m=1.07', 'K=3 m=1.07']
    """
    if isinstance(groupings, Mapping):
        pairs = [
            (str(name), _resolve(candidate, n_groups)) for name, candidate in groupings.items()
        ]
    else:
        several = (
            groupings
            if isinstance(groupings, Sequence) and not isinstance(groupings, str)
            else [groupings]
        )
        found = [
            (_resolve(candidate, n_groups), isinstance(candidate, str)) for candidate in several
        ]
        pairs = [
            ("grouped" if len(found) == 1 else _label(candidate, by_name), candidate)
            for candidate, by_name in found
        ]
    if not pairs:
        raise CoterieError("`groupings` is empty: give a Grouping, a DataMapMethod, or several.")
    files: dict[str, str] = {}
    for name, candidate in pairs:
        if is_reserved(name):
            raise CoterieError(
                f"`groupings` must not use the name {name!r}, which the comparison uses itself."
            )
        if (other := files.setdefault(file_name(name).casefold(), name)) != name or len(
            [n for n, _ in pairs if n == name]
        ) > 1:
            raise CoterieError(
                f"`groupings` need names that differ: {other!r} and {name!r}. Pass a mapping from "
                "name to grouping."
            )
        _check(name, candidate, tasks)
    return dict(pairs)


def method_named(
    name: str, n_groups: int | Literal["auto"] = "auto", **settings: Any
) -> DataMapMethod | AffinityMethod | EstimatorMethod | DifferentiableMethod:
    """The method of a name.

    "data_map", an affinity such as "lookahead", a score estimator such as "gradtag", or "dmtg".

    Raises:
        CoterieError: there is no such method, or it cannot find ``n_groups`` groups.

    >>> method_named("lookahead", 3)
    AffinityMethod(affinity='lookahead', n_groups=3, clustering='sdp', every=10)
    """
    found = name.replace("-", "_")
    if found == "data_map":
        return DataMapMethod(n_groups=n_groups, **settings)
    if found in AFFINITIES:
        return AffinityMethod(affinity=found, n_groups=n_groups, **settings)
    if found in ESTIMATORS:
        return EstimatorMethod(estimator=found, n_groups=n_groups, **settings)  # type: ignore[arg-type]
    if found == "dmtg":
        return DifferentiableMethod(n_groups=n_groups, **settings)  # type: ignore[arg-type]
    known = dict.fromkeys(["data_map", *AFFINITIES, *ESTIMATORS, "dmtg"])
    raise CoterieError(
        f"`groupings` names an unknown method {name!r}; there are {', '.join(known)}."
    )


def _resolve(candidate: str | Candidate, n_groups: int | Literal["auto"]) -> Candidate:
    if isinstance(candidate, str):
        return method_named(candidate, n_groups)
    if not isinstance(candidate, Grouping) and not callable(candidate):
        raise CoterieError(
            "`groupings` must be a Grouping, a method or the name of one ('data_map'); found "
            f"{type(candidate).__name__}."
        )
    return candidate


def _label(candidate: Candidate, by_name: bool) -> str:
    if isinstance(candidate, Grouping):
        softness = "" if candidate.fuzziness is None else f" m={candidate.fuzziness:g}"
        return f"{candidate.method} K={candidate.n_groups}{softness}"
    label = getattr(candidate, "label", None) or getattr(
        candidate, "__name__", type(candidate).__name__
    )
    return f"data_map {label}" if by_name and isinstance(candidate, DataMapMethod) else label


def _check(name: str, candidate: Candidate, tasks: Sequence[str]) -> None:
    if isinstance(candidate, Grouping) and candidate.tasks != tuple(tasks):
        raise CoterieError(
            f"`groupings`: {name!r} is of {len(candidate.tasks)} tasks "
            f"({', '.join(candidate.tasks[:3])}, ...), which are not "
            f"the {len(tasks)} of the data ({', '.join(tasks[:3])}, ...) in their order."
        )
    n_groups = getattr(candidate, "n_groups", None)
    if isinstance(n_groups, int) and n_groups > len(tasks):
        raise CoterieError(
            f"`groupings`: {name!r} asks for {n_groups} groups of {len(tasks)} tasks: fewer tasks "
            "than groups."
        )
    if isinstance(candidate, DataMapMethod):
        from coterie.grouping import check_group

        settings = (candidate.method, candidate.fuzziness, candidate.features, candidate.restarts)
        check_group(len(tasks), candidate.n_groups, *settings)
