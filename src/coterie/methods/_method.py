"""What a method is, and what it gets to find groups on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from coterie.data import Dataset
from coterie.errors import CoterieError
from coterie.fitting import Model
from coterie.identity import identity_or_name, in_words
from coterie.results import About, Cost, DataMap, Fit, Found, Grouping
from coterie.training import Probe, Progress
from coterie.training.config import TrainingSettings

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
    settings: TrainingSettings = field(default_factory=TrainingSettings)
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

    @property
    def n_models(self) -> Groups:
        """How many models of full size it leaves, of which the ensemble beside it has as many.

        "auto" where it finds that out.
        """
        return self.n_groups

    @property
    def itself(self) -> object:
        """What tells it from others, by :func:`coterie.identity.identity`."""
        return self

    @property
    def words(self) -> str:
        """The method with its settings, as a user would write it."""
        return in_words(identity_or_name(self.itself))

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
    def brings_models(self) -> bool:
        """Whether what it finds is :attr:`trained <coterie.results.Found.trained>` already."""
        return False

    @property
    def reads_joint(self) -> bool:
        """Whether its groups have to pay for the joint training."""
        return True

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
    ) -> Mapping[str, float | list[float]]:
        """How firm a grouping that it found is on this data map, by names for readers."""
        return {}
