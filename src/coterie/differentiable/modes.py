"""What the modes of a differentiable grouping stand for, and its settings as they are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Literal, get_args

from coterie.errors import CoterieError, is_listed, require_choice, require_positive, shown
from coterie.models.architecture import initialisations

Mode = Literal["paper", "annealed", "expected", "straight_through"]
MODES: tuple[Mode, ...] = get_args(Mode)


@dataclass(frozen=True, kw_only=True)
class Preset:
    """What a mode stands for.

    Temperatures at the start and the end, how the branches start, how the logits are learnt.
    """

    temperature: tuple[float, float]
    init: str | Sequence[int]
    plain_steps: bool = True


_PRESETS: dict[Mode, Preset] = {
    "paper": Preset(temperature=(2.5, 2.5), init="shared", plain_steps=False),
    "annealed": Preset(temperature=(4.0, 0.1), init="shared"),
    "expected": Preset(temperature=(1.0, 1.0), init="independent"),
    "straight_through": Preset(temperature=(1.0, 1.0), init="shared"),
}


def preset(
    mode: Mode,
    n_groups: int,
    temperature: tuple[float, float] | None,
    init: str | Sequence[int] | None,
) -> Preset:
    """The mode's, with the temperature and the starts that are given instead.

    Raises:
        CoterieError: one of them is out of range, or the branches could never part.
    """
    require_choice("mode", mode, MODES)
    usual = _PRESETS[mode]
    if init is not None:
        initialisations(init, n_groups)
    init = usual.init if init is None else init
    if mode == "expected" and isinstance(init, str) and init == "shared" and n_groups > 1:
        raise CoterieError(
            "`init='shared'` with mode 'expected' never leaves its start: all branches would be "
            "the same for ever. Use init='independent'."
        )
    return Preset(
        temperature=usual.temperature if temperature is None else _pair(temperature),
        init=init,
        plain_steps=usual.plain_steps,
    )


def _pair(temperature: tuple[float, float]) -> tuple[float, float]:
    if not is_listed(temperature) or len(temperature) != 2:
        raise CoterieError(
            "`temperature` must be two numbers, of the start and the end; found "
            f"{shown(temperature)}."
        )
    for each in temperature:
        require_positive("temperature", each)
    return float(temperature[0]), float(temperature[1])


def require_within(low: float, high: float, **values: float) -> None:
    """Refuse numbers that are not at least ``low`` and below ``high``.

    >>> require_within(0, 1, warmup=1.5)
    Traceback (most recent call last):
    coterie.errors.CoterieError: `warmup` must be at least 0 and below 1; found 1.5.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, Real) or not low <= value < high:
            raise CoterieError(
                f"`{name}` must be at least {low} and below {high:g}; found {shown(value)}."
            )
