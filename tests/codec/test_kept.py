"""Every file says what it is, and only that is read from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from safetensors import safe_open

from coterie.codec import Format, name_in
from coterie.data.arrow_files import read_parquet, write_parquet
from coterie.errors import CoterieError
from coterie.files import read_arrays, read_json, unsealed, write_arrays, write_json
from tests.results.made import PLACES, everything, read

# The file of each that says what it is.
MAIN = {
    **PLACES,
    "fit": "fit/fit.safetensors",
    "comparison": "comparison/comparison.json",
    "unit": "unit/statistics.safetensors",
}
NAMES = {
    "affinity": "affinity",
    "data map": "data map",
    "named data map": "data map",
    "distilled": "distilled data set",
    "diversity": "diversity",
    "post-training": "post-training",
    "grouping": "grouping",
    "selection": "selection",
    "score table": "table of subset scores",
    "grouped model": "grouped model",
    "family model": "family model",
    "fit": "fit",
    "comparison": "comparison",
    "unit": "unit of a comparison",
}
VERSIONS = {"unit of a comparison": 2}
OTHERS = {
    "comparison/history.safetensors": "file of training curves",
    "comparison/scores.parquet": "scores table",
    "comparison/gains.parquet": "gains table",
    "comparison/costs.parquet": "costs table",
    "unit/scores.parquet": "scores table",
    "unit/grouping-mine-1.json": "found grouping",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    for name, result in everything().items():
        result.save(folder / PLACES[name])
    return folder


def said(path: Path) -> Any:
    """What a file says besides its arrays or columns, read without the codec."""
    if path.suffix == ".json":
        return json.loads(path.read_text())
    if path.suffix == ".parquet":
        return json.loads(pq.read_schema(path).metadata[b"coterie"])
    with safe_open(path, framework="numpy") as file:
        return unsealed(file.metadata()["coterie"])


def say(path: Path, **about: Any) -> None:
    """Write a file again, with something else in it and seals that agree."""
    if path.suffix == ".json":
        write_json(path, {**read_json(path), **about})
    elif path.suffix == ".parquet":
        text = json.dumps({**said(path), **about})
        write_parquet(path, read_parquet(path).replace_schema_metadata({"coterie": text}))
    else:
        arrays, held = read_arrays(path)
        write_arrays(path, arrays, {**held, **about})


VERSIONS = {"unit of a comparison": 2}  # of those that are not in their first


def test_every_file_says_what_it_is(folder: Path) -> None:
    known = {MAIN[name]: text for name, text in NAMES.items()} | OTHERS
    for path in (each for each in folder.rglob("*") if each.is_file()):
        place = path.relative_to(folder).as_posix()
        name = known.get(place) or known.get(path.name) or known[f"comparison/{path.name}"]
        assert said(path)["format"] == f"coterie {name} {VERSIONS.get(name, 1)}", place
        assert name_in(path) == name


def test_what_is_no_file_of_ours_has_no_name(tmp_path: Path) -> None:
    for number, content in enumerate((b"", b"{}", b"PAR1", b"\x08" + bytes(7) + b"{" + bytes(9))):
        (tmp_path / str(number)).write_bytes(content)
        assert name_in(tmp_path / str(number)) is None
    assert name_in(tmp_path / "nowhere") is None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("other", ["data map", "grouping", "score table"])
def test_files_of_another_type_are_told_by_what_they_hold(
    name: str, other: str, folder: Path, tmp_path: Path
) -> None:
    if NAMES[name] == NAMES[other]:
        pytest.skip("the same type")
    for path in (each for each in folder.rglob("*") if each.is_file()):
        (tmp_path / path.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path.relative_to(folder)).write_bytes(path.read_bytes())
    (tmp_path / MAIN[name]).write_bytes((folder / MAIN[other]).read_bytes())
    with pytest.raises(CoterieError, match=rf"holds an? {NAMES[other]}, not an? {NAMES[name]}\.$"):
        read(name, tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_files_of_later_versions_are_refused_by_their_version(
    name: str, folder: Path, tmp_path: Path
) -> None:
    made = everything()[name]
    made.save(tmp_path / PLACES[name])
    today = VERSIONS.get(NAMES[name], 1)
    say(tmp_path / MAIN[name], format=f"coterie {NAMES[name]} {today + 1}", unheard_of=1)
    message = rf"in version {today + 1} of its format; .* reads version {today}\.$"
    with pytest.raises(CoterieError, match=message):
        read(name, tmp_path)


@pytest.mark.parametrize("tag", ["grouping", "coterie 1", 1, None, ["coterie grouping 1"]])
def test_what_is_no_tag_is_shown(tag: Any, tmp_path: Path) -> None:
    with pytest.raises(CoterieError, match="`format` must be 'coterie grouping 1'; found"):
        Format("grouping").unmarked({"format": tag}, tmp_path)


@pytest.mark.parametrize("name", ["affinity", "data map", "fit", "unit", "grouped model"])
def test_arrays_that_others_wrote_are_refused(name: str, tmp_path: Path) -> None:
    everything()[name].save(tmp_path / PLACES[name])
    path = tmp_path / MAIN[name]
    write_arrays(path, read_arrays(path)[0])
    with pytest.raises(CoterieError, match=f"is not a valid {NAMES[name]}: coterie did not write"):
        read(name, tmp_path)


def test_a_file_of_the_right_type_that_is_damaged_is_told_to_be_damaged(
    folder: Path, tmp_path: Path
) -> None:
    data = bytearray((folder / PLACES["affinity"]).read_bytes())
    data[-1] ^= 1
    (tmp_path / PLACES["affinity"]).write_bytes(data)
    with pytest.raises(CoterieError, match="is damaged: its bytes are not those"):
        read("affinity", tmp_path)
