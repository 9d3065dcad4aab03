"""Flags as they are written.

Nothing is dropped, nothing is taken for something else, nonsense is one sentence.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.cli import main
from coterie.cli.arguments import arranged, flags_of, named
from coterie.cli.parsing import VERBS, parse
from coterie.errors import CoterieError

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufdd0"), max_size=6)


@given(
    st.lists(names.map(lambda name: name and "-" * (len(name) % 3) + name), min_size=1, max_size=4)
)
def test_any_names_are_given_by_attaching_them(given_names: list[str]) -> None:
    verb: Any = parse(
        ["record", "--data", "d", *(f"--targets={name}" for name in given_names), "--epochs", "2"]
    )
    assert verb.data.targets == tuple(given_names)
    assert verb.training.epochs == 2


@given(
    targets=st.lists(names, max_size=4),
    model=names.filter(bool),
    kinds=st.dictionaries(names, names, max_size=2),
)
@settings(deadline=None)
def test_a_file_of_options_gives_the_values_it_holds(
    tmp_path_factory: pytest.TempPathFactory, targets: list[str], model: str, kinds: dict[str, str]
) -> None:
    path = tmp_path_factory.mktemp("toml") / "c.toml"

    def quoted(text: str) -> str:
        return '"' + "".join(f"\\U{ord(character):08x}" for character in text) + '"'

    table = "".join(f"{quoted(name)} = {quoted(kind)}\n" for name, kind in kinds.items())
    listed = ", ".join(map(quoted, targets))
    path.write_text(f"data = 'd'\ntargets = [{listed}]\nmodel = {quoted(model)}\n[kind]\n{table}")
    verb: Any = parse(["record", "--config", str(path)])
    assert verb.data.targets == tuple(targets)
    assert verb.training.model == model
    assert verb.data.kind == tuple(f"{name}={kind}" for name, kind in kinds.items())


def test_values_of_a_repeated_flag_add_up_and_the_last_number_counts() -> None:
    verb: Any = parse(
        [
            "run",
            "--data",
            "d",
            "--targets",
            "A",
            "--lr",
            "1",
            "--targets",
            "B",
            "C",
            "--lr=2",
            "--data=e",
        ]
    )
    assert verb.data.targets == ("A", "B", "C")
    assert verb.data.data == ("d", "e")
    assert verb.training.lr == 2
    assert parse(
        ["run", "--data", "d", "--method", "cosine", "--methods", "dmtg"]
    ).comparison.methods == ("cosine", "dmtg")


def test_aliases_and_negations_are_known() -> None:
    flags = flags_of(VERBS["run"])
    assert flags["--method"].name == "methods"
    assert flags["--no-augment"].name == "augment"
    assert {option.takes for option in flags.values()} == {"nothing", "one", "several"}
    assert named(["--method", "x", "--batch_size=3", "--no-augment", "word"], VERBS["run"]) == {
        "methods",
        "batch_size",
        "augment",
    }


def test_help_wins_over_mistakes() -> None:
    assert arranged(["--targets", "--help"], VERBS["run"]) == ["--targets", "--help"]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--targets"], "`--targets` is given without a value."),
        (["--targets", "--lr", "1"], "`--targets` is given without a value."),
        (["--targets", "-A"], "'-A' is no flag. If it is a value, write --targets=-A."),
        (["--quiet", "-A"], "'-A' is no flag. A path that starts with a dash is written ./-name."),
        (["--out", ""], "`--out` is empty."),
        (["--device="], "`--device` is empty."),
        (["--quiet=yes"], "`--quiet` takes no value; found '--quiet=yes'."),
        (["--exclude", "a\0"], "An argument holds a NUL character"),
        (["--lr", "nan"], "`lr` must be positive and finite; found nan."),
        (["--lr", "inf"], "`lr` must be positive and finite; found inf."),
        (["--epochs", "9" * 25], "`epochs` must be a whole number of at most 1000000; found 999"),
        (["--batch-size", "-1"], "`batch_size` must be a whole number of at least 2; found -1."),
        (["--seed", "-1"], "`seed` must be a whole number of at least 0; found -1."),
        (["--seed", str(2**63)], "`seed` must be a whole number of at most 9223372036854775807"),
        (["--seeds", "-3"], "`seeds` must be a positive number of seeds"),
        (["--seeds", "1" + "0" * 30], "`seeds` must be a positive number of seeds"),
        (["--repeats", "0"], "`repeats` must be at least 1; found 0."),
        (["--draws", "1000000000"], "`draws` must be a whole number of at most 10000"),
        (["--fuzziness", "2", "nan"], "`fuzziness` must be a number greater than 1; found nan."),
        (
            ["--groups", "2", "-2"],
            "`n_groups` must be a whole number of at least 1, or 'auto'; found -2.",
        ),
        (
            ["--methods", "cosine", "--groups", "0"],
            "`n_groups` must be a whole number of at least 1, or 'auto'; found 0.",
        ),
        (["--methods", ""], "`methods` names an unknown method ''"),
        (
            ["--device", "cuda:x"],
            "`device` must be 'auto', 'cpu', 'cuda' or 'cuda:N'; found 'cuda:x'.",
        ),
        (["--model", ":"], "`model` must be like 'module:factory'"),
        (["--model", "a:b:c"], "`model` must be like 'module:factory'"),
        (["--model", "os:system"], "'os:system' could not be built: it must be a callable"),
        (["--model", "mpl"], "Did you mean 'mlp'?"),
    ],
)
def test_nonsense_is_one_sentence_before_the_data_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], extra: list[str], message: str
) -> None:
    assert main(["run", "--data", "absent.csv", "--out", str(tmp_path / "run"), *extra]) == 2
    err = capsys.readouterr().err
    assert err.startswith("coterie: error: ")
    assert err.count("\n") == 1
    assert message in err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("lr = nan", "`lr` must be positive and finite"),
        ("epochs = [1, 2]", "'epochs' must be one text or number; found [1, 2]"),
        ("epochs = true", "'epochs' must be one text or number"),
        ("quiet = 3", "'quiet' must be true or false"),
        ("targets = false", "'targets' must be a list of texts or numbers"),
        ("targets = [['A']]", "'targets' must be a list of texts or numbers"),
        ("exclude = 2020-01-01", "'exclude' must be a list of texts or numbers"),
        ("[kind]\nA = {b = 1}", "'kind' must be a list of texts or numbers"),
        ("[lr]\nx = 1", "'lr' must be one text or number"),
        ("out = ''", "`--out` is empty."),
        ("out = '--help'", "`source` must name a file; there is no file"),
        ('device = "a\\u0000"', "NUL character"),
        ("epochs = " + "9" * 5000, "cannot be read"),
        ("targets = " + "[" * 5000, "cannot be read"),
    ],
)
def test_nonsense_in_a_file_is_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    content: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.toml").write_text(f"data = 'absent.csv'\n{content}\n")
    assert main(["run", "--config", "c.toml"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("coterie: error: ")
    assert err.count("\n") == 1
    assert message in err


def test_what_flags_are_not_taken_for_is_said() -> None:
    with pytest.raises(CoterieError, match="no flag"):
        arranged(["-x"], VERBS["fit"])
    assert arranged(["--", "-x"], VERBS["fit"]) == ["--", "-x"]
    assert arranged(["--lr", "-1", "--fuzziness", "-inf"], VERBS["run"]) == [
        "--lr",
        "-1",
        "--fuzziness",
        "-inf",
    ]
