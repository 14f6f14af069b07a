import logging

import pytest
import torch
from torch import nn

from deepsynth.core.errors import ModelError, SettingsError
from deepsynth.models import families
from deepsynth.models.comparing import probe_batch
from deepsynth.models.family import PARTS
from deepsynth.training.config import OptimizerConfig
from deepsynth.training.model_utils import (
    freeze_embeddings,
    freeze_parts,
    freeze_vision_encoder,
    get_parameter_groups,
    print_parameter_summary,
    validate_vision_model,
)
from deepsynth.training.optimizers import make_optimizers


@pytest.fixture(params=["deepseek_ocr", "deepseek_ocr2"])
def model(request):
    return families.get(request.param).build("tiny").model


class Stranger(nn.Module):
    """A model of no known family."""

    def __init__(self, name: str = "vision_tower") -> None:
        super().__init__()
        self.add_module(name, nn.Linear(2, 2))
        self.gate_proj = nn.Linear(2, 2)


def frozen(model) -> set[str]:
    return {name for name, parameter in model.named_parameters() if not parameter.requires_grad}


def test_freezing_the_encoder_freezes_all_of_it_and_nothing_else(model):
    count = freeze_vision_encoder(model)
    names = frozen(model)
    assert names == {name for name, _ in model.named_parameters() if name.startswith("model.vision_tower.")}
    assert count == sum(parameter.numel() for name, parameter in model.named_parameters() if name in names)


def test_freezing_embeddings_leaves_the_head(model):
    freeze_embeddings(model)
    assert frozen(model) == {"model.language_model.embed_tokens.weight"}


def test_groups_hold_every_parameter_once(model):
    found = [id(parameter) for parameters in get_parameter_groups(model).values() for parameter in parameters]
    assert sorted(found) == sorted(id(parameter) for parameter in model.parameters())


def test_freezing_by_part_counts_what_it_froze(model):
    groups = get_parameter_groups(model)
    expected = sum(parameter.numel() for name in ("router", "experts") for parameter in groups[name])
    assert freeze_parts(model, ["router", "experts"]) == expected
    with pytest.raises(SettingsError, match="no part 'nothing'; known: sam, clip"):
        freeze_parts(model, ["nothing"])


def test_a_wrapped_model_is_frozen_like_the_model_inside(model):
    class Wrapper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = model

    expected = sum(p.numel() for name, p in model.named_parameters() if name.startswith("model.vision_tower."))
    assert freeze_vision_encoder(Wrapper()) == expected


def test_the_summary_says_what_is_frozen_and_is_logged(model, caplog):
    freeze_vision_encoder(model)
    with caplog.at_level(logging.INFO):
        summary = print_parameter_summary(model)
    rows = {line.split()[0]: line for line in summary.splitlines()}
    assert rows["sam"].endswith("FROZEN")
    assert rows["attention"].endswith("TRAINABLE")
    assert summary in caplog.text


def test_an_unknown_model_is_frozen_by_whole_names():
    model = Stranger()
    freeze_vision_encoder(model)
    assert frozen(model) == {"vision_tower.weight", "vision_tower.bias"}


@pytest.mark.parametrize("name", ["my_vision_tower_head", "revisual"])
def test_a_name_that_only_contains_another_is_not_enough(name):
    with pytest.raises(ModelError, match=f"no vision encoder found in Stranger.*{name}, gate_proj"):
        freeze_vision_encoder(Stranger(name))


def test_a_whole_model_that_learns_passes(model):
    validate_vision_model(model)
    for parameter in model.parameters():
        parameter.requires_grad = False
    with pytest.raises(ModelError, match="every parameter is frozen"):
        validate_vision_model(model)


def test_a_model_without_eyes_is_refused():
    with pytest.raises(ModelError, match="has no sam"):
        validate_vision_model(torch.nn.Sequential(nn.Linear(2, 2)))


@pytest.mark.parametrize("part", PARTS)
def test_a_frozen_part_gets_no_gradient_and_every_other_part_does(part):
    loaded = families.get("deepseek_ocr").build("tiny")
    freeze_parts(loaded.model, [part])
    batch = probe_batch(loaded)
    loaded.family.forward(loaded.model.train(), {**batch, "labels": batch["input_ids"]}).loss.backward()
    for name, parameters in get_parameter_groups(loaded.model).items():
        assert all((parameter.grad is None) == (name == part) for parameter in parameters), name


@pytest.mark.parametrize("part", PARTS)
def test_a_part_with_a_rate_of_its_own_has_it_in_all_its_parameters_and_no_other_does(part):
    model = families.get("deepseek_ocr").build("tiny").model
    groups = get_parameter_groups(model)
    settings = OptimizerConfig(learning_rate=0.01, part_rates={part: 0.5})
    (optimizer,) = make_optimizers(model, families.get("deepseek_ocr").parts(model), settings)
    rates = {id(value): group["lr"] for group in optimizer.param_groups for value in group["params"]}
    for name, parameters in groups.items():
        assert {rates[id(parameter)] for parameter in parameters} == {0.005 if name == part else 0.01}, name
