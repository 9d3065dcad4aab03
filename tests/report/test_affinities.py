"""What is said of affinities, and of which."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from coterie.evaluation import Comparison
from coterie.report import affinities
from coterie.results import About, Affinity

from .synthetic import found_by


def test_there_is_one_map_per_measurement_not_per_method(several: Comparison) -> None:
    entries = affinities.chapter(several)
    assert [entry.names for entry in entries] == [["lookahead"], ["transfer_gain"], ["data_map"]]
    name = "lookahead spectral"
    again = [
        replace(each, grouping=replace(each.grouping, method="spectral"))
        for each in several.found["lookahead"]
    ]
    about = {**several.about, name: several.about["lookahead"]}
    entries = affinities.chapter(
        replace(several, found={**several.found, name: again}, about=about)
    )
    assert entries[0].names == ["lookahead", "lookahead spectral"]


def test_what_is_said_is_what_was_measured(several: Comparison) -> None:
    signed, gains, maps = affinities.chapter(several)
    assert [entry.signed for entry in (signed, gains, maps)] == [True, False, False]
    mean = np.mean([each.evidence.matrix for each in several.found["lookahead"]], axis=0)  # type: ignore[union-attr]
    np.fill_diagonal(mean, -np.inf)
    source, target = np.unravel_index(mean.argmax(), mean.shape)
    assert signed.pairs.highest[0].startswith(
        f"{several.tasks[source]}\u2009→\u2009{several.tasks[target]} ("
    )
    assert "\u2009–\u2009" in maps.pairs.highest[0]  # symmetric: each pair once
    assert len(set(maps.pairs.highest + maps.pairs.lowest)) == 6
    assert gains.gaps == 1
    assert gains.power == "−3"
    assert signed.firmness.startswith("Rank correlation of the pairs between repetitions: .")
    assert signed.low == signed.high.replace("+", "−")


def test_one_repetition_tells_its_standard_error(several: Comparison) -> None:
    first = several.found["lookahead"][0]
    once = replace(several, found={"lookahead": [first]})
    (entry,) = affinities.chapter(once)
    assert entry.firmness == "Median standard error of a value: .06."
    bare = Affinity(tasks=several.tasks, method="x", matrix=np.eye(8))
    (entry,) = affinities.chapter(
        replace(
            several,
            found={"mine": [replace(first, evidence=bare)]},
            about={"mine": About(family="affinity", measures="x")},
        )
    )
    assert (entry.firmness, entry.measure) == ("", "x")


@pytest.mark.parametrize(
    "broken", [None, "text", {"method": "x"}, {"method": "x", "matrix": [[1.0]]}]
)
def test_details_that_are_no_affinity_are_passed_over(several: Comparison, broken: object) -> None:
    odd = [replace(g, details={"affinity": broken}) for g in several.groupings["lookahead"]]
    assert affinities.chapter(replace(several, **found_by({"odd": odd}))) == []
