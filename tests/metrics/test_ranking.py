"""AUROC and average precision against scikit-learn, with ties, gaps and NaN."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from coterie.metrics import METRICS
from coterie.tasks import Task, Tasks

YES = Tasks.plain([Task(name="yes", kind="binary")])
SCORES = st.one_of(st.sampled_from([-1.0, -0.0, 0.0, 1.0]), st.floats(-1e4, 1e4, width=32))


def value(name, scores, labels):
    scores, labels = torch.tensor(scores)[None, :, None], torch.tensor(labels)
    return METRICS[name].values(scores, labels, YES, 0).item()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(SCORES, st.sampled_from([0.0, 1.0])), min_size=2, max_size=25))
def test_they_are_scikit_learns(cells):
    scores, labels = map(list, zip(*cells, strict=True))
    auroc, precision = (value(name, scores, labels) for name in ("AUROC", "average precision"))
    if 0 < sum(labels) < len(labels):
        scores = np.float32(scores)
        assert auroc == pytest.approx(sk.roc_auc_score(labels, scores), abs=1e-12)
        assert precision == pytest.approx(sk.average_precision_score(labels, scores), abs=1e-12)
    else:
        assert math.isnan(auroc)
        assert math.isnan(precision)


def test_by_hand():
    # Of four pairs one is in the wrong order and one is a tie.
    assert value("AUROC", [1.0, 3.0, 3.0, 0.0], [1.0, 1.0, 0.0, 0.0]) == pytest.approx(2.5 / 4)
    # Precision is 1/2 where the first tie counts for both, then 2/3.
    assert value("average precision", [1.0, 3.0, 3.0, 0.0], [1.0, 1.0, 0.0, 0.0]) == pytest.approx(
        (1 / 2 + 2 / 3) / 2
    )


def test_what_says_nan_has_no_order_but_only_where_a_label_is():
    for name in ("AUROC", "average precision"):
        assert math.isnan(value(name, [math.nan, 1.0, 0.0], [1.0, 1.0, 0.0]))
        assert value(name, [math.nan, 1.0, 0.0], [math.nan, 1.0, 0.0]) == 1.0


def test_contributions_are_delongs():
    pytest.importorskip("coterie.statistics")
    scores, labels = torch.tensor([[0.1, 0.4, 0.35, 0.8]]), torch.tensor([0.0, 0.0, 1.0, 1.0])
    found = METRICS["AUROC"].contributions(scores[..., None], labels, YES, 0)
    # The variance among positives is 1/8 (1/2 and 1), among negatives too (1 and 1/2).
    assert (found**2).sum() == pytest.approx(1 / 8)
