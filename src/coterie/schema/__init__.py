"""What a file must hold, said once.

Type hints that values read from JSON are checked against, and shapes of arrays.

A field that is missing, of another type or unknown is an error that names it. Unknown fields are
refused rather than ignored: they are typing errors, or from a later version in which they mean
something.
"""

from coterie.schema.arrays import array_of, arrays_of, matrix_of, membership_of
from coterie.schema.structure import (
    OPEN,
    Details,
    Hint,
    Json,
    distinct,
    entries_of,
    least,
    structure,
    within,
)

__all__ = [
    "OPEN",
    "Details",
    "Hint",
    "Json",
    "array_of",
    "arrays_of",
    "distinct",
    "entries_of",
    "least",
    "matrix_of",
    "membership_of",
    "structure",
    "within",
]
