"""From arguments, and a TOML file if there is one, to one verb with its options."""

from __future__ import annotations

import io
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Annotated, Union, cast

import tyro
from tyro.conf import DisallowNone, OmitArgPrefixes, subcommand

from coterie.cli import options
from coterie.cli.arguments import arranged, from_value, named, options_of, plain
from coterie.errors import CoterieError, shown

VERBS: dict[str, type] = {
    "run": options.Run,
    "record": options.Record,
    "affinity": options.Affinity,
    "group": options.Group,
    "select": options.Select,
    "distill": options.Distill,
    "fit": options.Fit,
    "evaluate": options.Evaluate,
    "compare": options.Compare,
    "plan": options.Plan,
    "headroom": options.Headroom,
    "learning-curve": options.LearningCurve,
    "report": options.Report,
    "predict": options.Predict,
    "export": options.Export,
    "parts": options.Parts,
}
_DESCRIPTION = """Find out which tasks to train together, train them so, see what it gains.

Start with: coterie run --data FILE --targets A B C

A verb explains itself: coterie run --help"""


def parse(arguments: Sequence[str]) -> options.Verb:
    """Return the verb that ``arguments`` name, with its options.

    Raises:
        CoterieError: the TOML file cannot be read or holds an unknown option; a flag is without its
            values.
        SystemExit: help was asked for (0), or the arguments cannot be understood (2).
    """
    arguments = list(arguments) or ["--help"]
    if arguments[0] in VERBS:
        verb = VERBS[arguments[0]]
        if (path := _value_of("config", arguments)) is not None and "config" in names(verb):
            arguments[1:1] = from_toml(path, verb, arguments)
        arguments[1:] = arranged(arguments[1:], verb)
    verbs = tuple(Annotated[verb, subcommand(name)] for name, verb in VERBS.items())
    choice = cast("type[options.Verb]", Union[verbs])  # noqa: UP007
    markers = (OmitArgPrefixes, DisallowNone)
    understand = partial(
        tyro.cli, choice, prog="coterie", description=_DESCRIPTION, args=arguments, config=markers
    )
    if arguments[0] in VERBS:
        return plain(understand())
    # The help of all verbs begins with a list of them that is wider than a page; they follow one by
    # one anyway.
    said = io.StringIO()
    try:
        with redirect_stdout(said):
            return understand()
    finally:
        sys.stdout.write(said.getvalue().replace("{" + ",".join(VERBS) + "}", "VERB [OPTIONS]"))


def from_toml(path: str, verb: type, given: Sequence[str] = ()) -> list[str]:
    """Return the options in a TOML file as arguments, without those that ``given`` holds already.

    Raises:
        CoterieError: the file cannot be read, or names an option or a value that ``verb`` does not
            take.
    """
    known = {option.name: option for option in options_of(verb) if option.name != "config"}
    arguments, flags = [], named(given, verb)
    for key, value in _read_toml(path).items():
        name = key.replace("-", "_")
        if name not in known:
            near = get_close_matches(name, known, n=3)
            hint = (
                f"did you mean {' or '.join(near)}?"
                if near
                else f"known are {', '.join(sorted(known))}."
            )
            raise CoterieError(f"`--config` {path!r} has an unknown option {shown(key)}: {hint}")
        if name not in flags:
            try:
                arguments += from_value(known[name], value)
            except CoterieError as error:
                raise CoterieError(f"`--config` {path!r}: {error}") from error
    return arguments


def _read_toml(path: str) -> dict[str, object]:
    try:
        if not Path(path).is_file():
            raise CoterieError(f"`--config` {shown(path)} cannot be read: there is no such file.")
        with open(path, "rb") as file:  # noqa: PTH123
            return tomllib.load(file)
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, CoterieError):
            raise
        raise CoterieError(f"`--config` {shown(path)} cannot be read: {error}.") from error


def names(verb: type) -> Iterator[str]:
    """Names of all options of a verb, as in Python; positional ones too."""
    return (option.name for option in options_of(verb))


def _value_of(name: str, arguments: Sequence[str]) -> str | None:
    """Value after ``--name`` (the last one), "" for a flag at the very end.

    None where it is not given.
    """
    flag = "--" + name.replace("_", "-")
    found = None
    for position, argument in enumerate(arguments):
        head, equals, tail = argument.partition("=")
        if head.replace("_", "-") == flag:
            found = tail if equals else next(iter(arguments[position + 1 : position + 2]), "")
    return found
