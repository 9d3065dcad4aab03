"""What to deploy: the cheapest arm that is not worse than the best by more than a margin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from coterie.results.sentences import would_settle
from coterie.schema import least
from coterie.wording import count, models, number, score, seconds, signed


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How one arm stands: its mean ``score`` on test, and by how much it lies below the best.

    ``low`` and ``high``, in points, are simultaneous 95 % bounds of its score minus that of the best
    other arm (Hsu's multiple comparisons with the best); ``low`` is 0 for an arm that is surely the
    best, ``high`` 0 for one that surely is not. None where they cannot be told. ``validation`` is
    its mean score on validation examples. ``models``, ``parameters``, ``latency`` (seconds for 1,000
    examples) and ``seconds`` of training are what it costs.
    """

    arm: str
    role: str
    score: float
    low: float | None = None
    high: float | None = None
    validation: float | None = None
    models: Annotated[float, least(0)] = 1.0
    parameters: float | None = None
    latency: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    r"""The arm to use, and how sure that is.

    ``outcome`` is "decided" if the loss of ``arm`` against the best is inside the ``margin`` by
    simultaneous intervals on test examples; of such arms it is the cheapest to serve. Else it is
    "undecided": ``arm`` was picked on validation examples, the cheapest within the margin of the
    best there, and test examples only score it; about so many ``more_seeds`` (or splits, where
    these are ``repeated``) or ``more_examples`` for testing would settle it, if that can be told.
    ``best`` is the arm with the highest score.

    >>> joint, forest = Standing(arm="joint", role="joint", score=0.881, low=-0.3, high=0.2), Standing(
    ...     arm="forest", role="forest", score=0.882, low=-0.2, high=0.3, models=6)
    >>> found = Recommendation(outcome="decided", chosen=joint, best=forest, margin=0.5, arms=2,
    ...                        metric="AUROC")
    >>> print(*found.sentences, sep="\n")
    Use joint: 1 model, a mean AUROC of .881, at most 0.3 points below the best of 2 arms (95 %).
    The highest score, that of forest, costs 6 models instead of 1 and would gain +0.1 points, 0.3 at most.
    """

    outcome: Literal["decided", "undecided"]
    chosen: Standing
    best: Standing
    margin: float
    arms: int
    metric: str
    more_seeds: int | None = None
    more_examples: int | None = None
    repeated: Literal["seed", "split"] = "seed"

    @property
    def arm(self) -> str:
        """Name of the arm to use."""
        return self.chosen.arm

    @property
    def basis(self) -> Literal["test", "validation"]:
        """On which examples it was chosen."""
        return "test" if self.outcome == "decided" else "validation"

    @property
    def sentences(self) -> tuple[str, str]:
        """What to use and what that costs; what paying more would gain, or why it is undecided."""
        own = f"{_price(self.chosen)}, a mean {self.metric} of {score(self.chosen.score)}"
        if self.outcome == "decided":
            first = f"Use {self.arm}: {own}, {self._distance()} (95 %)."
            return first, self._more()
        first = f"Undecided. Until more is known, use {self.arm}: {own}."
        why = (
            f"No arm is surely within {self.margin:g} points of the best of {self.arms}, so "
            f"{self.arm} was picked on validation examples; the test examples only score it."
        )
        more = would_settle(self.more_seeds, self.more_examples, self.repeated)
        return first, f"{why} {more}".rstrip()

    def _distance(self) -> str:
        others = f"the best of {self.arms} arms"
        if not self.chosen.low:
            return f"surely {others}"
        return f"at most {_bound(self.chosen.low)} points below {others}"

    def _more(self) -> str:
        """What the best arm would cost and gain."""
        best, chosen = self.best, self.chosen
        if best.arm == chosen.arm:
            return "No other arm scores higher."
        gain = 100 * (best.score - chosen.score)
        more = f"{signed(gain) if gain >= 0.05 else 'under 0.1'} points"
        if (best.models, best.parameters or 0) < (chosen.models, chosen.parameters or 0):
            # It comes first by price and was passed over.
            return (
                f"The highest score, {more} more, is that of {best.arm}, which "
                f"{_instead(best, chosen)} but is not surely within {self.margin:g} points of the "
                "best."
            )
        most = "" if chosen.low is None else f", {_bound(chosen.low)} at most"
        times = f" ({told})" if (told := ", ".join(_times(best))) else ""
        return (
            f"The highest score, that of {best.arm}, {_instead(best, chosen)}{times} and would gain "
            f"{more}{most}."
        )


def _bound(low: float) -> str:
    """Points that an arm may lie below the best, rounded up: it is a limit."""
    return number(math.ceil(round(-10 * low, 6)) / 10, 1)


def _price(standing: Standing) -> str:
    return ", ".join([models(standing.models), *_times(standing)])


def _times(standing: Standing) -> list[str]:
    told = []
    if standing.latency is not None:
        told.append(f"{seconds(standing.latency)} for 1,000 predictions")
    if standing.seconds is not None:
        told.append(f"trained in {seconds(standing.seconds)}")
    return told


def _instead(one: Standing, other: Standing) -> str:
    """What one costs to serve where the other would be served, by the first count that differs."""
    if models(one.models) != models(other.models):
        return f"costs {models(one.models)} instead of {models(other.models).split()[0]}"
    if one.parameters and other.parameters and count(one.parameters) != count(other.parameters):
        return f"costs {count(one.parameters)} parameters instead of {count(other.parameters)}"
    return "costs as much to serve"
