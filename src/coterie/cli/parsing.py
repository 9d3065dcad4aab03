"""From arguments, and a TOML file if there is one, to one verb with its options."""

from __future__ import annotations

import io
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from functools import partial
from typing import Annotated, Any, Union, get_type_hints

import tyro
from tyro.conf import DisallowNone, OmitArgPrefixes, subcommand

from coterie.cli import options
from coterie.errors import CoterieError

VERBS: dict[str, type] = {
    "run": options.Run,
    "record": options.Record,
    "affinity": options.Affinity,
    "group": options.Group,
    "select": options.Select,
    "fit": options.Fit,
    "evaluate": options.Evaluate,
    "compare": options.Compare,
    "plan": options.Plan,
    "report": options.Report,
    "predict": options.Predict,
    "export": options.Export,
}
_DESCRIPTION = """Find out which tasks to train together, train them so, see what it gains.

Start with: coterie run --data FILE --targets A B C

A verb explains itself: coterie run --help"""


def parse(arguments: Sequence[str]) -> options.Verb:
    """Return the verb that ``arguments`` name, with its options.

    Raises:
        CoterieError: the TOML file cannot be read or holds an unknown option.
        SystemExit: help was asked for (0), or the arguments cannot be understood (2).
    """
    arguments = list(arguments) or ["--help"]
    if arguments[0] in VERBS and (path := _value_of("config", arguments)) is not None:
        arguments[1:1] = from_toml(path, VERBS[arguments[0]], arguments)
    choice: Any = Union[tuple(Annotated[verb, subcommand(name)] for name, verb in VERBS.items())]  # noqa: UP007
    markers = (OmitArgPrefixes, DisallowNone)
    understand = partial(tyro.cli, choice, prog="coterie", description=_DESCRIPTION, args=arguments, config=markers)
    if arguments[0] in VERBS:
        return understand()
    # The help of all verbs begins with a list of them that is wider than a page; they follow one by one anyway.
    said = io.StringIO()
    try:
        with redirect_stdout(said):
            return understand()
    finally:
        sys.stdout.write(said.getvalue().replace("{" + ",".join(VERBS) + "}", "VERB [OPTIONS]"))


def from_toml(path: str, verb: type, given: Sequence[str] = ()) -> list[str]:
    """Return the options in a TOML file as arguments, without those that ``given`` holds already.

    Raises:
        CoterieError: the file cannot be read, or names an option that ``verb`` does not have.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            content = tomllib.load(file)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CoterieError(f"`--config` {path!r} cannot be read: {error}.") from error
    known = {name for name in names(verb) if name != "config"}
    arguments = []
    for key, value in content.items():
        name = key.replace("-", "_")
        if name not in known:
            near = get_close_matches(name, known, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(sorted(known))}."
            raise CoterieError(f"`--config` {path!r} has an unknown option {key!r}: {hint}")
        if _value_of(name, given) is None:
            arguments += _as_arguments(name, value)
    return arguments


def names(verb: type) -> Iterator[str]:
    """Names of all options of a verb, as in Python; positional ones too."""
    hints = get_type_hints(verb)
    for field in fields(verb):
        if is_dataclass(hints[field.name]):
            yield from names(hints[field.name])
        else:
            yield field.name


def _value_of(name: str, arguments: Sequence[str]) -> str | None:
    """Value after ``--name`` (the last one), "" for a flag at the very end; None where it is not given."""
    flag = "--" + name.replace("_", "-")
    found = None
    for position, argument in enumerate(arguments):
        head, equals, tail = argument.partition("=")
        if head.replace("_", "-") == flag:
            found = tail if equals else next(iter(arguments[position + 1 : position + 2]), "")
    return found


def _as_arguments(name: str, value: Any) -> list[str]:
    flag = "--" + name.replace("_", "-")
    if value is True:
        return [flag]
    if value is False:
        return []
    if isinstance(value, dict):
        return [flag, *(f"{key}={item}" for key, item in value.items())]
    if isinstance(value, list):
        return [flag, *map(str, value)]
    return [flag, str(value)]
