"""Seeds until intervals are narrow, on small real trainings: why it stops, and how it goes on."""

import dataclasses

import numpy as np
import pytest

import coterie as ct
from coterie.errors import CoterieError
from coterie.evaluation import _sequential, _unit
from coterie.evaluation._sequential import SEEDS, read_until, standing
from coterie.runs import Run
from coterie.statistics import Look
from tests.evaluation.test_compare import SETTINGS

FEW = {"repeats": 1, "draws": 1, "rivals": "none", **SETTINGS, "epochs": 1}


@pytest.fixture(scope="module")
def compared(data, halves):
    def compare(**options):
        return ct.compare("mlp", data, halves, **{**FEW, **options})

    return compare


@pytest.fixture(scope="module")
def five(compared):
    return compared(seeds=5)


def stopped(result):
    (finding,) = (each for each in result.findings if each.about == "seeds")
    assert finding.sentence in result.verdict
    assert result.config["seeds"] == list(range(finding.count))
    assert len(result.scores_table.column("seed").unique()) == finding.count
    return finding


def tables(result):
    """What does not depend on the clock."""
    return result.scores_table.to_pydict(), result.gains_table.to_pydict()


def findings(result):
    return [dataclasses.replace(each, minutes=None) for each in result.findings]


def ends(result, arm="grouped"):
    row = result.gain(arm, "joint")
    return np.array([row["low"] - row["gain"], row["high"] - row["gain"]])


def test_narrow_enough_after_the_pilot(compared, five):
    """The same trainings as five seeds, with standard errors that are a fifth larger."""
    found = compared(within=50.0)
    told = stopped(found)
    assert (told.outcome, told.count, told.within) == ("narrow enough", 5, 50.0)
    assert "asked ±50" in told.sentence
    assert tables(found)[0] == tables(five)[0]
    assert ends(found) == pytest.approx(1.2 * ends(five))
    assert found.gain("grouped", "joint")["gain"] == pytest.approx(
        five.gain("grouped", "joint")["gain"]
    )
    for wide, usual in zip(found.standings, five.standings, strict=True):
        assert wide.arm == usual.arm
        assert wide.low <= usual.low
        assert wide.high >= usual.high
    assert found.config["within"] == 50.0


def test_test_examples_alone_are_wider(compared, five):
    found = compared(within=1e-3)
    told = stopped(found)
    assert (told.outcome, told.count, told.seeds) == ("examples alone are wider", 5, None)
    assert told.limit > told.within
    assert told.examples > 0
    assert "More seeds would not settle it" in told.sentence
    assert tables(found) == tables(five)


def test_the_time_is_out_and_then_there_is_more(compared, five, tmp_path):
    run = tmp_path / "run"
    told = stopped(compared(within=1e-3, time=0.01, run=run))
    assert (told.outcome, told.count, told.why) == ("time", 3, "10 ms")
    assert "as the time of 10 ms is out" in told.sentence
    about = Run.existing(run).about(SEEDS)
    assert about["trained"] == 3
    again = stopped(compared(within=1e-3, time=0.01, run=run))
    assert again.count == 3
    assert Run.existing(run).about(SEEDS) == about  # nothing was trained
    more = compared(within=1e-3, time="1h", run=run)
    assert stopped(more).count == 5
    assert Run.existing(run).about(SEEDS)["trained"] == 5
    assert tables(more) == tables(five)
    assert Run.existing(run).about("models") == {"split": 0, "seed": 0}


def a_width_of_a_few_waves(five):
    """A little less than what the pilot leaves."""
    widest = max(row["high"] - row["gain"] for row in five.mean_gains() if row["arm"] == "grouped")
    return 0.8 * widest


def test_stopped_and_continued_is_as_if_it_never_was(compared, five, tmp_path, monkeypatch):
    within = a_width_of_a_few_waves(five)
    whole = compared(within=within, run=tmp_path / "whole")
    told = stopped(whole)
    assert told.outcome == "narrow enough"
    assert told.count > 5

    def until(number):
        def progress(_done, _all, text):
            if f"seed {number} " in text and "models of" in text:
                raise KeyboardInterrupt

        return progress

    for number in (3, 5, told.count - 1):
        with pytest.raises(KeyboardInterrupt):
            compared(within=within, run=tmp_path / "run", progress=until(number))
    continued = compared(within=within, run=tmp_path / "run")
    assert tables(continued) == tables(whole)
    assert findings(continued) == findings(whole)

    # A smaller width goes on where that stopped, a larger one has nothing to train and uses all.
    units = {stage for stage in Run.existing(tmp_path / "run").stages if stage.startswith("units")}
    closer = stopped(compared(within=0.9 * within, run=tmp_path / "run"))
    kept = {stage for stage in Run.existing(tmp_path / "run").stages if stage.startswith("units")}
    assert kept >= units
    assert len(kept) == closer.count >= told.count
    monkeypatch.setattr(_unit, "fit", lambda *a, **k: pytest.fail("trained again"))
    assert stopped(compared(within=50.0, run=tmp_path / "run")).count == closer.count


