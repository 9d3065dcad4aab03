"""Objects of users' own modules, by name."""

from __future__ import annotations

import importlib

from coterie.errors import CoterieError, reason

PUBLISHED_SUFFIX = ":published"


def names_object(name: str) -> bool:
    """Whether a text is a ``module:object`` of a user, and not the name of something here.

    >>> [names_object(name) for name in ("cosine", "mine:Cosine", "cosine:published")]
    [False, True, False]
    """
    return ":" in name and not name.endswith(PUBLISHED_SUFFIX)


def find_object(name: str, argument: str, form: str = "module:object") -> object:
    """What a user's ``module:object`` names; the module is executed.

    Args:
        name: the caller's word, never a file's.
        argument: what to call it in a message.
        form: what it should look like.

    Raises:
        CoterieError: no such form, module or attribute, or a module that fails.

    >>> find_object("math:pi", "method")
    3.141592653589793
    """
    module, _, attribute = name.partition(":")
    words = [attribute, *module.split(".")]
    if not all(word.isidentifier() for word in words):
        raise CoterieError(f"`{argument}` must be like '{form}'; found {name!r}.")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:  # a module of the user's may raise anything when it is executed
        raise CoterieError(
            f"`{argument}` {name!r} could not be imported: {reason(error)}"
        ) from error
