"""Published and known groups, found on real data.

Skipped where the data folder is not beside the checkout.
"""

from pathlib import Path

import numpy as np
import pytest

import coterie as ct

DATA = Path(__file__).parents[2] / "shared" / "data"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not DATA.exists(), reason="the data folder ../shared/data is not here"),
]


def test_landmine_fields_fall_into_the_two_known_terrains():
    """29 fields with disjoint examples: 0-14 are foliated, 15-28 bare earth or desert.

    Xue et al. 2007, section 6.1.
    """
    data = ct.load(
        DATA / "tabular/landmine.parquet", task_column="field", target_column="mine", rare="drop"
    )
    joint = ct.fit("mlp", data, record=True, epochs=5, batch_size=64)
    grouping = ct.group(joint.data_map, 2)
    terrain = np.array([int(name.split()[1]) >= 15 for name in grouping.tasks])
    assert (grouping.labels == grouping.labels[0]).tolist() == (~terrain).tolist()


def test_cifar10_machines_and_animals():
    """STG-MTL's published two groups, from 10,000 images and 5 epochs."""
    sources = {"train": DATA / "cifar10/train.parquet", "test": DATA / "cifar10/test.parquet"}
    data = ct.load(sources, one_vs_rest="label", limit=12_000, split=(0.7, 0.1, 0.2))
    joint = ct.fit("cnn", data, record=True, epochs=5, precision="bf16", keep="last")
    grouping = ct.group(joint.data_map, 2, fuzziness=2.0)
    machines = {"airplane", "automobile", "ship", "truck"}
    assert machines in [set(group) for group in grouping.groups]
    share = grouping.membership[grouping.tasks.index("truck")].max()
    assert share == pytest.approx(0.80, abs=0.06)


def test_single_tasks_of_a_long_table_learn_from_their_own_rows_only():
    """Parkinsons: 42 subjects, regression, every subject a task."""
    data = ct.load(
        DATA / "tabular/parkinsons.parquet",
        task_column="subject#",
        target_column="motor_UPDRS",
        exclude=["total_UPDRS"],
    )
    assert len(data.tasks) == 42
    result = ct.fit("mlp", data, np.eye(42)[:5], epochs=20, batch_size=32, lr=3e-3)
    assert np.isfinite(np.diag(result.scores[:, :5])).all()
    assert np.nanmean(result.history.train_loss[-1]) < np.nanmean(result.history.train_loss[0])
