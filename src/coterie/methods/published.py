"""Methods as their papers have them: ``NAME:published`` wherever a method is named.

Without the suffix a name stands for the method with our settings; with it, for what its paper runs, as
far as a comparison can: :data:`PUBLISHED` says what is the same and what is not.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from coterie.errors import CoterieError
from coterie.methods._method import Case, Groups, Method
from coterie.methods.papers import PUBLISHED
from coterie.methods.select import require_number
from coterie.named import PUBLISHED_SUFFIX
from coterie.results import About, Cost, DataMap, Found, Grouping
from coterie.training import Probe

if TYPE_CHECKING:
    from coterie.datamaps.gram import Gram
    from coterie.methods.timing import Timing


@dataclass(frozen=True)
class AsPublished(Method):
    """A ``method`` that goes by the name of its paper's, and does what it does.

    >>> from coterie.methods import method_named
    >>> method_named("lookahead:published", 3).label
    'lookahead:published K=3'
    """

    known_as: str
    method: Method
    settings: str = ""

    @property
    def about(self) -> About:  # type: ignore[override]
        """What it is."""
        return self.method.about

    @property
    def n_groups(self) -> Groups:  # type: ignore[override]
        """Number of groups, K, or the budget."""
        return self.method.n_groups

    @property
    def n_models(self) -> Groups:
        """How many models it leaves."""
        return self.method.n_models

    @property
    def brings_models(self) -> bool:
        """Whether what it finds is trained already."""
        return self.method.brings_models

    @property
    def reads_joint(self) -> bool:
        """Whether its groups have to pay for the joint training."""
        return self.method.reads_joint

    @property
    def name(self) -> str:
        """What a grouping that it found says it is by."""
        return self.method.name

    @property
    def label(self) -> str:
        """A short name that tells methods of one comparison apart."""
        return f"{self.known_as}{self.settings} K={self.n_groups}"

    @property
    def itself(self) -> object:
        """The method, whatever it is called."""
        return self.method.itself

    def check(self, tasks: tuple[str, ...]) -> None:
        """Refuse tasks of which groups cannot be found."""
        self.method.check(tasks)

    @property
    def measurement(self) -> Hashable | None:
        """What rides on the joint training."""
        return self.method.measurement

    def probe(self, seed: int) -> Probe | None:
        """A fresh one."""
        return self.method.probe(seed)

    def price(self, timing: Timing) -> Cost | None:
        """What finding groups will take."""
        return self.method.price(timing)

    def firmness(
        self, grouping: Grouping, data_map: DataMap, maps: dict[str, Gram]
    ) -> Mapping[str, float | list[float]]:
        """How firm a grouping is on this data map."""
        return self.method.firmness(grouping, data_map, maps)

    def __call__(self, case: Case, *, seed: int) -> Found:
        """Find groups."""
        return self.method(case, seed=seed)


def published(name: str, n_groups: Groups, **settings: Any) -> AsPublished:
    """The method ``name``, without the suffix, as its paper has it.

    Raises:
        CoterieError: no paper has it, or not with such settings, or K is not a number.

    >>> published("auxiliary_gain", 3)
    Traceback (most recent call last):
    coterie.errors.CoterieError: 'auxiliary_gain:published' is no method of a paper: ...
    """
    found, known_as = name.replace("-", "_"), f"{name.replace('-', '_')}{PUBLISHED_SUFFIX}"
    if found not in PUBLISHED:
        close = get_close_matches(found, PUBLISHED, n=1)
        hint = f" Did you mean '{close[0]}{PUBLISHED_SUFFIX}'?" if close else ""
        raise CoterieError(
            f"`methods` names {known_as!r}, which no paper stands for here; there are "
            f"{', '.join(name for name, each in PUBLISHED.items() if each.made)}, each with "
            f"{PUBLISHED_SUFFIX!r}.{hint}"
        )
    entry = PUBLISHED[found]
    if entry.made is None:
        raise CoterieError(f"{known_as!r} is no method of a paper: {entry.refused}")
    unknown = [setting for setting in settings if setting not in entry.settings]
    if unknown:
        takes = ", ".join(f"`{setting}`" for setting in entry.settings) or "no settings"
        raise CoterieError(f"{known_as!r} takes {takes}; found `{unknown[0]}`.")
    require_number(n_groups, known_as)
    said = "".join(f" {setting}={value}" for setting, value in settings.items())
    return AsPublished(known_as, entry.made(n_groups=n_groups, **settings), said)
