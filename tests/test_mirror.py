"""Tests mirror the source: the tests of ``room/_name.py`` stand in ``room/test_name.py``.

A source file without one of its own name is listed here with the tests that reach it, through what
is public. A list that says what is no longer so fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

import coterie

TESTS = Path(__file__).parent
SOURCE = Path(coterie.__file__).parent
# Tests, and what they reach.
REACHED = {
    "affinities/test_affinity.py": "affinities: bench pairs probe",
    "codec/test_parts.py": "codec: declared",
    "data/test_images.py": ".: memory",
    "datamaps/test_gram.py": "datamaps: density features",
    "datamaps/test_recorder.py": "datamaps: updates welford",
    "differentiable/test_provider.py": "differentiable: modes",
    "distillation/test_post_training.py": "distillation: students",
    "drawing/test_figures.py": "drawing: bars style",
    "engines/test_engines.py": "engines: local protocol; fitting: job",
    "estimators/gradtag/test_features.py": "estimators/gradtag: bases kronecker layers margins "
    "passes",
    "estimators/gradtag/test_newton.py": "estimators/gradtag: readout",
    "estimators/gradtag/test_scores.py": "estimators/gradtag: linearised model",
    "estimators/test_mtgnet.py": "estimators: gain_net",
    "estimators/test_surrogate.py": "estimators: relevance",
    "estimators/test_train.py": "estimators: base",
    "evaluation/arms/test_registry.py": "evaluation/arms: arm chosen ensemble grouped joint random "
    "single stacking",
    "evaluation/rivals/test_rival.py": "evaluation/rivals: networks",
    "evaluation/test_compare.py": "evaluation: assembly comparison configuration repetitions scoring unit units",
    "families/test_fit.py": "families: base",
    "files/test_whole.py": "files: content damage paths",
    "fitting/test_fit.py": "fitting: arguments recording; training: learning loop observers "
    "step work",
    "grouping/test_affinity_groups.py": "grouping: affinities automatic hierarchical sdp spectral standardised",
    "grouping/test_group.py": "grouping: fuzzy_cmeans fuzzy_kmeans kmeans measures method points",
    "grouping/test_principled.py": "grouping: columns densest programme quadratic",
    "grouping/test_select.py": "grouping: candidates conflicts cover highs rows search",
    "methods/test_compared.py": "methods: cluster given method",
    "methods/test_published.py": "methods: papers",
    "methods/test_registry.py": "methods: earlier own",
    "models/test_grouped.py": "models: building saved programs",
    "models/test_stack.py": "models: batch_norm execution layers strategy; .: seeds",
    "metrics/test_metric.py": "metrics: influence",
    "report/test_affinities.py": ".: pairs",
    "report/test_assignments.py": "report: folding",
    "results/test_comparisons.py": "results: comparison_files evaluations",
    "results/test_earlier.py": "results: data_maps",
    "results/test_findings.py": "results: sentences",
    "results/test_found.py": "results: about evidence",
    "results/test_scores.py": "results: score_rows",
    "results/test_views.py": "results: plots",
    "tasks/test_tasks.py": "tasks: column",
    "testing/planted/test_planted.py": "testing/planted: agreeing conflicting disjoint few_labels flipped "
    "functions narrow overlapping unequal_tasks unstructured",
    "test_arguments.py": "cli: arguments",
    "test_cli.py": "cli: asked checking exporting listing measuring option_groups options "
    "outcomes parsing predictions shared show; .: labels",
    "test_names.py": ".: texts wording",
    "test_runs.py": ".: manifest",
    "test_trust.py": ".: named",
    "test_wrong_types.py": ".: errors",
}


def names(folder: Path) -> set[str]:
    """Source files as ``room/name``; what only gathers others or starts the program is none."""
    return {
        (path.parent.relative_to(folder) / path.stem.lstrip("_")).as_posix()
        for path in folder.rglob("*.py")
        if not path.stem.startswith("__")
    }


def with_tests(folder: Path) -> set[str]:
    return {
        (path.parent.relative_to(folder) / path.stem.removeprefix("test_")).as_posix()
        for path in folder.rglob("test_*.py")
    }


def listed(reached: Iterable[str]) -> list[str]:
    rooms = [room.split(": ") for line in reached for room in line.split("; ")]
    return [
        (Path(room) / name).as_posix() for room, all_names in rooms for name in all_names.split()
    ]


def test_every_source_file_has_its_tests_or_is_listed():
    without = names(SOURCE) - with_tests(TESTS)
    found = listed(REACHED.values())
    assert sorted(without - set(found)) == [], "write a test file of that name, or list it"
    assert sorted(set(found) - without) == [], "these have tests of their name, or are gone"
    assert len(found) == len(set(found))


@pytest.mark.parametrize("path", REACHED)
def test_what_is_listed_is_there(path):
    assert (TESTS / path).is_file()


def test_a_file_that_nobody_tests_is_found(tmp_path):
    for name in ("a/_new.py", "a/old.py", "a/__init__.py"):
        (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / name).touch()
    (tmp_path / "tests/a").mkdir(parents=True)
    (tmp_path / "tests/a/test_old.py").touch()
    assert names(tmp_path / "source") - with_tests(tmp_path / "tests") == {"a/new"}
    assert listed(["a: new; .: b c"]) == ["a/new", "b", "c"]
