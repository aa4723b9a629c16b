"""The flat vector: what is packed by parts comes back as the sums of all."""

from __future__ import annotations

import math

import pytest
import torch

from loralab.train.ranks.bucket import Bucket, Part, checksum

SHAPES = ((2, 3), (4,), (1, 5))


def parameters(seed: int = 0) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def test_gradients_losses_and_budgets_are_summed_in_their_places() -> None:
    mine, theirs = parameters(), parameters()
    gradients = [torch.randn(shape) for shape in SHAPES]
    for parameter, gradient in zip(mine, gradients, strict=True):
        parameter.grad = gradient.clone()
    for parameter, gradient in zip(theirs, gradients, strict=True):
        parameter.grad = 2 * gradient
    parts = [Part((0, 2), (1.5, 2.5), 0.25, 640), Part((1,), (4.0,), 0.75, 320)]
    buckets = [Bucket(mine, 3, 2), Bucket(theirs, 3, 2)]
    flat = buckets[0].pack(parts[0], 0) + buckets[1].pack(parts[1], 1)
    sums = buckets[0].unpack(flat)
    assert sums.row_losses == (1.5, 4.0, 2.5) and sums.budgets == (640, 320)
    assert sums.checksums == (checksum(mine),) * 2
    for parameter, gradient in zip(mine, gradients, strict=True):
        assert torch.allclose(parameter.grad, (0.25 + 2 * 0.75) * gradient)


def test_a_process_without_rows_adds_nothing_whatever_lies_in_its_gradients() -> None:
    idle = parameters()
    for parameter in idle:
        parameter.grad = torch.full_like(parameter, math.nan)  # of the step before
    flat = Bucket(idle, 2, 3).pack(Part((), (), 0.0, 0), 2)
    assert flat[:-2].count_nonzero() == 0 and flat[-2] == checksum(idle)
    assert all(parameter.grad is None for parameter in idle)


def test_a_loss_that_is_not_finite_stays_with_its_row() -> None:
    found = Bucket(parameters(), 3, 1)
    sums = found.unpack(found.pack(Part((0, 1, 2), (1.0, math.nan, 3.0), 1.0, 0), 0))
    assert [math.isfinite(loss) for loss in sums.row_losses] == [True, False, True]


@pytest.mark.parametrize("which", [0, 1, 2])
def test_the_checksum_sees_the_smallest_change(which: int) -> None:
    changed = parameters()
    flat = changed[which].data.view(-1)
    flat[0] = torch.nextafter(flat[0], torch.tensor(math.inf))
    assert checksum(changed) != checksum(parameters())


def test_the_checksum_sees_two_parameters_that_changed_places() -> None:
    one, two = torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(2 * torch.ones(3))
    assert checksum([one, two]) != checksum([two, one])
