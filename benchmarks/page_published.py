"""docs/published.md, made of the entries of `coterie.methods.PUBLISHED`."""

from __future__ import annotations

from collections.abc import Sequence

from coterie.methods import PUBLISHED, Published
from coterie.named import PUBLISHED_SUFFIX

HEAD = """# As published

The name of a method stands for the method with the settings of this house. With `:published` behind it, it stands for
what its paper runs, wherever methods are named:

```sh
coterie compare --data people.parquet --targets A B C D E F --groups 3 --methods lookahead lookahead:published gradtag:published
```

```python
result = ct.compare("mlp", data, ["lookahead:published", "gradtag:published"], n_groups=3)
from coterie.methods import method_named
every_step = method_named("lookahead:published", 3, every=1)   # settings that the paper leaves open
```

The comparison around it is the same for all: every method finds its groups on the joint training of
every seed, its models are trained with the same model, data, epochs and optimiser as all other arms
(those of the papers are reached by the usual options), and the same controls stand beside it. Below
stands for each paper what is the same and what is not; whoever wrote one of them and finds a line
wrong is asked to say so. The number of groups is given, never found: `--groups auto` is refused.
"""


def published() -> str:
    """The whole page."""
    parts = [_section(name, entry) for name, entry in PUBLISHED.items() if entry.made is not None]
    refused = [
        f"`{name}{PUBLISHED_SUFFIX}`: {entry.refused}"
        for name, entry in PUBLISHED.items()
        if entry.refused
    ]
    return "\n".join([HEAD, *parts, "## Not there\n", *_listed(refused), ""])


def _section(name: str, entry: Published) -> str:
    settings = ", ".join(f"`{setting}`" for setting in entry.settings)
    return "\n".join(
        [
            f"## `{name}{PUBLISHED_SUFFIX}`\n",
            f"{entry.paper}\n",
            "The same:\n",
            *_listed(entry.same),
            "\nNot the same:\n",
            *_listed(entry.differs),
            f"\nSettings, from Python: {settings}.\n",
            f"Figures: {entry.figures}\n",
        ]
    )


def _listed(sentences: Sequence[str]) -> list[str]:
    return [f"* {sentence}" for sentence in sentences]
