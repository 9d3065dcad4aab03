"""The examples run as a reader would run them."""

import ast
import os
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import coterie
from coterie.cli.parsing import parse

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(EXAMPLES.parent / "src")}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(
            "own_table.py",
            ("4 binary tasks", "Grouping(", "grouped: ", "report.html"),
            marks=pytest.mark.slow,
        ),
        ("own_model.py", ("Grouping(", "vmap rejects this module", "probability that")),
        ("own_loop.py", ("own loop: DataMap(", "Lightning: DataMap(", "{digit 0 digit 1")),
        pytest.param(
            "extending/affinity.py",
            ("holds: matrix, ", "Affinity(sign agreement, 9 tasks)", "grouped: "),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "extending/source.py",
            ("holds: registered, others, rows, ", "missing cells, parts, refused", "Fit("),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "extending/clustering.py",
            ("holds: membership, ", "Grouping(ward, 3 groups: ", "chosen: "),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "extending/estimator.py",
            ("holds: scores, ", "Plan(", "grouped: "),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "extending/encoder.py", ("holds: features, ", "true: "), marks=pytest.mark.slow
        ),
        pytest.param(
            "extending/engine.py", ("holds: order, ", "grouped: "), marks=pytest.mark.slow
        ),
        pytest.param("extending/kind.py", ("holds: name, ", "grouped: "), marks=pytest.mark.slow),
        pytest.param(
            "extending/arm.py", ("true: ", "true and neighbours: "), marks=pytest.mark.slow
        ),
        pytest.param(
            "extending/method.py", ("holds: grouping, ", "chosen: "), marks=pytest.mark.slow
        ),
    ],
)
def test_example(name, expected, tmp_path):
    command = [sys.executable, str(EXAMPLES / name), str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=250, check=False, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr
    for text in expected:
        assert text in done.stdout


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def test_every_command_of_the_pages_is_understood():
    commands = [
        line
        for page in PAGES
        for block in blocks(page, "sh")
        for line in block.splitlines()
        if line.startswith("coterie ") and "--config" not in line
    ]
    assert len(commands) > 15
    for command in commands:
        parse(shlex.split(command, comments=True)[1:])


def test_the_first_page_shows_what_the_readme_shows():
    """So that one run proves both, and the docstring of the package."""
    readme, first = (blocks(ROOT / page, "python")[0] for page in ("README.md", "docs/index.md"))
    assert ast.dump(ast.parse(readme)) == ast.dump(ast.parse(first))
    shown = textwrap.dedent(coterie.__doc__.split("::\n")[1].split("\n\nNames")[0])
    assert ast.dump(ast.parse(shown)) == ast.dump(ast.parse(first))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "start"),
    [
        ("README.md", "import coterie as ct"),
        ("docs/extending.md", "import pyarrow as pa"),
        ("docs/data.md", "import numpy as np"),
    ],
)
def test_what_a_page_shows_runs_as_it_stands(page, start, tmp_path):
    """The block that a page begins with its imports; others go on from what readers have."""
    code = next(block for block in blocks(ROOT / page, "python") if block.startswith(start))
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=590,
        check=False,
        env={**os.environ, **ENVIRONMENT},
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    if "report.html" in code:
        assert (tmp_path / "report.html").is_file()
