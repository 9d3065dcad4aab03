"""Names and messages as they are shown.

What would steer a terminal, or turn the direction of the text, is made visible.
"""

from __future__ import annotations

import re

# Control signs, line separators, changes of direction that reach beyond a word, and halves of a
# sign.
_STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str, *, keep: str = "") -> str:
    r"""``text`` with steering signs as escapes, but for those in ``keep``.

    >>> print(visible("\x1b[31mred\n"), visible("two\nlines", keep="\n"), sep="|")
    \x1b[31mred\n|two
    lines
    """
    return _STEERING.sub(
        lambda m: m[0] if m[0] in keep else m[0].encode("unicode_escape").decode("ascii"), text
    )
