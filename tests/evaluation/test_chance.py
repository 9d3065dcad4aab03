"""Coins as labels.

Whatever is trained and compared on them, nothing is better or worse than chance on test.

A table with a leak from labels to inputs, from test to training or from scoring to choosing would
be."""

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

import coterie as ct

N_COINS, N = 10, 400
SETTINGS = {
    "epochs": 12,
    "lr": 0.01,
    "batch_size": 32,
    "model_options": {"hidden": (16,)},
    "strategy": "loop",
}
ARMS = {"joint", "grouped", "single", "random (grouped)", "ensemble (K=2)"}


def wide(form, seed=0):
    """A table of noise, one column of each coin: numbers, text, yes or no.

    ``form`` says what else is difficult about it.
    """
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({f"x{i}": rng.normal(size=N) for i in range(6)})
    frame["sort"] = rng.choice(["red", "green", "blue"], N)
    frame["empty at times"] = np.where(rng.random(N) < 0.3, np.nan, rng.normal(size=N))
    for coin in range(N_COINS):
        heads = rng.random(N) < 0.5
        frame[f"coin {coin}"] = [heads.astype(int), np.where(heads, "heads", "tails"), heads][
            coin % 3
        ]
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


def long(images=False, seed=0):
    """Half of the coins of each example as rows of their own.

    Task, side, and the example's inputs again; rows shuffled.
    """
    rng = np.random.default_rng(seed)
    n, sides = (240, ["heads", "tails"]) if images else (N, [0, 1])
    frame = pd.DataFrame(
        [(example, coin) for example in range(n) for coin in coins()], columns=["example", "coin"]
    )
    frame["side"] = rng.choice(sides, len(frame))
    frame = frame.sample(frac=0.5, random_state=seed).reset_index(drop=True)
    example = frame.pop("example").to_numpy()
    if images:
        pictures = [picture(rng) for _ in range(n)]
        return frame.assign(picture=[{"bytes": pictures[each], "path": None} for each in example])
    for name in ("x0", "x1", "x2", "x3"):
        frame[name] = rng.normal(size=n).round(5)[example]
    return frame.assign(sort=rng.choice(["red", "green", "blue"], n)[example])


def picture(rng):
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def in_format(frame, form, folder):
    """The same table as any kind of source."""
    if form == "frame":
        return frame
    if form == "csv":
        frame.to_csv(folder / "table.csv", index=False)
        return folder / "table.csv"
    table = pa.Table.from_pandas(frame)
    if form == "parquet":
        pq.write_table(table, folder / "table.parquet")
        return folder / "table.parquet"
    if form == "arrow":
        pyarrow.feather.write_feather(table, folder / "table.arrow")
        return folder / "table.arrow"
    if form == "hub":
        return pytest.importorskip("datasets").Dataset(table)
    return table


def arm_means(result):
    """Mean AUROC and accuracy over coins, seeds and draws, by arm."""
    scores = result.scores
    return {
        metric: scores[scores["metric"] == metric].groupby("arm")["value"].mean()
        for metric in ("AUROC", "accuracy")
    }


def bound(data):
    """Four standard errors of the mean over coins of the AUROC of a guess on one test part.

    Of n positives and as many negatives it is sqrt((2 n + 1) / (12 n n)); other seeds share the
    part and do not lower it much."""
    n = (~data.targets[data.split.test].isnan()).sum(0).double().numpy() / 2
    return 4 * np.sqrt(np.mean((2 * n + 1) / (12 * n**2)) / N_COINS)


def is_torn(data):
    """Whether an example's inputs are equal to those of one in another part."""
    parts = [
        data.inputs[part].flatten(1).numpy()
        for part in (data.split.train, data.split.validation, data.split.test)
    ]
    distinct = [len(np.unique(part, axis=0)) for part in parts]
    return len(np.unique(np.concatenate(parts), axis=0)) < sum(distinct)


@pytest.mark.slow
@pytest.mark.parametrize(
    "form",
    [
        "csv",
        "parquet",
        "arrow",
        "table",
        "frame",
        "hub",
        "images in parquet",
        "images in table",
        "images in hub",
    ],
)
def test_no_arm_differs_from_chance_where_examples_come_once_per_task(form, tmp_path):
    images = form.startswith("images")
    source = in_format(long(images), form.split()[-1], tmp_path)
    data = ct.load(source, task_column="coin", target_column="side", split=(0.4, 0.2, 0.4))
    assert not is_torn(data)
    result = ct.compare(
        "mlp", data, n_groups=2, seeds=1, repeats=1, draws=1, rivals="none", **SETTINGS
    )
    for metric, means in arm_means(result).items():
        assert set(means.index) == ARMS
        assert (means - 0.5).abs().max() < bound(data), (metric, means)


def test_the_same_would_be_found_if_examples_were_torn():
    """Rows split at random, as a split column may ask for, show what the test above looks for."""
    frame = long()
    frame["part"] = np.random.default_rng(1).choice(
        ["train", "validation", "test"], len(frame), p=[0.4, 0.2, 0.4]
    )
    given = {"task_column": "coin", "target_column": "side", "split_column": "part"}
    with pytest.raises(ct.CoterieError, match="tears groups apart"):
        ct.load(frame, **given)
    torn = ct.load(frame, **given, allow_overlap=True)
    assert is_torn(torn)
    assert any("Allowed overlap" in note for note in torn.notes)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["plain", "missing", "groups"])
def test_no_arm_differs_from_chance(form):
    data = load(wide(form), **({"group_column": "person"} if form == "groups" else {}))
    result = ct.compare(
        "mlp", data, n_groups=2, seeds=2, repeats=1, draws=1, rivals="none", **SETTINGS
    )
    for metric, means in arm_means(result).items():
        assert set(means.index) == ARMS
        assert (means - 0.5).abs().max() < bound(data), (metric, means)


def test_a_model_of_coins_is_at_chance_and_a_leak_is_found():
    """The same bound on a joint model, with and without an input that knows one coin in five."""
    for leaks in (False, True):
        frame = wide("plain")
        if leaks:
            known = np.random.default_rng(1).random((N, N_COINS)) < 0.2
            for position, name in enumerate(coins()):
                heads = frame[name].isin([1, "heads", True]).to_numpy()
                frame[f"leak {position}"] = np.where(known[:, position], 2.0 * heads - 1, 0.0)
        data = load(frame)
        rows = ct.evaluate(ct.fit("mlp", data, **SETTINGS), data, "test")
        means = [
            np.mean([row["value"] for row in rows if row["metric"] == metric])
            for metric in ("AUROC", "accuracy")
        ]
        assert (np.abs(np.subtract(means, 0.5)).max() > bound(data)) == leaks, means
