"""Where a training runs, and in which precision."""

import pytest
import torch

from coterie.errors import CoterieError
from coterie.training.device import Place


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)]
)
def test_precision_is_that_of_products_and_leaves_tensors_as_they_are(precision, dtype):
    place, layer = Place.of("cpu", precision), torch.nn.Linear(3, 2)
    with place.autocast():
        assert layer(torch.ones(1, 3)).dtype == dtype
    assert layer(torch.ones(1, 3)).dtype == layer.weight.dtype == torch.float32


def test_a_place_is_equal_to_another_of_the_same_names():
    assert Place.of("cpu") == Place(torch.device("cpu"), "fp32") != Place.of("cpu", "bf16")


def test_auto_is_the_first_gpu_where_there_is_one():
    kind = "cuda" if torch.cuda.is_available() else "cpu"
    assert Place.of("auto").device.type == kind


@pytest.mark.parametrize("device", ["cuda:4242", "tpu", "cuda:x", 3])
def test_a_device_that_is_not_here_is_named(device):
    with pytest.raises(CoterieError, match="`device`"):
        Place.of(device)
