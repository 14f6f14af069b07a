import torch
from torch import nn

from deepsynth.training.averaging import MovingAverage


def test_an_average_follows_the_weights_and_looks_back_less_at_first():
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    average = MovingAverage(model, 0.9)
    nn.init.ones_(model.weight)
    average.update(1)
    assert torch.allclose(average.tensors["weight"], torch.tensor(10 / 11))
    for step in range(100, 300):
        average.update(step)
    assert torch.allclose(average.tensors["weight"], torch.tensor(1.0))


def test_the_average_is_in_the_model_only_inside_the_block():
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    average = MovingAverage(model, 0.5)
    nn.init.ones_(model.weight)
    with average.in_place():
        assert float(model.weight.detach()) == 0
    assert float(model.weight.detach()) == 1


def test_frozen_weights_are_not_followed():
    model = nn.Linear(2, 2)
    model.bias.requires_grad = False
    assert set(MovingAverage(model, 0.5).tensors) == {"weight"}
