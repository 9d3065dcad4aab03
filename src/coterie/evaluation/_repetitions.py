"""How often everything is trained: seeds, and splits of small tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from numbers import Integral

from coterie.data import Dataset
from coterie.errors import CoterieError, is_listed, require_count, shown
from coterie.evaluation.units import unit_stage
from coterie.seeds import MOST_SEED, derive
from coterie.wording import listing

MOST = 10_000
SMALL_TABLE = 1000
SPLIT_ATTEMPTS = 100
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_TIME = re.compile(r"(\d+(?:\.\d*)?)\s*(min|[smhd]?)\s*")


@dataclass(frozen=True, kw_only=True)
class Repetition:
    """A split and a seed: what a unit repeats everything with.

    Networks are trained from ``train_seed``. The models of the first repetition are what a user
    takes away: those of every arm that one might use are calibrated, and left in ``models/`` if
    they can be read back. One that ``is_kept`` is finished, and trained only since its stack is.
    """

    split: int
    seed: int
    train_seed: int
    is_first: bool = False
    is_kept: bool = False

    @property
    def name(self) -> str:
        """By split and seed."""
        return f"split {self.split}, seed {self.seed}"

    @property
    def stage(self) -> str:
        """Name of its stage in a run."""
        return unit_stage(self.split, self.seed)


def told(repetitions: Sequence[Repetition]) -> str:
    """The repetitions of a split in words.

    >>> told([Repetition(split=1, seed=seed, train_seed=0) for seed in (0, 1, 4)])
    'split 1, seeds 0, 1 and 4'
    """
    first = repetitions[0]
    if len(repetitions) == 1:
        return first.name
    return f"split {first.split}, seeds {listing(str(each.seed) for each in repetitions)}"


def read_seeds(seeds: int | Sequence[int], first: int = 0) -> list[int]:
    """The seeds, given as such or as their number, from the ``first`` on.

    Raises:
        CoterieError: none, the same twice, or one below 0.
    """
    if not _is_seed(first):
        raise CoterieError(f"`seed` must be a whole number of at least 0; found {shown(first)}.")
    if isinstance(seeds, Integral) and not isinstance(seeds, bool) and 0 < int(seeds) <= MOST:
        return list(range(int(first), int(first) + int(seeds)))
    given = list(islice(seeds, MOST + 1)) if is_listed(seeds) else []  # pyright: ignore[reportArgumentType]
    if not 0 < len(given) <= MOST or not all(map(_is_seed, given)) or len(set(given)) != len(given):
        raise CoterieError(
            "`seeds` must be a positive number of seeds or distinct seeds of at least 0, and at "
            f"most {MOST:,} of them; found {shown(seeds)}."
        )
    if first:
        raise CoterieError(
            f"`seed` is the first of a number of `seeds`; found {first} and the seeds "
            f"{shown(seeds)}."
        )
    return [int(seed) for seed in given]


def _is_seed(seed: object) -> bool:
    return isinstance(seed, Integral) and not isinstance(seed, bool) and 0 <= int(seed) <= MOST_SEED


def check_repeats(repeats: int | None) -> None:
    """Refuse what is no number of splits.

    Raises:
        CoterieError: below 1, or more than anyone would train.
    """
    if repeats is not None:
        require_count("repeats", repeats, MOST)


def read_repeats(repeats: int | None, data: Dataset) -> int:
    """The number of splits, 5 by default where the table is small and may be split anew.

    Raises:
        CoterieError: below 1, or more than 1 where the split was given.
    """
    check_repeats(repeats)
    can_resplit = data.rebuild is not None
    if repeats is None:
        return 5 if len(data) < SMALL_TABLE and can_resplit else 1
    if repeats > 1 and not can_resplit:
        raise CoterieError(
            f"`repeats` is {repeats}, but the split of this data was given: only `repeats=1` is "
            "possible."
        )
    return repeats


def repeated_splits(data: Dataset, repeats: int) -> list[Dataset]:
    """The data under its own split and ``repeats - 1`` other random ones, each with all tasks.

    Raises:
        CoterieError: in none of 100 draws is every task frequent enough in every part.
    """
    return [data, *(_usable_split(data, split) for split in range(1, repeats))]


def _usable_split(data: Dataset, split: int) -> Dataset:
    """The data under another split, redrawn while one of the tasks is too rare in a part."""
    problem = ""
    for attempt in range(SPLIT_ATTEMPTS):
        try:
            other = data.resplit(
                derived_seed(0, split)
                if attempt == 0
                else derive(0, "split", split, attempt) % 2**31
            )
        except CoterieError as error:
            problem = str(error)
            continue
        if other.tasks.names == data.tasks.names:
            return other
        problem = f"{len(data.tasks) - len(other.tasks)} tasks of the data's own split are too rare in it."
    raise CoterieError(
        f"`repeats`: none of {SPLIT_ATTEMPTS} draws of split {split} can be used. The last: "
        f"{problem} Compare with repeats=1."
    )


def derived_seed(seed: int, split: int) -> int:
    """Splits are independent repetitions: each has its own seeds.

    Split 0 has those that the user named.
    """
    return seed if split == 0 else derive(seed, "split", split) % 2**31


def seconds_of(time: str | float, name: str = "budget") -> float:
    """Seconds of a time such as "90s", "30m", "1h30m" or a number of seconds.

    Raises:
        CoterieError: it is none above 0; said of the argument ``name``.

    >>> seconds_of("30m"), seconds_of("1.5h"), seconds_of("1h 30min"), seconds_of(20)
    (1800.0, 5400.0, 5400.0, 20.0)
    """
    text = str(time).strip()
    parts = _TIME.findall(text)
    whole = re.fullmatch(f"(?:{_TIME.pattern})+", text) is not None
    seconds = sum(float(number) * _UNITS[unit or "s"] for number, unit in parts) if whole else 0.0
    if seconds <= 0 or (len(parts) > 1 and not all(unit for _, unit in parts)):
        raise CoterieError(
            f"`{name}` must be a positive time such as 90s, 30m or 1h30m; found {shown(time)}."
        )
    return seconds
