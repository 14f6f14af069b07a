"""What sharding does with one process; with two it is tested in test_distributed.py."""

import torch

from deepsynth.models import families
from deepsynth.training.sharding import like, whole, whole_weights


def test_a_tensor_that_is_whole_stays_so():
    tensor = torch.ones(3)
    assert whole(tensor) is tensor
    assert like(tensor, torch.zeros(3)) is tensor


def test_a_model_that_is_not_in_shards_is_left_as_it_is():
    model = families.get("deepseek_ocr").build("tiny").model
    before = type(model)
    with whole_weights(model):
        assert type(model) is before
    assert type(model) is before
