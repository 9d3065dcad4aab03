"""What a method is, and what finding groups by it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal, Self

from coterie.errors import require_number, require_type

Family = Literal["data map", "affinity", "selection", "learnt", "given", "other"]


@dataclass(frozen=True, kw_only=True)
class About:
    """What a method is, for those who read of it: help texts, tables, reports.

    ``family`` says how it comes to groups: it clusters data maps or an affinity, selects rows by
    estimated scores, learns them, was given them. ``measures`` says in a few words what it reads or
    trains for that. Of an affinity, ``reading`` is how to read its values, and ``signed`` whether
    their sign means something.
    """

    family: Family = "other"
    measures: str = ""
    reading: str = "Higher means that the source helps the target more."
    signed: bool = True


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What finding groups takes beyond the joint training.

    ``trainings`` counts models that are trained to the end only to measure, ``look_aheads`` steps
    tried from states of the joint training, ``model_steps`` both in steps of one model. ``bytes``
    are those of models, gradients and activations at once, without data and libraries; a cost that
    was paid does not tell them.

    Raises:
        CoterieError: a number below 0.
    """

    model_steps: float = 0.0
    seconds: float = 0.0
    trainings: int = 0
    look_aheads: int = 0
    bytes: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what nothing costs."""
        for name, value in asdict(self).items():
            require_number(name, value, least=0)

    def __add__(self, other: Cost) -> Cost:
        """What both take, one after the other.

        >>> Cost(seconds=1.0, bytes=5) + Cost(seconds=2.0, bytes=3)
        Cost(model_steps=0.0, seconds=3.0, trainings=0, look_aheads=0, bytes=5)
        """
        mine, theirs = asdict(self), asdict(other)
        both = {name: mine[name] + theirs[name] for name in mine}
        return Cost(**{**both, "bytes": max(self.bytes, other.bytes)})

    @classmethod
    def of(cls, spent: Mapping[str, object]) -> Self:
        """The steps and seconds of a mapping such as :attr:`coterie.Fit.cost`.

        >>> Cost.of({"model_steps": 12, "strategy": "vmap"}).model_steps
        12.0
        """
        require_type("cost", spent, Mapping)
        known = ("model_steps", "seconds")
        return cls(**{name: float(spent[name]) for name in known if name in spent})  # type: ignore[arg-type]
