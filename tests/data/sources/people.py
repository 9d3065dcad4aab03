"""A table of people that comes in parts."""

import numpy as np
import pandas as pd

SIZES = {"train": 60, "validation": 30, "test": 33}


def frame(part: str) -> pd.DataFrame:
    rng = np.random.default_rng(SIZES[part])
    n = SIZES[part]
    return pd.DataFrame(
        {
            "age": rng.normal(40, 9, n),
            "site": rng.choice(["01", " B", "NA"], n),
            "smokes": rng.choice(["yes", "no"], n),
            "grade": np.arange(n) % 3,
        }
    )
