"""Numbers by which students are trained."""

from __future__ import annotations

from typing import get_type_hints

import pytest

from coterie.distillation.recipe import Recipe, RecipeSettings, usual_batch_size


def test_the_rate_falls_to_a_half_along_half_a_cosine():
    """1/2 (1 + cos(pi e / (2 E))): 1 at first, (1 + sqrt(1/2)) / 2 in the middle, towards 1/2."""
    recipe = Recipe(lr=2.0, epochs=300)
    assert recipe.rate(0) == 2
    assert recipe.rate(150) == pytest.approx(1 + 0.5**0.5)
    assert 1 < recipe.rate(299) < 1.01


def test_epochs_that_are_scored_end_with_the_last():
    assert Recipe(epochs=300).scored()[:2] == [1, 11]
    assert Recipe(epochs=300).scored()[-2:] == [291, 300]
    assert Recipe(epochs=1).scored() == [1]


@pytest.mark.parametrize(
    ("n", "classes", "size"),
    [(10, 10, 10), (100, 10, 50), (500, 10, 100), (100, 100, 20), (1000, 100, 100), (4, 2, 4)],
)
def test_batches_are_as_large_as_released(n, classes, size):
    assert usual_batch_size(n, classes) == size


def test_keywords_are_the_fields():
    assert get_type_hints(RecipeSettings) == get_type_hints(Recipe)
