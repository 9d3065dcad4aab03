"""Groups as something that is learnt while the models train."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from types import NoneType
from typing import TYPE_CHECKING

from coterie.differentiable import DifferentiableGrouping
from coterie.errors import CoterieError, require_type
from coterie.fitting import fit, make_config
from coterie.identity import identity_or_name, qualified
from coterie.labels import changed, unlike
from coterie.methods._method import Case, Method
from coterie.results import About, Cost, Found
from coterie.texts import file_name
from coterie.training import Probe, WeightsProvider
from coterie.training.config import TrainingSettings, spelled

if TYPE_CHECKING:
    from coterie.methods.timing import Timing


@dataclass(frozen=True)
class Learn(Method):
    """Learn the grouping while K branches train, as a weights provider does that ends in one.

    ``provider`` is of two groups of :class:`coterie.DifferentiableGrouping` (DMTG) unless it is
    given; copies of it are used. The groups found are trained anew, like those of every other
    method, unless it is ``one_shot``: then the branches as the search leaves them are what is
    scored, and the search is all that they cost. ``settings`` of :func:`coterie.fit` are for the
    search alone, instead of those that everything else is trained with. ``start`` is a method whose
    groups the search starts from, such as ``Cluster(n_groups=K)``, by the joint model's data map.

    >>> Learn().label, Learn(DifferentiableGrouping(3, held_out=0.2)).label
    ('dmtg K=2', 'dmtg held_out=0.2 K=3')
    >>> Learn(one_shot=True, settings={"epochs": 100}).label
    'dmtg one-shot epochs=100 K=2'
    >>> from coterie.methods import Cluster
    >>> Learn(start=Cluster(n_groups=2)).label
    'dmtg from data_map K=2'
    """

    provider: WeightsProvider = field(default_factory=lambda: DifferentiableGrouping(2))
    one_shot: bool = False
    settings: TrainingSettings = field(default_factory=TrainingSettings, hash=False)
    start: Method | None = None

    def __post_init__(self) -> None:
        """Refuse what learns no weights, and branches that could not be compared."""
        require_type("provider", self.provider, WeightsProvider)
        require_type("one_shot", self.one_shot, bool)
        require_type("settings", self.settings, Mapping)
        make_config(self.settings)
        if own := {"model_options", "device", "seed"} & self.settings.keys():
            raise CoterieError(
                "`settings` must leave the seed, the model and where it runs as they are for "
                f"everything else; found {', '.join(sorted(own))}."
            )
        require_type("start", self.start, Method, NoneType)
        if self.start is None:
            return
        if not hasattr(self.provider, "start"):
            raise CoterieError(f"`start` is nothing that `provider` {self.name!r} can start from.")
        if self.start.n_models != self.n_groups:
            raise CoterieError(
                f"`start` must find {self.n_groups} groups, as many as there are branches; it is "
                f"asked for {self.start.n_models}."
            )

    @property
    def n_groups(self) -> int:  # type: ignore[override]
        """Number of branches, K."""
        return self.provider.n_rows

    @property
    def brings_models(self) -> bool:
        """If its branches are used as the search leaves them."""
        return self.one_shot

    @property
    def reads_joint(self) -> bool:
        """Unless branches that start even are used as they are."""
        return not self.one_shot or self.start is not None

    @property
    def measurement(self) -> Hashable | None:
        """That of what it starts from."""
        return None if self.start is None else self.start.measurement

    def probe(self, seed: int) -> Probe | None:
        """That of what it starts from."""
        return None if self.start is None else self.start.probe(seed)

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
        shot = " one-shot" if self.one_shot else ""
        start = "" if self.start is None else f" from {self.start.name}"
        return f"{own}{shot}{unlike({}, self.settings)}{start} K={self.n_groups}"

    @property
    def itself(self) -> object:
        """As it was when it had a provider only, where that is all: earlier runs are continued."""
        usual = Learn()
        later = {name: getattr(self, name) for name in ("one_shot", "settings", "start")}
        own = {name: value for name, value in later.items() if value != getattr(usual, name)}
        return {"is": qualified(type(self)), "provider": self.provider, **own}

    def price(self, timing: Timing) -> Cost | None:
        """K models are trained as one stack, once there is something to start from."""
        own = timing.with_settings(self.settings).cost_of_learning(copy(self.provider))
        before = Cost() if self.start is None else self.start.price(timing)
        return None if before is None else before + own

    def check(self, tasks: tuple[str, ...]) -> None:
        """Refuse tasks of which groups cannot be found, to start from or at all."""
        super().check(tasks)
        if self.start is not None:
            self.start.check(tasks)

    def __call__(self, case: Case, *, seed: int) -> Found:
        """Search on this case; a search that was stopped is continued."""
        provider, before = copy(self.provider), Cost()
        if self.start is not None:
            started = self.start(case, seed=seed)
            provider.start, before = started.grouping, started.cost  # type: ignore[attr-defined]
        # Searches of one label may differ in what it leaves out.
        told = json.dumps(identity_or_name(self.itself), sort_keys=True).encode()
        own = f"{file_name(self.label)}-{hashlib.sha256(told).hexdigest()[:8]}"
        checkpoint = None if case.checkpoints is None else case.checkpoints / own
        settings: TrainingSettings = {**spelled(case.settings), **spelled(self.settings)}
        search = fit(
            case.model,
            case.data,
            provider,
            seed=seed,
            progress=case.progress,
            checkpoint=checkpoint,
            **settings,
        )
        if search.grouping is None:
            raise CoterieError(
                f"`provider` {self.name!r} learnt no grouping: its result() must give one."
            )
        found = Found.of(search.grouping)
        trained = search if self.one_shot else None
        return replace(found, cost=before + Cost.of(search.cost), trained=trained)
