"""What an average of members says: probabilities, rates and numbers are averaged, never logits."""

import pytest
import torch

from coterie.tasks import (
    Kind,
    Link,
    Task,
    Tasks,
    averaged,
    member_losses,
    task_losses,
    to_means,
    to_outputs,
)

LINKS = [
    Link(Kind.BINARY, 1),
    Link(Kind.MULTICLASS, 3),
    Link(Kind.REGRESSION, 1),
    Link(Kind.ORDINAL, 2),
    Link(Kind.COUNT, 1),
]
WIDTH = sum(link.width for link in LINKS)


@pytest.fixture
def members():
    return torch.randn(2, 4, 6, WIDTH, generator=torch.Generator().manual_seed(0))


def test_probabilities_are_averaged_task_by_task(members):
    found = averaged(members, LINKS)
    assert found.shape == (2, 6, WIDTH)
    expected = [
        members[..., :1].sigmoid().mean(1),
        members[..., 1:4].softmax(-1).mean(1),
        members[..., 4:5].mean(1),
        to_means(members[..., 5:7], LINKS[3:4]).mean(1),
        members[..., 7:].exp().mean(1),
    ]
    torch.testing.assert_close(to_means(found, LINKS), torch.cat(expected, dim=-1))


def test_members_that_agree_are_what_they_say(members):
    same = members[:, :1].expand_as(members)
    once = averaged(same, LINKS)
    torch.testing.assert_close(
        to_means(once, LINKS), to_means(members[:, 0], LINKS), atol=1e-5, rtol=1e-4
    )
    torch.testing.assert_close(to_outputs(to_means(once, LINKS), LINKS), once, atol=1e-4, rtol=1e-4)


def test_without_links_outputs_are_averaged(members):
    torch.testing.assert_close(averaged(members, ()), members.mean(1))


@pytest.mark.parametrize("own", [False, True], ids=["shared targets", "targets of rows"])
def test_losses_of_members_are_averaged_one_by_one(members, own):
    tasks = Tasks.plain([Task(name=str(t), kind=Kind.REGRESSION) for t in range(WIDTH)])
    targets = torch.randn(2, 6, WIDTH) if own else torch.randn(6, WIDTH)
    targets[..., 0, 0] = torch.nan
    share = torch.rand(2, WIDTH) + 0.5 if own else None
    each = [task_losses(members[:, j], targets, tasks, share) for j in range(4)]
    torch.testing.assert_close(
        member_losses(members, targets, tasks, share), torch.stack(each).mean(0)
    )
