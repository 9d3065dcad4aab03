"""What the tests of all suites share."""

from collections.abc import Mapping
from itertools import count

import pytest

from coterie.estimators import MTGNetScores
from coterie.testing import CheckFailed, checks_of, parametrize_with_checks
from coterie.testing._checks import NotApplicableError

EVER = count()
READ_TWICE = {"missing labels", "the test part", "resume"}


class SmallNet(MTGNetScores):
    """The same with networks that are quick to train."""

    def __init__(self, n_rows=None, networks=1, max_epochs=60, seed=0):
        super().__init__(
            n_rows=n_rows, hidden=16, networks=networks, max_epochs=max_epochs, seed=seed
        )


def mean_of(data, part):
    return float(data.inputs[getattr(data.split, part)].mean())


def names(suite):
    """The names of a suite's checks, each of which is one check's and says something."""
    checks = checks_of(suite)
    assert all(check.says for check in checks)
    found = {check.name for check in checks}
    assert len(found) == len(checks)
    return found


def check_named(suite, name):
    return next(check for check in checks_of(suite) if check.name == name)


def outcome(check, subject):
    try:
        check(subject)
    except CheckFailed as failed:
        return failed
    except NotApplicableError:
        pass
    return None


def fails(suite, name, subject):
    """Assert that this check fails on ``subject``, and says why."""
    check = check_named(suite, name)
    failed = outcome(check, subject)
    assert failed is not None
    assert failed.check == name
    assert check.says in str(failed)
    assert failed.expected in str(failed)
    assert failed.found in str(failed)


def failing(suite, subject):
    """The names of all checks that fail on ``subject``."""
    return {check.name for check in checks_of(suite) if outcome(check, subject)}


class OfBroken:
    """Each check of a ``suite`` fails on what was ``broken`` for it, and on little else.

    ``also`` has what cannot be otherwise: an object that is never the same is not the same in
    another order. ``sound`` holds the one object that the others are broken from; the checks
    ``unbroken`` have none.
    """

    suite: str
    broken: Mapping[str, object]
    sound: tuple[object]
    also: Mapping[str, set[str]] = {}
    unbroken: frozenset[str] = frozenset()

    def test_a_check_fails_on_what_violates_it(self, name):
        fails(self.suite, name, self.broken[name])

    @pytest.mark.slow
    def test_what_violates_one_property_holds_the_others(self, name):
        assert failing(self.suite, self.broken[name]) == {name} | self.also.get(name, set())

    @pytest.mark.slow
    def test_the_object_that_is_broken_is_sound_itself(self):
        assert failing(self.suite, self.sound[0]) == set()

    def test_every_check_is_seen_to_fail(self):
        assert names(self.suite) - self.unbroken == set(self.broken)


def by_time(suite, subjects, *, quick, expected=None):
    """Parametrisations by the checks of a suite: of the subjects that are quick, and of the rest."""
    assert quick <= subjects.keys()

    def some(chosen):
        reasons = {name: each for name, each in (expected or {}).items() if name in chosen}
        return parametrize_with_checks(suite, chosen, expected_failures=reasons)

    return (
        some({name: subject for name, subject in subjects.items() if name in quick}),
        some({name: subject for name, subject in subjects.items() if name not in quick}),
    )
