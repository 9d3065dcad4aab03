"""What there is, by name: each registry's own names, and what each part says of itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from inspect import isfunction

from coterie.cli.show import Screen

OWN = "Where a name goes, module:object of your own does, too."


def list_parts(screen: Screen) -> None:
    """Print every part that the command line knows by name, with a sentence."""
    for title, columns, rows in parts():
        screen.table(title, columns, rows, texts=len(columns))
    screen.say(OWN)


def parts() -> Iterator[tuple[str, Sequence[str], Sequence[Sequence[str]]]]:
    """The registries one after the other: a title, columns, and a row for each name."""
    from coterie.evaluation import ARMS, BASELINES, RIVALS
    from coterie.grouping import AFFINITY_METHODS
    from coterie.grouping import METHODS as CLUSTERINGS
    from coterie.methods import METHODS, PUBLISHED, method_named
    from coterie.models.encoders import ENCODERS
    from coterie.named import PUBLISHED_SUFFIX
    from coterie.tasks import KINDS

    abouts = [(name, method_named(name, 2).about) for name in METHODS]
    yield (
        "Ways to find groups (--methods)",
        ("method", "family", "what it reads or trains"),
        [(name, about.family, about.measures) for name, about in abouts],
    )
    papers = [
        (name + PUBLISHED_SUFFIX, each.paper) for name, each in PUBLISHED.items() if each.made
    ]
    yield "As papers have them (--methods)", ("method", "paper"), papers
    for title, registry in {
        "Clusterings of data maps (--clustering)": CLUSTERINGS,
        "Clusterings of affinities (--clustering)": AFFINITY_METHODS,
        "Kinds of targets (--kind)": KINDS,
        "Encoders (--model)": ENCODERS,
    }.items():
        rows = [(name, first_sentence(_documented(part))) for name, part in registry.items()]
        yield title, ("name", "what it is"), rows
    rows = [(name, first_sentence(ARMS[name].sentence)) for name in BASELINES]
    yield "Baselines (--baselines); joint is always trained", ("name", "what it is"), rows
    rows = [(name, first_sentence(rival.sentence)) for name, rival in RIVALS.items()]
    yield "Rivals (--rivals); none by default", ("name", "what it is"), rows


def first_sentence(text: str) -> str:
    r"""The first sentence of a docstring, without its marks.

    >>> first_sentence("Merge ``points`` (He et al. 2016)\n    by *distance*. Slow.")
    'Merge points (He et al. 2016) by distance.'
    """
    words = " ".join(text.split("\n\n", maxsplit=1)[0].split())
    return re.sub(r"``|\*|:\w+:|`", "", re.split(r"(?<=\.)\s+(?=[A-Z])", words)[0])


def _documented(part: object) -> str:
    """The docstring of a part: of a function, perhaps within another one, or of a class."""
    if isinstance(part, partial):
        return _documented(part.args[0])
    return (part if isfunction(part) else type(part)).__doc__ or ""
