"""A grouping that needs not be found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from coterie.errors import CoterieError
from coterie.methods._method import Case, Method
from coterie.methods.cluster import Cluster
from coterie.results import About, Cost, DataMap, Found, Grouping

if TYPE_CHECKING:
    from coterie.datamaps.gram import Gram
    from coterie.methods.timing import Timing


@dataclass(frozen=True)
class Given(Method):
    """A grouping that is there already."""

    grouping: Grouping

    @property
    def about(self) -> About:  # type: ignore[override]
        """That it is given."""
        return About(family="given", measures="nothing: the groups were given")

    @property
    def n_groups(self) -> int:  # type: ignore[override]
        """Number of groups, K."""
        return self.grouping.n_groups

    @property
    def n_models(self) -> int:  # type: ignore[override]
        """So many networks of full size have at least the parameters of its networks."""
        return math.ceil(self.grouping.n_networks)

    @property
    def name(self) -> str:
        """What it is by."""
        return self.grouping.method

    @property
    def label(self) -> str:
        """A short name that tells methods of one comparison apart."""
        fuzziness = self.grouping.fuzziness
        return f"{super().label}{'' if fuzziness is None else f' m={fuzziness:g}'}"

    @property
    def itself(self) -> object:
        """The grouping, whatever it came from."""
        return self.grouping.to_dict()

    @property
    def words(self) -> str:
        """The grouping in one line."""
        return repr(self.grouping)

    def check(self, tasks: tuple[str, ...]) -> None:
        """Refuse a grouping of other tasks."""
        own = self.grouping.tasks
        if own != tasks:
            raise CoterieError(
                f"it is of {len(own)} tasks ({', '.join(own[:3])}, ...), which are not the "
                f"{len(tasks)} of the data ({', '.join(tasks[:3])}, ...) in their order."
            )

    def __call__(self, case: Case, *, seed: int) -> Found:  # noqa: ARG002
        """The grouping, which took nothing."""
        return replace(Found.of(self.grouping), cost=Cost())

    def price(self, timing: Timing) -> Cost:
        """No more than the model that rides along."""
        return Cost(bytes=timing.stack_bytes(1))

    def firmness(
        self, grouping: Grouping, data_map: DataMap, maps: dict[str, Gram]
    ) -> Mapping[str, float | list[float]]:
        """How firm it is, if a clustering of data maps made it, on this map."""
        made_by = Cluster.of(grouping)
        return {} if made_by is None else made_by.firmness(grouping, data_map, maps, given=True)
