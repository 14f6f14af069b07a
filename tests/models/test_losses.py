import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from deepsynth.core.processor import IGNORED
from deepsynth.models import losses

GENERATOR = torch.Generator().manual_seed(0)


def test_a_position_predicts_the_label_behind_it():
    hidden = torch.arange(8.0).view(2, 4, 1)
    labels = torch.tensor([[IGNORED, 5, IGNORED, 7], [9, IGNORED, IGNORED, IGNORED]])
    states, targets = losses.select_labels(hidden, labels)
    assert targets.tolist() == [5, 7]  # the label at position 0 has nothing before it
    assert states.flatten().tolist() == [0.0, 2.0]


@pytest.mark.parametrize("piece", [1, 7, 10**6])
def test_pieces_give_the_loss_and_gradients_of_all_logits_at_once(monkeypatch, piece):
    head = nn.Linear(8, 11)
    hidden = torch.randn(20, 8, generator=GENERATOR, requires_grad=True)
    targets = torch.randint(0, 11, (20,), generator=GENERATOR)
    expected = functional.cross_entropy(head(hidden), targets, reduction="sum")
    wanted = torch.autograd.grad(expected, [hidden, head.weight])
    monkeypatch.setattr(losses, "LOGITS_PER_PIECE", piece * 11)
    found = losses.summed_cross_entropy(hidden, targets, head, 11)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    for one, two in zip(torch.autograd.grad(found, [hidden, head.weight]), wanted, strict=True):
        torch.testing.assert_close(one, two)


def test_an_even_use_of_experts_has_the_least_balance_loss():
    even = torch.eye(4).repeat(2, 1) * 9
    uneven = torch.zeros(8, 4)
    uneven[:, 0] = 9
    assert losses.balance_loss(even, [4, 4], 1) < losses.balance_loss(uneven, [4, 4], 1)
    assert losses.balance_loss(even, [4, 4], 1).item() == pytest.approx(1, abs=0.01)


class LargestTensor(TorchDispatchMode):
    """Remembers the most numbers that any tensor held, in the backward pass too."""

    numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for item in result if isinstance(result, tuple | list) else [result]:
            if isinstance(item, torch.Tensor):
                self.numbers = max(self.numbers, item.numel())
        return result


def test_all_logits_never_stand_in_memory_at_once(monkeypatch):
    head, targets = nn.Linear(8, 500), torch.randint(0, 500, (400,))
    hidden = torch.randn(400, 8, requires_grad=True)
    monkeypatch.setattr(losses, "LOGITS_PER_PIECE", 20 * 500)
    with LargestTensor() as chunked:
        losses.summed_cross_entropy(hidden, targets, head, 500).backward()
    with LargestTensor() as plain:
        functional.cross_entropy(head(hidden), targets, reduction="sum").backward()
    assert plain.numbers == 400 * 500
    assert chunked.numbers == 20 * 500
