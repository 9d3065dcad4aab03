"""Rows of what was read."""

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from torch.utils.data import TensorDataset

from coterie.data.sources import RawData


def raw(**more):
    frame = pd.DataFrame({"y": np.arange(5)})
    ids = np.array(list("abcde"))
    return RawData(frame=frame, part=np.array([0, 0, 1, 2, 2]), ids=ids, **more)


def test_everything_is_taken_at_the_same_positions():
    images = pa.chunked_array([[b"0", b"1"], [b"2", b"3", b"4"]])
    found = raw(inputs=torch.arange(5.0)[:, None], images=images).take(np.array([3, 1]))
    assert len(found) == 2
    assert found.frame.index.tolist() == found.frame["y"].tolist() == [3, 1]
    assert found.inputs[:, 0].tolist() == [3, 1]
    assert found.images.to_pylist() == [b"3", b"1"]
    assert (found.part.tolist(), found.ids.tolist()) == ([2, 0], ["d", "b"])


def test_streamed_inputs_stay_streamed():
    found = raw(inputs=TensorDataset(torch.arange(5))).take(np.array([4]))
    assert found.inputs[0][0] == 4
    assert len(found.inputs) == 1
