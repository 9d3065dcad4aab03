"""Networks of another size: with so many times the parameters, whatever they are resized by."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.models import Architecture
from coterie.models.width import resized


def size(architecture: Architecture) -> int:
    return sum(parameter.numel() for parameter in architecture.build(0, 0).parameters())


@settings(max_examples=15, deadline=None)
@given(
    hidden=st.lists(st.integers(8, 128), min_size=1, max_size=3).map(tuple),
    factor=st.sampled_from([0.5, 2, 3, 6]),
)
def test_an_mlp_has_about_the_parameters_of_so_many(hidden, factor):
    """Up to one unit more or less in each layer."""
    one = Architecture("mlp", (6,), 4, {"hidden": hidden, "dropout": 0.1})
    options = resized(one, factor)
    assert options["dropout"] == 0.1
    assert size(Architecture("mlp", (6,), 4, options)) == pytest.approx(
        factor * size(one), rel=0.15
    )


@pytest.mark.parametrize("factor", [0.5, 3])
@pytest.mark.parametrize("model", ["cnn", "resnet18"])
def test_so_have_the_networks_for_images(model, factor):
    one = Architecture(model, (1, 8, 8), 3)
    options = resized(one, factor)
    assert size(Architecture(model, (1, 8, 8), 3, options)) == pytest.approx(
        factor * size(one), rel=0.05
    )
