"""Random tables with what people, exporters and accidents leave in them, as every source."""

from __future__ import annotations

import csv
import decimal
import io
import random
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq

WORDS = (
    "red",
    "blue",
    "yes",
    "no",
    "NA",
    "nan",
    "NaN",
    "None",
    "#N/A",
    "",
    " ",
    "?",
    "-",
    "true",
    "False",
    "0",
    "1",
    "1.0",
    "01",
    "é",
    "ß",
    "💥",
    "1e400",
    "-inf",
    "1,5",
    "1;5",
    '"',
    "a\nb",
    "a\r",
    "\ufeff",
    "\0",
    "=1+1",
    "٣",
    "x" * 3000,
    "2024-01-31",
    "12:30",
)
NAMES = (
    "a",
    "b",
    "c",
    "d",
    "id",
    "ID ",
    "",
    " ",
    "Unnamed: 0",
    "__index_level_0__",
    "class",
    "é",
    "a.b",
    "a/b",
    "x\ny",
    "🙂",
    "nan",
    "t",
    "part",
)
ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "shift-jis")
ODD_NUMBERS = (
    0.0,
    -0.0,
    1e-320,
    1e308,
    -1e308,
    np.inf,
    -np.inf,
    np.nan,
    2.0**53,
    3.5e38,
    0.1 + 0.2,
)
PARTS = ("train", "validation", "test", "val", "0", "1", "2", "", "other")

Column = Callable[[random.Random, int], pa.Array]


def _of(make: Callable[[random.Random], Any], kind: pa.DataType | None = None) -> Column:
    return lambda rng, n: pa.array([make(rng) for _ in range(n)], kind)


def _gaps(column: Column) -> Column:
    def gappy(rng: random.Random, n: int) -> pa.Array:
        kept = pa.array(
            [rng.choice((0, None, *range(n))) if rng.random() < 0.2 else row for row in range(n)],
            pa.int64(),
        )
        return column(rng, n).take(kept)

    return gappy


def _words(rng: random.Random, n: int) -> pa.Array:
    few = rng.sample(WORDS, rng.randint(1, 6))
    return pa.array(
        [rng.choice(few) for _ in range(n)], rng.choice((pa.string(), pa.large_string()))
    )


def _coded(rng: random.Random, n: int) -> pa.Array:
    return _words(rng, n).cast(pa.string()).dictionary_encode()


def _mixed(rng: random.Random, n: int) -> pa.Array:
    odd = rng.choice(WORDS)
    return pa.array([odd if rng.random() < 0.05 else f"{rng.gauss(0, 3):.3g}" for _ in range(n)])


# Those that suit training come more often than one of these.
PLAIN: tuple[Column, ...] = (
    _of(lambda rng: rng.gauss(0, 1), pa.float64()),
    _of(lambda rng: rng.gauss(5, 100), pa.float32()),
    _of(lambda rng: rng.randint(0, 1), pa.int64()),
    _of(lambda rng: rng.randint(0, 3), pa.int8()),
    _of(lambda rng: rng.random() < 0.4, pa.bool_()),
    _of(lambda rng: rng.choice(("low", "mid", "high")), pa.string()),
    _of(lambda rng: str(rng.randint(0, 1)), pa.string()),
)
ODD: tuple[Column, ...] = (
    _words,
    _coded,
    _mixed,
    lambda rng, n: pa.array(range(rng.randint(-2, 10), 10**6, rng.randint(1, 7))[:n]),
    lambda rng, n: pa.nulls(
        n, rng.choice((pa.null(), pa.float64(), pa.string(), pa.bool_(), pa.list_(pa.int64())))
    ),
    lambda rng, n: pa.array([rng.choice((0.1, 273.15, 0, "k"))] * n),
    _of(
        lambda rng: rng.choice(ODD_NUMBERS) if rng.random() < 0.2 else rng.gauss(0, 1), pa.float64()
    ),
    _of(lambda rng: rng.choice((2**63 - 1, -(2**63), 2**53 + 1, 0)), pa.int64()),
    _of(lambda rng: rng.randint(0, 2**64 - 1), pa.uint64()),
    _of(lambda rng: f"{rng.getrandbits(64):016x}", pa.string()),
    _of(lambda rng: rng.randint(-(10**16), 10**17), pa.timestamp("us")),
    _of(lambda rng: 10**15 * rng.randint(-4, 4), pa.timestamp("ms", "UTC")),
    _of(lambda rng: rng.randint(-(10**6), 10**6), pa.date32()),
    _of(lambda rng: rng.randint(0, 10**9), pa.duration("s")),
    _of(lambda rng: rng.randint(0, 86399), pa.time32("s")),
    _of(lambda rng: decimal.Decimal(rng.randint(-999, 999)) / 100, pa.decimal128(20, 2)),
    _of(lambda rng: rng.randbytes(rng.randint(0, 9)), pa.binary()),
    _of(lambda rng: [rng.random()] * rng.randint(0, 3), pa.list_(pa.float64())),
    _of(
        lambda rng: {"u": rng.random(), "v": "w"},
        pa.struct([("u", pa.float64()), ("v", pa.string())]),
    ),
    _of(
        lambda rng: {"bytes": rng.randbytes(20), "path": None},
        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    ),
    _of(lambda rng: [("k", rng.random())], pa.map_(pa.string(), pa.float64())),
    _of(lambda rng: rng.choice(PARTS), pa.string()),
    _of(lambda rng: rng.choice(PARTS[:3]), pa.string()),
    _of(lambda rng: rng.random(), pa.float16()),
)


