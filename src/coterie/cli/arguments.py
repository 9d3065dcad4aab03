"""What arguments say before they are parsed.

Every flag with all its values, none of which is mistaken for a flag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar, get_origin, get_type_hints

from coterie.errors import CoterieError, shown
from coterie.named import names_object

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# Stands before the dash of a value while arguments are parsed. Unicode will never make a character
# of it.
_VALUE = "\ufdd0"
# Options that take an object of a module of the user's.
_NAMING = ("model", "methods", "clustering", "baselines", "rivals", "kind")
_NUMBERS = ("inf", "infinity", "nan")
Verb = TypeVar("Verb", bound="DataclassInstance")


@dataclass(frozen=True)
class Option:
    """An option of a verb: its name as in Python, and how many values follow its flag."""

    name: str
    takes: Literal["nothing", "one", "several"]

    @property
    def flag(self) -> str:
        """As it is written on the command line."""
        return "--" + self.name.replace("_", "-")


@dataclass
class _Part:
    """A flag as it was written, if there was one, and what follows it."""

    option: Option | None
    head: list[str]
    values: list[str] = field(default_factory=list)


def options_of(verb: type) -> Iterator[Option]:
    """All options of a verb; positional ones too."""
    for name, hint in _hints(verb):
        yield Option(
            name, "nothing" if hint is bool else "several" if get_origin(hint) is tuple else "one"
        )


def flags_of(verb: type) -> dict[str, Option]:
    """The options of a verb by every flag that means them: aliases and negations too."""
    found: dict[str, Option] = {}
    for option in options_of(verb):
        found[option.flag] = option
        if option.takes == "nothing":
            found["--no-" + option.flag.removeprefix("--")] = option
    for name, hint in _hints(verb, include_extras=True):
        for part in getattr(hint, "__metadata__", ()):
            found |= {
                alias: found["--" + name.replace("_", "-")]
                for alias in getattr(part, "aliases", None) or ()
            }
    return found


@contextmanager
def told_by_flags(verb: type, **others: str) -> Iterator[None]:
    """Name the flags of a verb, not arguments of Python, in what is refused.

    ``others`` tell by name what is no option, or called otherwise.

    >>> from coterie.cli.options import Distill
    >>> with told_by_flags(Distill, round_iterations="`--round`"):
    ...     raise CoterieError("`round_iterations` must be at least 1, and `per_class` 2 to 9.")
    Traceback (most recent call last):
    ...
    coterie.errors.CoterieError: `--round` must be at least 1, and `--per-class` 2 to 9.
    """
    told = {option.name: f"`{option.flag}`" for option in options_of(verb)} | others
    try:
        yield
    except CoterieError as error:
        message = re.sub(r"`(\w+)`", lambda found: told.get(found[1], found[0]), str(error))
        raise CoterieError(message[:1].upper() + message[1:]) from error


def named(arguments: Sequence[str], verb: type) -> set[str]:
    """Names of the options that ``arguments`` give."""
    flags = flags_of(verb)
    heads = (argument.partition("=")[0].replace("_", "-") for argument in arguments)
    return {flags[head].name for head in heads if head in flags}


def arranged(arguments: Sequence[str], verb: type) -> list[str]:
    """The same arguments so that nothing is read in silence as something else.

    :func:`plain` undoes what it does to values.

    Values of a flag that is given repeatedly are put together if it takes several; else the last
    counts. A value that starts with a dash is one where it is attached by ``=``.

    Raises:
        CoterieError: a flag without its values, an empty one, a value that looks like a flag, a NUL
            character.

    >>> from coterie.cli.options import Record
    >>> arranged(["--data", "d", "--epochs", "3", "--data", "e"], Record)
    ['--epochs', '3', '--data', 'd', 'e']
    >>> arranged(["--targets"], Record)
    Traceback (most recent call last):
    coterie.errors.CoterieError: `--targets` is given without a value.
    """
    if any(argument in ("-h", "--help") for argument in arguments):
        return list(arguments)
    parts, rest = _parts(arguments, flags_of(verb))
    for part in parts:
        if part.option is not None:
            _check(part.option, part)
    return [text for part in parts for text in (*part.head, *part.values)] + rest


def plain(verb: Verb) -> Verb:
    """A verb as it was meant, once its arguments were parsed."""
    return replace(verb, **{each.name: _meant(getattr(verb, each.name)) for each in fields(verb)})


def objects_named(asked: object) -> list[str]:
    """All ``module:object`` that options name, each once.

    >>> from coterie.cli.options import DataOptions
    >>> objects_named(DataOptions(data=("c:/d.csv",), kind=("a:b=mine:Share", "c=count")))
    ['mine:Share']
    """
    found: dict[str, None] = {}
    for name, value in vars(asked).items():
        if is_dataclass(value) and not isinstance(value, type):
            found |= dict.fromkeys(objects_named(value))
        elif name in _NAMING:
            texts = value if isinstance(value, tuple) else (value,)
            # Of a kind, what follows the name of its target.
            parts = (str(text).rpartition("=")[2] for text in texts)
            found |= dict.fromkeys(filter(names_object, parts))
    return list(found)


def _meant(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return plain(value)
    if isinstance(value, tuple):
        return tuple(map(_meant, value))
    if isinstance(value, Path) and str(value).startswith(_VALUE):
        return Path(str(value).removeprefix(_VALUE))
    return value.removeprefix(_VALUE) if isinstance(value, str) else value


def from_value(option: Option, value: object) -> list[str]:
    """What a TOML file holds for an option, as arguments.

    Raises:
        CoterieError: a value of a type that the option does not take.

    >>> from_value(Option("targets", "several"), ["A", "-B"])
    ['--targets=A', '--targets=-B']
    >>> from_value(Option("kind", "several"), {"A": "binary"})
    ['--kind=A=binary']
    """
    if option.takes == "nothing":
        if not isinstance(value, bool):
            raise CoterieError(f"{option.name!r} must be true or false; found {shown(value)}.")
        return [option.flag] if value else []
    if option.takes == "one":
        if not _is_plain(value):
            raise CoterieError(f"{option.name!r} must be one text or number; found {shown(value)}.")
        return (
            [f"{option.flag}={value}"] if str(value).startswith("-") else [option.flag, str(value)]
        )
    table = value if isinstance(value, Mapping) else None
    items = value if isinstance(value, list) else [value] if table is None else table.values()
    if not all(map(_is_plain, items)):
        raise CoterieError(
            f"{option.name!r} must be a list of texts or numbers; found {shown(value)}. Put others "
            "in quotes."
        )
    texts = items if table is None else [f"{name}={item}" for name, item in table.items()]
    return [f"{option.flag}={text}" for text in texts]


def _hints(verb: type, *, include_extras: bool = False) -> Iterator[tuple[str, object]]:
    plain_hints, hints = get_type_hints(verb), get_type_hints(verb, include_extras=include_extras)
    for each in fields(verb):
        if is_dataclass(plain_hints[each.name]):
            yield from _hints(plain_hints[each.name], include_extras=include_extras)
        else:
            yield each.name, hints[each.name]


def _parts(arguments: Sequence[str], flags: Mapping[str, Option]) -> tuple[list[_Part], list[str]]:
    """Flags with their values in order, those of one flag together; and what follows ``--``."""
    parts = [_Part(None, [])]
    by_name: dict[str, _Part] = {}
    for position, text in enumerate(arguments):
        if "\0" in text:
            raise CoterieError(f"An argument holds a NUL character: {shown(text)}.")
        if text == "--":
            return parts, list(arguments[position:])
        head, equals, value = text.partition("=")
        option = flags.get(head.replace("_", "-"))
        if option is None:
            _refuse_short(text, parts[-1].option)
            parts[-1].values.append(text)
        else:
            attached = equals and option.takes == "several"
            part = _Part(option, [head if attached else text], [_marked(value)] if attached else [])
            if option.takes == "several" and option.name in by_name:
                # Nothing that was given is dropped. What takes one value is as usual: the last
                # counts.
                earlier = by_name[option.name]
                parts.remove(earlier)
                part.values[:0] = earlier.values
            by_name[option.name] = part
            parts.append(part)
    return parts, []


def _check(option: Option, part: _Part) -> None:
    if option.takes == "nothing" and "=" in part.head[0]:
        raise CoterieError(f"`{option.flag}` takes no value; found {shown(part.head[0])}.")
    if option.takes == "several" and not part.values:
        raise CoterieError(f"`{option.flag}` is given without a value.")
    if option.takes == "one" and (part.head[0].endswith("=") or part.values[:1] == [""]):
        raise CoterieError(f"`{option.flag}` is empty.")


def _refuse_short(text: str, before: Option | None) -> None:
    """There are no flags with one dash.

    It begins a value, which must be written so that it cannot be taken for one.
    """
    if _is_dashed(text) and not text.startswith("--"):
        how = "A path that starts with a dash is written ./-name"
        if before is not None and before.takes != "nothing":
            how = f"If it is a value, write {before.flag}={text[:50]}"
        raise CoterieError(f"{shown(text)} is no flag. {how}.")


def _is_dashed(text: str) -> bool:
    """Whether a text looks like a flag; -1, -.5 and -inf are numbers."""
    return (
        text.startswith("-") and text.lstrip("-")[:1].isalpha() and text[1:].lower() not in _NUMBERS
    )


def _marked(value: str) -> str:
    return _VALUE + value if _is_dashed(value) or value == "--" else value


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
