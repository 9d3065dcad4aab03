"""Files that know when they are damaged: every single bit of every kind of file."""

import json

import numpy as np
import pyarrow as pa
import pytest
from safetensors.numpy import save_file

from coterie.data.arrow_files import read_parquet, write_parquet
from coterie.datamaps.storage import map_arrays
from coterie.errors import CoterieError
from coterie.files import read_arrays, read_json, write_arrays, write_json

VALUE = {"name": "été", "rows": [1.5, -0.0, 3], "none": None, "deep": {"b": [True], "a": "x"}}
ARRAYS = {
    "a": np.arange(3.0),
    "empty": np.zeros((0, 3), np.float32),
    "b": np.array([[1], [2]], np.int64),
}


def as_text(arrays, about):
    return json.dumps(
        [{name: [str(a.dtype), a.shape, a.tolist()] for name, a in sorted(arrays.items())}, about]
    )


def without_strays(value):
    """A bit of the word "checksum" turned makes it another, unknown entry: loaders refuse."""
    return {name: value[name] for name in VALUE}


TABLE = pa.table({"task": ["a", "b"], "value": [0.25, None]}).replace_schema_metadata(
    {"coterie": "about"}
)
KINDS = {
    "json": (lambda p: write_json(p, VALUE), lambda p: json.dumps(without_strays(read_json(p)))),
    "safetensors": (lambda p: write_arrays(p, ARRAYS, VALUE), lambda p: as_text(*read_arrays(p))),
    "mapped": (lambda p: write_arrays(p, ARRAYS, VALUE), lambda p: as_text(*map_arrays(p))),
    "parquet": (lambda p: write_parquet(p, TABLE), lambda p: str(read_parquet(p))),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_turned_bit_is_named_or_makes_no_difference(kind, tmp_path):
    write, read = KINDS[kind]
    path = tmp_path / f"file.{kind}"
    write(path)
    data, good, same = path.read_bytes(), read(path), 0
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            found = read(path)
        except CoterieError as error:
            found = str(error)
        assert found == good or path.name in found, bit
        same += found == good
    # The name of the seal's own entry, and in JSON white space.
    assert same < 150


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_short_is_named(kind, tmp_path):
    write, read = KINDS[kind]
    path = tmp_path / f"file.{kind}"
    write(path)
    data = path.read_bytes()
    for length in range(len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(CoterieError, match=path.name):
            read(path)


@pytest.mark.parametrize("kind", KINDS)
def test_an_absent_file_and_a_folder_are_named(kind, tmp_path):
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(CoterieError, match=f"{path.name}'? (cannot be read|is no readable)"):
            KINDS[kind][1](path)


def test_equal_content_gives_equal_bytes(tmp_path):
    for kind, (write, _) in KINDS.items():
        write(tmp_path / "one")
        write(tmp_path / "two")
        assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes(), kind


def test_files_of_earlier_versions_are_read(tmp_path):
    (tmp_path / "old.json").write_text(json.dumps(VALUE))
    save_file(ARRAYS, tmp_path / "old.safetensors", metadata={"coterie": json.dumps(VALUE)})
    assert read_json(tmp_path / "old.json") == VALUE
    for read in (read_arrays, map_arrays):
        arrays, about = read(tmp_path / "old.safetensors")
        assert about == VALUE
        assert as_text(arrays, about) == as_text(ARRAYS, VALUE)


def test_json_may_be_laid_out_anew_but_not_changed(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, VALUE)
    saved = json.loads(path.read_text())
    path.write_text(
        json.dumps(dict(reversed(saved.items())), indent=7, ensure_ascii=False), encoding="utf-8"
    )
    assert read_json(path) == VALUE
    path.write_text(json.dumps({**saved, "none": 0}))
    with pytest.raises(CoterieError, match=r"edited by hand.*remove the entry 'checksum'"):
        read_json(path)
    path.write_text(json.dumps({**VALUE, "none": 0}))
    assert read_json(path)["none"] == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[" * 100_000,
        '{"a": NaN}',
        '{"a": 1e999}',
        '"\\ud800"',
        "1" * 5000,
        '{"a": 1} x',
        "\x00",
    ],
)
def test_what_is_no_json_is_named(text, tmp_path):
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(CoterieError, match=r"file\.json is damaged"):
        read_json(path)


def test_numbers_as_keys_keep_their_order_and_checksum(tmp_path):
    write_json(tmp_path / "file.json", {2: "a", 10: "b"})
    assert list(read_json(tmp_path / "file.json")) == ["2", "10"]
