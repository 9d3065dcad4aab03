"""Suites as a whole: a source's is broken by test_source.py, every other's by a file of its own."""

from pathlib import Path

import pytest
from torch import nn

from coterie.affinities import Cosine
from coterie.errors import CoterieError
from coterie.testing import checks_of, parametrize_with_checks
from coterie.testing._checks import SUITES


def plain(values, n_groups, seed):
    """A clustering, for its name."""


class Net(nn.Module):
    """An encoder, for its name."""


def test_every_suite_has_its_file():
    files = {path.stem for path in Path(__file__).parent.glob("test_*.py")}
    assert {f"test_{suite}" for suite in SUITES} < files


def test_parametrize_names_cases_skips_and_expects_failures():
    mark = parametrize_with_checks(
        "clustering",
        {"mine": plain},
        expected_failures={"mine": {"seed": "why"}},
        reads="affinities",
    )
    params = {param.id: param for param in mark.args[1]}
    assert list(params) == [f"mine-{check.name}" for check in checks_of("clustering")]
    assert [name for name, param in params.items() if param.marks] == ["mine-seed"]
    assert params["mine-seed"].marks[0].kwargs == {"reason": "why", "strict": True}
    subject, check = params["mine-missing labels"].values
    with pytest.raises(pytest.skip.Exception, match="affinities have no gaps"):
        check(subject)
    assert next(param.id for param in parametrize_with_checks("encoder", [Net]).args[1]).endswith(
        ":Net-features"
    )
    with pytest.raises(
        CoterieError, match=r"`expected_failures` names \['other'\], which are none of mine"
    ):
        parametrize_with_checks("clustering", {"mine": plain}, expected_failures={"other": {}})
    with pytest.raises(
        CoterieError, match="`subjects` need names that differ; found Cosine, Cosine"
    ):
        parametrize_with_checks("affinity", [Cosine(), Cosine(every=3)])
    with pytest.raises(CoterieError, match="`suite` must be one of 'affinity'"):
        checks_of("affinities")
