"""Names and messages as they are shown.

What would steer a terminal, or turn the direction of the text, is made visible.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

# Control signs, line separators, changes of direction that reach beyond a word, and halves of a
# sign.
_STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNPRINTABLE = re.compile(r"[^\w.=,+-]+")
_LONGEST_FILE_NAME = 160  # bytes, of the 255 that file systems take, with what else a name holds


def visible(text: str, *, keep: str = "") -> str:
    r"""``text`` with steering signs as escapes, but for those in ``keep``.

    >>> print(visible("\x1b[31mred\n"), visible("two\nlines", keep="\n"), sep="|")
    \x1b[31mred\n|two
    lines
    """
    return _STEERING.sub(
        lambda m: m[0] if m[0] in keep else m[0].encode("unicode_escape").decode("ascii"), text
    )


def file_name(name: str) -> str:
    """The name of a grouping as part of a file name.

    What is too long for one ends in a hash of the rest.

    >>> file_name("K=3, m=1.07 / mine"), file_name("so " * 100)[-20:]
    ('K=3,-m=1.07-mine', '-so-17f1d07bdb1e807f')
    """
    found = _UNPRINTABLE.sub("-", unicodedata.normalize("NFC", name))
    if len(found.encode()) <= _LONGEST_FILE_NAME:
        return found
    start = found.encode()[: _LONGEST_FILE_NAME - 17].decode(errors="ignore")
    return f"{start}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
