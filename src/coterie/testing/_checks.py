"""What all checks have in common.

A name, a property in one sentence, and a failure that says what was expected and found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from coterie.errors import CoterieError, require_choice
from coterie.identity import qualified

if TYPE_CHECKING:
    import pytest
    from _pytest.mark.structures import ParameterSet

Subject = TypeVar("Subject")
Look = Callable[[Subject], None]
SUITES: dict[str, Suite] = {}


class CheckFailed(AssertionError):  # noqa: N818
    """A property does not hold; ``check`` names it, ``expected`` and ``found`` say how."""

    def __init__(self, subject: str, check: Check, expected: str, found: str) -> None:
        super().__init__(
            f"{subject} fails check {check.name!r} ({check.says}): expected {expected}; found "
            f"{found}."
        )
        self.check, self.expected, self.found = check.name, expected, found


class NotApplicableError(Exception):
    """The object has nothing that the check could look at; the message says why."""


class ViolationError(Exception):
    """What was expected, and what was found."""


def require(holds: bool, expected: str, found: object) -> None:
    """Say that a property does not hold."""
    if not holds:
        raise ViolationError(expected, str(found))


@dataclass(frozen=True)
class Check:
    """One property.

    Its ``name``, what it ``says``, and ``look``, which gets the subject as its suite wraps it.
    """

    suite: Suite = field(repr=False)
    name: str
    says: str
    look: Look[Any] = field(repr=False)

    def __call__(self, subject: object, **options: object) -> None:
        """Look whether it holds; ``options`` as those of the suite's verb.

        Raises:
            CheckFailed: it does not, or the subject raises something.
            NotApplicableError: there is nothing to look at.
        """
        try:
            self.look(self.suite.wrap(subject, **options))
        except NotApplicableError:
            raise
        except ViolationError as violation:
            raise CheckFailed(name_of(subject), self, *violation.args) from None
        except Exception as error:  # code of others may raise anything
            raise CheckFailed(
                name_of(subject), self, "no error", f"{type(error).__name__}: {error}"
            ) from error


@dataclass(eq=False)
class Suite(Generic[Subject]):
    """The checks of one kind of object, in the order in which they were written down."""

    name: str
    wrap: Callable[..., Subject]
    checks: list[Check] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Enter it where :func:`checks_of` looks."""
        SUITES[self.name] = self

    def check(self, look: Look[Subject]) -> Look[Subject]:
        """Enter a function as a check; its docstring is the property."""
        says = (look.__doc__ or "").strip().splitlines()[0].rstrip(".")
        self.checks.append(Check(self, look.__name__.replace("_", " ").strip(), says, look))
        return look

    def run(
        self, subject: object, expected_failures: Mapping[str, str] | None, **options: object
    ) -> tuple[str, ...]:
        """Run all checks and return the names of those that hold.

        Raises:
            CheckFailed: one does not hold, or one that is expected to fail does.
        """
        expected = known_failures(self, expected_failures or {})
        passed = []
        for check in self.checks:
            try:
                check(subject, **options)
            except NotApplicableError:
                continue
            except CheckFailed:
                if check.name not in expected:
                    raise
                continue
            if check.name in expected:
                raise CheckFailed(
                    name_of(subject), check, f"a failure ({expected[check.name]})", "that it holds"
                )
            passed.append(check.name)
        return tuple(passed)


def known_failures(suite: Suite, expected: Mapping[str, str]) -> Mapping[str, str]:
    """The same, once all are names of checks."""
    names = [check.name for check in suite.checks]
    for name in expected:
        if name not in names:
            raise CoterieError(
                f"`expected_failures` names {name!r}; the checks of {suite.name!r} are "
                f"{', '.join(names)}."
            )
    return expected


def checks_of(suite: str) -> tuple[Check, ...]:
    """The checks of a kind of object, each of them callable with the object.

    For a test runner of your own.

    Args:
        suite: "affinity", "clustering", "estimator", "method", "encoder", "weights", "kind",
            "source" or "engine".

    Raises:
        CoterieError: there is no such suite.

    >>> from coterie.testing import checks_of
    >>> [check.name for check in checks_of("encoder")][:2]
    ['features', 'initialisation']
    """
    require_choice("suite", suite, SUITES)
    return tuple(SUITES[suite].checks)


def parametrize_with_checks(
    suite: str,
    subjects: Mapping[str, object] | Sequence[object],
    *,
    expected_failures: Mapping[str, Mapping[str, str]] | None = None,
    **options: object,
) -> pytest.MarkDecorator:
    """A ``pytest.mark.parametrize`` of every object with every check.

    Its arguments are ``subject`` and ``check``: write ``def test_mine(subject, check):
    check(subject)`` below it. A check with nothing to look
    at skips.

    Args:
        suite: as for :func:`checks_of`.
        subjects: by name, or a list whose objects go by the names of their classes.
        expected_failures: reasons by check, by name of the object; these are strict ``xfail``.
        **options: as of the suite's verb, such as ``input_shape`` of :func:`check_encoder`.

    Raises:
        CoterieError: there is no such suite, object or check, or two objects of one class in a
            list.
    """
    import pytest

    pairs = (
        list(subjects.items())
        if isinstance(subjects, Mapping)
        else [(name_of(subject), subject) for subject in subjects]
    )
    named = dict(pairs)
    if len(named) < len(pairs):
        raise CoterieError(
            f"`subjects` need names that differ; found {', '.join(name for name, _ in pairs)}. "
            "Pass a mapping."
        )
    expected = expected_failures or {}
    if unknown := set(expected) - set(named):
        raise CoterieError(
            f"`expected_failures` names {sorted(unknown)}, which are none of {', '.join(named)}."
        )
    params = [
        _param(check, name, subject, known_failures(SUITES[suite], expected.get(name, {})), options)
        for name, subject in named.items()
        for check in checks_of(suite)
    ]
    return pytest.mark.parametrize(("subject", "check"), params)


def _param(
    check: Check,
    name: str,
    subject: object,
    reasons: Mapping[str, str],
    options: Mapping[str, object],
) -> ParameterSet:
    """One object with one check."""
    import pytest

    known = check.name in reasons
    marks = [pytest.mark.xfail(reason=reasons[check.name], strict=True)] if known else []
    look = partial(_or_skip, check, **options)
    return pytest.param(subject, look, marks=marks, id=f"{name}-{check.name}")


def _or_skip(check: Check, subject: object, **options: object) -> None:
    import pytest

    try:
        check(subject, **options)
    except NotApplicableError as why:
        pytest.skip(str(why))


def name_of(subject: object) -> str:
    """A name of an object in messages."""
    return subject if isinstance(subject, str) else qualified(subject)