def test_a_wave_with_seeds_that_are_there_leaves_them_as_they_are(
    compared, five, tmp_path, monkeypatch
):
    """A stack of them and new ones would have other last bits."""
    within, run = a_width_of_a_few_waves(five), tmp_path / "run"
    monkeypatch.setattr(_sequential, "wave", lambda *_, **__: 1)
    few = stopped(compared(within=within, run=run)).count
    kept = {path: path.read_bytes() for path in run.glob("units/**/*") if path.is_file()}
    monkeypatch.setattr(_sequential, "wave", lambda *_, **__: few)
    more = stopped(compared(within=0.9 * within, run=run)).count
    assert more == 5 + few
    assert {path: path.read_bytes() for path in kept} == kept
    assert stopped(compared(within=50.0, run=run)).count == more


def test_a_number_of_seeds_is_another_run(compared, tmp_path):
    compared(within=50.0, run=tmp_path / "run")
    with pytest.raises(CoterieError, match=r"seeds\.from was 0, now null|seeds was .* now"):
        compared(seeds=2, run=tmp_path / "run")
    with pytest.raises(CoterieError, match="seeds"):
        compared(within=50.0, seed=3, run=tmp_path / "run")


def test_over_splits_every_seed_is_whole(data, halves):
    found = ct.compare("mlp", data, halves, **{**FEW, "repeats": 3, "within": 1e-3})
    told = stopped(found)
    assert told.outcome == "examples alone are wider"
    assert "what splits differ by" in told.sentence
    assert "More seeds would not make that narrower" in told.sentence
    units = set(
        zip(
            *(found.scores_table.column(name).to_pylist() for name in ("split", "seed")),
            strict=True,
        )
    )
    assert units == {(split, seed) for split in range(3) for seed in range(5)}
    usual = ct.compare("mlp", data, halves, **{**FEW, "repeats": 3, "seeds": 5})
    assert tables(found) == tables(usual)


def test_seeds_begin_where_asked(compared):
    one, other = compared(seeds=2, seed=3), compared(seeds=[3, 4])
    assert tables(one) == tables(other)
    found = compared(time=0.01, seed=3)
    assert found.config["seeds"] == [3, 4, 5]
    # The width asked for is the margin where only a time is.
    (told,) = (each for each in found.findings if each.about == "seeds")
    assert told.within == found.recommendation.margin


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": 3, "within": 1.0}, r"`seeds` says how many there are, `within` until when"),
        ({"seeds": 3, "time": "20m"}, r"`seeds` .* found seeds=3 and time='20m'"),
        ({"within": 0}, "`within` must be"),
        ({"within": "1"}, "`within` must be"),
        ({"time": "soon"}, "`time` must be a positive time such as 90s"),
        ({"time": 0}, "`time` must be"),
        ({"within": 1.0, "seed": -1}, "`seed` must be"),
        ({"seeds": [0, 1], "seed": 1}, "`seed` is the first of"),
    ],
)
def test_what_cannot_be_is_refused(compared, monkeypatch, options, message):
    monkeypatch.setattr(_unit, "fit", lambda *a, **k: pytest.fail("trained"))
    with pytest.raises(CoterieError, match=message):
        compared(**options)


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("90s", 90), ("20m", 1200), ("1h30m", 5400), ("1h 30min", 5400), (7.5, 7.5), ("2", 2)],
)
def test_times(time, seconds):
    assert read_until(None, None, time).time == seconds


@pytest.mark.parametrize("time", ["", "m", "1h30", "-3m", "1e3x", True, float("nan"), "20 m x"])
def test_what_is_no_time(time):
    with pytest.raises(CoterieError, match="`time`"):
        read_until(None, None, time)


def test_progress_tells_how_far_it_is(compared, five):
    said = []
    compared(
        within=a_width_of_a_few_waves(five), progress=lambda _done, _all, text: said.append(text)
    )
    told = [text for text in said if text.startswith("5 seeds: ±")]
    assert told
    assert "more seed" in told[0]
    assert any("seed 5" in text for text in told)
    assert not any(text.startswith("5 seeds") and "seed 4 " in text for text in said)


def test_one_more_seed_is_one():
    assert "about 1 more seed," in standing(Look(0, 1.0, 0.1, 8, None), 7, 0.5, 2.0)
