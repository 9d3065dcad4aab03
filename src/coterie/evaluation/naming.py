"""A name for everything that is compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from coterie.errors import CoterieError
from coterie.evaluation.arms import is_reserved
from coterie.evaluation.rivals import RIVALS
from coterie.methods import METHODS, Candidates, Groups, Method, as_method
from coterie.texts import file_name


def named_methods(
    methods: Candidates, tasks: tuple[str, ...], n_groups: Groups = "auto"
) -> dict[str, Method]:
    """Give each method a name.

    Its key in a mapping, "grouped" if it is the only one, else what it is.

    A method given by its name alone looks for ``n_groups`` groups.

    Raises:
        CoterieError: nothing to compare, an unknown method, a reserved or ambiguous name, or
            groups that these tasks cannot have.

    >>> from coterie.methods import Cluster
    >>> list(named_methods([Cluster(n_groups=2), Cluster("cosine", n_groups=3)], ("a", "b", "c")))
    ['K=2 m=1.07', 'cosine K=3']
    """
    pairs = list(_pairs(methods, n_groups))
    if not pairs:
        raise CoterieError("`methods` is empty: give a Grouping, a method or its name, or several.")
    files: dict[str, str] = {}
    for name, method in pairs:
        if is_reserved(name) or name.partition(" (")[0] in RIVALS:
            raise CoterieError(
                f"`methods` must not use the name {name!r}, which the comparison uses itself."
            )
        other = files.setdefault(file_name(name).casefold(), name)
        if other != name or [each for each, _ in pairs].count(name) > 1:
            raise CoterieError(
                f"`methods` need names that differ: {other!r} and {name!r}. Pass a mapping from "
                "name to method."
            )
        try:
            method.check(tasks)
        except CoterieError as error:
            raise CoterieError(f"`methods`: {name!r}: {error}") from error
    return dict(pairs)


def _pairs(methods: Candidates, n_groups: Groups) -> list[tuple[str, Method]]:
    if isinstance(methods, Mapping):
        return [(str(name), as_method(each, n_groups)) for name, each in methods.items()]
    several = (
        methods if isinstance(methods, Sequence) and not isinstance(methods, str) else [methods]
    )
    found = [(each, as_method(each, n_groups)) for each in several]
    if len(found) == 1:
        return [("grouped", found[0][1])]
    return [(_label(method, each), method) for each, method in found]


def _label(method: Method, given: object) -> str:
    """What a method is called; one that was given by its name keeps it."""
    name = given.replace("-", "_") if isinstance(given, str) else ""
    told = name not in METHODS or method.label.startswith(name)
    return method.label if told else f"{name} {method.label}"
