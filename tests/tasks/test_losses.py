"""Losses of all tasks at once."""

import pytest
import torch

from coterie.tasks import example_losses, mean_losses, task_losses
from tests.tasks.own import TASKS


@pytest.mark.parametrize("models", [(), (2,)])
def test_mean_loss_is_the_mean_over_observed_cells_in_batches_too(models):
    g = torch.Generator().manual_seed(0)
    outputs = torch.randn(*models, 50, 5, generator=g)
    targets = torch.stack([torch.randint(n, (50,), generator=g) for n in (2, 3, 5)], 1).float()
    targets[torch.rand(targets.shape, generator=g) < 0.6] = torch.nan
    targets[25:, 1] = torch.nan
    seen = ~targets.isnan()
    batches = (slice(0, 20), slice(20, 50))
    total = sum(example_losses(outputs[..., s, :], targets[s], TASKS).sum(-2) for s in batches)
    found = mean_losses(total, seen.sum(0), TASKS)
    for t in range(3):
        # All observed.
        alone = task_losses(outputs[..., seen[:, t], :], targets[seen[:, t]], TASKS)[..., t]
        torch.testing.assert_close(found[..., t], alone)
