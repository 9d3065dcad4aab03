"""Coins as labels: whatever is trained and compared on them, nothing is better or worse than chance on test.

A table with a leak from labels to inputs, from test to training or from scoring to choosing would be.
"""

import numpy as np
import pandas as pd
import pytest

import coterie as ct

N_COINS, N = 10, 400
SETTINGS = {"epochs": 12, "lr": 0.01, "batch_size": 32, "model_options": {"hidden": (16,)}, "strategy": "loop"}
ARMS = {"joint", "grouped", "single", "random (grouped)", "ensemble (K=2)"}


def wide(form, seed=0):
    """A table of noise, one column of each coin: numbers, text, yes or no; ``form`` says what else is difficult about it."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({f"x{i}": rng.normal(size=N) for i in range(6)})
    frame["sort"] = rng.choice(["red", "green", "blue"], N)
    frame["empty at times"] = np.where(rng.random(N) < 0.3, np.nan, rng.normal(size=N))
    for coin in range(N_COINS):
        heads = rng.random(N) < 0.5
        frame[f"coin {coin}"] = [heads.astype(int), np.where(heads, "heads", "tails"), heads][coin % 3]
    if form == "missing":
        for name in coins():
            frame[name] = frame[name].convert_dtypes().mask(rng.random(N) < 0.3)
    if form == "groups":
        frame["person"] = rng.integers(0, 60, N)
    return frame


def coins():
    return [f"coin {coin}" for coin in range(N_COINS)]


def load(frame, **options):
    return ct.load(frame, targets=coins(), split=(0.4, 0.2, 0.4), **options)


def arm_means(result):
    """Mean AUROC and accuracy over coins, seeds and draws, by arm."""
    scores = result.scores.to_pandas()
    return {metric: scores[scores["metric"] == metric].groupby("arm")["value"].mean() for metric in ("AUROC", "accuracy")}


def bound(data):
    """Four standard errors of the mean over coins of the AUROC of a guess on one test part.

    Of n positives and as many negatives it is sqrt((2 n + 1) / (12 n n)); other seeds share the part and do not lower it much.
    """
    n = (~data.targets[data.split.test].isnan()).sum(0).double().numpy() / 2
    return 4 * np.sqrt(np.mean((2 * n + 1) / (12 * n**2)) / N_COINS)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["plain", "missing", "groups"])
def test_no_arm_differs_from_chance(form):
    data = load(wide(form), **({"group_column": "person"} if form == "groups" else {}))
    result = ct.compare("mlp", data, n_groups=2, seeds=2, repeats=1, draws=1, bootstraps=20, **SETTINGS)
    for metric, means in arm_means(result).items():
        assert set(means.index) == ARMS
        assert (means - 0.5).abs().max() < bound(data), (metric, means)


def test_a_model_of_coins_is_at_chance_and_a_leak_is_found():
    """The same bound on a joint model, with and without an input that knows a coin in one example out of five."""
    for leaks in (False, True):
        frame = wide("plain")
        if leaks:
            known = np.random.default_rng(1).random((N, N_COINS)) < 0.2
            for position, name in enumerate(coins()):
                heads = frame[name].isin([1, "heads", True]).to_numpy()
                frame[f"leak {position}"] = np.where(known[:, position], 2.0 * heads - 1, 0.0)
        data = load(frame)
        rows = ct.evaluate(ct.fit("mlp", data, **SETTINGS), data, "test")
        means = [np.mean([row["value"] for row in rows if row["metric"] == metric]) for metric in ("AUROC", "accuracy")]
        assert (np.abs(np.subtract(means, 0.5)).max() > bound(data)) == leaks, means