def random_table(rng: random.Random) -> pa.Table:
    """A table of 0 to 150 rows and 1 to 9 columns, most of which suit training."""
    n = rng.choice((0, 2, 7, *[rng.randint(60, 150)] * 20))
    names = rng.sample(NAMES, rng.randint(1, 6)) + rng.sample(string.ascii_uppercase, 3)
    rng.shuffle(names)
    oddity = rng.choice((0.0, 0.2, 0.5, 0.9))
    arrays = []
    for name in names:
        fit = len(name) == 1 and name.isupper()  # a target, mostly
        column = rng.choice(ODD if rng.random() < (oddity / 5 if fit else oddity) else PLAIN)
        arrays.append((_gaps(column) if rng.random() < 0.2 else column)(rng, n))
    table = pa.Table.from_arrays(arrays, names)
    if rng.random() < 0.1 and n:
        table = pa.concat_tables([table, table.slice(0, n // 2)])  # rows that occur twice
    if rng.random() < 0.1:
        about = rng.choice(
            (
                b"[]",
                b"{",
                b"null",
                b'{"targets": ["A", "nothing"]}',
                b'{"index_columns": [3]}',
                b"\xff\xfe",
            )
        )
        table = table.replace_schema_metadata(
            {rng.choice((b"pandas", b"huggingface", b"targets", b"classes", b"labels")): about}
        )
    return table


def csv_text(rng: random.Random, table: pa.Table, separator: str = ",") -> str:
    """The table as text; quoted where needed or, one time in ten, not."""
    file = io.StringIO()
    if rng.random() < 0.9:
        writer = csv.writer(file, delimiter=separator, lineterminator=rng.choice(("\n", "\r\n")))
    else:
        writer = csv.writer(
            file, delimiter=separator, quoting=csv.QUOTE_NONE, escapechar="\\", quotechar=None
        )
    writer.writerow(table.column_names)
    writer.writerows(zip(*map(texts, table.columns), strict=True))
    return file.getvalue()


def texts(column: pa.ChunkedArray) -> list[str]:
    """The cells as text, empty where there are none."""
    try:
        column = column.cast(pa.string())
    except (pa.ArrowException, UnicodeDecodeError):
        column = column.slice(0, 0) if pa.types.is_temporal(column.type) else column
    return ["" if cell is None else str(cell) for cell in column.to_pylist()] or [""] * len(column)


def write_csv(rng: random.Random, table: pa.Table, path: Path) -> Path:
    """A CSV file with any separator and encoding, with lines too long or too short at times."""
    text = csv_text(rng, table, rng.choice((",", ",", ",", ";", "\t", "|", " ")))
    lines = text.split("\n")
    for _ in range(rng.choice((*[0] * 8, 1, 3))):
        at = rng.randrange(len(lines))
        lines[at] = rng.choice(
            (f"{lines[at]},1", lines[at][: len(lines[at]) // 2], "", f'"{lines[at]}')
        )
    encoding = rng.choice(ENCODINGS) if rng.random() < 0.2 else "utf-8"
    path.write_bytes("\n".join(lines).encode(encoding, errors="replace"))
    return path


def write_file(rng: random.Random, table: pa.Table, folder: Path) -> Path:
    """A file of any format that is read, under any ending, damaged one time in three."""
    kind = rng.choice(("csv", "csv", "csv", "tsv", "parquet", "arrow", "feather", "stream"))
    path = folder / f"table.{'arrow' if kind == 'stream' else kind}"
    if kind in ("csv", "tsv"):
        write_csv(rng, table, path)
    elif kind == "parquet":
        pq.write_table(
            table,
            path,
            compression=rng.choice(("none", "snappy", "zstd")),
            row_group_size=rng.choice((10, 1000)),
        )
    elif kind == "feather":
        pyarrow.feather.write_feather(
            table.replace_schema_metadata(), path, compression=rng.choice(("uncompressed", "lz4"))
        )
    else:
        with (
            pa.OSFile(str(path), "wb") as file,
            (pa.ipc.new_file if kind == "arrow" else pa.ipc.new_stream)(file, table.schema) as to,
        ):
            to.write_table(table)
    if rng.random() < 1 / 3:
        path.write_bytes(damaged(path.read_bytes(), rng))
    if rng.random() < 0.05:
        path = path.rename(
            folder / f"table.{rng.choice(('csv', 'parquet', 'arrow', 'txt', 'csv.gz', 'CSV'))}"
        )
    return path


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Some bits turned, or bytes cut off, lost, doubled or overwritten."""
    for _ in range(rng.choice((1, 1, 1, 5, 50))):
        if not data:
            break
        at, length = rng.randrange(len(data)), rng.randint(1, 40)
        turned = bytes([data[at] ^ 1 << rng.randrange(8)])
        kept, lost = rng.choice(
            (
                (turned, 1),
                (rng.randbytes(length), length),
                (b"", length),
                (data[at : at + length] * 2, length),
                (b"\0" * length, length),
                (b"", len(data)),
            )
        )
        data = data[:at] + kept + data[at + lost :]
    return data


def arrays(rng: random.Random) -> dict[str, Any]:
    """Arrays of inputs and targets of any shape and type."""
    n = rng.choice((0, 1, 3, rng.randint(40, 120)))
    shape = (
        n,
        *rng.choice(((), (3,), (3,), (3,), (1, 4, 4), (3, 4, 4), (2, 2), (0,), (1, 1, 1, 1))),
    )
    dtype = rng.choice(
        (
            np.float32,
            np.float64,
            np.float16,
            np.int64,
            np.uint8,
            np.uint16,
            np.int8,
            bool,
            np.complex64,
            object,
            "U3",
            "M8[s]",
        )
    )
    generator = np.random.default_rng(rng.getrandbits(32))
    inputs = generator.normal(size=shape) * rng.choice((1, 100, 1e30))
    with np.errstate(all="ignore"):
        inputs = (inputs.astype("i8") if dtype == "M8[s]" else inputs).astype(dtype)
    m = n if rng.random() < 0.9 else n + 1
    targets = generator.integers(
        0, rng.choice((1, 2, 4)), size=(m, *rng.choice(((), (1,), (2,), (2,), (2, 2), (0,))))
    )
    targets = targets.astype(rng.choice((np.int64, np.float64, bool, np.float32, object, "U3")))
    if targets.dtype.kind == "f" and targets.size:
        with np.errstate(over="ignore"):
            targets[generator.random(targets.shape) < 0.1] = rng.choice(
                (np.nan, np.nan, np.inf, 1e300)
            )
    found: dict[str, Any] = {"inputs": inputs, "targets": targets}
    spoil = rng.random()
    if spoil < 0.1:
        found[rng.choice(("inputs", "targets"))] = rng.choice(
            (None, "x", [[1], [1, 2]], [], 3, {"a": [1]}, [None, 1], pd.DataFrame())
        )
    elif spoil < 0.2:
        found = {key: value.tolist() for key, value in found.items()}
    return found


def random_options(rng: random.Random, names: list[str]) -> dict[str, Any]:
    """Arguments of ``load``: targets that are there, mostly, and some others."""
    features = [name for name in names if len(name) != 1 or not name.isupper()]
    any_name = lambda: rng.choice((*names, *features * 5)) if rng.random() < 0.95 else "nothing"  # noqa: E731
    targets = [name for name in names if len(name) == 1 and name.isupper()][: rng.randint(1, 3)]
    options: dict[str, Any] = {
        "targets": targets
        if rng.random() < 0.85
        else rng.choice((None, [], any_name(), [any_name()] * 2))
    }
    others: dict[str, Callable[[], Any]] = {
        "exclude": lambda: [any_name()],
        "keep": lambda: [any_name()],
        "kinds": lambda: {
            any_name(): rng.choice(
                ("binary", "multiclass", "regression", "ordinal", "count", "ranking")
            )
        },
        "positive": lambda: {any_name(): rng.choice((0, 1, "yes", "low", None))},
        "group_column": any_name,
        "split_column": any_name,
        "time_column": any_name,
        "image_column": any_name,
        "one_vs_rest": any_name,
        "split": lambda: rng.choice(
            (
                (0.6, 0.2, 0.2),
                (0.5, 0.25, 0.25),
                (1, 0, 0),
                (0.98, 0.01, 0.01),
                (0.5, 0.5),
                (np.nan, 0.5, 0.5),
            )
        ),
        "limit": lambda: rng.choice((1, 10, 30, 10**9)),
        "rare": lambda: "drop",
        "balance": lambda: False,
        "seed": lambda: rng.randrange(2**31),
        "na": lambda: [rng.choice(WORDS)],
        "encoding": lambda: rng.choice(
            ("utf-8", "latin-1", "utf-16", "no such", "rot13", "base64")
        ),
        "allow_overlap": lambda: True,
        "names": lambda: ["p", "q"],
    }
    if rng.random() < 0.5:
        options["rare"] = "drop"
    for name in rng.sample(sorted(others), rng.choice((0, 0, 1, 1, 2, 4))):
        options[name] = others[name]()
    if rng.random() < 0.1:
        options = {"task_column": any_name(), "target_column": any_name()} | (
            {"targets": None} if rng.random() < 0.9 else options
        )
    return options
