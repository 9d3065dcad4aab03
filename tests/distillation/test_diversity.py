"""How unlike each other examples of a cell are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import coterie as ct
from coterie.distillation import diversity, embed
from coterie.distillation.diversity import similarities
from coterie.errors import CoterieError
from tests.distillation.small import SHORT, of_pictures, of_table


def test_by_hand():
    """Of two orthogonal unit vectors the centroid is at 45 degrees to both; one is its own."""
    features = torch.tensor([[1.0, 0], [0, 1], [3, 4]])
    cells, centroid, pairwise = similarities(features, torch.tensor([2, 2, 5]))
    assert cells.tolist() == [2, 5]
    assert centroid.tolist() == pytest.approx([0.5**0.5, 1])
    assert pairwise[0] == pytest.approx(1)
    assert pairwise[1].isnan()


@given(st.integers(2, 12), st.integers(2, 6), st.integers(0, 1000))
def test_one_follows_from_the_other_for_unit_vectors(n, size, seed):
    """D = sqrt(rho + (1 - rho) / n), with rho the mean cosine similarity of two."""
    features = torch.randn(n, size, generator=torch.Generator().manual_seed(seed)) + 0.5
    unit = torch.nn.functional.normalize(features, dim=1)
    _, centroid, pairwise = similarities(unit, torch.zeros(n, dtype=torch.long))
    rho = 1 - pairwise.item()
    assert centroid.item() == pytest.approx((rho + (1 - rho) / n) ** 0.5, abs=1e-5)


def test_what_the_head_reads_is_what_is_compared():
    data, teacher = of_pictures()
    inputs = data.inputs[data.split.test]
    head = teacher.stack.model(0).head
    said = head(embed(teacher, inputs, device="cpu")).detach()
    torch.testing.assert_close(said, ct.predict(teacher.stack, data, data.split.test)[0])


def test_distilled_and_real_side_by_side():
    data, teacher = of_pictures()
    untouched = ct.distill(teacher, data, 4, iterations=0, device="cpu")
    same = diversity(untouched, teacher, data, device="cpu")
    assert same.sets == ("real, untouched",)
    changed = ct.distill(teacher, data, 4, **SHORT)
    found = diversity(changed, teacher, data, device="cpu")
    assert found.sets == ("distilled", "real, where they started from")
    np.testing.assert_allclose(found.centroid[1], same.centroid[0])
    np.testing.assert_allclose(found.pairwise[1], same.pairwise[0])
    assert not np.allclose(found.pairwise[0], same.pairwise[0])
    assert diversity(changed, teacher, device="cpu").sets == ("distilled",)


def test_other_data_are_refused():
    data, teacher = of_pictures()
    other, stranger = of_table()
    found = ct.distill(teacher, data, 4, **SHORT)
    with pytest.raises(CoterieError, match="`data` must hold, in memory, the examples"):
        diversity(found, teacher, replace(data, ids=data.ids + 10_000), device="cpu")
    with pytest.raises(CoterieError, match="`inputs` must hold inputs of shape"):
        embed(stranger, other.inputs[:, :2])
