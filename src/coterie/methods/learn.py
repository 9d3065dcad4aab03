"""Groups as something that is learnt while the models train."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from coterie.differentiable import DifferentiableGrouping
from coterie.errors import CoterieError, require_type
from coterie.fitting import fit
from coterie.labels import changed
from coterie.methods._method import Case, Method
from coterie.results import About, Cost, Found
from coterie.texts import file_name
from coterie.training import WeightsProvider

if TYPE_CHECKING:
    from coterie.methods.timing import Timing


@dataclass(frozen=True)
class Learn(Method):
    """Learn the grouping while K branches train, as a weights provider does that ends in one.

    ``provider`` is of two groups of :class:`coterie.DifferentiableGrouping` (DMTG) unless it is
    given; copies of it are used. The groups found are trained anew, like those of every other
    method.

    >>> Learn().label, Learn(DifferentiableGrouping(3, held_out=0.2)).label
    ('dmtg K=2', 'dmtg held_out=0.2 K=3')
    """

    provider: WeightsProvider = field(default_factory=lambda: DifferentiableGrouping(2))

    def __post_init__(self) -> None:
        """Refuse what learns no weights."""
        require_type("provider", self.provider, WeightsProvider)

    @property
    def n_groups(self) -> int:  # type: ignore[override]
        """Number of branches, K."""
        return self.provider.n_rows

    @property
    def about(self) -> About:  # type: ignore[override]
        """That groups are learnt."""
        branches = f"groups learnt while K\u00a0=\u00a0{self.n_groups} branches train side by side"
        return getattr(self.provider, "about", None) or About(family="learnt", measures=branches)

    @property
    def name(self) -> str:
        """The provider's name, or its class's."""
        return getattr(self.provider, "name", None) or type(self.provider).__name__

    @property
    def label(self) -> str:
        """A short name that tells methods of one comparison apart."""
        own = getattr(self.provider, "label", None) or f"{self.name}{changed(self.provider)}"
        return f"{own} K={self.n_groups}"

    def price(self, timing: Timing) -> Cost:
        """K models are trained as one stack."""
        return timing.cost_of_learning(copy(self.provider))

    def __call__(self, case: Case, *, seed: int) -> Found:
        """Search on this case; a search that was stopped is continued."""
        provider = copy(self.provider)
        checkpoint = None if case.checkpoints is None else case.checkpoints / file_name(self.label)
        search = fit(
            case.model,
            case.data,
            provider,
            seed=seed,
            progress=case.progress,
            checkpoint=checkpoint,
            **case.settings,
        )
        if search.grouping is None:
            raise CoterieError(
                f"`provider` {self.name!r} learnt no grouping: its result() must give one."
            )
        found = Found.of(search.grouping)
        return Found(grouping=found.grouping, cost=Cost.of(search.cost), evidence=found.evidence)
