"""What tells code apart is the same in every process, and differs where settings do."""

import subprocess
import sys
from dataclasses import dataclass, field
from functools import partial, wraps

import numpy as np
import pytest
import torch
from torch import nn

from coterie import DifferentiableGrouping
from coterie.affinities import Lookahead
from coterie.errors import CoterieError
from coterie.estimators import GradTagScores, SurrogateScores
from coterie.identity import identity, in_words

HERE = __name__


class Mine:
    def __init__(self, size=3, names=("a",), inner=None):
        self.size, self._names, self.inner = size, names, inner

    def __call__(self):
        return self.size

    def method(self):
        return self.size


@dataclass
class Data:
    size: int
    found: list = field(init=False, default_factory=list)


class Keyed(Mine):
    def key(self):
        return {"size": self.size}


class Slotted:
    __slots__ = ("size",)


def plain():
    return 1


def decorator(function):
    @wraps(function)
    def wrapped():
        return function()

    return wrapped


@decorator
def decorated():
    return 1


def closure(size):
    def inside():
        return size

    return inside


def local():
    def inside():
        return 1

    return inside


@pytest.mark.parametrize(
    ("thing", "expected"),
    [
        (plain, f"{HERE}:plain"),
        (decorated, f"{HERE}:decorated"),
        (Mine, f"{HERE}:Mine"),
        (local(), f"{HERE}:local.<locals>.inside"),
        (Mine(), {"is": f"{HERE}:Mine", "size": 3, "_names": ["a"], "inner": None}),
        (
            Mine(inner=Mine(2)).inner,
            {"is": f"{HERE}:Mine", "size": 2, "_names": ["a"], "inner": None},
        ),
        (Mine(1).method, {"is": f"{HERE}:Mine.method", "of": identity(Mine(1), "`it`")}),
        (Data(4), {"is": f"{HERE}:Data", "size": 4}),
        (Keyed(5), {"key": {"size": 5}}),
        (
            partial(plain, 1, a=np.float32(2)),
            {"is": f"{HERE}:plain", "arguments": [1], "keywords": {"a": 2.0}},
        ),
        ({"a": (1, np.int64(2)), 3: float("inf")}, {"a": [1, 2], "3": "inf"}),
        ({"b", "a"}, ["a", "b"]),
        (
            Lookahead(batch_size=7, until="last"),
            {
                "key": {
                    "is": "lookahead",
                    "every": 10,
                    "until": "last",
                    "step": 0.01,
                    "scored_on": "validation",
                    "normalise": True,
                    "batch_size": 7,
                }
            },
        ),
        (
            SurrogateScores(n_subsets=9),
            {
                "is": "SurrogateScores",
                "n_subsets": 9,
                "size": None,
                "ridge": 0.01,
                "bootstraps": 200,
                "seed": 0,
            },
        ),
        (
            nn.HuberLoss(delta=0.5),
            {
                "is": "torch.nn.modules.loss:HuberLoss",
                "reduction": "mean",
                "delta": 0.5,
                "state": {},
            },
        ),
    ],
    ids=lambda value: "",
)
def test_names_and_settings(thing, expected):
    assert identity(thing, "`it`") == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Mine(3), Mine(4)),
        (Mine(names=("a",)), Mine(names=("b",))),
        (Mine(inner=np.zeros(3)), Mine(inner=np.ones(3))),
        (Mine(inner=np.zeros(3)), Mine(inner=np.zeros((3, 1)))),
        (
            Mine(inner=torch.zeros(2, dtype=torch.bfloat16)),
            Mine(inner=torch.ones(2, dtype=torch.bfloat16)),
        ),
        (Mine(inner=plain), Mine(inner=decorated)),
        (partial(plain, 1), partial(plain, 2)),
        (nn.HuberLoss(delta=0.5), nn.HuberLoss(delta=1.0)),
        (nn.Sequential(nn.Dropout(0.1)), nn.Sequential(nn.Dropout(0.2))),
        (
            nn.CrossEntropyLoss(torch.tensor([1.0, 2.0])),
            nn.CrossEntropyLoss(torch.tensor([1.0, 3.0])),
        ),
        (GradTagScores(), GradTagScores(n_features=512)),
        (DifferentiableGrouping(2), DifferentiableGrouping(2, held_out=0.1)),
    ],
    ids=lambda value: "",
)
def test_settings_tell_apart(one, other):
    assert identity(one, "`it`") == identity(one, "`it`") != identity(other, "`it`")


def test_what_was_found_meanwhile_is_no_setting():
    data, used = Data(4), DifferentiableGrouping(2)
    data.found.append(object())
    used.logits = torch.zeros(3)
    assert identity(data, "`it`") == identity(Data(4), "`it`")
    assert identity(used, "`it`") == identity(DifferentiableGrouping(2), "`it`")


def within_itself():
    mine = Mine()
    mine.inner = [mine]
    return mine


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (lambda: 1, r"^`it` is a lambda, which nothing tells from another one"),
        (closure(3), rf"^`it` is the closure '{HERE}:closure.<locals>.inside'"),
        (Mine(inner=lambda: 1), r"^`it`: `inner` is a lambda"),
        (Mine(inner={"a": [closure(3)]}), r"^`it`: `inner.a.0` is the closure"),
        (
            Mine(inner=np.random.default_rng(0)),
            r"^`it`: `inner` is a numpy.random._generator:Generator",
        ),
        (Mine(inner=np.array([object()])), r"^`it`: `inner` is a numpy:ndarray of objects"),
        (Slotted(), rf"^`it` is a {HERE}:Slotted"),
        (within_itself(), r"^`it`: `inner.0` is an object within itself"),
        (object(), r'give it a key of your own, such as `mine.key = "first"`'),
    ],
    ids=lambda value: "",
)
def test_what_nothing_tells_apart_is_refused(thing, message):
    with pytest.raises(CoterieError, match=message):
        identity(thing, "`it`")


def test_a_key_is_enough():
    one, other = closure(3), closure(4)
    one.key, other.key = "three", "four"
    assert identity(one, "`it`") == {"key": "three"} != identity(other, "`it`")
    assert identity(Mine(inner=one), "`it`")["inner"] == {"key": "three"}


SCRIPT = """
from coterie.identity import identity, in_words
from tests.test_identity import *
inner = [Lookahead(), partial(plain, {"b", "a", "c"}), GradTagScores(), nn.MSELoss()]
print(in_words(identity(Mine(inner=inner), "")))
"""


def test_another_process_tells_the_same():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    inner = [Lookahead(), partial(plain, {"b", "a", "c"}), GradTagScores(), nn.MSELoss()]
    assert done.stdout == in_words(identity(Mine(inner=inner), "")) + "\n"
    assert "0x" not in done.stdout


def test_words():
    assert (
        in_words(identity(Mine("x"), "`it`")) == f"{HERE}:Mine(size='x', _names=['a'], inner=None)"
    )
    assert in_words(identity(plain, "`it`")) == f"{HERE}:plain"
