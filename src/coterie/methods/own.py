"""Methods that are callables of users."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from coterie.errors import CoterieError, shown
from coterie.methods._method import Case, Method
from coterie.results import About, Cost, Found, Grouping
from coterie.training import Probe

if TYPE_CHECKING:
    from coterie.methods.timing import Timing


class Own(Method):
    """Any callable ``(case, *, seed)`` that gives a :class:`Grouping`, or :class:`Found`.

    It may have what a :class:`Method` has: ``about``, ``n_groups``, ``label``, ``measurement`` with
    ``probe``, ``price``; or ``trainings(n_tasks)``, the number of models that it trains to the end
    beside the joint one, as one stack.
    """

    def __init__(self, function: Callable[..., object]) -> None:
        if not callable(function):
            raise CoterieError(
                "`methods` must be a Grouping, a method or the name of one ('data_map'); found "
                f"{type(function).__name__}."
            )
        # It may have attributes of its own.
        self.function: Any = function
        self.n_groups = getattr(function, "n_groups", "auto")
        self.about = getattr(function, "about", None) or About()

    @property
    def itself(self) -> object:
        """The callable."""
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
