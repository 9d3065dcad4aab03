"""Generated flags: the answer is a sentence and exit status 2, or help and 0.

Nothing trains, nothing hangs.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from coterie.cli import main
from coterie.cli.arguments import flags_of
from coterie.cli.parsing import VERBS

from . import SEED, inputs

# What may be found in the folder; none of it lets a verb that trains come as far as training.
FILES = {
    "t.csv": "a,b\n1,2\n",
    "scores.csv": "subset,task,value\nA,A,1\nB,B,2\nA+B,A,3\nA+B,B,1\n",
    "c.toml": "epochs = nan\ndata = [['x']]\n",
    "d.toml": "data = 'absent.csv'\ntargets = ['A', '-B']\n[kind]\nA = 'binary'\n",
    "m.safetensors": "not a model",
}
NUMBERS = (
    *(
        "nan",
        "inf",
        "-inf",
        "0",
        "-0",
        "-1",
        "1",
        "2",
        "3",
        "1.5",
        "1e3",
        "1e400",
        "-1e-9",
        "0x10",
        "1_000",
        "٣",
        "True",
    ),
    *(
        "99999999999999999999",
        "9" * 400,
        "2" * 5000,
        "1000000000",
        "-9223372036854775809",
        "18446744073709551616",
    ),
)
TEXTS = (
    *(
        "",
        " ",
        "A",
        "-A",
        "--A",
        "-",
        "--",
        "=",
        "A=",
        "=A",
        "A=B",
        "A=binary",
        "A=nan",
        "A=inf",
        "A+B",
        "A+",
        "+",
        "a:b:c",
        ":",
    ),
    *(
        "os:",
        ":x",
        "os:system",
        "os.path:join",
        "nosuch:thing",
        "json:loads",
        "mlp",
        "cnn",
        "auto",
        "digit",
        "cuda:x",
        "cuda:-1",
    ),
    *(
        "cpu",
        "tpu",
        "data_map",
        "lookahead",
        "gradtag",
        "dmtg",
        "cosine",
        "90s",
        "-5m",
        "1y",
        "\0",
        "a\0b",
        "\ud800",
        "\ufdd0-x",
    ),
    *(
        "💥",
        "é",
        "x" * 5000,
        "../..",
        ".",
        "/",
        "/dev/null",
        "absent.csv",
        "absent",
        "t.csv/x",
        *FILES,
        "p.csv",
        "{}",
        "[]",
        "%s",
    ),
)
values = st.one_of(st.sampled_from(NUMBERS), st.sampled_from(TEXTS), st.text(max_size=8))


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """A verb with flags of its own or of another, with values that may suit them."""
    verb = draw(st.sampled_from(list(VERBS)))
    own, all_flags = (
        list(flags_of(VERBS[verb])),
        [flag for each in VERBS.values() for flag in flags_of(each)],
    )
    line = [verb, *draw(st.lists(values, max_size=1))]
    if "--data" in own:
        line += ["--data", "absent.csv"]
    for _ in range(draw(st.integers(0, 4))):
        flag = draw(
            st.sampled_from(
                own if draw(st.integers(0, 9)) else [*all_flags, "--nothing", "-x", "--", "--help"]
            )
        )
        given = draw(st.lists(values, max_size=2))
        # The traceback of --debug is asked for.
        line += (
            []
            if flag.startswith("--debug")
            else [f"{flag}={given[0]}"]
            if given and draw(st.booleans())
            else [flag, *given]
        )
    return line


@pytest.mark.slow
def test_any_flags_are_answered_by_a_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "run").mkdir()
    monkeypatch.setattr("coterie.training.loop.gradient_step", _never)
    seen: Counter[object] = Counter()

    @seed(SEED)
    @settings(
        max_examples=inputs(1 / 6),
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(command_lines())
    def answered(line: list[str]) -> None:
        status = main(line)
        said = capsys.readouterr()
        seen[(status, said.err.startswith("coterie: error: "))] += 1
        assert status in (0, 2), (SEED, line, said.err)
        assert "Traceback" not in said.err + said.out, (SEED, line)
        assert "unexpected error" not in said.err, (SEED, line, said.err)
        assert status == 0 or said.err + said.out, (SEED, line)
        if said.err.startswith("coterie: error: "):
            assert status == 2
            assert said.err.count("\n") == 1

    answered()
    print(f"seed {SEED}: {dict(seen)}")  # noqa: T201


def _never(*_: object, **__: object) -> None:
    raise AssertionError("nothing may be trained here")
