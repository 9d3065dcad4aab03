"""What a method is, and what it gets to find groups on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from coterie.data import Dataset
from coterie.errors import CoterieError, shown
from coterie.fitting import Model
from coterie.results import About, Cost, DataMap, Fit, Found, Grouping
from coterie.training import Probe, Progress

if TYPE_CHECKING:
    from coterie.datamaps.gram import Gram
    from coterie.methods.timing import Timing

Groups = int | Literal["auto"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a method finds groups on.

    One joint training, and what it takes to train more on the same split and seed.

    ``joint`` recorded its data map; ``probes`` rode on it, by what they measure. ``settings`` go to
    :func:`coterie.fit`. ``maps`` keeps distances between maps for the next method, ``checkpoints``
    is a folder for those of long trainings.
    """

    model: Model
    data: Dataset
    joint: Fit
    settings: Mapping[str, Any] = field(default_factory=dict)
    probes: Mapping[Hashable, Probe] = field(default_factory=dict)
    progress: Progress | None = None
    checkpoints: Path | None = None
    maps: dict[str, Gram] = field(default_factory=dict)

    @property
    def data_map(self) -> DataMap:
        """The map that the joint training recorded.

        Raises:
            CoterieError: it recorded none.
        """
        if self.joint.data_map is None:
            raise CoterieError("`joint` has no data map; fit with record=True.")
        return self.joint.data_map


class Method(ABC):
    """A way to find groups: subclass it, say what it is ``about``, and find them in ``__call__``.

    All else has a default. What tells a method from others, so that a run is continued with the
    same one only, is its class and what it was made with, or a ``key`` of its own
    (:func:`coterie.identity.identity`).
    """

    about: About = About()
    n_groups: Groups = "auto"

    @abstractmethod
    def __call__(self, case: Case, *, seed: int) -> Found:
        """Find groups of the tasks of ``case``, of which the test part is not to be read."""

    @property
    def name(self) -> str:
        """What a grouping that it found says it is by."""
        return type(self).__name__

    @property
    def label(self) -> str:
        """A short name that tells methods of one comparison apart."""
        return f"{self.name} K={self.n_groups}"

    def check(self, tasks: tuple[str, ...]) -> None:
        """Refuse tasks of which groups cannot be found, before anything is trained.

        Raises:
            CoterieError: saying why.
        """
        if isinstance(self.n_groups, int) and self.n_groups > len(tasks):
            raise CoterieError(
                f"`n_groups` asks for {self.n_groups} groups of {len(tasks)} tasks: fewer tasks "
                "than groups."
            )

    @property
    def measurement(self) -> Hashable | None:
        """What rides on the joint training, by a name: methods of equal ones share it.

        None where nothing does.
        """
        return None

    def probe(self, seed: int) -> Probe | None:  # noqa: ARG002
        """A fresh one for a joint training; ``case.probes[self.measurement]`` is then this one."""
        return None

    def price(self, timing: Timing) -> Cost | None:  # noqa: ARG002
        """What finding groups will take beyond the joint training; None where that is unknown."""
        return None

    def firmness(
        self,
        grouping: Grouping,  # noqa: ARG002
        data_map: DataMap,  # noqa: ARG002
        maps: dict[str, Gram],  # noqa: ARG002
    ) -> Mapping[str, float]:
        """How firm a grouping that it found is on this data map, by names for readers."""
        return {}


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
    def name(self) -> str:
        """What it is by."""
        return self.grouping.method

    @property
    def label(self) -> str:
        """A short name that tells methods of one comparison apart."""
        fuzziness = self.grouping.fuzziness
        return f"{super().label}{'' if fuzziness is None else f' m={fuzziness:g}'}"

    @property
    def key(self) -> Mapping[str, Any]:
        """The grouping, whatever it came from."""
        return self.grouping.to_dict()

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
    ) -> Mapping[str, float]:
        """How firm it is, if a clustering of data maps made it, on this map."""
        from coterie.methods.cluster import Cluster

        made_by = Cluster.of(grouping)
        return {} if made_by is None else made_by.firmness(grouping, data_map, maps, given=True)


class Own(Method):
    """Any callable ``(case, *, seed)`` that gives a :class:`Grouping`, or :class:`Found`.

    It may have what a :class:`Method` has: ``about``, ``n_groups``, ``label``, ``measurement`` with
    ``probe``, ``price``; or ``trainings(n_tasks)``, the number of models that it trains to the end
    beside the joint one, as one stack.
    """

    def __init__(self, function: Any) -> None:  # a callable with attributes of its own
        if not callable(function):
            raise CoterieError(
                "`methods` must be a Grouping, a method or the name of one ('data_map'); found "
                f"{type(function).__name__}."
            )
        self.function: Any = function
        self.n_groups = getattr(function, "n_groups", "auto")
        self.about = getattr(function, "about", None) or About()

    @property
    def key(self) -> Any:
        """What tells the callable from others."""
        return self.function

    @property
    def name(self) -> str:
        """The callable's name, or its class's."""
        return getattr(self.function, "__name__", type(self.function).__name__)

    @property
    def label(self) -> str:
        """Its own, or its name."""
        return getattr(self.function, "label", None) or self.name

    @property
    def measurement(self) -> Hashable | None:
        """Its own."""
        return getattr(self.function, "measurement", None)

    def probe(self, seed: int) -> Probe | None:
        """Its own."""
        return None if self.measurement is None else self.function.probe(seed)

    def price(self, timing: Timing) -> Cost | None:
        """Its own, or that of its trainings."""
        if (price := getattr(self.function, "price", None)) is not None:
            return price(timing)
        trainings = getattr(self.function, "trainings", None)
        return None if trainings is None else timing.cost_of([trainings(len(timing.data.tasks))])

    def __call__(self, case: Case, *, seed: int) -> Found:
        """What it gives, as evidence or without."""
        found = self.function(case, seed=seed)
        if isinstance(found, Found):
            return found
        if not isinstance(found, Grouping):
            raise CoterieError(
                f"The method {self.name!r} must give a Grouping or a Found; it gave {shown(found)}."
            )
        return Found.of(found)
