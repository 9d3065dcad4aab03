"""Files that are whole or absent, and that know when they are damaged.

Everything is written beside its place, synced and renamed. What is written here carries a checksum
of its own: binary files a *seal*, a SHA-256 of all their bytes (with zeros in its own place), JSON
objects the entry ``checksum`` over all other entries, however they are laid out. Reading checks it
before anything else looks at the file. A file without one, written by hand or by an earlier
version, is read as it is.
"""

from coterie.files.content import (
    read_arrays,
    read_json,
    write_arrays,
    write_json,
)
from coterie.files.damage import (
    GARBAGE,
    explained,
    is_temporary,
    naming_damage,
)
from coterie.files.paths import (
    check_target,
    check_writable,
    path_of,
    regular_file,
)
from coterie.files.seals import (
    CHECKSUM,
    SEAL,
    check_seal,
    checksum,
    seal,
    sealed_text,
    unsealed,
)
from coterie.files.whole import (
    atomic,
    remove,
    sync_folder,
    temporaries,
)

__all__ = [
    "CHECKSUM",
    "GARBAGE",
    "SEAL",
    "atomic",
    "check_seal",
    "check_target",
    "check_writable",
    "checksum",
    "explained",
    "is_temporary",
    "naming_damage",
    "path_of",
    "read_arrays",
    "read_json",
    "regular_file",
    "remove",
    "seal",
    "sealed_text",
    "sync_folder",
    "temporaries",
    "unsealed",
    "write_arrays",
    "write_json",
]
